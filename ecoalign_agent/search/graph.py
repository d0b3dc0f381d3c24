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

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.nodes.decline import decline_node
from ecoalign_agent.search.nodes.execute import execute_node
from ecoalign_agent.search.nodes.plan import plan_node
from ecoalign_agent.search.nodes.propose import propose_node
from ecoalign_agent.search.nodes.review import review_node
from ecoalign_agent.search.nodes.scan import scan_node
from ecoalign_agent.search.nodes.score import score_node
from ecoalign_agent.search.nodes.simulate import simulate_node
from ecoalign_agent.search.nodes.synthesize import extract_node, synthesize_node
from ecoalign_agent.search.state import SearchInput, SearchOutput, SearchState, find_prior

SearchGraph = StateGraph[SearchState, None, SearchInput, SearchOutput]


def build_search_graph(context: SearchContext) -> SearchGraph:
    """The uncompiled graph.

    Source: EcoAlign's Propose → Simulate → Score → Execute loop.
    """
    graph: SearchGraph = StateGraph(SearchState, input_schema=SearchInput, output_schema=SearchOutput)
    add_search(graph, context)
    graph.add_edge(START, "scan")
    return graph


def add_search(graph: StateGraph[Any, None, Any, Any], context: SearchContext) -> None:
    """Add the nodes of the search and every edge between them; it is entered at ``scan``."""
    nodes: dict[str, Any] = {
        "scan": scan_node(context),
        "plan": plan_node(context),
        "propose": propose_node(context),
        "simulate": simulate_node(context),
        "score": score_node(context),
        "execute": execute_node(context),
        "extract": extract_node(context),
        "synthesize": synthesize_node(context),
        "decline": decline_node(context),
        "review": review_node(context),
    }
    for name, node in nodes.items():
        graph.add_node(name, node)

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
    graph.add_conditional_edges("plan", route_plan)
    graph.add_edge("propose", "simulate")
    graph.add_edge("simulate", "score")
    graph.add_edge("score", "execute")
    graph.add_conditional_edges("execute", route_execute)
    graph.add_conditional_edges("extract", route_extract)
    graph.add_conditional_edges("synthesize", route_synthesize)
    graph.add_conditional_edges("review", route_review)
    graph.add_edge("decline", END)


async def route_plan(state: SearchState) -> Literal["review", "propose"]:
    """A person's decision on the strategy, where one is wanted."""
    return "review" if state.get("reviewing") else "propose"


async def route_review(state: SearchState) -> Literal["review", "plan", "execute", "synthesize"]:
    """The next decision, or back to the node that held the thoughts back."""
    return "review" if state.get("reviewing") else state["held_by"]  # type: ignore[return-value] # one of the three


async def route_execute(state: SearchState) -> Literal["review", "propose", "extract"]:
    """Another round, or the end of the search; a person's decision first, where one is wanted."""
    if state.get("reviewing"):
        return "review"
    return "extract" if state.get("stop") else "propose"


async def route_extract(state: SearchState) -> Literal["synthesize", "decline"]:
    """The answer, if there is a safe path to write it from; else a refusal."""
    return "synthesize" if state.get("answer_paths") else "decline"


async def route_synthesize(state: SearchState) -> Literal["review", "decline", "__end__"]:
    """The end, if an answer passed its assessment; a person's decision first, where one is wanted."""
    if state.get("reviewing"):
        return "review"
    return "__end__" if state.get("status") == "answered" else "decline"
