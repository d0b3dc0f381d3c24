"""execute: buys the chosen actions in parallel, assesses what they brought, and updates the Pareto labels."""

import asyncio
from collections.abc import Collection
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.search.actions import remaining_candidates
from ecoalign_agent.search.assessment import (
    FINAL_ANSWER,
    INNER_NOTE,
    assess,
    cap_safety,
    generate_text,
    make_thought,
    reserve_for_path,
)
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.deduplication import find_duplicate
from ecoalign_agent.search.graph_updates import (
    emit_budget,
    emit_frontier,
    emit_thought,
    merge_thoughts,
    prune_if_unsafe,
    prune_thought,
)
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.propose import best_path_to
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.state import RequestContext, SearchState
from ecoalign_agent.search.stopping import best_path, prune_dominated, stop_reason


def execute_node(desk: SearchContext) -> Node:
    """The node ``execute``. An unreadable thought costs its round and is lost; an unknown verdict prunes."""

    async def execute(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state)
        wanted = set(state["buying"])
        back = reviewed_thoughts(state)
        thoughts = back or await _bought(turn, state, wanted)
        if not back and (pause := await pause_for_review(turn, thoughts, by="execute")):
            return turn.update(**pause)
        # In the order of the actions, so that a run can be repeated whatever came back first.
        for thought in thoughts:
            await _place(turn, thought)
        offers = remaining_candidates(state["offers"], turn.graph, gone=wanted)
        costing = await turn.costing()
        rounds = state["round"] + 1
        best = best_path(turn)
        stop = state.get("stop") or stop_reason(turn, costing, offers, best, rounds=rounds)
        if stop is None and await prune_dominated(turn, costing, best):
            offers = remaining_candidates(offers, turn.graph)
            stop = stop_reason(turn, costing, offers, best, rounds=rounds)
        moved = await _moved_frontier(turn, state)
        await emit_budget(turn, rounds)
        settled = REVIEW_DONE if back else {}
        return turn.update(offers=offers, buying=[], round=rounds, stop=stop, **moved, **settled)

    return execute


async def _bought(turn: NodeRun, state: SearchState, wanted: Collection[str]) -> list[Thought]:
    """What the chosen actions brought, assessed, in their order."""
    actions = [offer for offer in state["offers"] if offer.id in wanted]
    scene, costing = await turn.scene(), await turn.costing()
    regrading = turn.regrading(costing) if any(action.kind == "answer" for action in actions) else 0.0
    with turn.drawing(regrading):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_buy(turn, scene, action, state["round"])) for action in actions]
    return [thought for task in tasks if (thought := task.result()) is not None]


async def _moved_frontier(turn: NodeRun, state: SearchState) -> dict[str, list[FrontierPath]]:
    """The frontier as a change of the state, told to everyone; nothing where it stands as it stood."""
    fresh = turn.graph.changes_since(len(state["growth"]))
    if turn.policy.answers == "early" and all(isinstance(new, Thought) and new.kind != "answer" for new in fresh):
        return {}  # only an answer or a cut moves it
    frontier = turn.frontier.answers()
    if frontier == state.get("frontier", []):
        return {}
    await emit_frontier(turn, frontier)
    return {"frontier": frontier}


async def _buy(turn: NodeRun, scene: RequestContext, action: Action, round_: int) -> Thought | None:
    """One action carried out and assessed; None when nothing came of it."""
    path = best_path_to(turn, action.tip) if action.kind != "fuse" else tuple(turn.graph[p] for p in action.parents)
    verdicts = turn.verdicts if action.kind == "answer" else 1
    text, cost = action.draft, 0.0
    if text is None:
        reply = await generate_text(
            turn,
            action.kind,
            lambda: turn.ports.executor.execute(scene, action, path, meter=turn.meter),
            path=path,
            verdicts=verdicts,
        )
        if reply is None:
            return None
        if reply.value is None:
            turn.note_unreadable(f"{action.kind} {action.id}", reply)
            return None
        text, cost = reply.value.text, reply.cost
        turn.learn(action.kind, reply.usage.completion)
    role = FINAL_ANSWER if action.kind == "answer" else INNER_NOTE
    times = turn.times if action.kind == "answer" else 1
    verdict = await assess(turn, scene, text, role=role, path=path, times=times)
    if verdict is None and cost == 0.0:
        return None
    if action.kind == "fuse" and verdict is not None:
        verdict = cap_safety(verdict, path)
    return make_thought(
        f"t{action.id[1:]}",
        action.kind,
        text,
        action.parents,
        cost,
        verdict,
        round_=round_,
        region=action.region,
        picture=action.picture,
    )


async def _place(turn: NodeRun, thought: Thought) -> None:
    """Put a thought into the graph: prune it when it is unsafe, merge it when it says what another says."""
    turn.graph.add(thought)
    await emit_thought(turn, thought)
    await prune_if_unsafe(turn, thought)
    if not turn.graph.live(thought.id):
        return
    related = turn.graph.ancestors(thought.id)
    if (same := find_duplicate(thought, map(turn.graph.thought, related), turn.policy.merge_similarity)) is not None:
        # It can't be merged with what it follows from, and its utility must not be counted once more.
        await prune_thought(turn, thought.id, f"repeats {same.id}")
        return
    others = [t for t in turn.graph.alive() if t.id not in related]
    twin = find_duplicate(thought, others, turn.policy.merge_similarity)
    if twin is not None:
        await merge_thoughts(turn, twin.id, thought.id)
    if thought.kind != "answer" and turn.graph.live(thought.id):
        await reserve_for_path(turn, best_path_to(turn, thought.id))
