"""execute: carries out the selected actions in parallel, assesses their thoughts, and decides whether to go on."""

import asyncio
from collections.abc import Collection
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.search.actions import remaining_candidates
from ecoalign_agent.search.assessment import (
    FINAL_ANSWER,
    INNER_NOTE,
    assess_candidate,
    cap_safety,
    generate_text,
    make_thought,
)
from ecoalign_agent.search.deduplication import find_duplicate
from ecoalign_agent.search.graph_updates import (
    add_thought,
    best_path,
    emit_budget,
    merge_thoughts,
    prune_dominated,
    prune_thought,
    stop_reason,
)
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import RequestContext
from ecoalign_agent.search.result_builder import frontier_points


async def execute_node(run: NodeRun) -> dict[str, Any]:
    """The node ``execute``. An unreadable thought costs its round and is lost; an unknown verdict prunes."""
    state = run.state
    selected = set(state["selected"])
    reviewed = reviewed_thoughts(state)
    thoughts = reviewed or await _carry_out(run, selected)
    if not reviewed and (pause := await pause_for_review(run, thoughts, node="execute")):
        return pause
    # In the order of the actions, so that a run can be repeated whatever came back first.
    for thought in thoughts:
        await _place(run, thought)
    candidates = remaining_candidates(state["candidates"], run.graph, selected)
    rounds, best = state["round"] + 1, best_path(run)
    stop = state.get("stop") or await stop_reason(run, candidates, best, rounds=rounds)
    if stop is None and await prune_dominated(run, best):
        candidates = remaining_candidates(candidates, run.graph)
        stop = await stop_reason(run, candidates, best, rounds=rounds)
    changes: dict[str, Any] = await _frontier_change(run) | (REVIEW_DONE if reviewed else {})
    await emit_budget(run, rounds)
    return run.update(candidates=candidates, selected=[], round=rounds, stop=stop, **changes)


async def _carry_out(run: NodeRun, selected: Collection[str]) -> list[Thought]:
    actions = [action for action in run.state["candidates"] if action.id in selected]
    request = await run.request()
    reassessments = await run.reassessment_reserve() if any(action.is_answer for action in actions) else 0.0
    with run.use_reserve(reassessments):
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_thought(run, request, action)) for action in actions]
    return [thought for task in tasks if (thought := task.result()) is not None]


async def _frontier_change(run: NodeRun) -> dict[str, list[FrontierPath]]:
    fresh = run.graph.changes[len(run.state["journal"]) :]
    if run.policy.answers == "early" and all(isinstance(new, Thought) and new.kind != "answer" for new in fresh):
        return {}  # only an answer or a cut moves it
    frontier = run.frontier.answers()
    if frontier == run.state.get("frontier", []):
        return {}
    await run.emit(events.FrontierMoved, points=frontier_points(run, frontier))
    return {"frontier": frontier}


async def _thought(run: NodeRun, request: RequestContext, action: Action) -> Thought | None:
    joins = len(action.parents) > 1
    path = tuple(run.graph[parent] for parent in action.parents) if joins else run.path_to(action.tip)
    text, cost = action.draft, 0.0
    if text is None:
        written = await generate_text(
            run,
            action.kind,
            lambda: run.model.execute(request, action, path, meter=run.meter),
            name=f"{action.kind} {action.id}",
            path=path,
            assessments=run.max_assessments if action.is_answer else 1,
            final=action.is_answer,
        )
        if written is None:
            return None
        text, cost = written
    role, times = (FINAL_ANSWER, run.assessments) if action.is_answer else (INNER_NOTE, 1)
    verdict = await assess_candidate(run, request, text, role=role, path=path, times=times)
    if verdict is None and cost == 0.0:
        return None
    if joins and verdict is not None:
        verdict = cap_safety(verdict, path)
    return make_thought(
        f"t{action.id[1:]}",
        "answer" if action.is_answer else action.kind,
        text,
        action.parents,
        cost,
        verdict,
        round_=run.state["round"],
        region=action.region,
        picture=action.picture,
    )


async def _place(run: NodeRun, thought: Thought) -> None:
    """Prune a thought that is unsafe, merge it with one that says the same."""
    if not await add_thought(run, thought):
        return
    related, similarity = run.graph.ancestors(thought.id), run.policy.merge_similarity
    if (same := find_duplicate(thought, map(run.graph.__getitem__, related), similarity)) is not None:
        # It can't be merged with what it follows from, and its utility must not be counted once more.
        await prune_thought(run, thought.id, f"repeats {same.id}")
        return
    twin = find_duplicate(thought, [t for t in run.graph.alive() if t.id not in related], similarity)
    if twin is not None:
        await merge_thoughts(run, twin.id, thought.id)
    if thought.kind != "answer" and run.graph.live(thought.id):
        await run.reserve_for_path(run.path_to(thought.id))
