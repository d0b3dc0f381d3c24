"""score: what each action is worth, and which are bought. Makes no call."""

from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import rank, select_actions
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import MAX_CANDIDATES
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.cost_model import REREAD_FACTOR
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.propose import best_path_to
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.state import SearchState, thought_lines


def score_node(desk: SearchContext) -> Node:
    """The node ``score``: drops what is unsafe, and buys the best of what fits into what is left."""

    async def score(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state)
        costing = await turn.costing()
        horizon = turn.horizon
        ranked = rank(state["offers"], policy=turn.policy, horizon=horizon)[:MAX_CANDIDATES]

        def most(action: Action) -> float:
            path = text_tokens(thought_lines(best_path_to(turn, action.tip)))
            # A thought that others will follow makes the ending dearer, too.
            longer = 0 if action.kind == "answer" else REREAD_FACTOR * costing.room(action.kind)
            return turn.needed_for(costing, action, path=path) + costing.lengthening(longer, verdicts=turn.verdicts)

        bought = select_actions(ranked, batch=turn.policy.batch, free=turn.budget.free, cost_of=most)
        chosen = {action.id for action in bought}
        stop: StopReason | None = None
        if not bought and ranked:
            stop = "budget" if ranked[0][0] > 0 else "no_value"
        elif not ranked and state["offers"]:
            stop = "no_value"
        await turn.tell(
            events.Scored,
            round=state["round"],
            horizon=horizon,
            simulated=state.get("simulated", False),
            actions=[events.ScoredAction(action=a.id, value=value, bought=a.id in chosen) for value, a in ranked]
            + [
                events.ScoredAction(action=a.id, value=None, bought=False)
                for a in state["offers"]
                if a.id not in {ranked_action.id for _, ranked_action in ranked}
            ],
        )
        return turn.update(offers=[action for _, action in ranked], buying=[a.id for a in bought], stop=stop)

    return score
