"""The weakest link over verdicts: the lowest grade counts; one that is missing or unknown makes all unknown. Ours."""

import asyncio
from collections.abc import Awaitable, Sequence

from ecoalign_agent.assessing.verdict import Verdict
from ecoalign_agent.errors import BudgetError, ModelError, RunError

MISSING = "a verdict is missing"


def weakest(verdicts: Sequence[Verdict | None], graders: Sequence[bool] | None = None) -> Verdict | None:
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
        return Verdict(None, None, cost, why_unknown=MISSING)
    owed = [True] * len(given) if graders is None else graders
    for verdict, both in zip(given, owed, strict=True):
        if verdict.safety is None or (both and verdict.utility is None):
            return Verdict(None, None, cost, why_unknown=verdict.why_unknown or "no verdict")
    utilities = [v.utility for v, both in zip(given, owed, strict=True) if both and v.utility is not None]
    return Verdict(
        min(v.safety for v in given if v.safety is not None),
        min(utilities, default=None),
        cost,
        tuple(dict.fromkeys(code for v in given for code in v.hazards)),
    )


async def weakest_of(calls: Sequence[Awaitable[Verdict]], graders: Sequence[bool] | None = None) -> Verdict:
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
    verdict = weakest([None if isinstance(outcome, RunError) else outcome for outcome in outcomes], graders)
    if broken is not None or verdict is None:
        raise broken or failed[0]
    return verdict


async def _outcome(call: Awaitable[Verdict]) -> Verdict | BudgetError | ModelError:
    try:
        return await call
    except (BudgetError, ModelError) as error:
        return error
