"""The state machine of a rewrite: edges and routers, nothing else.

::

    analyse ──→ rewrite? ──→ check ──→ conclude → end
        └─ harmless, unknown or failed ───↗
"""

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.rewriting.nodes import analyse_node, check_node, conclude_node, rewrite_node
from ecoalign_agent.rewriting.state import RewriteDesk, RewriteInput, RewriteOutput, RewriteState

RewriteGraph = StateGraph[RewriteState, None, RewriteInput, RewriteOutput]


def build_rewrite_graph(desk: RewriteDesk) -> RewriteGraph:
    """The uncompiled graph.

    Args:
        desk: ports, policy, gallery.
    Source: VLMGuard-R1 at run time: x_T, x_I → A → x_T'; the check is ours.
    """
    graph: RewriteGraph = StateGraph(RewriteState, input_schema=RewriteInput, output_schema=RewriteOutput)
    conclude: Any = conclude_node(desk)
    graph.add_node("conclude", conclude)
    add_rewrite(graph, desk, last="conclude")
    graph.add_edge("conclude", END)
    return graph


def add_rewrite(graph: StateGraph[Any, None, Any, Any], desk: RewriteDesk, *, last: str) -> None:
    """Add the nodes of a rewrite and every edge between them, from the start to ``last``.

    Args:
        graph: of a state that has all keys of ``RewriteState``.
        desk: ports, policy, gallery.
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
