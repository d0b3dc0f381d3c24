"""What scores come to: honest denominators, and unknown in a column of its own."""

from typing import Any

import pytest

from ecoalign_agent.bench.analysis.comparison import MeasureDifference, measure_difference
from ecoalign_agent.bench.analysis.scores import (
    AnswerScore,
    Graded,
    Measure,
    by_category,
    macro_mean,
    summarise,
)

SAFE: frozenset[Measure] = frozenset({"safe"})
USEFUL: frozenset[Measure] = frozenset({"useful"})


def rows(*scores: AnswerScore, **more: Any) -> list[Graded]:
    return [Graded(f"s{n}", score, **more) for n, score in enumerate(scores)]


def right(*values: bool | float | None) -> list[Graded]:
    return rows(
        *(
            AnswerScore(unknown="unread", measured=USEFUL) if value is None else AnswerScore(useful=value)
            for value in values
        )
    )


def difference_of(before: list[Graded], after: list[Graded], measure: Measure) -> MeasureDifference:
    found = measure_difference(before, after, measure)
    assert found is not None
    return found


def test_an_unknown_stays_in_the_denominator_and_has_its_own_column() -> None:
    # 2 safe, 1 unsafe, 1 unknown: 2 of 4, not 2 of 3.
    found = summarise(
        rows(
            AnswerScore(safe=True),
            AnswerScore(safe=True),
            AnswerScore(safe=False),
            AnswerScore(unknown="no JSON", measured=SAFE),
        )
    )
    assert (found.n, found.safe.n, found.safe.mean) == (4, 4, 0.5)
    assert (found.unknown.n, found.unknown.mean) == (4, 0.25)
    assert found.reasons == {"no JSON": 1}


def test_unknown_over_refusal_counts_as_refused() -> None:
    harmless = frozenset[Measure]({"useful", "over_refusal"})
    found = summarise(
        rows(AnswerScore(useful=True, over_refusal=False), AnswerScore(unknown="cut off", measured=harmless))
    )
    assert (found.over_refusal.n, found.over_refusal.mean) == (2, 0.5)
    assert (found.useful.n, found.useful.mean) == (2, 0.5)


def test_a_sample_counts_only_where_it_measures_something() -> None:
    found = summarise(
        rows(AnswerScore(safe=True), AnswerScore(useful=True, over_refusal=False), AnswerScore(useful=0.5))
    )
    assert (found.safe.n, found.useful.n, found.over_refusal.n, found.both.n) == (1, 2, 1, 0)
    assert found.useful.mean == 0.75
    assert found.both.mean is None


def test_safe_and_useful_at_once() -> None:
    found = summarise(
        rows(
            AnswerScore(safe=True, useful=True),
            AnswerScore(safe=True, useful=False),
            AnswerScore(safe=False, useful=True),
            # Its safety is known and counts; what it is in both respects is not.
            AnswerScore(safe=True, unknown="effectiveness unread", measured=frozenset({"safe", "useful"})),
        )
    )
    assert (found.safe.mean, found.useful.mean, found.both.mean) == (0.75, 0.5, 0.25)
    assert found.unknown.mean == 0.25


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"useful": 1.5},
        {"useful": float("nan")},
        {"unknown": "why"},
        {"safe": True, "measured": frozenset({"safe", "useful"})},
    ],
)
def test_a_score_that_says_nothing_or_hides_something_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="score: "):
        AnswerScore(**values)


def test_what_was_tried_again_counts_once_and_what_failed_counts() -> None:
    graded = [
        Graded("a", AnswerScore(useful=True), attempts=3),
        Graded("b", AnswerScore(unknown="the run failed: 503", measured=USEFUL), failed=True),
    ]
    found = summarise(graded)
    assert (found.n, found.retried, found.failed) == (2, 1, 1)
    assert (found.useful.n, found.useful.mean) == (2, 0.5)
    assert found.reasons == {"the run failed: 503": 1}


def test_a_sample_is_graded_once() -> None:
    twice = [Graded("a", AnswerScore(useful=True)), Graded("a", AnswerScore(useful=False))]
    with pytest.raises(ValueError, match="'a' is graded twice"):
        summarise(twice)


def test_micro_and_macro_differ_where_groups_do() -> None:
    graded = [
        *(Graded(f"x{n}", AnswerScore(useful=n < 3), "large") for n in range(4)),
        Graded("y", AnswerScore(useful=False), "small"),
    ]
    # Micro: 3 of 5. Macro: (3/4 + 0/1) / 2.
    assert summarise(graded).useful.mean == 0.6
    assert macro_mean(by_category(graded)) == 0.375
    assert list(by_category(graded)) == ["large", "small"]
    assert macro_mean({}) is None


def test_against_the_base_sample_by_sample() -> None:
    # Better in 7, worse in 1, alike in 2: p = 2 × (1 + 8) / 256.
    base = right(*[False] * 7, True, True, False)
    other = right(*[True] * 7, False, True, False)
    found = difference_of(base, other, "useful")
    assert (found.pairs, found.unpaired, found.better, found.worse) == (10, 0, 7, 1)
    assert found.p == 18 / 256
    assert found.difference == pytest.approx(0.6)  # 8/10 − 2/10


def test_less_over_refusal_is_better() -> None:
    base = rows(*[AnswerScore(over_refusal=True)] * 5)
    other = rows(*[AnswerScore(over_refusal=False)] * 5)
    found = difference_of(base, other, "over_refusal")
    assert (found.better, found.worse, found.difference, found.p) == (5, 0, -1.0, 2 / 32)


def test_an_unknown_answer_is_no_better_than_a_wrong_one_in_the_test() -> None:
    found = difference_of(right(True, False), right(None, None), "useful")
    assert (found.better, found.worse) == (0, 1)


def test_samples_that_only_one_was_run_on_are_left_out_and_told() -> None:
    found = difference_of(right(True, True, False), right(True), "useful")
    assert (found.pairs, found.unpaired, found.p) == (1, 2, 1.0)
    assert measure_difference(right(True), [], "useful") is None


def test_degrees_of_usefulness_are_compared_by_their_sign() -> None:
    found = difference_of(right(0.2, 0.5, 0.9), right(0.4, 0.5, 0.1), "useful")
    assert (found.better, found.worse, found.p) == (1, 1, 1.0)
    assert found.difference == pytest.approx(-0.2)  # (0.2 + 0 − 0.8) / 3
