"""The rewriter and the search as one state machine: one run, one budget, one receipt.

::

    analyse ──→ rewrite? ──→ check ──→ handover ──→ scan → …
        └─ harmless, unknown or failed ───↗

Source: VLMGuard-R1 leaves the target model alone and changes what it is asked; that EcoAlign is the target, and that
the risk report becomes its strategy, is ours.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

from langgraph.graph import StateGraph

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError
from ecoalign_agent.events.result import Note, Rewrite, RiskReport
from ecoalign_agent.rewriting.graph import add_rewrite_nodes
from ecoalign_agent.rewriting.node_run import RewriteNodeRun
from ecoalign_agent.rewriting.state import RewriteContext, RewritePolicy, RewriteState
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph import add_search
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import min_run_cost
from ecoalign_agent.search.resume import request_fingerprint
from ecoalign_agent.search.state import PriorStage, SearchInput, SearchOutput, SearchState, begin_state

REWRITE_SHARE = 0.5
"""Largest share of the common budget and deadline for the rewrite. Ours: the larger part is the answer's."""

_MAX_TEXT = 240


class GuardedState(RewriteState, SearchState, total=False):
    """The state of both; a key of the same name has the same meaning."""


GuardedGraph = StateGraph[GuardedState, None, SearchInput, SearchOutput]


def build_guarded_graph(rewrite: RewriteContext, search: SearchContext) -> GuardedGraph:
    """The uncompiled graph; ``rewrite`` as :func:`rewrite_context_for` returns it."""
    graph: GuardedGraph = StateGraph(GuardedState, input_schema=SearchInput, output_schema=SearchOutput)
    handover: Any = handover_node(rewrite, search)
    graph.add_node("handover", handover)
    add_rewrite_nodes(graph, rewrite, last="handover")
    add_search(graph, search)
    graph.add_edge("handover", "scan")
    return graph


def rewrite_context_for(search: SearchContext, rewrite: RewriteContext) -> RewriteContext:
    """A rewriter's context in front of a search: it spends from the search's budget, by its tariff and its clock."""

    async def reserve_for_search(request: Mapping[str, Any]) -> float:
        return search.policy.budget - await min_run_cost(NodeRun(search, begin_state(request, search.policy.budget)))

    return replace(
        rewrite,
        policy=limit_to_search(rewrite.policy, search.policy),
        image_store=search.image_store,
        tariffs=search.tariffs,
        reserve_for_search=reserve_for_search,
    )


def limit_to_search(own: RewritePolicy, search: Policy) -> RewritePolicy:
    """A rewriter's policy within a search: at most ``REWRITE_SHARE`` of its budget and deadline.

    Its own budget does not count where it is in other units than the search's.
    """
    max_budget = REWRITE_SHARE * search.budget
    deadlines = [own.deadline, None if search.deadline is None else REWRITE_SHARE * search.deadline]
    return replace(
        own,
        budget=min(own.budget, max_budget) if own.tariff == search.tariff else max_budget,
        tariff=search.tariff,
        deadline=min((deadline for deadline in deadlines if deadline is not None), default=None),
    )


def handover_node(
    rewrite: RewriteContext, search: SearchContext
) -> Callable[[GuardedState], Awaitable[dict[str, Any]]]:
    """The node ``handover``: the new question and the risk report become the search's question and strategy."""

    async def handover(state: GuardedState) -> dict[str, Any]:
        run = RewriteNodeRun(rewrite, state)
        if (objection := await _budget_objection(run, search)) is not None:
            run = RewriteNodeRun(rewrite, {**state, "rewrite_status": "kept", "notes": [*run.notes, objection]})
        record = await run.emit_record()
        prior = PriorStage(
            run_id=run.run_id,
            started=run.started,
            spent=record.cost.spent,
            ledger=run.ledger,
            event_count=run.emitter.count,
            seconds_waited=run.emitter.waited,
            strategy=strategy_from(record.report) if record.changed else "",
            notes=_notes(record),
            fingerprint=request_fingerprint(search, state.get("question", ""), state.get("images", [])),
            rewrite=record.without_rejected,
        )
        # The pictures stand beside the question now, also where both came as messages.
        return {"question": record.prompt, "images": list(run.images), "prior": prior}

    return handover


async def _budget_objection(run: RewriteNodeRun, search: SearchContext) -> str | None:
    """The reason against a new question too long to be answered with what is left of the budget."""
    if run.state.get("rewrite_status") != "rewritten":
        return None
    left = Budget(search.policy.budget, run.budget.spent)
    request = {"question": run.state["new_question"], "images": list(run.images), "run_id": run.run_id}
    try:
        await min_run_cost(NodeRun(search, begin_state(request, left.total, budget=left)))
    except BudgetTooSmallError as error:
        return f"the new question is too long for what is left ({error}): the original stands"
    return None


def strategy_from(report: RiskReport) -> str:
    """The risk report as a strategy for the search: aim, and harm to leave out. Ours."""
    findings = [_short(part).rstrip(".") for part in (report.text, report.image, report.both) if part]
    lines = ["The question was written anew, because an answer to it as it was asked could have done harm."]
    if findings:
        lines.append(f"What could have gone wrong: {'; '.join(findings)}.")
    if report.aim:
        lines.append(f"What the person may legitimately want: {_short(report.aim).rstrip('.')}.")
    lines.append("Answer the question as it stands now, and give nothing of what could have gone wrong.")
    return " ".join(lines)


def _notes(record: Rewrite) -> list[Note]:
    own = [Note(code="rewriter", text=f"rewriter: {note}") for note in record.notes]
    if record.status == "unchanged":
        return own
    if not record.changed:
        text = f"the question went on as it was asked, the rewrite ended as {record.status}"
        return [Note(code="not_rewritten", text=text), *own]
    report = record.report
    reason = next((part for part in (report.both, report.image, report.text) if part), "it provokes harm")
    text = f"the question was rewritten; asked was {_short(record.original)!r}; why: {_short(reason)}"
    return [Note(code="rewritten", text=text), *own]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TEXT else f"{line[: _MAX_TEXT - 1]}…"
