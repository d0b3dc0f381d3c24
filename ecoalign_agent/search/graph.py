"""The state machine: nodes and edges.

::

    scan → plan? → propose → simulate → score → execute ──┐
                      ↑                                   │ worthwhile
                      └───────────────────────────────────┤
                                                          ↓ done
                                              extract → synthesize → end
                                                              ↘ decline → end

    plan, execute and synthesize ⇄ review, where a person's decision is wanted

Routers are async although they await nothing: LangGraph runs others in threads, which decode pictures.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.human_review import review_node
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.execute import execute_node
from ecoalign_agent.search.nodes.propose import plan_node, propose_node
from ecoalign_agent.search.nodes.scan import scan_node
from ecoalign_agent.search.nodes.score import score_node, simulate_node
from ecoalign_agent.search.nodes.synthesize import decline_node, extract_node, synthesize_node
from ecoalign_agent.search.state import SearchInput, SearchOutput, SearchState, find_prior

SearchGraph = StateGraph[SearchState, None, SearchInput, SearchOutput]


def build_search_graph(context: SearchContext) -> SearchGraph:
    """The uncompiled graph. Source: EcoAlign's Propose → Simulate → Score → Execute loop."""
    graph: SearchGraph = StateGraph(SearchState, input_schema=SearchInput, output_schema=SearchOutput)
    add_search(graph, context)
    graph.add_edge(START, "scan")
    return graph


def add_search(graph: StateGraph[Any, None, Any, Any], context: SearchContext) -> None:
    """Add the nodes of the search and every edge between them; it is entered at ``scan``."""

    def with_run(node: Callable[[NodeRun], Awaitable[dict[str, Any]]], *, ending: bool = False) -> Any:  # noqa: ANN401 - a node
        async def run_node(state: SearchState) -> dict[str, Any]:
            return await node(NodeRun(context, state, ending=ending))

        return run_node

    nodes: dict[str, Any] = {
        "scan": partial(scan_node, context),
        "plan": with_run(plan_node),
        "propose": with_run(propose_node),
        "simulate": with_run(simulate_node),
        "score": with_run(score_node),
        "execute": with_run(execute_node),
        "extract": with_run(extract_node, ending=True),
        "synthesize": with_run(synthesize_node, ending=True),
        "decline": with_run(decline_node, ending=True),
        "review": partial(review_node, context),
    }
    for name, node in nodes.items():
        graph.add_node(name, node, input_schema=SearchState)

    async def route_scan(state: SearchState) -> Literal["plan", "propose", "decline", "__end__"]:
        if state.get("status") == "failed":
            return "__end__"
        if state.get("stop"):
            return "decline"
        prior, findings = find_prior(state), state["findings"]
        # A harmless part needs no strategy: what must be left out is not even asked for.
        sensitive = findings.safety < context.policy.caution and not findings.partial
        return "plan" if sensitive or (prior is not None and prior.strategy) else "propose"

    graph.add_conditional_edges("scan", route_scan)
    graph.add_conditional_edges("plan", _route_plan)
    graph.add_edge("propose", "simulate")
    graph.add_edge("simulate", "score")
    graph.add_edge("score", "execute")
    graph.add_conditional_edges("execute", _route_execute)
    graph.add_conditional_edges("extract", _route_extract)
    graph.add_conditional_edges("synthesize", _route_synthesize)
    graph.add_conditional_edges("review", _route_review)
    graph.add_edge("decline", END)


async def _route_plan(state: SearchState) -> Literal["review", "propose"]:
    return "review" if state.get("reviewing") else "propose"


async def _route_review(state: SearchState) -> Literal["review", "plan", "execute", "synthesize"]:
    return "review" if state.get("reviewing") else state["held_by"]  # type: ignore[return-value] # one of the three


async def _route_execute(state: SearchState) -> Literal["review", "propose", "extract"]:
    if state.get("reviewing"):
        return "review"
    return "extract" if state.get("stop") else "propose"


async def _route_extract(state: SearchState) -> Literal["synthesize", "decline"]:
    return "synthesize" if state.get("answer_paths") else "decline"


async def _route_synthesize(state: SearchState) -> Literal["review", "decline", "__end__"]:
    if state.get("reviewing"):
        return "review"
    return "__end__" if state.get("status") == "answered" else "decline"
