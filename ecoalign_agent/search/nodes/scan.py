"""scan: the first look. Makes the root, sets the budget by risk, opens the offers."""

import math
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from langgraph.types import Overwrite

from ecoalign_agent.assessors.base import AssessmentInput
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import Step
from ecoalign_agent.errors import BudgetError, BudgetTooSmallError, ModelError, UsageError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import ActionFactory
from ecoalign_agent.search.checkpointing import current_checkpointer
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_budget, emit_proposed
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import fetch_pictures
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.resume import request_fingerprint
from ecoalign_agent.search.schemas import ScanReply
from ecoalign_agent.search.state import RegionOfInterest, ScanFindings, SearchState, find_prior

Node = Callable[[SearchState], Awaitable[dict[str, Any]]]

MAX_RESERVE_SHARE = 0.3
"""Share of the budget up to which the ending may keep more than one verdict. Ours: a small budget has to search."""

DRAFT_UTILITY = 0.9
"""Forecast utility of a draft for which the scan proposed no answer action: it called the question plain. Ours."""

_REQUEST_KEYS = ("question", "images", "messages", "run_id", "prior")


def scan_node(desk: SearchContext) -> Node:
    """The node ``scan``.

    Raises, when it runs:
        UsageError: the question is empty or too long, or an image can't be read.
        BudgetTooSmallError: the budget can't pay for a scan and an answer; nothing was spent. Where something was,
            before the search, the run fails instead, with its receipt.
    """

    async def scan(state: SearchState) -> dict[str, Any]:
        # A thread may hold an earlier run: only the request counts.
        request = SearchState(**{key: state[key] for key in _REQUEST_KEYS if key in state})  # type: ignore[typeddict-item,literal-required]
        _require_kept(desk)
        # Fetched once a run: what an address gives may change, and every verdict has to be about the same picture.
        pictures = await fetch_pictures(request, desk.image_store)
        # As it was given: what an address gave is not what the same request gives again.
        begun = {"begun": request_fingerprint(desk, request.get("question", ""), request.get("images", []))}
        turn = NodeRun(desk, _begun(desk, SearchState(**{**request, **pictures})))  # type: ignore[typeddict-item]  # as above
        if turn.prior is None:
            return begun | pictures | await look(turn)
        turn.notes.extend(turn.prior.notes)
        begun = {"begun": turn.prior.begun}
        try:
            return begun | pictures | await look(turn)
        except BudgetTooSmallError as error:
            return begun | pictures | await _failed(turn, "budget", str(error))

    async def look(turn: NodeRun) -> dict[str, Any]:
        if not turn.images:
            await _ending_afforded(turn)  # a mistake that needs no look to be seen
        # Before the pictures are opened: whoever waits sees at once that the request has arrived.
        await turn.tell(
            events.RunStarted,
            question=turn.question,
            pictures=len(turn.images),
            budget=turn.policy.budget,
            tariff=turn.policy.tariff.name,
            models=desk.models,
        )
        ending = await _ending_afforded(turn)
        costing = await turn.costing()
        # With room for grading the answer once more without its manners, as long as that leaves most for the search.
        whole = costing.ending(verdicts=turn.verdicts)
        room = MAX_RESERVE_SHARE * turn.budget.total
        turn.meter.budget = turn.budget.with_answer_reserve(max(ending, min(whole, room)))
        try:
            reply = await _first_look(turn, costing.scan_at_least() + ending)
        except ModelError as error:
            return await _failed(turn, "deadline" if turn.out_of_time else "endpoint", str(error))
        if reply.value is None:
            return await _failed(turn, "unreadable_scan", _unreadable(turn, reply.unreadable))
        seen, stop = reply.value, None
        turn.learn("scan", reply.usage.completion)
        costing = await turn.reckoned_again()
        ending, whole = (costing.ending(verdicts=verdicts) for verdicts in (turn.times, turn.verdicts))
        turn.meter.budget = turn.budget.with_answer_reserve(
            min(max(ending, min(whole, room)), max(0.0, turn.budget.left))
        )
        sight = _sight(turn, seen)
        if sight.safety < 0:
            sight, stop = await _confirmed(turn, sight)
        if stop:
            # Nothing will be explored, and refusals are polite: their second grade may take what is there.
            turn.meter.budget = turn.budget.with_answer_reserve(
                max(turn.budget.answer_reserve, min(whole, turn.budget.left))
            )
        turn.meter.budget = turn.budget.limited_to(turn.policy.budget_for_risk(sight.safety))
        root = Thought("root", "root", seen.caption, (), sight.safety, 0.0, reply.cost)
        turn.graph.add(root)
        # What the scan proposed is about the whole request: of one that is answered in part nothing is taken up.
        whole_asked = not stop and not sight.partly
        offers = await _first_offers(turn, seen, sight) if whole_asked else []
        if seen.actions and whole_asked:
            turn.graph.expanded("root")
        drafted = any(offer.draft is not None for offer in offers)
        await _tell(turn, sight, offers, drafted=drafted)
        return _fresh(
            turn.update(
                sight=sight, offers=offers, stop=stop, round=0, buying=[], frontier=[], chosen=[], simulated=False
            )
        )

    return scan


