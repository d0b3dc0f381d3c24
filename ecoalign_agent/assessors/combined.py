"""The weakest link over verdicts: the lowest grade counts; one that is missing or unknown makes all unknown. Ours.

``minimum(a, b, …)``: several assessors as one, the weakest link over them. Ours.

Each has a veto: the lowest safety counts, and the lowest utility over those that grade utility. One that is missing or
unknown makes the verdict unknown: an assessor that is out of order must not weaken what the others were hired for.
"""

import asyncio
from collections.abc import Awaitable, Sequence

from ecoalign_agent.assessors.base import (
    AssessmentInput,
    Assessor,
    BuiltInAssessor,
    CallSize,
    SimpleAssessor,
    Verdict,
    call_sizes,
    grades_utility,
)
from ecoalign_agent.assessors.custom import as_assessor
from ecoalign_agent.errors import BudgetError, ModelError, RunError
from ecoalign_agent.llm.meter import Meter

MISSING_VERDICT = "a verdict is missing"


def weakest_verdict(verdicts: Sequence[Verdict | None], graders: Sequence[bool] | None = None) -> Verdict | None:
    """One verdict out of several on the same text. None: none of them could be asked for.

    Args:
        verdicts: None stands for one that could not be asked for.
        graders: for each, whether it grades utility; None: each does. Where none does, utility stays None.
    """
    given = [verdict for verdict in verdicts if verdict is not None]
    if not given:
        return None
    cost = sum(verdict.cost for verdict in given)
    if len(given) < len(verdicts):
        return Verdict(None, None, cost, unknown_reason=MISSING_VERDICT)
    owed = [True] * len(given) if graders is None else graders
    for verdict, both in zip(given, owed, strict=True):
        if verdict.safety is None or (both and verdict.utility is None):
            return Verdict(None, None, cost, unknown_reason=verdict.unknown_reason or "no verdict")
    utilities = [v.utility for v, both in zip(given, owed, strict=True) if both and v.utility is not None]
    return Verdict(
        min(v.safety for v in given if v.safety is not None),
        min(utilities, default=None),
        cost,
        tuple(dict.fromkeys(code for v in given for code in v.hazards)),
    )


async def assess_weakest(calls: Sequence[Awaitable[Verdict]], graders: Sequence[bool] | None = None) -> Verdict:
    """The weakest of verdicts that are asked for in parallel; every call is awaited to its end, as it is paid for.

    Args:
        calls: at least one.
        graders: see :func:`weakest`.

    Raises:
        BudgetError: none of the calls fits into what is left; none was made.
        ModelError: an endpoint failed, so that a verdict is missing; the others were booked.
    """
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_outcome(call)) for call in calls]
    outcomes = [task.result() for task in tasks]
    failed = [outcome for outcome in outcomes if isinstance(outcome, RunError)]
    # A broken endpoint is told as such: a run that ends for it has failed, and has not been declined.
    broken = next((error for error in failed if isinstance(error, ModelError)), None)
    verdict = weakest_verdict([None if isinstance(outcome, RunError) else outcome for outcome in outcomes], graders)
    if broken is not None or verdict is None:
        raise broken or failed[0]
    return verdict


async def _outcome(call: Awaitable[Verdict]) -> Verdict | BudgetError | ModelError:
    try:
        return await call
    except (BudgetError, ModelError) as error:
        return error


class Minimum(BuiltInAssessor):
    """The weakest link over assessors, asked in parallel; every one of them is paid for."""

    def __init__(self, assessors: Sequence[Assessor]) -> None:
        self.assessors = tuple(assessors)
        self.graders = tuple(grades_utility(assessor) for assessor in self.assessors)

    @property
    def name(self) -> str:
        """All names."""
        return f"minimum of {', '.join(assessor.name for assessor in self.assessors)}"

    @property
    def prompts(self) -> Sequence[str]:
        """The prompts of all, each once."""
        return tuple(dict.fromkeys(label for assessor in self.assessors for label in assessor.prompts))

    @property
    def grades_utility(self) -> bool:
        """Whether at least one grades utility."""
        return any(self.graders)

    @property
    def calls(self) -> Sequence[CallSize]:
        """The calls of all."""
        return tuple(call for assessor in self.assessors for call in call_sizes(assessor))

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade one thought; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await assess_weakest([a.assess(case, meter=meter) for a in self.assessors], self.graders)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await assess_weakest([a.assess_request(case, meter=meter) for a in self.assessors], self.graders)


def minimum(*assessors: Assessor | SimpleAssessor) -> Assessor:
    """The weakest link over ``assessors``; a single one is itself, and a minimum among them is opened up.

    Raises:
        ValueError: there is none.
        UsageError: one is no assessor.
    """
    if not assessors:
        raise ValueError("minimum() of no assessors: nothing would be graded")
    flat = [
        part for each in assessors for part in (each.assessors if isinstance(each, Minimum) else (as_assessor(each),))
    ]
    return flat[0] if len(flat) == 1 else Minimum(flat)
