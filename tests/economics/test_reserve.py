"""The answer's reserve, by hand-worked figures."""

import math

import pytest

from ecoalign_agent.economics.reserve import AnswerReserve, assessment_share, seconds_for_answer

RESERVE = AnswerReserve(300.0, 400.0)


def test_the_minimum_pays_for_the_assessments_of_the_policy_and_the_maximum_for_one_more() -> None:
    reserve = AnswerReserve.of_costs(answer=160, assessment=120, slack=70, min_assessments=1, max_assessments=2)
    assert reserve == AnswerReserve(210, 330)  # 160 + 120 - 70 and 160 + 240 - 70
    strict = AnswerReserve.of_costs(answer=160, assessment=120, slack=70, min_assessments=2, max_assessments=3)
    assert strict == AnswerReserve(330, 450)


@pytest.mark.parametrize(
    ("total", "left", "initial"),
    [
        (6000, 5500, 400),  # 0.3 · 6000 = 1800: the maximum
        (1200, 1100, 360),  # 0.3 · 1200: between the two
        (900, 700, 300),  # 0.3 · 900 = 270: the minimum all the same
        (6000, 350, 350),  # no more than is left
        (6000, -20, 0),  # an overrun leaves nothing to reserve
    ],
)
def test_the_first_reserve_leaves_most_of_the_budget_to_the_search(total: float, left: float, initial: float) -> None:
    assert RESERVE.initial(total=total, left=left) == initial


@pytest.mark.parametrize(
    ("reserved", "left", "raised"),
    [
        (250, 1000, 400),  # all assessments fit
        (250, 340, 340),  # as far as is left
        (250, 280, 300),  # the minimum, also where it does not fit any more
        (500, 1000, 500),  # a reserve is never lowered
    ],
)
def test_a_longer_path_raises_the_reserve(reserved: float, left: float, raised: float) -> None:
    assert RESERVE.for_path(reserved=reserved, left=left) == raised


@pytest.mark.parametrize(
    ("reserved", "left", "raised"), [(300, 1000, 400), (300, 340, 340), (200, 200, 200), (500, 1000, 500)]
)
def test_a_refusal_may_use_what_nothing_else_will(reserved: float, left: float, raised: float) -> None:
    assert RESERVE.for_refusal(reserved=reserved, left=left) == raised


@pytest.mark.parametrize(("reserved", "part"), [(400, 100), (350, 50), (300, 0), (250, 0), (900, 100)])
def test_answers_may_use_what_is_reserved_beyond_the_minimum(reserved: float, part: float) -> None:
    assert RESERVE.reassessment(reserved) == part
    assert RESERVE.needed_for_answer(180, reserved=reserved) == 180 - part


def test_what_the_reserve_pays_in_full_needs_nothing_free() -> None:
    assert RESERVE.needed_for_answer(80, reserved=400) == 0


def _share(free: float) -> float | None:
    return assessment_share(free, assessments=100, prompt=60, token=1, reread_token=0.5, min_tokens=80, max_tokens=400)


@pytest.mark.parametrize(
    ("free", "share"),
    [
        (280, 140),  # (280 - 160) / 1.5 = 80 tokens: 100 + 0.5 · 80
        (310, 150),  # 100 tokens
        (760, 300),  # 400 tokens
        (9000, 300),  # no call writes more than 400
        (279, None),  # not 80 tokens
    ],
)
def test_the_share_for_assessments_grows_with_the_text_that_fits(free: float, share: float | None) -> None:
    assert _share(free) == share


@pytest.mark.parametrize(
    ("deadline", "calls", "seconds", "reserved"),
    [(None, 4, 8, 0), (60, 0, 0, 0), (60, 4, 8, 4), (60, 2, 40, 15)],
)
def test_the_ending_gets_the_time_of_two_calls_but_no_more_than_a_quarter(
    deadline: float | None, calls: int, seconds: float, reserved: float
) -> None:
    assert seconds_for_answer(deadline, calls=calls, seconds=seconds) == reserved


@pytest.mark.parametrize(("minimum", "maximum"), [(2, 1), (math.nan, 1), (1, math.nan)])
def test_a_maximum_below_the_minimum_is_refused(minimum: float, maximum: float) -> None:
    with pytest.raises(ValueError, match="answer reserve: maximum"):
        AnswerReserve(minimum, maximum)
