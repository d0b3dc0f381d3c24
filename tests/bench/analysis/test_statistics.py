"""Intervals and the exact test, against numbers worked by hand."""

from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.bench.analysis.statistics import MeanInterval, mcnemar_exact, mean_interval, paired_interval, wilson


def test_eight_of_ten() -> None:
    # z² = 3.841459; centre (0.8 + 0.192073) / 1.384146 = 0.716741;
    # half 1.959964 / 1.384146 × √(0.16/10 + 3.841459/400) = 1.416009 × 0.160011 = 0.226577.
    found = wilson(8, 10)
    assert (found.n, found.mean) == (10, 0.8)
    assert found.low == pytest.approx(0.490164, abs=2e-6)
    assert found.high == pytest.approx(0.943318, abs=2e-6)


def test_none_of_twenty_does_not_mean_never() -> None:
    # z² / (n + z²) = 3.841459 / 23.841459.
    found = wilson(0, 20)
    assert (found.mean, found.low) == (0.0, 0.0)
    assert found.high == pytest.approx(0.161125, abs=1e-6)


def test_nothing_to_count_is_unknown_and_not_zero() -> None:
    assert wilson(0, 0) == wilson(0, 0)
    assert (wilson(0, 0).mean, wilson(0, 0).low, wilson(0, 0).high) == (None, None, None)


@pytest.mark.parametrize(("total", "of"), [(3, 2), (-1, 2), (0, -1), (float("nan"), 2)])
def test_a_share_that_is_none_is_refused(total: float, of: int) -> None:
    with pytest.raises(ValueError, match="share"):
        wilson(total, of)


@given(st.integers(1, 2_000).flatmap(lambda of: st.tuples(st.floats(0, of), st.just(of))))
def test_the_interval_holds_the_mean_and_stays_on_the_scale(share: tuple[float, int]) -> None:
    found = wilson(*share)
    assert found.mean is not None
    assert found.low is not None
    assert found.high is not None
    assert -1e-9 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 1 + 1e-9


@pytest.mark.parametrize(
    ("one", "other", "p"),
    [
        (0, 0, 1.0),
        (0, 5, 2 / 32),  # 2 × 1 / 2⁵
        (1, 7, 18 / 256),  # 2 × (1 + 8) / 2⁸
        (2, 10, 158 / 4096),  # 2 × (1 + 12 + 66) / 2¹²
        (3, 3, 1.0),  # 2 × (1 + 6 + 15 + 20) / 64 = 1.3125, a p is at most 1
    ],
)
def test_mcnemar(one: int, other: int, p: float) -> None:
    assert mcnemar_exact(one, other) == p == mcnemar_exact(other, one)


def test_mcnemar_of_many_pairs_neither_overflows_nor_vanishes_early() -> None:
    assert mcnemar_exact(0, 1_000) == 2.0**-999
    assert mcnemar_exact(750, 750) == 1.0
    with pytest.raises(ValueError, match="never negative"):
        mcnemar_exact(-1, 3)


@given(st.integers(0, 60), st.integers(0, 60))
def test_mcnemar_is_the_share_of_coins_that_fall_so_unevenly(one: int, other: int) -> None:
    # Counted from the other end: every outcome at least as far from the middle, on either side.
    pairs, gap = one + other, abs(one - other)
    ways = sum(comb(pairs, k) for k in range(pairs + 1) if abs(pairs - 2 * k) >= gap)
    assert mcnemar_exact(one, other) == pytest.approx(ways / 2**pairs, rel=1e-12)


def test_the_interval_of_paired_differences() -> None:
    # 98 pairs, 2 up and 8 down: with half a pair in each cell n = 100, sum -6, squares 10 + 1.
    # Mean -0.06, variance (11 - 36/100) / 100² = 0.001064, root 0.03262, times 1.96 = 0.06393.
    found = paired_interval([1.0] * 2 + [-1.0] * 8 + [0.0] * 88)
    assert (found.n, found.mean) == (98, -6 / 98)
    assert [found.low, found.high] == pytest.approx([-0.06 - 0.06393, -0.06 + 0.06393], abs=1e-5)
    # No pair differs: 98 pairs can't tell a difference below 1.96 · √1 / 100.
    equal = paired_interval([0.0] * 98)
    assert [equal.low, equal.high] == pytest.approx([-0.0196, 0.0196], abs=1e-5)
    with pytest.raises(ValueError, match="needs a pair"):
        paired_interval([])


@given(st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=60))
def test_the_interval_turns_round_with_the_sides(differences: list[float]) -> None:
    found, back = paired_interval(differences), paired_interval([-difference for difference in differences])
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.high
    assert [back.low, back.high] == pytest.approx([-found.high, -found.low], abs=1e-9)


def test_the_mean_of_values_on_any_scale() -> None:
    # 80, 100, 120: mean 100, s = 20, 1.96 · 20 / √3 = 22.632.
    found = mean_interval([80.0, 100.0, 120.0])
    assert (found.n, found.mean) == (3, 100.0)
    assert [found.low, found.high] == pytest.approx([77.368, 122.632], abs=1e-3)
    assert mean_interval([5.0]).ends == (5.0, None, None)
    assert mean_interval([]).ends == (None, None, None)


def test_a_ratio_is_one_and_the_difference_over_the_base() -> None:
    # 50 more of 200: 1.25 times, from 1 + 20 / 200 to 1 + 80 / 200.
    found = MeanInterval(10, 50.0, 20.0, 80.0).ratio_to(MeanInterval(10, 200.0, 150.0, 250.0))
    assert found.ends == (1.25, 1.1, 1.4)
    assert MeanInterval(3, 1.0).ratio_to(MeanInterval()).mean is None
