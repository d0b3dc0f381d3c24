"""Choices of the search: tips to expand, actions to execute, branches to give up, and the answer to take.

Source: EcoAlign, and ours where noted.
"""

import heapq
import math
from collections.abc import Callable, Collection, Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath, ParetoFrontier, PathValue, worth
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.valuation import net_present_value, rate_of_return


def open_tips(
    graph: ThoughtGraph, frontier: ParetoFrontier, *, width: int, candidate_tips: Collection[str] = ()
) -> list[str]:
    """The thoughts to propose from next: at most `width`, best first, of `ThoughtGraph.expandable`.

    Best is the highest Γ of its best label, ties to the cheaper, then to the older; the root comes last, without Γ.
    Source: EcoAlign, best first.
    """
    ranked: list[tuple[float, float, int, str]] = []
    for age, thought in enumerate(graph.expandable(candidate_tips)):
        label = frontier.best_label(thought.id)
        if label is not None:
            priority = math.inf if thought is graph.root else -frontier.worth(label)
            ranked.append((priority, label.cost, age, thought.id))
    return [thought_id for _, _, _, thought_id in heapq.nsmallest(width, ranked)]


def action_value(action: Action, *, policy: Policy, horizon: int) -> float | None:
    """V(a) by the policy: rate of return or net present value. None: the action is unsafe.

    Under the ablation `cost_in_value = False` every cost counts as 1.
    """
    step, forecasts = action.step, action.forecasts
    if not policy.cost_in_value:
        step = step._replace(cost=1.0)
        forecasts = tuple(tuple(after._replace(cost=1.0) for after in forecast) for forecast in forecasts)
    value_of = net_present_value if policy.value == "npv" else rate_of_return
    return value_of(step, forecasts, discount=policy.discount, horizon=horizon)


def rank(actions: Sequence[Action], *, policy: Policy, horizon: int) -> list[tuple[float, Action]]:
    """Actions with their values, best first, without unsafe ones, which have no value.

    Ties go to the cheaper, then to an answer, then to the one given first. Source: EcoAlign, valuation; ties are ours.
    """
    valued = ((action_value(action, policy=policy, horizon=horizon), action) for action in actions)
    safe = [(value, action) for value, action in valued if value is not None]
    return sorted(safe, key=lambda entry: (-entry[0], entry[1].step.cost, not entry[1].is_answer))


def is_close_call(ranked: Sequence[tuple[float, Action]], margin: float = 0.25) -> bool:
    """True if the second best value is less than a share `margin` below the best: look-ahead may change the choice."""
    return len(ranked) > 1 and ranked[0][0] > 0 and ranked[1][0] >= (1.0 - margin) * ranked[0][0]


def select_actions(
    ranked: Sequence[tuple[float, Action]], *, batch: int, free: float, cost_of: Callable[[Action], float]
) -> list[Action]:
    """The actions to execute together: the best with V > 0 whose maximum costs fit jointly into the free budget.

    One that does not fit is passed over. An answer that would be the first is executed alone: it may end the search.
    """
    selected: list[Action] = []
    for value, action in ranked:
        if value <= 0 or len(selected) == batch:
            break
        cost = cost_of(action)
        if not cost <= free:  # an unknown cost (NaN) does not fit either
            continue
        if action.is_answer and not selected:
            return [action]
        selected.append(action)
        free -= cost
    return selected


def satisfies(value: PathValue, tip_utility: float, policy: Policy) -> bool:
    """True if an answer is good enough to stop: S >= satisfied_safety and u of the tip >= satisfied_utility."""
    return value.safety >= policy.satisfied_safety and tip_utility >= policy.satisfied_utility


