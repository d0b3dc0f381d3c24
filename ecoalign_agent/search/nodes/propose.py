"""propose: the next actions from the best open tips, in parallel."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import open_tips
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import remaining_candidates
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_proposed, merge_thoughts, prune_thought
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import SearchNode
from ecoalign_agent.search.request_context import thought_lines
from ecoalign_agent.search.schemas import ProposeReply, SuggestedMerge
from ecoalign_agent.search.state import SearchState

_OTHER_THOUGHTS = 8
"""Thoughts beside the path that the prompt shows: the youngest, so that it does not grow with the graph."""

_FIXED_KINDS = frozenset({"root", "strategy", "answer"})
"""Thoughts that no proposer's word merges or prunes."""


def propose_node(context: SearchContext) -> SearchNode:
    """The node ``propose``. Makes no call in round 0 when the scan proposed already."""

    async def propose(state: SearchState) -> dict[str, Any]:
        run = NodeRun(context, state)
        candidates = list(state["candidates"])
        if state["round"] == 0 and candidates:
            return run.update(simulated=False)
        with_candidates = {action.tip for action in candidates}
        tips = open_tips(run.graph, run.frontier, width=run.policy.width, candidate_tips=with_candidates)
        if not tips:
            return run.update(simulated=False)
        request = await run.request()
        paths = [run.path_to(tip) for tip in tips]
        async with asyncio.TaskGroup() as group:
            calls = [run.model.propose(request, path, _others(run, path), meter=run.meter) for path in paths]
            tasks = [group.create_task(run.try_call(call)) for call in calls]
        replies = [task.result() for task in tasks]
        for tip, path, reply in zip(tips, paths, replies, strict=True):
            candidates += await _new_candidates(run, tip, path, reply, candidates)
        for reply in replies:
            if reply is not None and reply.value is not None:
                await _restructure(run, reply.value)
        return run.update(candidates=remaining_candidates(candidates, run.graph), simulated=False)

    return propose


def _others(run: NodeRun, path: Sequence[Thought]) -> list[Thought]:
    on_path = {thought.id for thought in path}
    return [thought for thought in run.graph.alive() if thought.id not in on_path][-_OTHER_THOUGHTS:]


async def _new_candidates(
    run: NodeRun,
    tip: str,
    path: Sequence[Thought],
    reply: ModelReply[ProposeReply] | None,
    candidates: Sequence[Action],
) -> list[Action]:
    """The candidates of one reply. A reply that can't be read costs the round: the tip gets one more chance."""
    run.graph.expanded(tip)
    made: list[Action] = []
    problem = ""
    if reply is None:
        problem = "could not be asked"
    elif reply.value is None:
        problem = reply.unreadable or "unreadable"
    else:
        run.record_completion("propose", reply.usage.completion)
        tokens = text_tokens(thought_lines(path))
        made = await run.build_actions(reply.value.actions, tip, path=tokens, candidates=candidates)
    await emit_proposed(run, tip, made, problem=problem)
    return made


async def _restructure(run: NodeRun, reply: ProposeReply) -> None:
    """Merges and prunes that a proposer suggests; the graph checks them, and no answer is touched on a model's word."""
    for pair in reply.merge:
        if _mergeable(run, pair):
            await merge_thoughts(run, pair.keep, pair.drop)
    for thought_id in reply.prune:
        if thought_id in run.graph.leaves() and run.graph[thought_id].kind not in _FIXED_KINDS:
            await prune_thought(run, thought_id, "leads nowhere, says the proposer")


def _mergeable(run: NodeRun, pair: SuggestedMerge) -> bool:
    graph = run.graph
    if pair.keep == pair.drop or not {pair.keep, pair.drop} <= {t.id for t in graph if graph.live(t.id)}:
        return False
    kinds = {graph[pair.keep].kind, graph[pair.drop].kind}
    related = pair.keep in graph.ancestors(pair.drop) or pair.drop in graph.ancestors(pair.keep)
    return len(kinds) == 1 and not kinds & _FIXED_KINDS and not related
