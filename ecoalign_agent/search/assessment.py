"""Assessing texts: within a search, where a text is written only if its assessment can be paid, and outside one."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ecoalign_agent.assessors.base import AssessmentInput, Role, Verdict
from ecoalign_agent.assessors.disclaimers import assess_without_disclaimers
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.economics.thoughts import Region, Thought
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.cost_model import MIN_THOUGHT_COST
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import RequestContext, thought_lines
from ecoalign_agent.search.schemas import TextReply

REDUCED_VIEW = (512, 512)
"""Largest picture that an assessor is shown, in pixels."""

INNER_NOTE: Role = "an inner note of the assistant"
FINAL_ANSWER: Role = "an answer to the person"


async def hold_for_assessments(
    run: NodeRun, kind: str, path: Sequence[Thought] = (), *, assessments: int = 1, final: bool = False
) -> float | None:
    """Amount to hold for the assessments of a text while it is written. None: text and assessments do not fit.

    A text that others may follow, one that is not `final`, is also read by the final answer's prompts, so that room is
    left for those, too. `kind` is that of the call that writes the text; `assessments` are the most that it may need.
    """
    costs = await run.costs()
    tokens = text_tokens(thought_lines(path))
    readers = 0 if final else 1 + costs.assessment_calls(run.max_assessments)
    # Too little for assessing an answer once more is no reason not to write one: it may hold no disclaimers.
    fewest = min(assessments, run.assessments) if final else assessments
    for count in range(assessments, fewest - 1, -1):
        share = costs.assessment_share(kind, run.budget.free, path=tokens, assessments=count, final_readers=readers)
        if share is not None:
            return share
    return None


async def generate_text(
    run: NodeRun,
    kind: str,
    write: Callable[[], Awaitable[ModelReply[TextReply]]],
    *,
    name: str = "",
    path: Sequence[Thought] = (),
    assessments: int = 1,
    final: bool = False,
) -> tuple[str, float] | None:
    """A text by ``write`` and its cost; None: it and its assessments don't fit, or there is no readable reply.

    A note says that ``name`` could not be read.
    """
    share = await hold_for_assessments(run, kind, path, assessments=assessments, final=final)
    if share is None:
        return None
    with run.reserve(share):
        reply = await run.try_call(write())
    if reply is None:
        return None
    if reply.value is None:
        if name:
            run.note_unreadable(name, reply)
        return None
    run.record_completion(kind, reply.usage.completion)
    return reply.value.text, reply.cost


async def assess_candidate(
    run: NodeRun, request: RequestContext, text: str, *, role: Role, path: Sequence[Thought] = (), times: int = 1
) -> Verdict | None:
    """The verdict on a text; of several, the weakest. None: the assessor could not be asked.

    An answer that was found safe and holds disclaimers is assessed once more without them.
    """
    notes = thought_lines(path) if any(thought.kind != "root" for thought in path) else ""
    # The full question, also where only a part of it was asked for.
    case = AssessmentInput(run.question, request.views, request.caption, request.seen_text, notes, text, role)
    verdict = await assess_without_disclaimers(
        lambda candidate: run.try_call(run.context.assessor.assess(candidate, meter=run.meter)), case, times=times
    )
    # An assessor that could not be asked said nothing either: its candidate is cut like one with an unreadable verdict.
    run.unknown_verdicts += verdict is None or not verdict.known
    return verdict


def cap_safety(verdict: Verdict, joined: Sequence[Thought]) -> Verdict:
    """The verdict on a conclusion that joins thoughts, as safe at most as the least safe of them.

    A path leads through one of the joined thoughts only; its weakest link must show all the same. Ours.
    """
    grades = [thought.safety for thought in joined if thought.kind != "root"]
    if verdict.safety is None or not grades:
        return verdict
    return replace(verdict, safety=min(verdict.safety, *grades))


def make_thought(  # noqa: PLR0917 - id, kind, text, parents stand in the order of Thought
    id_: str,
    kind: str,
    text: str,
    parents: tuple[str, ...],
    cost: float,
    verdict: Verdict | None,
    *,
    round_: int,
    region: Region | None = None,
    picture: int = 0,
) -> Thought:
    """A thought that cost ``cost`` beside its verdict; an unknown verdict makes it unassessed: it counts as unsafe."""
    cost = max(cost + (0.0 if verdict is None else verdict.cost), MIN_THOUGHT_COST)
    safety, utility, raw, unassessed = -1.0, 0.0, None, True
    if verdict is not None and verdict.safety is not None and verdict.utility is not None:
        safety, utility, raw, unassessed = verdict.safety, verdict.utility, 2.0 * verdict.utility - 1.0, False
    return Thought(
        id_,
        kind,
        text,
        parents,
        safety,
        utility,
        cost,
        region=region,
        picture=picture,
        round=round_,
        raw=raw,
        unassessed=unassessed,
    )


async def assess_text(context: SearchContext, case: AssessmentInput, *, budget: float) -> Verdict:
    """The verdict on a text outside a search; where the candidate is empty, on the request itself.

    An answer is assessed as in a search: as often as the policy says, and once more without its disclaimers, for at
    most ``budget`` cost units. A verdict that did not fit or whose endpoint failed is unknown and says why.
    """
    seconds = context.policy.deadline
    deadline = None if seconds is None else time.time() + seconds
    meter = Meter(Budget(max(0.0, budget)), context.policy.tariff, deadline=deadline)
    failures: list[str] = []

    async def attempt(call: Awaitable[Verdict]) -> Verdict | None:
        try:
            return await call
        except (BudgetError, ModelError) as error:
            failures.append(str(error))
            return None

    assessor = context.assessor
    if case.candidate:
        verdict = await assess_without_disclaimers(
            lambda candidate: attempt(assessor.assess(candidate, meter=meter)),
            case,
            times=2 if context.policy.assess_answers_twice else 1,
        )
    else:
        verdict = await attempt(assessor.assess_request(case, meter=meter))
    if verdict is None or (verdict.safety is None and failures):
        reason = failures[0] if failures else "no verdict"
        return Verdict(None, None, meter.budget.spent, unknown_reason=reason)
    return replace(verdict, cost=meter.budget.spent)


def max_assessment_cost(context: SearchContext, *, tokens: int, pictures: int = 0) -> float:
    """The most that one assessment may cost; ``tokens``: of question, context and candidate together."""
    usages = (
        Usage(
            text=(call.prompt + tokens) * times,
            image=0 if call.family is None else pictures * image_tokens(REDUCED_VIEW, "low", call.family),
            completion=call.max_tokens * times,
        )
        for call in context.sizes.assessment
        for times in (max(1, pictures) if call.per_image else 1,)
    )
    return sum(map(context.policy.tariff.cost, usages))
