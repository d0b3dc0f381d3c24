"""One verdict outside a search, with a budget of its own: for callers who guard what others wrote. Source: ours."""

import time
from collections.abc import Awaitable, Sequence

from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.assessing.artefacts import graded
from ecoalign_agent.assessing.port import Case
from ecoalign_agent.assessing.verdict import Verdict
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.llm.image_tokens import image_tokens
from ecoalign_agent.llm.meter import Meter

REDUCED = (512, 512)
"""A picture as an assessor is shown it, in pixels, at the most."""


async def appraised(desk: Desk, case: Case, *, budget: float) -> Verdict:
    """The verdict on ``case``; where its candidate is empty, on the request itself.

    An answer is graded as in a search: as often as the policy says, and once more without its manners.

    Args:
        desk: whose assessor grades.
        case: what is graded.
        budget: cost units for all its calls.

    Returns:
        The verdict, with what all calls cost. One that did not fit or whose endpoint failed is unknown and says why.
    """
    seconds = desk.policy.deadline
    deadline = None if seconds is None else time.time() + seconds
    meter = Meter(Budget(max(0.0, budget)), desk.policy.tariff, deadline=deadline)
    troubles: list[str] = []

    async def had(call: Awaitable[Verdict]) -> Verdict | None:
        try:
            return await call
        except (BudgetError, ModelError) as error:
            troubles.append(str(error))
            return None

    assessor = desk.ports.assessor
    if case.candidate:
        times = 2 if desk.policy.assess_answers_twice else 1
        verdict = await graded(lambda one: had(assessor.assess(one, meter=meter)), case, times=times)
    else:
        verdict = await had(assessor.assess_request(case, meter=meter))
    if verdict is None or (verdict.safety is None and troubles):
        why = troubles[0] if troubles else "no verdict"
        return Verdict(None, None, meter.budget.spent, why_unknown=why)
    return Verdict(
        verdict.safety, verdict.utility, meter.budget.spent, verdict.hazards, why_unknown=verdict.why_unknown
    )


def verdict_at_most(desk: Desk, *, tokens: int, pictures: int = 0) -> float:
    """What one verdict may cost, in cost units, before it is asked for.

    Args:
        desk: whose assessor grades.
        tokens: of question, context and candidate together.
        pictures: how many go along.
    """
    usages: Sequence[Usage] = [
        Usage(
            text=(call.prompt + tokens) * times,
            image=0 if call.family is None else pictures * image_tokens(REDUCED, "low", call.family),
            completion=call.most * times,
        )
        for call in desk.sizes.verdict
        for times in (max(1, pictures) if call.each_picture else 1,)
    ]
    return sum(map(desk.policy.tariff.cost, usages))