def choose(paths: Sequence[FrontierPath], *, policy: Policy, utility_of: Callable[[str], float]) -> FrontierPath | None:
    """The path to answer from; None if no path is safe.

    `choice = "gamma"`: the highest Γ. `"satisfied"`: among the satisfying ones the highest Γ; if there is none, the
    highest S · u of the tip, ties to the higher Γ. Further ties go to the cheaper, the safer, then the one given first.

    Args:
        paths: `ParetoFrontier.tip_paths`, not `answers`: a path may be dominated in (U, C, S) and still end in the
            better answer.
        utility_of: u of the thought with this id.
    Source: EcoAlign, objective, for "gamma"; "satisfied" is ours: spent budget is sunk cost.
    """

    def rank_key(path: FrontierPath) -> tuple[tuple[float, float, float], ...]:
        value, gamma = path.value, worth(path.value, cost_in_value=policy.cost_in_value)
        quality = _quality_key(value.safety, utility_of(path.tip), gamma, policy)
        return (quality, (-value.cost, value.safety, value.utility))

    return max((path for path in paths if path.value.safety >= 0), key=rank_key, default=None)


def may_satisfy(label: PathValue, *, policy: Policy, free: float, cheapest: float) -> bool:
    """True if a branch with this label could end in an answer that satisfies, given one more perfect thought."""
    return policy.choice == "satisfied" and label.safety >= policy.satisfied_safety and 0 < cheapest <= free


def can_beat(
    label: PathValue,
    best: FrontierPath,
    best_tip_utility: float,
    *,
    policy: Policy,
    free: float,
    cheapest: float,
) -> bool:
    """True if a branch could still end at least as well as the best path so far.

    An upper bound: every further thought is perfect (s = u = 1) and costs `cheapest`, so pruning by it loses nothing.
    Thoughts that follow already are paid for, and so not within `free`: a whole branch can't win only if no label of
    any live thought in it can.
    Source: ours; EcoAlign prunes a branch that can't win, and leaves the test open.
    """
    if not cheapest > 0:
        raise ValueError(f"cheapest is {cheapest!r}, must be above 0 cost units: a thought is never free")
    max_thoughts = math.floor(free / cheapest + 1e-9) if free > 0 else 0
    best_satisfies = satisfies(best.value, best_tip_utility, policy)
    if not best_satisfies and may_satisfy(label, policy=policy, free=free, cheapest=cheapest):
        return True
    # Γ after n perfect thoughts, S · (U + n) / (C + n · cheapest), is monotone in n: one of the two ends is the most.
    ends = [end for n in (0, max_thoughts) if (end := _after(label, n, cheapest, policy)).safety >= 0]
    if not ends:
        return False
    possible = _quality_key(
        max(end.safety for end in ends),
        # Without another thought the tip is one of those whose utilities are summed already.
        1.0 if max_thoughts else min(1.0, label.utility),
        max(worth(end, cost_in_value=policy.cost_in_value) for end in ends),
        policy,
    )
    gamma = worth(best.value, cost_in_value=policy.cost_in_value)
    to_beat = _quality_key(best.value.safety, best_tip_utility, gamma, policy)
    if possible[0] != to_beat[0]:
        return possible[0] > to_beat[0]
    # Sums in another order may differ in the last digit, which must not prune a branch.
    as_good = (able >= figure * (1 - 1e-9) for able, figure in zip(possible, to_beat, strict=True))
    return possible[1] > to_beat[1] or all(as_good)


def _after(label: PathValue, thoughts: int, cheapest: float, policy: Policy) -> PathValue:
    """The label after so many perfect thoughts. The minimum of safety stays, its last or mean rises to 1."""
    safety = label.safety if policy.path_safety == "minimum" or not thoughts else 1.0
    return PathValue(label.utility + thoughts, label.cost + thoughts * cheapest, safety)


def _quality_key(safety: float, tip_utility: float, gamma: float, policy: Policy) -> tuple[float, float, float]:
    """Satisfaction, quality and Γ of a path: what paths are chosen by, in this order."""
    if policy.choice == "gamma":
        return (0.0, 0.0, gamma)
    satisfied = safety >= policy.satisfied_safety and tip_utility >= policy.satisfied_utility
    return (1.0, 0.0, gamma) if satisfied else (0.0, safety * tip_utility, gamma)
