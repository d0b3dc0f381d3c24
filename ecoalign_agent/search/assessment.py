"""One verdict outside a search, with a budget of its own: for callers who guard what others wrote. Source: ours.

Writing a text that can still be graded, grading it, and making it a thought: for every node that generates text.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

from ecoalign_agent.assessors.base import AssessmentInput, Role, Verdict
from ecoalign_agent.assessors.disclaimers import assess_without_disclaimers
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.economics.thoughts import Region, Thought, ThoughtKind
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.schemas import TextReply
from ecoalign_agent.search.state import EMPTY_TEXT, RequestContext, thought_lines

REDUCED_VIEW = (512, 512)
"""A picture as an assessor is shown it, in pixels, at the most."""


async def assess_text(desk: SearchContext, case: AssessmentInput, *, budget: float) -> Verdict:
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
        verdict = await assess_without_disclaimers(
            lambda one: had(assessor.assess(one, meter=meter)), case, times=times
        )
    else:
        verdict = await had(assessor.assess_request(case, meter=meter))
    if verdict is None or (verdict.safety is None and troubles):
        why = troubles[0] if troubles else "no verdict"
        return Verdict(None, None, meter.budget.spent, unknown_reason=why)
    return Verdict(
        verdict.safety, verdict.utility, meter.budget.spent, verdict.hazards, unknown_reason=verdict.unknown_reason
    )


def max_assessment_cost(desk: SearchContext, *, tokens: int, pictures: int = 0) -> float:
    """What one verdict may cost, in cost units, before it is asked for.

    Args:
        desk: whose assessor grades.
        tokens: of question, context and candidate together.
        pictures: how many go along.
    """
    usages: Sequence[Usage] = [
        Usage(
            text=(call.prompt + tokens) * times,
            image=0 if call.family is None else pictures * image_tokens(REDUCED_VIEW, "low", call.family),
            completion=call.most * times,
        )
        for call in desk.sizes.verdict
        for times in (max(1, pictures) if call.each_picture else 1,)
    ]
    return sum(map(desk.policy.tariff.cost, usages))


INNER_NOTE: Role = "an inner note of the assistant"
FINAL_ANSWER: Role = "an answer to the person"

_LAST = frozenset({"answer", "synthesize", "decline"})
"""Texts that nothing follows."""

MIN_THOUGHT_COST = 1e-6
"""Cost units that a thought which cost nothing is reckoned with."""


async def generate_text(
    turn: NodeRun,
    kind: str,
    write: Callable[[], Awaitable[ModelReply[TextReply]]],
    *,
    path: Sequence[Thought] = (),
    verdicts: int = 1,
) -> ModelReply[TextReply] | None:
    """A text whose verdict can still be paid: one that can't be graded any more would be lost.

    A thought that others may follow is also read by the ending: room is left for that, too; see ``keep_for_ending``.

    Args:
        turn: whose meter pays.
        kind: of the call, a key of the token tables.
        write: makes the call.
        path: the thoughts that text and verdict are asked for with.
        verdicts: how often the text will be graded.

    Returns:
        None: it did not fit together with its verdict, or its endpoint failed.
    """
    costing = await turn.costing()
    tokens = text_tokens(thought_lines(path))
    read_again = 0 if kind in _LAST else 1 + costing.readers(turn.verdicts)
    # Too little for grading an answer once more is no reason not to write one: it may have no manners.
    fewest = min(verdicts, turn.times) if kind in _LAST else verdicts
    shares = (
        costing.verdict_share(kind, turn.budget.free, path=tokens, verdicts=number, read_again=read_again)
        for number in range(verdicts, fewest - 1, -1)
    )
    share = next((share for share in shares if share is not None), None)
    if share is None:
        return None
    with turn.held(share):
        return await turn.attempt(write())


async def reserve_for_path(turn: NodeRun, path: Sequence[Thought]) -> None:
    """Set enough aside for an answer from ``path``, where that is longer than was reckoned with."""
    costing = await turn.costing()
    tokens = text_tokens(thought_lines(path))
    least, whole = (costing.ending(path=tokens, verdicts=number) for number in (turn.times, turn.verdicts))
    needed = max(least, min(whole, turn.budget.left))
    if needed > turn.budget.answer_reserve:
        turn.meter.budget = turn.budget.with_answer_reserve(needed)


async def assess(
    turn: NodeRun, scene: RequestContext, text: str, *, role: Role, path: tuple[Thought, ...] = (), times: int = 1
) -> Verdict | None:
    """The verdict on ``text``; of several, the weakest. None: the assessor could not be asked.

    An answer that was found safe and has manners is graded once more without them.

    Args:
        turn: whose meter pays.
        scene: the request.
        text: what is graded.
        role: what it would be used as.
        path: the thoughts that led to it.
        times: how often it is graded as it stands, in parallel.
    """
    notes = thought_lines(path)
    case = AssessmentInput(
        turn.question, scene.views, scene.caption, scene.seen_text, "" if notes == EMPTY_TEXT else notes, text, role
    )
    verdict = await assess_without_disclaimers(
        lambda one: turn.attempt(turn.ports.assessor.assess(one, meter=turn.meter)), case, times=times
    )
    # An assessor that could not be asked said nothing either: what it was to grade is cut like the unreadable.
    turn.unknown += verdict is None or not verdict.known
    return verdict


def cap_safety(verdict: Verdict, joined: Sequence[Thought]) -> Verdict:
    """The verdict on a conclusion that joins thoughts, as safe at the most as the least safe of them.

    A path leads through one of the joined thoughts; the weakest link is to be found on it all the same. Ours.
    """
    grades = [thought.safety for thought in joined if thought.kind != "root"]
    if verdict.safety is None or not grades:
        return verdict
    return replace(verdict, safety=min(verdict.safety, *grades))


def make_thought(  # noqa: PLR0917 - id, kind, text, parents stand in the order of Thought
    id_: str,
    kind: ThoughtKind,
    text: str,
    parents: tuple[str, ...],
    cost: float,
    verdict: Verdict | None,
    *,
    round_: int,
    region: Region | None = None,
    picture: int = 0,
) -> Thought:
    """A thought from its text and verdict; an unknown verdict makes it unassessed, which counts as unsafe.

    Args:
        id_: the thought's id.
        kind: what it is.
        text: what was generated.
        parents: what it follows from.
        cost: what generating it cost, in cost units; the verdict's is added.
        verdict: None when the assessor could not be asked.
        round_: the round that made it.
        region: where a look looked.
        picture: which picture it looked at.
    """
    # Free only where the text came with the scan and an assessor costs nothing: a return needs a cost above 0.
    total = max(cost + (verdict.cost if verdict is not None else 0.0), MIN_THOUGHT_COST)
    if verdict is None or verdict.safety is None or verdict.utility is None:
        return Thought(
            id_, kind, text, parents, -1.0, 0.0, total, region=region, picture=picture, round=round_, unassessed=True
        )
    return Thought(
        id_,
        kind,
        text,
        parents,
        verdict.safety,
        verdict.utility,
        total,
        region=region,
        picture=picture,
        round=round_,
        raw=2.0 * verdict.utility - 1.0,
    )
