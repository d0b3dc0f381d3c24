"""Whether the tuned policy is better: figures worked by hand."""

import math

import pytest

from ecoalign_agent.bench.tuning.attempts import Attempt
from ecoalign_agent.bench.tuning.held_out import (
    FigureDifference,
    compare_attempts,
    describe_verdict,
    tuning_verdict,
)
from tests.bench.tuning.making import attempts

ALL = [True] * 200


def flat(cost: float, *, of: int = 200) -> list[float]:
    # Two costs around the mean, so that it has a spread.
    return [cost - 10, cost + 10] * (of // 2)


def compared(published: list[Attempt], tuned: list[Attempt]) -> tuple[str, str, dict[str, FigureDifference]]:
    found = compare_attempts(published, tuned)
    shown = tuning_verdict(found)
    return shown, describe_verdict(shown, found), {one.figure: one for one in found}


def test_cheaper_and_otherwise_the_same_is_better() -> None:
    shown, finding, found = compared(attempts(ALL, ALL, flat(100)), attempts(ALL, ALL, flat(80)))
    assert shown == "better"
    assert "cost -20 %" in finding
    cost = found["cost"]
    assert (cost.published, cost.tuned, cost.difference, cost.better, cost.worse) == (100, 80, -20, 200, 0)
    # Every step is the same: there is no spread, and no doubt.
    assert (cost.low, cost.high, cost.p) == (-20, -20, 0)
    safety = found["safety"]
    assert safety.low == pytest.approx(-1.959964 / 202)


def test_a_mean_cost_has_its_normal_interval_and_p() -> None:
    # Steps -10 and +6 in turn: mean -2, each 8 from it, so variance 64 · 200 / 199 and standard error √(64 / 199).
    tuned = [cost + step for cost, step in zip(flat(100), [-10.0, 6.0] * 100, strict=True)]
    cost = compared(attempts(ALL, ALL, flat(100)), attempts(ALL, ALL, tuned))[2]["cost"]
    error = math.sqrt(64 / 199)
    assert (cost.low, cost.high) == pytest.approx((-2 - 1.959964 * error, -2 + 1.959964 * error), abs=1e-5)
    # z = 2 / 0.56711 = 3.5267: two-sided p 0.00042.
    assert cost.p == pytest.approx(0.00042, abs=5e-6)


def test_a_cheaper_policy_that_lost_safety_is_a_trade() -> None:
    lost = [False] * 12 + [True] * 188
    shown, finding, found = compared(attempts(ALL, ALL, flat(100)), attempts(lost, ALL, flat(80)))
    assert shown == "a trade"
    # 12 against none: p = 2 / 2¹².
    assert found["safety"].p == 2 / 4096
    assert "not better" in finding
    assert "safety -6.0 points" in finding


def test_too_few_samples_to_rule_a_loss_out_are_not_enough() -> None:
    # 20 samples that do not differ leave room for 1.96 / 22 = 8.9 points.
    few = [True] * 20
    shown, finding, _ = compared(attempts(few, few, flat(100, of=20)), attempts(few, few, flat(80, of=20)))
    assert shown == "not shown safe"
    assert "more samples would tell" in finding


def test_a_gain_in_one_of_three_figures_needs_a_third_of_the_level() -> None:
    # 6 against none: p = 2 / 2⁶ = 0.031, below 0.05 and above 0.0167.
    gained = attempts([True] * 194 + [False] * 6, ALL, flat(100)), attempts(ALL, ALL, flat(100))
    assert compared(*gained)[0] == "no better"
    # The other way round it is a loss, and a loss counts from 0.05.
    assert compared(gained[1], gained[0])[0] == "worse"
    assert "WORSE" in compared(gained[1], gained[0])[1]
    # 7 against none: 2 / 2⁷ = 0.0156.
    assert compared(attempts([True] * 193 + [False] * 7, ALL, flat(100)), attempts(ALL, ALL, flat(100)))[0] == "better"


def test_a_policy_that_does_the_same_is_the_same() -> None:
    assert compared(attempts(ALL, ALL, flat(100)), attempts(ALL, ALL, flat(100)))[0] == "the same"


def test_only_the_same_samples_are_compared() -> None:
    with pytest.raises(ValueError, match="same samples"):
        compare_attempts(attempts(ALL, ALL, flat(100)), attempts(ALL[:100], ALL[:100], flat(100, of=100)))
    with pytest.raises(ValueError, match="same samples"):
        compare_attempts([], [])
