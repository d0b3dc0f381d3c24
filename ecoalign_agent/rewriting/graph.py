"""The nodes of a rewrite: analyse, rewrite, check, conclude. Each awaits one port and hands on what changed.

The state machine of a rewrite: edges and routers, nothing else.

::

    analyse ──→ rewrite? ──→ check ──→ conclude → end
        └─ harmless, unknown or failed ───↗
"""

from collections.abc import Awaitable, Callable
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.events import events
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.rewriting.node_run import RewriteNodeRun
from ecoalign_agent.rewriting.preserved_facts import lost_facts, preserved_facts
from ecoalign_agent.rewriting.state import RewriteContext, RewriteInput, RewriteOutput, RewriteState
from ecoalign_agent.search.request import fetch_pictures

RewriteNode = Callable[[RewriteState], Awaitable[dict[str, Any]]]

_REQUEST_KEYS = ("question", "images", "messages", "run_id")


def analyse_node(desk: RewriteContext) -> RewriteNode:
    """The node ``analyse``: the risk report, and in the frugal and the trained form the new question too.

    Raises, when it runs:
        UsageError: the question is empty or too long, or an image can't be read; or, where a search comes after, the
            budget does not pay for that. Nothing was spent.
    """

    async def analyse(state: RewriteState) -> dict[str, Any]:
        # A thread may hold an earlier run: only the request counts.
        request: dict[str, Any] = {key: value for key, value in state.items() if key in _REQUEST_KEYS}
        fetched = await fetch_pictures(request, desk.image_store)
        turn, threshold = RewriteNodeRun(desk, request | fetched), desk.policy.threshold
        await turn.tell(
            events.RewriteStarted,
            question=turn.question,
            pictures=len(turn.images),
            budget=desk.policy.budget,
            tariff=desk.policy.tariff.name,
            models=desk.models,
        )
        if desk.reserve_for_search is not None:
            spare = await desk.reserve_for_search({**request, **fetched, "run_id": turn.run_id})
            turn.meter.budget = Budget(min(desk.policy.budget, max(0.0, spare)))
        call = desk.ports.analyst.analyse(
            turn.question,
            await turn.views(),
            keep=preserved_facts(turn.question),
            threshold=threshold,
            meter=turn.meter,
        )
        found, ended = await turn.attempt(call)
        if found is None or found.report.safety is None:
            return fetched | turn.update(report=RiskReport(), offered="", ended=ended or "unknown")
        report = found.report
        told = {part: getattr(report, part) for part in ("safety", "text", "image", "both", "aim", "hazards")}
        await turn.tell(events.Analysed, **told)
        if found.report.safety >= threshold:
            ended = "unchanged"
        elif found.prompt is not None and not found.prompt.strip():
            turn.notes.append(f"safety {found.report.safety:+.2f} was found, but no new question was written")
            ended = "unknown"
        return fetched | turn.update(report=report, offered=(found.prompt or "").strip(), ended=ended)

    return analyse


def rewrite_node(desk: RewriteContext) -> RewriteNode:
    """The node ``rewrite``: the new question from the report, where the analysis did not write it."""
    writer = desk.ports.writer

    async def rewrite(state: RewriteState) -> dict[str, Any]:
        turn = RewriteNodeRun(desk, state)
        if writer is None:
            return turn.update()
        facts = preserved_facts(turn.question, provoking=turn.report.provoking)
        call = writer.rewrite(turn.question, await turn.views(), turn.report, keep=facts, meter=turn.meter)
        text, ended = await turn.attempt(call)
        return turn.update(offered=text or "", ended=ended)

    return rewrite


def check_node(desk: RewriteContext) -> RewriteNode:
    """The node ``check``: by rules first, which cost nothing, then by a model where there is one."""
    checker = desk.ports.checker

    async def check(state: RewriteState) -> dict[str, Any]:
        turn, offered = RewriteNodeRun(desk, state), state["offered"]
        facts = preserved_facts(turn.question, provoking=turn.report.provoking)
        if lost := lost_facts(facts, offered):
            turn.notes.append(f"the new question lost {', '.join(map(repr, lost[:6]))}: the original stands")
            return turn.update(ended="kept")
        if " ".join(offered.split()) == " ".join(turn.question.split()):
            turn.notes.append("the new question is the old one: the original stands")
            return turn.update(ended="kept")
        if checker is None:
            turn.notes.append("no model checked whether the new question serves the aim")
            return turn.update(ended="rewritten")
        call = checker.check(turn.question, await turn.views(), offered, turn.report, meter=turn.meter)
        checked, ended = await turn.attempt(call)
        if checked is None:
            return turn.update(ended=ended)
        before = turn.report.safety if turn.report.safety is not None else -1.0
        if not checked.serves_aim:
            turn.notes.append(
                f"the new question does not serve the aim ({checked.lost or 'no reason given'}): the original stands"
            )
        elif checked.safety < 0 or checked.safety <= before:
            turn.notes.append(
                f"the new question is no safer ({checked.safety:+.2f} after {before:+.2f}): the original stands"
            )
        else:
            return turn.update(ended="rewritten")
        return turn.update(ended="kept")

    return check


def conclude_node(desk: RewriteContext) -> RewriteNode:
    """The node ``conclude``: the record of what happened, and a thread made ready for another request."""

    async def conclude(state: RewriteState) -> dict[str, Any]:
        made = await RewriteNodeRun(desk, state).concluded()
        return {"rewrite": made, "prompt": made.prompt, "question": "", "images": [], "run_id": ""}

    return conclude


RewriteGraph = StateGraph[RewriteState, None, RewriteInput, RewriteOutput]


def build_rewrite_graph(desk: RewriteContext) -> RewriteGraph:
    """The uncompiled graph.

    Args:
        desk: ports, policy, image_store.
    Source: VLMGuard-R1 at run time: x_T, x_I → A → x_T'; the check is ours.
    """
    graph: RewriteGraph = StateGraph(RewriteState, input_schema=RewriteInput, output_schema=RewriteOutput)
    conclude: Any = conclude_node(desk)
    graph.add_node("conclude", conclude)
    add_rewrite_nodes(graph, desk, last="conclude")
    graph.add_edge("conclude", END)
    return graph


def add_rewrite_nodes(graph: StateGraph[Any, None, Any, Any], desk: RewriteContext, *, last: str) -> None:
    """Add the nodes of a rewrite and every edge between them, from the start to ``last``.

    Args:
        graph: of a state that has all keys of ``RewriteState``.
        desk: ports, policy, image_store.
        last: the node that concludes.
    """
    nodes: dict[str, Any] = {"analyse": analyse_node(desk), "rewrite": rewrite_node(desk), "check": check_node(desk)}
    for name, node in nodes.items():
        graph.add_node(name, node)
    graph.add_edge(START, "analyse")
    graph.add_conditional_edges("analyse", after_analysis, {"rewrite": "rewrite", "check": "check", "conclude": last})
    graph.add_conditional_edges("rewrite", after_rewrite, {"check": "check", "conclude": last})
    graph.add_edge("check", last)


async def after_analysis(state: RewriteState) -> Literal["rewrite", "check", "conclude"]:
    """Whether there is something to rewrite, and whether it was rewritten in the same call."""
    if state.get("ended"):
        return "conclude"
    return "check" if state.get("offered") else "rewrite"


async def after_rewrite(state: RewriteState) -> Literal["check", "conclude"]:
    """Whether there is a new question to check."""
    return "conclude" if state.get("ended") else "check"
