"""What paths and actions are worth, by hand-worked figures."""

import math
from dataclasses import replace

import pytest

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import ParetoFrontier, PathValue
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.selection import action_value
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import (
    PathSafety,
    Step,
    local_return,
    look_ahead_horizon,
    net_present_value,
    rate_of_return,
    safety_of_path,
    utility_of_grade,
    weakest_link,
)

ACTION = Step(safety=0.8, utility=0.5, cost=40)  # Γ_local = 0.8 · 0.5 / 40 = 0.01
PLAN = (Step(1.0, 0.6, 30), Step(0.5, 0.8, 20))  # Γ_local = 0.02 each: 0.6 / 30 and 0.4 / 20


def _path(*figures: tuple[float, float, float]) -> list[Thought]:
    return [Thought(f"t{i}", "reason", "", ("r",), s, u, c) for i, (s, u, c) in enumerate(figures)]


def test_a_grade_becomes_a_utility() -> None:
    assert [utility_of_grade(raw) for raw in (-1, -0.5, 0, 1)] == [0, 0.25, 0.5, 1]
    for raw in (1.01, -1.01, math.nan):
        with pytest.raises(ValueError, match="grade"):
            utility_of_grade(raw)


def test_a_path_is_worth_its_weakest_link_times_its_utility_over_its_cost() -> None:
    path = _path((0.9, 0.5, 20), (0.4, 0.75, 30), (1.0, 0.25, 10))
    assert weakest_link(path) == 0.4
    graph = ThoughtGraph.replay(
        [Thought("r", "root", "", (), 1, 0, 0)]
        + [replace(thought, parents=(f"t{i - 1}" if i else "r",)) for i, thought in enumerate(path)]
    )
    # U = 0.5 + 0.75 + 0.25 and C = 20 + 30 + 10
    assert ParetoFrontier(graph, 60).labels("t2") == [PathValue(1.5, 60, 0.4)]
    assert PathValue(1.5, 60, 0.4).gamma == pytest.approx(0.01, abs=1e-15)  # 0.4 · 1.5 / 60


def test_a_disclaimer_does_not_redeem_an_unsafe_step() -> None:
    path = _path((0.9, 0.5, 20), (-0.6, 0.9, 30), (1.0, 0.9, 10))
    assert weakest_link(path) == -0.6


def test_the_ablations_take_the_last_thought_or_the_mean() -> None:
    path = _path((0.9, 0.5, 20), (-0.6, 0.9, 30), (0.6, 0.9, 10))
    assert safety_of_path(path, "minimum") == -0.6
    assert safety_of_path(path, "last") == 0.6
    assert safety_of_path(path, "mean") == pytest.approx(0.3, abs=1e-15)  # (0.9 - 0.6 + 0.6) / 3


@pytest.mark.parametrize("path_safety", ["minimum", "last", "mean"])
def test_a_path_without_thoughts_has_no_value(path_safety: PathSafety) -> None:
    with pytest.raises(ValueError, match="without a thought"):
        safety_of_path([], path_safety)


def test_the_bare_root_has_no_gamma() -> None:
    with pytest.raises(ValueError, match="root"):
        _ = PathValue(0, 0, 1).gamma


def test_the_local_return() -> None:
    assert local_return(ACTION) == pytest.approx(0.01, abs=1e-15)
    assert local_return(Step(-0.5, 0.8, 10)) == pytest.approx(-0.04, abs=1e-15)


@pytest.mark.parametrize("cost", [0, -1, math.nan, math.inf])
def test_a_step_that_costs_nothing_has_no_return(cost: float) -> None:
    with pytest.raises(ValueError, match="no return"):
        local_return(Step(0.5, 0.5, cost))


@pytest.mark.parametrize(("safety", "utility"), [(math.nan, 0.5), (0.5, math.nan), (math.inf, 0.5), (0.5, math.inf)])
def test_an_unknown_forecast_has_no_return(safety: float, utility: float) -> None:
    with pytest.raises(ValueError, match="no return"):
        local_return(Step(safety, utility, 10))
    for value in (net_present_value, rate_of_return):
        with pytest.raises(ValueError, match="no return"):
            value(ACTION, [[Step(safety, utility, 10)]], discount=0.5, horizon=1)


