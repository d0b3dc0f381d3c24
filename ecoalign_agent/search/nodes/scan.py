"""scan: the first call. Makes the root, sets the budget by risk, and the first candidates."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from langgraph.types import Overwrite

from ecoalign_agent.assessors.base import AssessmentInput
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.reserve import AnswerReserve
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import Step
from ecoalign_agent.errors import BudgetError, BudgetTooSmallError, ModelError, UsageError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.checkpointing import current_checkpointer
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_budget, emit_proposed
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import RegionOfInterest, ScanFindings, fetch_pictures
from ecoalign_agent.search.result_builder import finish_run
from ecoalign_agent.search.resume import request_fingerprint
from ecoalign_agent.search.schemas import ScanReply
from ecoalign_agent.search.state import SearchState, begin_state

DRAFT_UTILITY = 0.9
"""Forecast utility of a draft for which the scan proposed no answer action: it called the question plain. Ours."""

_MAX_REGIONS = 4

_BLANK: dict[str, Any] = {
    "endpoint_failures": [],
    "result_notes": [],
    "unknown_verdicts": 0,
    "reviews": [],
    "candidates": [],
    "selected": [],
    "simulated": False,
    "frontier": [],
    "answer_paths": [],
    "round": 0,
    "held_thoughts": [],
    "reviewing": [],
    # An outcome that stayed would pass for that of this run.
    "result": None,
    "answer": None,
    "status": "",
}
"""Values of a run that has just begun, in place of what an earlier run of the thread left."""


async def scan_node(context: SearchContext, state: SearchState) -> dict[str, Any]:
    """The node ``scan``.

    Raises:
        BudgetTooSmallError: the budget can't pay for a scan and an answer; nothing was spent. Where something was,
            before the search, the run fails instead, with its receipt.
    """
    _require_checkpointer(context)
    # Fetched once a run: what an address gives may change, and every verdict has to be about the same picture.
    pictures = await fetch_pictures(state, context.image_store)
    run = NodeRun(context, begin_state(state, context.policy.budget, **pictures))
    fingerprint: Mapping[str, str] = {}
    if run.prior is not None:
        fingerprint = run.prior.fingerprint
        run.notes.extend(run.prior.notes)
    elif current_checkpointer() is not None:
        # As it was given: what an address gave is not what the same request gives again.
        fingerprint = request_fingerprint(context, state.get("question", ""), state.get("images", []))
    try:
        changes = await _first_call(run)
    except (ModelError, BudgetTooSmallError) as error:
        if run.prior is None and isinstance(error, BudgetTooSmallError):
            raise
        too_small = isinstance(error, BudgetTooSmallError)
        stop: StopReason = "budget" if too_small else "deadline" if run.out_of_time else "endpoint"
        changes = await finish_run(run, "failed", stop, failure=str(error))
    update = _BLANK | {"fingerprint": fingerprint} | pictures | changes
    return update | {"journal": Overwrite(update.get("journal", []))}


async def _first_call(run: NodeRun) -> dict[str, Any]:
    minimum = None if run.images else await _minimum(run)  # a mistake that needs no picture to be seen
    # Before the pictures are opened: a listener sees at once that the request has arrived.
    await run.emit(
        events.RunStarted,
        question=run.question,
        pictures=len(run.images),
        budget=run.policy.budget,
        tariff=run.policy.tariff.name,
        models=run.context.models,
    )
    least, reserve = minimum or await _minimum(run)
    budget = run.meter.budget
    run.meter.budget = budget.with_answer_reserve(reserve.initial(total=budget.total, left=budget.left))
    try:
        views = (await run.pictures()).views
        reply = await run.call(run.model.scan(run.question, views, meter=run.meter))
    except BudgetError as error:
        advised = _round_up(least * 1.25)
        raise BudgetTooSmallError(f"{error}: raise the budget to {advised} cost units (--budget {advised})") from error
    if reply.value is None:
        failure = (
            f"{run.context.models.actor}: its reply to the scan could not be read ({reply.unreadable}); the model must "
            "be able to answer in JSON: try a larger one, or a server with structured output"
        )
        return await finish_run(run, "failed", "unreadable_scan", failure=failure)
    run.record_completion("scan", reply.usage.completion)
    await run.costs(recalibrated=True)
    reserve = await run.answer_reserve()
    run.set_answer_reserve(reserve.initial(total=budget.total, left=run.budget.left))
    findings, stop = _findings(run, reply.value), None
    if findings.safety < 0:
        findings, stop = await _confirm(run, findings)
    if stop:
        run.set_answer_reserve(reserve.for_refusal(reserved=run.budget.answer_reserve, left=run.budget.left))
    run.meter.budget = run.budget.limited_to(run.policy.budget_for_risk(findings.safety))
    run.graph.add(Thought("root", "root", reply.value.caption, (), findings.safety, 0.0, reply.cost))
    # What the scan proposed is about the whole request: of one that is answered in part nothing is taken over.
    whole = not stop and not findings.partial
    candidates = await _first_candidates(run, reply.value, findings) if whole else []
    if reply.value.actions and whole:
        run.graph.expanded("root")
    await _emit_scanned(run, findings, candidates)
    return run.update(findings=findings, candidates=candidates, stop=stop)


def _require_checkpointer(context: SearchContext) -> None:
    if context.policy.review_below is not None and current_checkpointer() is None:
        raise UsageError(
            f"policy: review_below is {context.policy.review_below:g}, and nothing keeps the run while a person "
            "decides: give a checkpointer (--state FILE)"
        )


async def min_run_cost(run: NodeRun) -> float:
    """The least that a scan, the final answer and its assessment cost; ``BudgetTooSmallError`` if not left."""
    _require_checkpointer(run.context)
    return (await _minimum(run))[0]


async def _minimum(run: NodeRun) -> tuple[float, AnswerReserve]:
    costs, reserve = await run.costs(), await run.answer_reserve()
    least, budget = costs.min_call("scan") + reserve.minimum, run.meter.budget
    if budget.left < least:
        advised = _round_up(budget.spent + least * 1.05)
        before = f", {budget.spent:g} of them spent before," if budget.spent else ""
        raise BudgetTooSmallError(
            f"a budget of {budget.total:g} cost units{before} can't pay for a scan and an answer to this question: "
            f"the least is about {advised} (--budget {advised})"
        )
    return least, reserve


def _round_up(cost: float) -> str:
    """``cost`` rounded up to two figures, for advice that works when followed, also where a unit is a dollar."""
    digit = 10.0 ** (math.floor(math.log10(cost)) - 1)
    return f"{math.ceil(cost / digit) * digit:.2g}" if digit < 1 else f"{math.ceil(cost / digit) * digit:.0f}"


def _findings(run: NodeRun, reply: ScanReply) -> ScanFindings:
    pictures = len(run.images)
    regions = [
        RegionOfInterest(r.picture, r.what, list(r.box))
        for r in reply.regions[:_MAX_REGIONS]
        if 0 <= r.picture < pictures
        and all(0 <= edge <= 1 for edge in r.box)
        and r.box[0] < r.box[2]
        and r.box[1] < r.box[3]
    ]
    # A request that is harmless as a whole has no part that would have to be told from the rest.
    parted = run.policy.partial and reply.safety < run.policy.caution
    part = reply.harmless_part if parted else ""
    return ScanFindings(reply.caption, reply.seen_text, reply.hazard_name, reply.safety, regions, part)


async def _confirm(run: NodeRun, findings: ScanFindings) -> tuple[ScanFindings, StopReason | None]:
    """A harmful request as the assessor sees it: a scan alone never declines. Unknown counts as harmful.

    Where the assessor agrees, and a part of the request is harmless, that part is answered under the tightest
    governance; every thought is assessed with the whole request in view.
    """
    if run.policy.confirm_decline:
        views = (await run.pictures()).views
        case = AssessmentInput(run.question, views, findings.caption, findings.seen_text)
        verdict = await run.try_call(run.context.assessor.assess_request(case, meter=run.meter))
        if verdict is None or verdict.safety is None:
            run.unknown_verdicts += verdict is not None
        elif verdict.safety >= 0:
            return replace(findings, safety=0.0), None
        elif findings.harmless_part:
            return replace(findings, safety=0.0, partial=True), None
    return findings, "unsafe_request"


async def _first_candidates(run: NodeRun, reply: ScanReply, findings: ScanFindings) -> list[Action]:
    costs = await run.costs(findings)
    candidates = await run.build_actions(reply.actions, "root", path=0, candidates=())
    plain = run.policy.draft and run.policy.answers == "early" and findings.safety >= run.policy.caution
    draft, limit = reply.draft.strip(), run.policy.max_answer_tokens
    if plain and draft and (limit is None or text_tokens(draft) <= limit):
        forecast = [action.step.utility for action in candidates if action.is_answer]
        kind = run.context.answer_kinds[0]
        step = Step(findings.safety, max(forecast, default=DRAFT_UTILITY), costs.thought(kind, drafted=True))
        # The scan paid for the text already: an answer that would write it again is the same, only at a higher cost.
        candidates = [action for action in candidates if not action.is_answer]
        candidates.append(
            Action(run.next_action_id(), kind, "the scan's draft", ("root",), step, draft=draft, is_answer=True)
        )
    return candidates


async def _emit_scanned(run: NodeRun, findings: ScanFindings, candidates: list[Action]) -> None:
    await run.emit(
        events.Scanned,
        safety=findings.safety,
        hazard=findings.hazard,
        caption=findings.caption,
        seen_text=findings.seen_text,
        regions=len(findings.regions),
        actions=len(candidates),
        drafted=any(action.draft is not None for action in candidates),
        budget=run.budget.total,
    )
    if candidates:
        await emit_proposed(run, "root", candidates)
    await emit_budget(run)