def _require_kept(desk: SearchContext) -> None:
    if desk.policy.review_below is not None and current_checkpointer() is None:
        raise UsageError(
            f"policy: review_below is {desk.policy.review_below:g}, and nothing keeps the run while a person "
            "decides: give a checkpointer (--state FILE)"
        )


def _begun(desk: SearchContext, request: SearchState) -> SearchState:
    """The request with what was spent, booked and told on it before the search."""
    prior = find_prior(request)
    if prior is None:
        return request
    budget = Budget(desk.policy.budget, prior.spent)
    begun = {"budget": budget, "started": prior.started, "told": prior.told, "waiting": prior.waiting}
    return SearchState(**{**request, **begun, "ledger": prior.ledger})  # type: ignore[typeddict-item]  # as in scan


async def min_run_cost(turn: NodeRun) -> float:
    """What a scan, the final answer and its verdict cost at the least, in cost units.

    Raises:
        BudgetTooSmallError: the budget does not pay for them.
        UsageError: persons are to decide, and nothing keeps the run meanwhile.
    """
    _require_kept(turn.desk)
    ending = await _ending_afforded(turn)
    return (await turn.costing()).scan_at_least() + ending


async def _ending_afforded(turn: NodeRun) -> float:
    """What the final answer and its verdict will cost, in cost units; the budget pays for it and for the scan.

    Raises:
        BudgetTooSmallError: it does not.
    """
    costing = await turn.costing()
    ending = costing.ending(verdicts=turn.times)
    _require_budget(turn.budget, costing.scan_at_least() + ending)
    return ending


def _require_budget(budget: Budget, least: float) -> None:
    if budget.left < least:
        advised = _advised(budget.spent + least * 1.05)
        before = f", {budget.spent:g} of them spent before," if budget.spent else ""
        raise BudgetTooSmallError(
            f"a budget of {budget.total:g} cost units{before} can't pay for a scan and an answer to this question: "
            f"the least is about {advised} (--budget {advised})"
        )


def _advised(cost: float) -> str:
    """``cost`` rounded up to two figures: it is advice, and following it must work, also where a unit is a dollar."""
    digit = 10.0 ** (math.floor(math.log10(cost)) - 1)
    return f"{math.ceil(cost / digit) * digit:.2g}" if digit < 1 else f"{math.ceil(cost / digit) * digit:.0f}"


async def _first_look(turn: NodeRun, least: float) -> ModelReply[ScanReply]:
    try:
        views = await turn.views()
        return await turn.awaited(turn.ports.scanner.scan(turn.question, views, meter=turn.meter))
    except BudgetError as error:
        advised = _advised(least * 1.25)
        raise BudgetTooSmallError(f"{error}: raise the budget to {advised} cost units (--budget {advised})") from error


def _unreadable(turn: NodeRun, why: str | None) -> str:
    return (
        f"{turn.desk.models.actor}: its reply to the scan could not be read ({why}); the model must be able to answer "
        "in JSON: try a larger one, or a server with structured output"
    )


