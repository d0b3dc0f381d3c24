"""The weakest link over verdicts, and ``minimum(a, b, …)``: several assessors as one.

The lowest safety counts, and the lowest utility over those that grade utility. A verdict that
is missing or unknown makes the whole unknown: a broken assessor must not weaken what the others are there for. Ours.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from ecoalign_agent.assessors.base import (
    AssessmentInput,
    Assessor,
    BuiltInAssessor,
    SimpleAssessor,
    Verdict,
    call_sizes,
    grades_utility,
)
from ecoalign_agent.assessors.custom import as_assessor
from ecoalign_agent.errors import BudgetError, ModelError, RunError
from ecoalign_agent.llm.meter import Meter

MISSING_VERDICT = "a verdict is missing"


def weakest_verdict(verdicts: Sequence[Verdict | None], with_utility: Sequence[bool] | None = None) -> Verdict | None:
    """One verdict out of several on the same text, of which None is a missing one; None: each of them is missing.

    ``with_utility`` says for each whether it must grade utility; None: each must. Where none must, utility stays None.
    """
    present = [verdict for verdict in verdicts if verdict is not None]
    if not present:
        return None
    cost = sum(verdict.cost for verdict in present)
    if len(present) < len(verdicts):
        return Verdict(None, None, cost, unknown_reason=MISSING_VERDICT)
    pairs = list(zip(present, [True] * len(present) if with_utility is None else with_utility, strict=True))
    for verdict, graded in pairs:
        if verdict.safety is None or (graded and verdict.utility is None):
            return Verdict(None, None, cost, unknown_reason=verdict.unknown_reason or "no verdict")
    return Verdict(
        min(verdict.safety for verdict in present if verdict.safety is not None),
        min((verdict.utility for verdict, graded in pairs if graded and verdict.utility is not None), default=None),
        cost,
        tuple(dict.fromkeys(code for verdict in present for code in verdict.hazards)),
    )


async def assess_weakest(
    assessments: Sequence[Awaitable[Verdict]], with_utility: Sequence[bool] | None = None
) -> Verdict:
    """The weakest of assessments that run in parallel; each is awaited to its end, as it is paid for.

    Raises:
        BudgetError: none of their calls fits into what is left; none was made.
        ModelError: an endpoint failed, so that a verdict is missing; the others were booked.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(assessment)) for assessment in assessments]
    outcomes = [task.result() for task in tasks]
    errors = [outcome for outcome in outcomes if isinstance(outcome, RunError)]
    # A broken endpoint is reported as such: a run that ends for it has failed, and has not been declined.
    broken = next((error for error in errors if isinstance(error, ModelError)), None)
    verdict = weakest_verdict([None if isinstance(each, RunError) else each for each in outcomes], with_utility)
    if broken is not None or verdict is None:
        raise broken or errors[0]
    return verdict


async def _outcome(assessment: Awaitable[Verdict]) -> Verdict | BudgetError | ModelError:
    try:
        return await assessment
    except (BudgetError, ModelError) as error:
        return error


class Minimum(BuiltInAssessor):
    """The weakest link over assessors, called in parallel; every one of them is paid for."""

    def __init__(self, assessors: Sequence[Assessor]) -> None:
        self.assessors = tuple(assessors)
        self._with_utility = tuple(grades_utility(assessor) for assessor in self.assessors)
        self.name = f"minimum of {', '.join(assessor.name for assessor in self.assessors)}"
        self.prompts = tuple(dict.fromkeys(label for assessor in self.assessors for label in assessor.prompts))
        self.grades_utility = any(self._with_utility)
        self.calls = tuple(call for assessor in self.assessors for call in call_sizes(assessor))

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade one thought; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await assess_weakest([each.assess(case, meter=meter) for each in self.assessors], self._with_utility)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await assess_weakest(
            [each.assess_request(case, meter=meter) for each in self.assessors], self._with_utility
        )


def minimum(*assessors: Assessor | SimpleAssessor) -> Assessor:
    """The weakest link over ``assessors``; a single one is itself, and a minimum among them is opened up."""
    if not assessors:
        raise ValueError("minimum() of no assessors: nothing would be graded")
    flat = [
        part for each in assessors for part in (each.assessors if isinstance(each, Minimum) else (as_assessor(each),))
    ]
    return flat[0] if len(flat) == 1 else Minimum(flat)
