"""Reasons to stop, and pruning of branches that can't win any more."""

from collections.abc import Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import can_beat, choose, may_satisfy, open_tips, satisfies
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.search.graph_updates import prune_thought
from ecoalign_agent.search.node_run import NodeRun

MAX_ENDPOINT_FAILURES = 3
"""Calls that may fail at their endpoint before the search stops spending on it. Each had its own retries. Ours."""


def best_path(run: NodeRun) -> FrontierPath | None:
    """The path that would be answered from now; None without one."""
    return choose(run.frontier.tip_paths(), policy=run.policy, utility_of=lambda tip: run.graph[tip].utility)


async def stop_reason(
    run: NodeRun, candidates: Sequence[Action], best: FrontierPath | None, *, rounds: int
) -> StopReason | None:
    """The first reason to stop that holds after a round; None: go on."""
    policy = run.policy
    if policy.answers == "early" and best and satisfies(best.value, run.graph[best.tip].utility, policy):
        return "satisfied"
    if len(run.endpoint_failures) >= MAX_ENDPOINT_FAILURES:
        return "endpoint"
    if policy.deadline is not None and _time_is_up(run, policy.deadline):
        return "deadline"
    if rounds >= policy.max_rounds:
        return "rounds"
    return await _nothing_affordable(run, candidates)


async def _nothing_affordable(run: NodeRun, candidates: Sequence[Action]) -> StopReason | None:
    needed = [await run.max_action_cost(action) for action in candidates]
    if open_tips(run.graph, run.frontier, width=1, candidate_tips={action.tip for action in candidates}):
        kinds = run.context.answer_kinds or list(run.context.kinds)
        least = (await run.costs()).min_round(kinds, assessments=run.assessments)
        needed.append(least - await run.reassessment_reserve())
    if not needed:
        return "no_open_tip"
    return "budget" if run.budget.free < min(needed) else None


async def prune_dominated(run: NodeRun, best: FrontierPath | None) -> bool:
    """Prune the branches that can't beat the best path within what is left; whether there were any."""
    if best is None:
        return False
    policy, frontier, costs = run.policy, run.frontier, await run.costs()
    utility, free = run.graph[best.tip].utility, run.budget.free
    # A lower bound, or a branch that could win were cut: prompts are estimated on the high side, means are no bound.
    cheapest = 0.5 * min(costs.call(kind, completion=1) for kind in run.context.kinds)
    # While nothing satisfies, whatever may still satisfy stays, without a comparison.
    unsatisfied = not satisfies(best.value, utility, policy)
    dominated = []
    for thought_id in run.graph.leaves():
        label = frontier.best_label(thought_id)
        if label and unsatisfied and may_satisfy(label, policy=policy, free=free, cheapest=cheapest):
            continue
        labels = frontier.labels(thought_id)
        if run.graph[thought_id].kind in {"answer", "strategy"} or thought_id in best.path or not labels:
            continue
        if not any(can_beat(label, best, utility, policy=policy, free=free, cheapest=cheapest) for label in labels):
            dominated.append(thought_id)
    for thought_id in dominated:
        await prune_thought(run, thought_id, "can't beat the best path within what is left")
    return bool(dominated)


def _time_is_up(run: NodeRun, deadline: float) -> bool:
    """True if another round would run into the time that is reserved for the answer."""
    calls = run.ledger.calls
    mean = run.ledger.seconds / calls if calls else 0.0
    return run.elapsed + mean + run.answer_seconds() >= deadline
