"""The state machine: edges and routers, nothing else.

Routers are async although they await nothing: LangGraph hands others to the threads that decode pictures.

::

    scan → plan? → propose → simulate → score → execute ──┐
                      ↑                                   │ worthwhile
                      └───────────────────────────────────┤
                                                          ↓ done
                                              extract → synthesize → end
                                                              ↘ decline → end
"""

from typing import Any, Literal

from langgraph.graph import END, START, StateGraph

from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.nodes.decline import decline_node
from ecoalign_agent.alignment.nodes.execute import execute_node
from ecoalign_agent.alignment.nodes.extract import extract_node
from ecoalign_agent.alignment.nodes.plan import plan_node
from ecoalign_agent.alignment.nodes.propose import propose_node
from ecoalign_agent.alignment.nodes.scan import scan_node
from ecoalign_agent.alignment.nodes.score import score_node
from ecoalign_agent.alignment.nodes.simulate import simulate_node
from ecoalign_agent.alignment.nodes.synthesize import synthesize_node
from ecoalign_agent.alignment.state import AlignmentInput, AlignmentOutput, SearchState

AlignmentGraph = StateGraph[SearchState, None, AlignmentInput, AlignmentOutput]


def build_alignment_graph(desk: Desk) -> AlignmentGraph:
    """The uncompiled graph.

    Args:
        desk: ports, policy, and what the nodes share.
    Source: EcoAlign's Propose → Simulate → Score → Execute loop.
    """
    graph: AlignmentGraph = StateGraph(SearchState, input_schema=AlignmentInput, output_schema=AlignmentOutput)
    nodes: dict[str, Any] = {
        "scan": scan_node(desk),
        "plan": plan_node(desk),
        "propose": propose_node(desk),
        "simulate": simulate_node(desk),
        "score": score_node(desk),
        "execute": execute_node(desk),
        "extract": extract_node(desk),
        "synthesize": synthesize_node(desk),
        "decline": decline_node(desk),
    }
    for name, node in nodes.items():
        graph.add_node(name, node)

    async def after_scan(state: SearchState) -> Literal["plan", "propose", "decline", "__end__"]:
        if state.get("status") == "failed":
            return "__end__"
        if state.get("stop") == "unsafe_request":
            return "decline"
        return "plan" if state["sight"].safety < desk.policy.caution else "propose"

    graph.add_edge(START, "scan")
    graph.add_conditional_edges("scan", after_scan)
    graph.add_edge("plan", "propose")
    graph.add_edge("propose", "simulate")
    graph.add_edge("simulate", "score")
    graph.add_edge("score", "execute")
    graph.add_conditional_edges("execute", worthwhile)
    graph.add_conditional_edges("extract", found_a_path)
    graph.add_conditional_edges("synthesize", found_an_answer)
    graph.add_edge("decline", END)
    return graph


async def worthwhile(state: SearchState) -> Literal["propose", "extract"]:
    """Another round, or the end of the search."""
    return "extract" if state.get("stop") else "propose"


async def found_a_path(state: SearchState) -> Literal["synthesize", "decline"]:
    """Whether there is a safe path to answer from."""
    return "synthesize" if state.get("chosen") else "decline"


async def found_an_answer(state: SearchState) -> Literal["decline", "__end__"]:
    """Whether an answer passed its verdict."""
    return "__end__" if state.get("status") == "answered" else "decline"
