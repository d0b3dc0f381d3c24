"""score: the value of each candidate, and the selection. Makes no call."""

from typing import Any

from ecoalign_agent.economics.selection import rank, select_actions
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import MAX_CANDIDATES
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.cost_model import REREAD_FACTOR
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import SearchNode
from ecoalign_agent.search.request_context import thought_lines
from ecoalign_agent.search.state import SearchState


def score_node(context: SearchContext) -> SearchNode:
    """The node ``score``: drops what is unsafe, and selects the best of what fits into what is left."""

    async def score(state: SearchState) -> dict[str, Any]:
        run = NodeRun(context, state)
        costs, horizon, candidates = await run.costs(), run.horizon, state["candidates"]
        ranked = rank(candidates, policy=run.policy, horizon=horizon)[:MAX_CANDIDATES]
        max_cost: dict[str, float] = {}
        for _, action in ranked:
            path = text_tokens(thought_lines(run.path_to(action.tip)))
            # A thought that others will follow makes the final answer more expensive, too.
            longer = 0 if action.is_answer else REREAD_FACTOR * costs.usable_length(action.kind)
            max_cost[action.id] = await run.max_action_cost(action, path=path)
            max_cost[action.id] += costs.longer_path(longer, assessments=run.max_assessments)
        selected = select_actions(
            ranked, batch=run.policy.batch, free=run.budget.free, cost_of=lambda action: max_cost[action.id]
        )
        stop: StopReason | None = None
        if not selected and candidates:
            stop = "budget" if ranked and ranked[0][0] > 0 else "no_value"
        ids, valued = {action.id for action in selected}, {action.id for _, action in ranked}
        await run.emit(
            events.Scored,
            round=state["round"],
            horizon=horizon,
            simulated=state.get("simulated", False),
            actions=[
                *(events.ScoredAction(action=a.id, value=value, bought=a.id in ids) for value, a in ranked),
                *(events.ScoredAction(action=a.id, value=None, bought=False) for a in candidates if a.id not in valued),
            ],
        )
        return run.update(
            candidates=[action for _, action in ranked], selected=[action.id for action in selected], stop=stop
        )

    return score
