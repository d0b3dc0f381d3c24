"""plan: a strategy for a sensitive request, written or given, assessed before anything else is paid for.

propose: the next actions from the best open tips, in parallel.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecoalign_agent.assessors.base import Role
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import open_tips
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import remaining_candidates
from ecoalign_agent.search.assessment import assess_candidate, generate_text, hold_for_assessments, make_thought
from ecoalign_agent.search.graph_updates import add_thought, emit_proposed, merge_thoughts, prune_thought
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import thought_lines
from ecoalign_agent.search.schemas import ProposeReply, SuggestedMerge

_STRATEGY: Role = "a strategy of the assistant"

_OTHER_THOUGHTS = 8
"""Thoughts beside the path that the prompt shows: the youngest, so that it does not grow with the graph."""

_FIXED_KINDS = frozenset({"root", "strategy", "answer"})
"""Thoughts that no proposer's word merges or prunes."""


async def plan_node(run: NodeRun) -> dict[str, Any]:
    """The node ``plan``. Without a strategy (unreadable, unsafe, or too expensive) the search goes on from the root.

    Where one was given before the search, no planner is asked.
    """
    reviewed = reviewed_thoughts(run.state)
    thought = reviewed[0] if reviewed else await _strategy(run)
    if thought is None:
        return run.update()
    if not reviewed and (pause := await pause_for_review(run, [thought], node="plan")):
        return pause
    live = await add_thought(run, thought)
    await run.emit(events.Planned, id="strategy", text=thought.text if live else "")
    candidates = run.state["candidates"]
    if live:
        # What the scan proposed now follows from the strategy, and so does what is proposed next.
        candidates = [replace(action, parents=("strategy", *action.parents[1:])) for action in candidates]
        if candidates:
            run.graph.expanded("strategy")
        await run.reserve_for_path([thought])
    return run.update(candidates=candidates, **(REVIEW_DONE if reviewed else {}))


async def _strategy(run: NodeRun) -> Thought | None:
    request = await run.request()
    text, cost = "" if run.prior is None else run.prior.strategy, 0.0
    if text and await hold_for_assessments(run, "plan") is None:
        run.note("no_strategy", "no strategy could be used; the search went on without one")
        return None
    if not text:
        written = await generate_text(run, "plan", lambda: run.model.plan(request, meter=run.meter))
        if written is None:
            run.note("no_strategy", "no strategy could be written; the search went on without one")
            return None
        text, cost = written
    verdict = await assess_candidate(run, request, text, role=_STRATEGY)
    return make_thought("strategy", "strategy", text, ("root",), cost, verdict, round_=0)


async def propose_node(run: NodeRun) -> dict[str, Any]:
    """The node ``propose``. Makes no call in round 0 when the scan proposed already."""
    candidates = list(run.state["candidates"])
    if run.state["round"] == 0 and candidates:
        return run.update(simulated=False)
    with_candidates = {action.tip for action in candidates}
    tips = open_tips(run.graph, run.frontier, width=run.policy.width, candidate_tips=with_candidates)
    if not tips:
        return run.update(simulated=False)
    request = await run.request()
    paths = [run.path_to(tip) for tip in tips]
    calls = []
    for path in paths:
        others = [thought for thought in run.graph.alive() if thought not in path][-_OTHER_THOUGHTS:]
        calls.append(run.model.propose(request, path, others, meter=run.meter))
    replies = await run.try_calls(calls)
    for tip, path, reply in zip(tips, paths, replies, strict=True):
        candidates += await _new_candidates(run, tip, path, reply, candidates)
    for reply in replies:
        if reply is not None and reply.value is not None:
            await _restructure(run, reply.value)
    return run.update(candidates=remaining_candidates(candidates, run.graph), simulated=False)


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
