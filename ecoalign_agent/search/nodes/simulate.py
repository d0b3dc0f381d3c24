"""simulate: imagined futures, bought only where the budget pays for looking ahead and looking can change the choice."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import is_close_call, rank
from ecoalign_agent.economics.valuation import Step, utility_of_grade
from ecoalign_agent.events import events
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import forecast_steps
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.propose import best_path_to
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.schemas import SimulateReply
from ecoalign_agent.search.state import RequestContext, SearchState, thought_lines

_MOST_FUTURES = 2


def simulate_node(desk: SearchContext) -> Node:
    """The node ``simulate``. With horizon 0 or inline forecasts it makes no call."""

    async def simulate(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state)
        asked = _worth_asking(turn, state["offers"])
        if not asked:
            return turn.update()
        scene = await turn.scene()
        by_tip: dict[str, list[Action]] = {}
        for action in asked:
            by_tip.setdefault(action.tip, []).append(action)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(turn.attempt(_ask(turn, scene, tip, some))) for tip, some in by_tip.items()]
        forecast: dict[str, Action] = {}
        for (tip, actions), task in zip(by_tip.items(), tasks, strict=True):
            forecast |= await _forecast(turn, tip, actions, task.result())
        offers = [forecast.get(offer.id, offer) for offer in state["offers"]]
        return turn.update(offers=offers, simulated=bool(forecast))

    return simulate


def _worth_asking(turn: NodeRun, offers: Sequence[Action]) -> list[Action]:
    """The actions to look ahead from, as the policy says."""
    policy, horizon = turn.policy, turn.horizon
    if horizon == 0 or policy.forecasts == "inline":
        return []
    open_ = [offer for offer in offers if not offer.simulated and offer.draft is None]
    if policy.forecasts == "auto":
        ranked = rank(offers, policy=policy, horizon=horizon)
        if not is_close_call(ranked):
            return []
        near = {action.id for value, action in ranked if is_close_call([ranked[0], (value, action)])}
        open_ = [offer for offer in open_ if offer.id in near]
    return open_


async def _ask(turn: NodeRun, scene: RequestContext, tip: str, actions: Sequence[Action]) -> ModelReply[SimulateReply]:
    return await turn.ports.simulator.simulate(
        scene, best_path_to(turn, tip), actions, horizon=turn.horizon, meter=turn.meter
    )


async def _forecast(
    turn: NodeRun, tip: str, actions: Sequence[Action], reply: ModelReply[SimulateReply] | None
) -> dict[str, Action]:
    """The actions with their new forecasts; one that got none keeps what it had."""
    if reply is None or reply.value is None:
        return {}
    turn.learn("simulate", reply.usage.completion)
    costing = await turn.costing()
    path = text_tokens(thought_lines(best_path_to(turn, tip)))
    forecast: dict[str, Action] = {}
    for number, action in enumerate(actions, 1):
        found = [f for f in reply.value.forecasts if f.action == number][:_MOST_FUTURES]
        if not found:
            continue
        # Of two forecasts of the action itself the more sober one counts.
        own = Step(min(f.safety for f in found), utility_of_grade(min(f.utility for f in found)), action.step.cost)
        futures = tuple(forecast_steps(f.steps[: turn.horizon], costing, path) for f in found)
        forecast[action.id] = replace(action, step=own, forecasts=futures, simulated=True)
        await turn.tell(
            events.ForecastMade,
            action=action.id,
            futures=[
                [events.ForecastStep(safety=s.safety, utility=s.utility, cost=s.cost) for s in (own, *future)]
                for future in futures
            ],
        )
    return forecast
