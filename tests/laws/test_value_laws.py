"""Values of actions and the horizon against brute force in exact fractions."""

from fractions import Fraction
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.valuation import Step, local_return, look_ahead_horizon, net_present_value, rate_of_return

pytestmark = pytest.mark.slow

lawful = settings(max_examples=300, deadline=None)
STEPS = st.builds(lambda s, u, c: Step(s / 8, u / 8, c / 4), st.integers(-2, 8), st.integers(0, 8), st.integers(1, 200))
PLANS = st.lists(st.lists(STEPS, max_size=6), max_size=4)
DISCOUNTS = st.sampled_from([0.25, 0.5, 0.95, 1.0])
HORIZONS = st.integers(0, 6)


def _exact(step: Step) -> tuple[Fraction, Fraction, Fraction]:
    return Fraction(step.safety), Fraction(step.utility), Fraction(step.cost)


def _counted(plan: list[Step], horizon: int) -> list[Step]:
    counted: list[Step] = []
    for step in plan:
        if len(counted) == horizon or step.safety < 0:
            break
        counted.append(step)
    return counted


def _npv(action: Step, plans: list[list[Step]], discount: float, horizon: int) -> Fraction:
    def gain(step: Step) -> Fraction:
        s, u, c = _exact(step)
        return s * u / c

    futures = [Fraction(0)]
    for plan in plans:
        future = Fraction(0)
        for i, step in enumerate(_counted(plan, horizon)):
            future += Fraction(discount) ** (i + 1) * gain(step)
        futures.append(future)
    return gain(action) + max(futures)


def _rate(action: Step, plans: list[list[Step]], discount: float, horizon: int) -> Fraction:
    rates = []
    for plan in plans or [[]]:
        weakest, utility, cost = _exact(action)
        factor = Fraction(1)
        for step in _counted(plan, horizon):
            s, u, c = _exact(step)
            factor *= Fraction(discount)
            weakest, utility, cost = min(weakest, s), utility + factor * u, cost + c
        rates.append(weakest * utility / cost)
    return max(rates)


@lawful
@given(STEPS, PLANS, DISCOUNTS, HORIZONS)
def test_the_net_present_value_is_the_formulas(
    action: Step, plans: list[list[Step]], discount: float, horizon: int
) -> None:
    value = net_present_value(action, plans, discount=discount, horizon=horizon)
    if action.safety < 0:
        assert value is None
    else:
        assert value == pytest.approx(float(_npv(action, plans, discount, horizon)), rel=1e-12, abs=1e-15)


@lawful
@given(STEPS, PLANS, DISCOUNTS, HORIZONS)
def test_the_rate_is_the_formulas(action: Step, plans: list[list[Step]], discount: float, horizon: int) -> None:
    value = rate_of_return(action, plans, discount=discount, horizon=horizon)
    if action.safety < 0:
        assert value is None
    else:
        assert value == pytest.approx(float(_rate(action, plans, discount, horizon)), rel=1e-12, abs=1e-15)


@lawful
@given(STEPS, PLANS, DISCOUNTS, HORIZONS)
def test_looking_ahead_never_lowers_the_net_present_value(
    action: Step, plans: list[list[Step]], discount: float, horizon: int
) -> None:
    near = net_present_value(action, plans, discount=discount, horizon=horizon)
    far = net_present_value(action, plans, discount=discount, horizon=horizon + 1)
    if near is not None and far is not None:
        assert local_return(action) <= near <= far


@lawful
@given(STEPS, PLANS, DISCOUNTS, HORIZONS, STEPS)
def test_what_comes_after_an_unsafe_step_counts_for_nothing(
    action: Step, plans: list[list[Step]], discount: float, horizon: int, afterwards: Step
) -> None:
    unsafe = Step(-0.125, 1.0, 1.0)
    tainted = [[*plan, unsafe, afterwards] for plan in plans]
    for value in (net_present_value, rate_of_return):
        assert value(action, plans, discount=discount, horizon=horizon) == value(
            action, tainted, discount=discount, horizon=horizon
        )


@lawful
@given(STEPS, PLANS, DISCOUNTS)
def test_without_a_horizon_the_search_is_myopic(action: Step, plans: list[list[Step]], discount: float) -> None:
    expected = None if action.safety < 0 else local_return(action)
    for value in (net_present_value, rate_of_return):
        assert value(action, plans, discount=discount, horizon=0) == expected
        assert value(action, [], discount=discount, horizon=5) == expected


@lawful
@given(st.integers(0, 20_000), st.integers(0, 20_000), st.sampled_from(["0.05", "0.01", "0.1", "0.3", "1"]),
       st.sampled_from([1, 7, 20]), st.integers(0, 10))  # fmt: skip
def test_the_horizon_is_the_formulas_and_shrinks(budget: int, spent: int, k: str, unit: int, cap: int) -> None:
    def horizon(spent: int) -> int:
        return look_ahead_horizon(k=float(k), budget=budget, spent=spent, unit=unit, cap=cap)

    assert horizon(spent) == max(0, min(cap, floor(Fraction(k) * (budget - spent) / unit)))
    assert horizon(spent + 1) <= horizon(spent)
