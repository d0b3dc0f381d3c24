"""The state machine: nodes and edges.

::

    scan → plan? → propose → simulate → score → execute ──┐
                      ↑                                   │ worthwhile
                      └───────────────────────────────────┤
                                                          ↓ done
                                              extract → synthesize → end
                                                              ↘ decline → end

    plan, execute and synthesize ⇄ review, where a person's decision is wanted

A node with more than one way on returns a ``Command`` that names the next node; ``_DESTINATIONS`` lists them.
"""

from typing import Any

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
from ecoalign_agent.search.state import SearchInput, SearchOutput, SearchState

SearchGraph = StateGraph[SearchState, None, SearchInput, SearchOutput]

_DESTINATIONS = {
    "scan": ("plan", "propose", "decline", END),
    "plan": ("propose", "review"),
    "execute": ("propose", "extract", "review"),
    "extract": ("synthesize", "decline"),
    "synthesize": (END, "decline", "review"),
    "review": ("review", "plan", "execute", "synthesize"),
}


def build_search_graph(context: SearchContext) -> SearchGraph:
    """The uncompiled graph.

    Args:
        context: values that the nodes share.
    Source: EcoAlign's Propose → Simulate → Score → Execute loop.
    """
    graph: SearchGraph = StateGraph(SearchState, input_schema=SearchInput, output_schema=SearchOutput)
    add_search(graph, context)
    graph.add_edge(START, "scan")
    return graph


def add_search(graph: StateGraph[Any, None, Any, Any], context: SearchContext) -> None:
    """Add the nodes of the search and every edge between them; it is entered at ``scan``.

    Args:
        graph: of a state that has all keys of ``SearchState``.
        context: values that the nodes share.
    """
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
        graph.add_node(name, node, destinations=_DESTINATIONS.get(name))
    graph.add_edge("propose", "simulate")
    graph.add_edge("simulate", "score")
    graph.add_edge("score", "execute")
    graph.add_edge("decline", END)