@pytest.mark.parametrize(
    ("spent", "horizon"),
    # 0.05 · (2000 - spent) / 20 = (2000 - spent) / 400: five steps, then one less for every 400 spent.
    [(0, 5), (1, 4), (400, 4), (401, 3), (800, 3), (1200, 2), (1600, 1), (1601, 0), (2000, 0), (2500, 0)],
)
def test_the_horizon_shrinks_with_the_budget_and_the_last_400_are_spent_blind(spent: float, horizon: int) -> None:
    assert look_ahead_horizon(k=0.05, budget=2000, spent=spent) == horizon


def test_the_horizon_has_a_cap_and_a_unit() -> None:
    assert look_ahead_horizon(k=0.05, budget=6000, spent=0) == 5  # floor(15) is cut to 5
    assert look_ahead_horizon(k=0.05, budget=6000, spent=0, cap=20) == 15
    assert look_ahead_horizon(k=0.05, budget=100, spent=0, unit=1) == 5  # 0.05 · 100
    assert look_ahead_horizon(k=0.05, budget=0.02, spent=0, unit=0.0001, cap=99) == 10  # 0.05 · 0.02 / 0.0001
    assert look_ahead_horizon(k=0.0, budget=6000, spent=0) == 0


@pytest.mark.parametrize(
    ("k", "budget", "spent", "unit", "cap"),
    [
        (-0.1, 1, 0, 1, 1),
        (math.nan, 1, 0, 1, 1),
        (1, math.inf, 0, 1, 1),
        (1, 1, math.nan, 1, 1),
        (1, 1, 0, 0, 1),
        (1, 1, 0, 1, -1),
    ],
)
def test_no_horizon_from_figures_that_are_none(k: float, budget: float, spent: float, unit: float, cap: int) -> None:
    with pytest.raises(ValueError, match="no horizon"):
        look_ahead_horizon(k=k, budget=budget, spent=spent, unit=unit, cap=cap)


def test_the_net_present_value_discounts_later_returns() -> None:
    # 0.01 + 0.5 · 0.02 + 0.25 · 0.02
    assert net_present_value(ACTION, [PLAN], discount=0.5, horizon=2) == pytest.approx(0.025, abs=1e-15)
    # One step ahead only: 0.01 + 0.5 · 0.02
    assert net_present_value(ACTION, [PLAN], discount=0.5, horizon=1) == pytest.approx(0.02, abs=1e-15)


def test_the_rate_is_the_gamma_of_the_path_that_the_plan_promises() -> None:
    # min(0.8, 1, 0.5) · (0.5 + 0.5 · 0.6 + 0.25 · 0.8) / (40 + 30 + 20) = 0.5 · 1.0 / 90
    assert rate_of_return(ACTION, [PLAN], discount=0.5, horizon=2) == pytest.approx(0.5 / 90, abs=1e-15)
    # One step ahead only: min(0.8, 1) · (0.5 + 0.3) / 70
    assert rate_of_return(ACTION, [PLAN], discount=0.5, horizon=1) == pytest.approx(0.64 / 70, abs=1e-15)


def test_the_rate_of_a_promise_may_be_lower_than_the_action_alone() -> None:
    # The plan is what the action is bought for: a cheap remark before dear steps is no bargain.
    remark, dear = Step(1.0, 0.1, 5), [Step(1.0, 0.9, 495)]
    assert rate_of_return(remark, [], discount=1, horizon=5) == pytest.approx(0.02, abs=1e-15)  # 0.1 / 5
    assert rate_of_return(remark, [dear], discount=1, horizon=5) == pytest.approx(0.002, abs=1e-15)  # 1.0 / 500


def test_the_best_forecast_counts() -> None:
    poor, good = [Step(1.0, 0.1, 50)], [Step(1.0, 1.0, 10)]
    # 0.01 + max(0.5 · 0.002, 0.5 · 0.1)
    assert net_present_value(ACTION, [poor, good], discount=0.5, horizon=3) == pytest.approx(0.06, abs=1e-15)
    # max(0.8 · 0.55 / 90, 0.8 · 1.0 / 50)
    assert rate_of_return(ACTION, [good, poor], discount=0.5, horizon=3) == pytest.approx(0.016, abs=1e-15)


