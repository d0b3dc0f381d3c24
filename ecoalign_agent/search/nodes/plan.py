"""plan: a strategy for a sensitive request, written or given, assessed before anything else is paid for."""

from dataclasses import replace
from typing import Any

from ecoalign_agent.assessors.base import Role
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.search.assessment import assess_candidate, generate_text, hold_for_assessments, make_thought
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import add_thought
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import SearchNode
from ecoalign_agent.search.state import SearchState

_STRATEGY: Role = "a strategy of the assistant"


def plan_node(context: SearchContext) -> SearchNode:
    """The node ``plan``. Without a strategy (unreadable, unsafe, or too expensive) the search goes on from the root.

    Where one was given before the search, no planner is asked.
    """

    async def plan(state: SearchState) -> dict[str, Any]:
        run = NodeRun(context, state)
        reviewed = reviewed_thoughts(state)
        thought = reviewed[0] if reviewed else await _strategy(run)
        if thought is None:
            return run.update()
        if not reviewed and (pause := await pause_for_review(run, [thought], node="plan")):
            return pause
        live = await add_thought(run, thought)
        await run.emit(events.Planned, id="strategy", text=thought.text if live else "")
        candidates = state["candidates"]
        if live:
            # What the scan proposed now follows from the strategy, and so does what is proposed next.
            candidates = [replace(action, parents=("strategy", *action.parents[1:])) for action in candidates]
            if candidates:
                run.graph.expanded("strategy")
            await run.reserve_for_path([thought])
        return run.update(candidates=candidates, **(REVIEW_DONE if reviewed else {}))

    return plan


async def _strategy(run: NodeRun) -> Thought | None:
    """The strategy, assessed; None: none could be had."""
    request = await run.request()
    text, cost = "" if run.prior is None else run.prior.strategy, 0.0
    if text and await hold_for_assessments(run, "plan") is None:
        run.note("no_strategy", "no strategy could be used; the search went on without one")
        return None
    if not text:
        reply = await generate_text(run, "plan", lambda: run.model.plan(request, meter=run.meter))
        if reply is None or reply.value is None:
            run.note("no_strategy", "no strategy could be written; the search went on without one")
            return None
        text, cost = reply.value.text, reply.cost
        run.record_completion("plan", reply.usage.completion)
    verdict = await assess_candidate(run, request, text, role=_STRATEGY)
    return make_thought("strategy", "strategy", text, ("root",), cost, verdict, round_=0)
