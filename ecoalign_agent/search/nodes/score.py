"""simulate: imagined futures, paid for only where the budget affords looking ahead and that can change the choice.

score: the value of each candidate, and the selection; makes no call.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.selection import is_close_call, rank, select_actions
from ecoalign_agent.economics.valuation import Step, utility_of_grade
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import MAX_CANDIDATES, forecast_steps
from ecoalign_agent.search.cost_model import REREAD_FACTOR
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.request import thought_lines
from ecoalign_agent.search.schemas import SimulateReply

_MAX_FUTURES = 2


async def simulate_node(run: NodeRun) -> dict[str, Any]:
    """The node ``simulate``. With horizon 0 or inline forecasts it makes no call."""
    by_tip: dict[str, list[Action]] = {}
    for action in _to_simulate(run, run.state["candidates"]):
        by_tip.setdefault(action.tip, []).append(action)
    if not by_tip:
        return run.update()
    request = await run.request()
    calls = [
        run.model.simulate(request, run.path_to(tip), actions, horizon=run.horizon, meter=run.meter)
        for tip, actions in by_tip.items()
    ]
    simulated: dict[str, Action] = {}
    for (tip, actions), reply in zip(by_tip.items(), await run.try_calls(calls), strict=True):
        simulated |= await _with_forecasts(run, tip, actions, reply)
    candidates = [simulated.get(action.id, action) for action in run.state["candidates"]]
    return run.update(candidates=candidates, simulated=bool(simulated))


def _to_simulate(run: NodeRun, candidates: Sequence[Action]) -> list[Action]:
    policy, horizon = run.policy, run.horizon
    if horizon == 0 or policy.forecasts == "inline":
        return []
    chosen = [action for action in candidates if not action.simulated and action.draft is None]
    if policy.forecasts == "auto":
        ranked = rank(candidates, policy=policy, horizon=horizon)
        if not is_close_call(ranked):
            return []
        near = {action.id for value, action in ranked if is_close_call([ranked[0], (value, action)])}
        chosen = [action for action in chosen if action.id in near]
    return chosen


async def _with_forecasts(
    run: NodeRun, tip: str, actions: Sequence[Action], reply: ModelReply[SimulateReply] | None
) -> dict[str, Action]:
    """The actions with their new forecasts; one that got none keeps what it had."""
    if reply is None or reply.value is None:
        return {}
    run.record_completion("simulate", reply.usage.completion)
    costs = await run.costs()
    path = text_tokens(thought_lines(run.path_to(tip)))
    simulated: dict[str, Action] = {}
    for number, action in enumerate(actions, 1):
        found = [f for f in reply.value.forecasts if f.action == number][:_MAX_FUTURES]
        if not found:
            continue
        # Of two forecasts of the action itself the lower one counts.
        own = Step(min(f.safety for f in found), utility_of_grade(min(f.utility for f in found)), action.step.cost)
        futures = tuple(forecast_steps(f.steps[: run.horizon], costs, path) for f in found)
        simulated[action.id] = replace(action, step=own, forecasts=futures, simulated=True)
        await run.emit(
            events.ForecastMade,
            action=action.id,
            futures=[
                [events.ForecastStep(safety=s.safety, utility=s.utility, cost=s.cost) for s in (own, *future)]
                for future in futures
            ],
        )
    return simulated


async def score_node(run: NodeRun) -> dict[str, Any]:
    """The node ``score``: drops what is unsafe, and selects the best of what fits into what is left."""
    costs, horizon, candidates = await run.costs(), run.horizon, run.state["candidates"]
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
        round=run.state["round"],
        horizon=horizon,
        simulated=run.state.get("simulated", False),
        actions=[
            *(events.ScoredAction(action=a.id, value=value, bought=a.id in ids) for value, a in ranked),
            *(events.ScoredAction(action=a.id, value=None, bought=False) for a in candidates if a.id not in valued),
        ],
    )
    return run.update(
        candidates=[action for _, action in ranked], selected=[action.id for action in selected], stop=stop
    )
