"""Choosing at the end, and the bound that prunes what can't be chosen any more, against brute force."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.pareto import FrontierPath, PathValue
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.selection import can_beat, choose, satisfies
from ecoalign_agent.economics.valuation import PathSafety

pytestmark = pytest.mark.slow

lawful = settings(max_examples=300, deadline=None)
Figures = tuple[float, float, float]  # s, u, c
FIGURES = st.builds(lambda s, u, c: (s / 8, u / 8, c / 4), st.integers(-2, 8), st.integers(0, 8), st.integers(1, 16))
PATHS = st.lists(FIGURES, min_size=1, max_size=4)
POLICIES = st.builds(
    Policy,
    choice=st.sampled_from(["gamma", "satisfied"]),
    path_safety=st.sampled_from(["minimum", "last", "mean"]),
    cost_in_value=st.booleans(),
    satisfied_safety=st.sampled_from([0.25, 0.5, 0.75]),
    satisfied_utility=st.sampled_from([0.5, 0.75]),
)


def _value(path: list[Figures], path_safety: PathSafety) -> PathValue:
    safeties = [Fraction(s) for s, _, _ in path]
    safety = {"minimum": min(safeties), "last": safeties[-1], "mean": sum(safeties) / len(safeties)}[path_safety]
    return PathValue(sum(u for _, u, _ in path), sum(c for _, _, c in path), float(safety))


def _merit(value: PathValue, tip_utility: float, policy: Policy) -> tuple[Fraction, ...]:
    """By method: satisfying before not; then Γ, or S · u and then Γ."""
    worth = Fraction(value.safety) * Fraction(value.utility)
    if policy.cost_in_value:
        worth /= Fraction(value.cost)
    if policy.choice == "gamma":
        return (worth,)
    if value.safety >= policy.satisfied_safety and tip_utility >= policy.satisfied_utility:
        return (Fraction(1), worth)
    return (Fraction(0), Fraction(value.safety) * Fraction(tip_utility), worth)


def _path_merit(path: list[Figures], policy: Policy) -> tuple[Fraction, ...]:
    return _merit(_value(path, policy.path_safety), path[-1][1], policy)


def _found(path: list[Figures], name: str, policy: Policy) -> FrontierPath:
    return FrontierPath(_value(path, policy.path_safety), ("r", name))


@lawful
@given(st.lists(PATHS, max_size=5), POLICIES)
def test_the_chosen_path_is_the_one_with_the_most_merit(paths: list[list[Figures]], policy: Policy) -> None:
    offered = {f"A{i}": path for i, path in enumerate(paths)}
    chosen = choose(
        [_found(path, name, policy) for name, path in offered.items()],
        policy=policy,
        utility_of=lambda name: offered[name][-1][1],
    )
    merits = [_path_merit(path, policy) for path in paths if _value(path, policy.path_safety).safety >= 0]
    if chosen is None:
        assert not merits
    else:
        assert chosen.value.safety >= 0
        # Γ is rounded once in floats: two that differ in the last digit only may change places.
        merit = _path_merit(offered[chosen.tip], policy)
        assert merit[:-1] == max(merits)[:-1]
        assert abs(merit[-1] - max(merits)[-1]) < Fraction(1, 10**12)


@lawful
@given(st.lists(PATHS, min_size=1, max_size=5), POLICIES)
def test_if_any_path_satisfies_so_does_the_chosen_one(paths: list[list[Figures]], policy: Policy) -> None:
    policy = policy.replace(choice="satisfied")
    offered = {f"A{i}": path for i, path in enumerate(paths)}
    found = [_found(path, name, policy) for name, path in offered.items()]
    good = [path for path in found if satisfies(path.value, offered[path.tip][-1][1], policy)]
    chosen = choose(found, policy=policy, utility_of=lambda name: offered[name][-1][1])
    if good:
        assert chosen in good


@settings(max_examples=600, deadline=None)
@given(
    paths=st.tuples(PATHS, PATHS, st.lists(FIGURES, min_size=1, max_size=6)),
    policy=POLICIES,
    spare=st.integers(0, 40),
    cheapest=st.integers(1, 16),
)
def test_a_branch_that_can_still_win_is_never_given_up(
    paths: tuple[list[Figures], list[Figures], list[Figures]], policy: Policy, spare: int, cheapest: int
) -> None:
    """Any continuation whose thoughts cost `cheapest` or more, and jointly fit, is a completion to reckon with."""
    best, start, rest = paths
    min_cost = cheapest / 4
    rest = [(s, u, max(c, min_cost)) for s, u, c in rest]
    free = sum(c for _, _, c in rest) + spare / 4
    to_beat, whole = _value(best, policy.path_safety), [*start, *rest]
    if to_beat.safety < 0 or _value(whole, policy.path_safety).safety < 0:
        return
    if _path_merit(whole, policy) > _path_merit(best, policy):
        label, found = _value(start, policy.path_safety), FrontierPath(to_beat, ("r", "A"))
        assert can_beat(label, found, best[-1][1], policy=policy, free=free, cheapest=min_cost)


@settings(max_examples=600, deadline=None)
@given(best=PATHS, start=PATHS, policy=POLICIES, extra=st.integers(1, 20), cheapest=st.integers(1, 16))
def test_a_branch_is_kept_only_if_perfect_thoughts_would_help(
    best: list[Figures], start: list[Figures], policy: Policy, extra: int, cheapest: int
) -> None:
    """The bound is tight: under the weakest link it says yes exactly if a row of perfect thoughts would do as well."""
    policy, min_cost = policy.replace(path_safety="minimum"), cheapest / 4
    to_beat, label = _value(best, "minimum"), _value(start, "minimum")
    if to_beat.safety < 0 or label.safety < 0:
        return
    verdict = can_beat(
        label, FrontierPath(to_beat, ("r", "A")), best[-1][1], policy=policy, free=extra * min_cost, cheapest=min_cost
    )
    ends = [PathValue(label.utility + n, label.cost + n * min_cost, label.safety) for n in range(extra + 1)]
    assert verdict == (max(_merit(end, 1.0, policy) for end in ends) >= _path_merit(best, policy))