async def _failed(turn: NodeRun, stop: StopReason, failure: str) -> dict[str, Any]:
    """The run ends: never as a refusal, never as an answer."""
    result = build_result(turn, "failed", stop, answer=None, failure=failure)
    await turn.tell(events.Failed, result=result)
    return _fresh(turn.update(**turn.closing(result), stop=stop))


def _sight(turn: NodeRun, seen: ScanReply) -> ScanFindings:
    pictures = len(turn.images)
    places = [
        RegionOfInterest(r.picture, r.what, list(r.box))
        for r in seen.regions[:4]
        if 0 <= r.picture < pictures
        and all(0 <= edge <= 1 for edge in r.box)
        and r.box[0] < r.box[2]
        and r.box[1] < r.box[3]
    ]
    # A request that is harmless as a whole has no part that would have to be told from the rest.
    parted = turn.policy.partial and seen.safety < turn.policy.caution
    part = seen.harmless_part if parted else ""
    return ScanFindings(seen.caption, seen.seen_text, seen.hazard_name, seen.safety, places, part)


async def _confirmed(turn: NodeRun, sight: ScanFindings) -> tuple[ScanFindings, StopReason | None]:
    """A harmful request as the assessor sees it: a scan alone declines nobody. Unknown counts as harmful.

    Where the assessor agrees, and a part of the request is harmless, that part is answered under the tightest
    governance; every thought is graded with the whole request in view.
    """
    if turn.policy.confirm_decline:
        case = AssessmentInput(turn.question, await turn.views(), sight.caption, sight.seen_text)
        verdict = await turn.attempt(turn.ports.assessor.assess_request(case, meter=turn.meter))
        if verdict is None or verdict.safety is None:
            turn.unknown += verdict is not None
        elif verdict.safety >= 0:
            return replace(sight, safety=0.0), None
        elif sight.harmless_part:
            return replace(sight, safety=0.0, partly=True), None
    return sight, "unsafe_request"


async def _first_offers(turn: NodeRun, seen: ScanReply, sight: ScanFindings) -> list[Action]:
    costing = await turn.costing(sight)
    counter = ActionFactory(turn.graph, turn.policy, costing, pictures=(await turn.opened()).pictures, standing=())
    offers = []
    for proposal in seen.actions[: turn.policy.branching]:
        offer = counter.offer(proposal, tip="root", name=turn.next_id(), path=0)
        if offer is not None:
            offers.append(offer)
    plain = turn.policy.draft and turn.policy.answers == "early" and sight.safety >= turn.policy.caution
    draft = seen.draft.strip()
    longest = turn.policy.max_answer_tokens
    if plain and draft and (longest is None or text_tokens(draft) <= longest):
        promised = [offer.step.utility for offer in offers if offer.kind == "answer"]
        step = Step(sight.safety, max(promised, default=DRAFT_UTILITY), costing.thought("answer", drafted=True))
        # The scan paid for the text already: an answer that would write it again is the same, only dearer.
        offers = [offer for offer in offers if offer.kind != "answer"]
        offers.append(Action(turn.next_id(), "answer", "the scan's draft", ("root",), step, draft=draft))
    return offers


async def _tell(turn: NodeRun, sight: ScanFindings, offers: list[Action], *, drafted: bool) -> None:
    await turn.tell(
        events.Scanned,
        safety=sight.safety,
        hazard=sight.hazard,
        caption=sight.caption,
        seen_text=sight.seen_text,
        regions=len(sight.places),
        actions=len(offers),
        drafted=drafted,
        budget=turn.budget.total,
    )
    if offers:
        await emit_proposed(turn, "root", offers)
    await emit_budget(turn)


def _fresh(update: dict[str, Any]) -> dict[str, Any]:
    """The update as the start of a run: what an earlier run of the thread left is dropped."""
    blank: dict[str, Any] = {"troubles": [], "result_notes": [], "unknown": 0, "offers": [], "frontier": [], "round": 0}
    blank |= {"held": [], "reviewing": [], "reviews": []}
    # An outcome that stayed would pass for that of this run.
    blank |= {"result": None, "answer": None, "status": ""}
    return blank | update | {"growth": Overwrite(update.get("growth", []))}
