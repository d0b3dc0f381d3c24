"""propose: the next actions from the best open tips, in parallel."""

import asyncio
from collections.abc import Sequence
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import open_tips
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import ActionFactory, remaining_candidates
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_proposed, merge_thoughts, prune_thought
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.schemas import ProposeReply, SuggestedMerge
from ecoalign_agent.search.state import RequestContext, SearchState, thought_lines


def propose_node(desk: SearchContext) -> Node:
    """The node ``propose``. Makes no call in round 0 when the scan proposed already."""

    async def propose(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state)
        offers = list(state["offers"])
        if state["round"] == 0 and offers:
            return turn.update(simulated=False)
        candidate_tips = {offer.tip for offer in offers}
        tips = open_tips(turn.graph, turn.frontier, width=turn.policy.width, candidate_tips=candidate_tips)
        if not tips:
            return turn.update(simulated=False)
        scene = await turn.scene()
        paths = [best_path_to(turn, tip) for tip in tips]
        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(turn.attempt(_ask(turn, scene, path))) for path in paths]
        suggested: list[ProposeReply] = []
        for tip, path, task in zip(tips, paths, asked, strict=True):
            reply = task.result()
            offers += await _offered(turn, tip, path, reply, offers)
            if reply is not None and reply.value is not None:
                suggested.append(reply.value)
        for value in suggested:
            await _restructure(turn, value)
        return turn.update(offers=remaining_candidates(offers, turn.graph), simulated=False)

    return propose


def best_path_to(turn: NodeRun, tip: str) -> tuple[Thought, ...]:
    """The best path to ``tip``, root first, as thoughts."""
    return tuple(turn.graph[thought_id] for thought_id in turn.frontier.path_to(tip))


async def _ask(turn: NodeRun, scene: RequestContext, path: Sequence[Thought]) -> ModelReply[ProposeReply]:
    on_path = {thought.id for thought in path}
    others = [t for t in turn.graph.alive() if t.id not in on_path]
    # The youngest say most about where the search stands, and a prompt must not grow with the graph.
    return await turn.ports.proposer.propose(
        scene, path, others[-8:], branching=turn.policy.branching, meter=turn.meter
    )


async def _offered(
    turn: NodeRun, tip: str, path: Sequence[Thought], reply: ModelReply[ProposeReply] | None, standing: Sequence[Action]
) -> list[Action]:
    """The offers of one reply. A reply that can't be read costs the round: the tip gets one more chance."""
    problem = ""
    made: list[Action] = []
    if reply is None:
        problem = "could not be asked"
    elif reply.value is None:
        problem = reply.unreadable or "unreadable"
    turn.graph.expanded(tip)
    if reply is not None and reply.value is not None:
        turn.learn("propose", reply.usage.completion)
        costing = await turn.costing()
        pictures = (await turn.opened()).pictures
        counter = ActionFactory(turn.graph, turn.policy, costing, pictures=pictures, standing=standing)
        tokens = text_tokens(thought_lines(path))
        for proposal in reply.value.actions[: turn.policy.branching]:
            offer = counter.offer(proposal, tip=tip, name=turn.next_id(), path=tokens)
            if offer is not None:
                made.append(offer)
    await emit_proposed(turn, tip, made, problem=problem)
    return made


async def _restructure(turn: NodeRun, reply: ProposeReply) -> None:
    """Merges and prunes that a proposer suggests; the graph checks them, and no answer is touched on a model's word."""
    for pair in reply.merge:
        if _mergeable(turn, pair):
            await merge_thoughts(turn, pair.keep, pair.drop)
    for thought_id in reply.prune:
        if thought_id in turn.graph.leaves() and turn.graph[thought_id].kind in {"reason", "look", "fuse"}:
            await prune_thought(turn, thought_id, "leads nowhere, says the proposer")


def _mergeable(turn: NodeRun, pair: SuggestedMerge) -> bool:
    graph = turn.graph
    if pair.keep == pair.drop or not {pair.keep, pair.drop} <= {t.id for t in graph if graph.live(t.id)}:
        return False
    kinds = {graph[pair.keep].kind, graph[pair.drop].kind}
    related = pair.keep in graph.ancestors(pair.drop) or pair.drop in graph.ancestors(pair.keep)
    return len(kinds) == 1 and not kinds & {"root", "strategy", "answer"} and not related
