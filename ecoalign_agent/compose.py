"""From ports to the compiled graph: the last step before a run."""

from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph

from ecoalign_agent.alignment.checkpoints import reading_strictly
from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.graph import build_alignment_graph
from ecoalign_agent.alignment.state import AlignmentInput, AlignmentOutput
from ecoalign_agent.alignment.sync import refuse_sync
from ecoalign_agent.rewriting.guarded import build_guarded_graph, in_front_of
from ecoalign_agent.rewriting.state import RewriteDesk


def compile_alignment(
    desk: Desk, *, checkpointer: BaseCheckpointSaver[str] | None = None, front: RewriteDesk | None = None
) -> CompiledStateGraph[Any, None, AlignmentInput, AlignmentOutput]:
    """The compiled graph; its step limit follows from the policy.

    Args:
        desk: ports, policy, and what the nodes share.
        checkpointer: where the state is kept, and read back strictly. LangGraph Server brings its own: give None there.
        front: of a rewriter that every question goes through first; None: there is none.
    """
    rounds = desk.policy.max_rounds
    if checkpointer is not None:
        checkpointer = reading_strictly(checkpointer)
    if front is None:
        graph: Any = build_alignment_graph(desk).compile(checkpointer=checkpointer, name="ecoalign")
    else:
        guarded = build_guarded_graph(in_front_of(desk, front), desk)
        graph = guarded.compile(checkpointer=checkpointer, name="guarded")
    refuse_sync(graph)
    # A rewrite, scan, plan, four nodes a round, and the ending, with room for one more round than allowed.
    limited: CompiledStateGraph[Any, None, AlignmentInput, AlignmentOutput] = graph.with_config(
        recursion_limit=4 * (rounds + 2) + 12
    )
    return limited
