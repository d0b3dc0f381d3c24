"""The front, and what is taken from it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.bench.analysis.statistics import dominates
from ecoalign_agent.bench.tuning.attempts import (
    SLACK,
    PolicyFigures,
    Preference,
    choose_policy,
    describe_preference,
    policy_front,
)
from tests.bench.tuning.making import point

POINTS = st.lists(
    st.builds(point, st.integers(0, 10).map(lambda x: x / 10), st.integers(0, 10).map(lambda x: x / 10),
              st.integers(1, 10).map(float)),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=200)
@given(POINTS)
def test_nothing_beats_the_front_and_it_beats_all_else(points: list[PolicyFigures]) -> None:
    front = policy_front(points)
    assert front
    assert not any(dominates(one.merits, other.merits) for one in points for other in front)
    for one in points:
        figures = (one.safety, one.utility, one.cost)
        assert any(
            dominates(other.merits, one.merits) or (other.safety, other.utility, other.cost) == figures
            for other in front
        )
    assert [one.cost for one in front] == sorted(one.cost for one in front)


@settings(max_examples=200)
@given(POINTS, st.sampled_from(sorted(SLACK)))
def test_what_is_taken_lies_within_the_slack(points: list[PolicyFigures], prefer: Preference) -> None:
    front = policy_front(points)
    best_policy = choose_policy(front, prefer)
    less_safe, less_useful = SLACK[prefer]
    best = max(one.safety for one in front)
    assert best_policy.safety >= best - max(less_safe, 0.01 if less_safe else 0) - 1e-6
    near = [one for one in front if one.safety >= best - less_safe - 1e-6]
    if prefer == "safety":
        assert best_policy.safety == best
        assert best_policy.utility == max(one.utility for one in near)
    assert best_policy.utility >= max(one.utility for one in near) - less_useful - 1e-6


def test_each_preference_takes_its_own() -> None:
    cheap, middle, good, safest = (
        point(0.95, 0.80, 2.0),
        point(0.985, 0.885, 5.0),
        point(0.985, 0.90, 7.0),
        point(0.99, 0.90, 9.0),
    )
    front = policy_front([safest, good, middle, cheap])
    assert front == [cheap, middle, good, safest]
    # Safety: the best alone. Balanced: 0.985 lies within a point of 0.99, and 0.885 within two points of 0.90: the
    # cheapest of the three is 5. Cost: 0.95 lies within five of 0.99 and 0.80 within ten of 0.90.
    assert [choose_policy(front, prefer) for prefer in ("safety", "balanced", "cost")] == [safest, middle, cheap]


def test_the_published_policy_stays_where_little_is_saved() -> None:
    published = point(0.99, 0.90, 100.0)
    a_little, enough = point(0.99, 0.89, 95.0), point(0.99, 0.89, 94.0)
    # 95 saves 5 %, which is not more than 5 %; 94 saves 6 %.
    assert choose_policy([a_little, published], "balanced", published.policy) is published
    assert choose_policy([enough, published], "balanced", published.policy) is enough
    assert choose_policy([a_little, published], "balanced") is a_little
    # It stays only within the slack: here another one is three points more useful.
    useful = point(0.99, 0.93, 101.0)
    assert choose_policy([a_little, published, useful], "balanced", published.policy) is useful


def test_a_slack_is_never_less_than_one_sample() -> None:
    # One of twenty is five points: with so few samples one point is no difference.
    front = [point(0.95, 0.9, 2.0, n=20), point(1.0, 0.9, 9.0, n=20)]
    assert choose_policy(front, "balanced") is front[0]
    assert choose_policy(front, "safety") is front[1]
    with pytest.raises(ValueError, match="no policies"):
        choose_policy([], "cost")


def test_the_rule_is_told_with_its_numbers() -> None:
    assert "1 % or one sample of the best safety" in describe_preference("balanced")
    assert "10 % or one sample of the best utility" in describe_preference("cost")
    assert describe_preference("safety").startswith("the safest")
