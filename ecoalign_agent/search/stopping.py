"""When the search ends, and which branches can't win any more."""

from collections.abc import Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import can_beat, choose, may_satisfy, open_tips, satisfies
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.search.cost_model import CostModel
from ecoalign_agent.search.graph_updates import prune_thought
from ecoalign_agent.search.node_run import NodeRun

_KINDS = ("reason", "look", "fuse", "answer")

MAX_ENDPOINT_FAILURES = 3
"""Calls that may fail at their endpoint before the search stops spending on it. Each had its own retries. Ours."""


def best_path(turn: NodeRun) -> FrontierPath | None:
    """The path that would be answered from now; None without one."""
    return choose(turn.frontier.tip_paths(), policy=turn.policy, utility_of=lambda tip: turn.graph[tip].utility)


def stop_reason(
    turn: NodeRun, costing: CostModel, offers: Sequence[Action], best: FrontierPath | None, *, rounds: int
) -> StopReason | None:
    """The first reason to stop that holds after a round; None: go on.

    Args:
        turn: the state of the search.
        costing: what calls cost.
        offers: what can still be bought.
        best: the path that would be answered from now.
        rounds: rounds that have ended.
    """
    policy = turn.policy
    if policy.answers == "early" and best and satisfies(best.value, turn.graph[best.tip].utility, policy):
        return "satisfied"
    if len(turn.troubles) >= MAX_ENDPOINT_FAILURES:
        return "endpoint"
    if policy.deadline is not None and _time_is_up(turn):
        return "deadline"
    if rounds >= policy.max_rounds:
        return "rounds"
    return _nothing_to_buy(turn, costing, offers)


def _nothing_to_buy(turn: NodeRun, costing: CostModel, offers: Sequence[Action]) -> StopReason | None:
    """Whether nothing is on offer and no tip is open, or what is left pays for none of it."""
    tips = open_tips(turn.graph, turn.frontier, width=1, candidate_tips={offer.tip for offer in offers})
    needed = [turn.needed_for(costing, offer) for offer in offers]
    if tips:
        needed.append(costing.round_at_least(verdicts=turn.times) - turn.regrading(costing))
    if not needed:
        return "no_open_tip"
    return "budget" if turn.budget.free < min(needed) else None


async def prune_dominated(turn: NodeRun, costing: CostModel, best: FrontierPath | None) -> bool:
    """Prune the branches that can't beat the best path within what is left; whether there were any."""
    if best is None:
        return False
    utility, free = turn.graph[best.tip].utility, turn.budget.free
    # A lower bound, or a branch that could win were cut: prompts are estimated on the high side, means are no bound.
    cheapest = 0.5 * min(costing.call(kind, completion=1) for kind in _KINDS)
    # While nothing satisfies, whatever may still satisfy is kept: known without comparing it.
    wanting = not satisfies(best.value, utility, turn.policy)
    hopeless = []
    for thought_id in turn.graph.leaves():
        label = turn.frontier.best_label(thought_id)
        if label and wanting and may_satisfy(label, policy=turn.policy, free=free, cheapest=cheapest):
            continue
        thought = turn.graph[thought_id]
        labels = turn.frontier.labels(thought_id)
        if thought.kind in {"answer", "strategy"} or thought_id in best.path or not labels:
            continue
        if not any(
            can_beat(label, best, utility, policy=turn.policy, free=free, cheapest=cheapest) for label in labels
        ):
            hopeless.append(thought_id)
    for thought_id in hopeless:
        await prune_thought(turn, thought_id, "can't beat the best path within what is left")
    return bool(hopeless)


def _time_is_up(turn: NodeRun) -> bool:
    """Whether another round would run into the time that the ending needs."""
    assert turn.policy.deadline is not None  # noqa: S101 - the caller checked; for the type checker
    calls = turn.ledger.calls
    a_call = turn.ledger.seconds / calls if calls else 0.0
    return turn.elapsed + a_call + turn.ending_seconds() >= turn.policy.deadline
