"""The rewriter, then the search, as one state machine: one run, one budget, one receipt.

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
"""Share of the one budget, and of the one deadline, that a rewrite may use at the most. Ours: most is the answer's."""

_SHOWN = 240
"""Characters of a finding in the strategy, and of the original question in a note."""


class GuardedState(RewriteState, SearchState, total=False):
    """Everything the nodes of both hand on; what both know by one name is one thing."""


GuardedGraph = StateGraph[GuardedState, None, SearchInput, SearchOutput]


def build_guarded_graph(rewriting: RewriteContext, desk: SearchContext) -> GuardedGraph:
    """The uncompiled graph.

    Args:
        rewriting: what a rewrite shares; see :func:`in_front_of`.
        desk: what the search shares.
    """
    graph: GuardedGraph = StateGraph(GuardedState, input_schema=SearchInput, output_schema=SearchOutput)
    handover: Any = handover_node(rewriting, desk)
    graph.add_node("handover", handover)
    add_rewrite_nodes(graph, rewriting, last="handover")
    add_search(graph, desk)
    graph.add_edge("handover", "scan")
    return graph


def rewrite_context_for(desk: SearchContext, rewriting: RewriteContext) -> RewriteContext:
    """A rewriter's desk in front of a search: it spends out of that one's budget, by its tariff and its clock."""

    async def reserve_for_search(request: Mapping[str, Any]) -> float:
        least = await min_run_cost(NodeRun(desk, begin_state(request)))
        return desk.policy.budget - least

    policy = limit_to_search(rewriting.policy, desk.policy)
    return replace(
        rewriting,
        policy=policy,
        image_store=desk.image_store,
        tariffs=desk.tariffs,
        reserve_for_search=reserve_for_search,
    )


def limit_to_search(own: RewritePolicy, search: Policy) -> RewritePolicy:
    """A rewriter's policy as part of a search: never more than ``SHARE`` of its budget and of its deadline.

    Args:
        own: the rewriter's; its budget does not count where it is in other units than the search's.
        search: the search's.
    """
    most = REWRITE_SHARE * search.budget
    times = [own.deadline, None if search.deadline is None else REWRITE_SHARE * search.deadline]
    return replace(
        own,
        budget=min(own.budget, most) if own.tariff == search.tariff else most,
        tariff=search.tariff,
        deadline=min((time for time in times if time is not None), default=None),
    )


def handover_node(
    rewriting: RewriteContext, desk: SearchContext
) -> Callable[[GuardedState], Awaitable[dict[str, Any]]]:
    """The node ``handover``: the new question and the risk report become the search's question and strategy."""

    async def handover(state: GuardedState) -> dict[str, Any]:
        turn = RewriteNodeRun(rewriting, state)
        if (shortage := await _shortage(turn, desk)) is not None:
            turn = RewriteNodeRun(rewriting, {**state, "ended": "kept", "notes": [*turn.notes, shortage]})
        made = await turn.concluded()
        prior = PriorStage(
            run_id=turn.run_id,
            started=turn.started,
            spent=made.cost.spent,
            ledger=turn.ledger,
            event_count=turn.event_count,
            seconds_waited=turn.waited,
            strategy=strategy_from(made.report) if made.changed else "",
            notes=_notes(made),
            fingerprint=request_fingerprint(desk, state.get("question", ""), state.get("images", [])),
            rewrite=made.told,
        )
        # The pictures stand beside the question now, also where both came as messages.
        return {"question": made.prompt, "images": list(turn.images), "prior": prior}

    return handover


async def _shortage(turn: RewriteNodeRun, desk: SearchContext) -> str | None:
    """Why a new question is not used after all: what is left does not pay for answering one so long."""
    if turn.state.get("ended") != "rewritten":
        return None
    left = Budget(desk.policy.budget, turn.meter.budget.spent)
    longer = {"question": turn.state["offered"], "images": list(turn.images), "run_id": turn.run_id}
    try:
        await min_run_cost(NodeRun(desk, begin_state(longer, budget=left)))
    except BudgetTooSmallError as error:
        return f"the new question is too long for what is left ({error}): the original stands"
    return None


def strategy_from(report: RiskReport) -> str:
    """The risk report as a strategy for the search: what to serve, and what to leave out. Ours."""
    found = [_short(part).rstrip(".") for part in (report.text, report.image, report.both) if part]
    lines = ["The question was written anew, because an answer to it as it was asked could have done harm."]
    if found:
        lines.append(f"What could have gone wrong: {'; '.join(found)}.")
    if report.aim:
        lines.append(f"What the person may legitimately want: {_short(report.aim).rstrip('.')}.")
    lines.append("Answer the question as it stands now, and give nothing of what could have gone wrong.")
    return " ".join(lines)


def _notes(made: Rewrite) -> list[Note]:
    """What a reader of the result must know of the rewrite."""
    own = [Note(code="rewriter", text=f"rewriter: {note}") for note in made.notes]
    if made.status == "unchanged":
        return own
    if not made.changed:
        text = f"the question went on as it was asked, the rewrite ended as {made.status}"
        return [Note(code="not_rewritten", text=text), *own]
    report = made.report
    why = next((part for part in (report.both, report.image, report.text) if part), "it provokes harm")
    text = f"the question was rewritten; asked was {_short(made.original)!r}; why: {_short(why)}"
    return [Note(code="rewritten", text=text), *own]


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