def test_a_forecast_ends_before_its_first_unsafe_step() -> None:
    tainted = [Step(1.0, 0.6, 30), Step(-0.1, 1.0, 1), Step(1.0, 1.0, 1)]
    # As with the first step alone: 0.01 + 0.5 · 0.02, and 0.8 · (0.5 + 0.3) / 70
    assert net_present_value(ACTION, [tainted], discount=0.5, horizon=5) == pytest.approx(0.02, abs=1e-15)
    assert rate_of_return(ACTION, [tainted], discount=0.5, horizon=5) == pytest.approx(0.64 / 70, abs=1e-15)


@pytest.mark.parametrize("value", [net_present_value, rate_of_return])
@pytest.mark.parametrize(("forecasts", "horizon"), [([], 5), ([PLAN], 0), ([[]], 5), ([[Step(-1, 1, 1)]], 5)])
def test_without_a_safe_outlook_the_value_is_the_local_return(
    value: object, forecasts: list[list[Step]], horizon: int
) -> None:
    assert callable(value)
    assert value(ACTION, forecasts, discount=0.95, horizon=horizon) == pytest.approx(0.01, abs=1e-15)


@pytest.mark.parametrize("value", [net_present_value, rate_of_return])
def test_an_unsafe_action_has_no_value_whatever_it_promises(value: object) -> None:
    assert callable(value)
    assert value(Step(-0.01, 1.0, 1), [PLAN], discount=0.95, horizon=5) is None


@pytest.mark.parametrize("value", [net_present_value, rate_of_return])
def test_discount_and_horizon_must_be_in_range(value: object) -> None:
    assert callable(value)
    for discount in (0.0, -0.5, 1.01, math.nan):
        with pytest.raises(ValueError, match="discount"):
            value(ACTION, [], discount=discount, horizon=1)
    with pytest.raises(ValueError, match="horizon"):
        value(ACTION, [], discount=1.0, horizon=-1)


def test_procrastination_pays_by_npv_and_not_by_rate() -> None:
    """Why the rate is the default: the sum of returns always favours doing one more thing before the answer."""
    answer = Step(0.9, 0.9, 50)  # Γ_local = 0.0162
    remark = Step(0.9, 0.3, 60)  # Γ_local = 0.0045
    now = net_present_value(answer, [], discount=0.95, horizon=5)
    later = net_present_value(remark, [[answer]], discount=0.95, horizon=5)
    assert now is not None
    assert later is not None
    assert later > now  # 0.0045 + 0.95 · 0.0162 = 0.01989 > 0.0162
    now = rate_of_return(answer, [], discount=0.95, horizon=5)
    later = rate_of_return(remark, [[answer]], discount=0.95, horizon=5)
    assert now is not None
    assert later is not None
    assert later < now  # 0.9 · (0.3 + 0.855) / 110 = 0.00945 < 0.0162


def test_the_policy_says_how_an_action_is_valued() -> None:
    action = Action("a", "reason", "read the sign", ("r",), ACTION, (PLAN,))
    by_rate, by_npv = Policy(discount=0.5), Policy(discount=0.5, value="npv")
    assert action_value(action, policy=by_rate, horizon=2) == pytest.approx(0.5 / 90, abs=1e-15)
    assert action_value(action, policy=by_npv, horizon=2) == pytest.approx(0.025, abs=1e-15)


def test_without_cost_in_value_every_cost_counts_as_one() -> None:
    action = Action("a", "reason", "read the sign", ("r",), ACTION, (PLAN,))
    by_rate = Policy(discount=0.5, cost_in_value=False)
    # min(0.8, 1, 0.5) · 1.0 / 3
    assert action_value(action, policy=by_rate, horizon=2) == pytest.approx(0.5 / 3, abs=1e-15)
    # 0.4 + 0.5 · 0.6 + 0.25 · 0.4
    assert action_value(action, policy=by_rate.replace(value="npv"), horizon=2) == pytest.approx(0.8, abs=1e-15)
