"""Laws of the answer's reserve."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.reserve import MAX_INITIAL_SHARE, AnswerReserve, assessment_share, seconds_for_answer

pytestmark = pytest.mark.slow

lawful = settings(max_examples=200, deadline=None)
AMOUNTS = st.integers(0, 4000).map(lambda n: n / 4)
RESERVES = st.tuples(AMOUNTS, AMOUNTS).map(lambda pair: AnswerReserve(min(pair), max(pair)))


@lawful
@given(AMOUNTS, AMOUNTS, st.integers(1, 3), st.integers(0, 2), st.data())
def test_each_further_assessment_is_paid_in_full(
    answer: float, assessment: float, fewest: int, further: int, data: st.DataObject
) -> None:
    slack = data.draw(AMOUNTS.filter(lambda part: part <= assessment), label="slack")
    reserve = AnswerReserve.of_costs(
        answer=answer,
        assessment=assessment,
        slack=slack,
        min_assessments=fewest,
        max_assessments=fewest + further,
    )
    assert reserve.maximum - reserve.minimum == further * assessment
    assert reserve.minimum >= answer  # slack is never more than one assessment


@lawful
@given(RESERVES, AMOUNTS, AMOUNTS)
def test_the_first_reserve_fits_and_takes_no_more_than_its_share_beyond_the_minimum(
    reserve: AnswerReserve, total: float, left: float
) -> None:
    amount = reserve.initial(total=total, left=left)
    assert 0 <= amount <= min(left, reserve.maximum)
    assert amount <= max(reserve.minimum, MAX_INITIAL_SHARE * total)
    assert amount >= min(left, reserve.minimum)


@lawful
@given(RESERVES, AMOUNTS, AMOUNTS)
def test_a_raised_reserve_is_never_below_the_present_one(reserve: AnswerReserve, reserved: float, left: float) -> None:
    for_path = reserve.for_path(reserved=reserved, left=left)
    for_refusal = reserve.for_refusal(reserved=reserved, left=left)
    assert reserved <= for_refusal <= for_path
    assert for_path >= reserve.minimum
    assert for_path <= max(reserved, reserve.maximum)
    if reserved <= left and reserve.minimum <= left:
        assert for_refusal == for_path <= left
    # To raise it once more for the same changes nothing.
    assert reserve.for_path(reserved=for_path, left=left) == for_path


@lawful
@given(RESERVES, AMOUNTS, AMOUNTS)
def test_using_the_reassessment_part_never_touches_the_minimum(
    reserve: AnswerReserve, reserved: float, max_cost: float
) -> None:
    part = reserve.reassessment(reserved)
    assert 0 <= part <= reserve.maximum - reserve.minimum
    assert reserved - part >= min(reserved, reserve.minimum)
    needed = reserve.needed_for_answer(max_cost, reserved=reserved)
    assert 0 <= needed <= max_cost <= needed + part or needed == 0


EIGHTHS = st.integers(0, 64_000).map(lambda n: n / 8)
PRICES = st.integers(1, 16).map(lambda n: n / 4)
SHARES = st.fixed_dictionaries({"assessments": EIGHTHS, "prompt": EIGHTHS, "token": PRICES, "reread_token": PRICES})


@lawful
@given(EIGHTHS, SHARES, st.integers(0, 200), st.integers(0, 800))
def test_a_text_and_its_assessments_fit_together_into_what_is_free(
    free: float, costs: dict[str, float], fewest: int, further: int
) -> None:
    held = assessment_share(free, **costs, min_tokens=fewest, max_tokens=fewest + further)
    shortest_text = costs["assessments"] + costs["prompt"] + fewest * (costs["token"] + costs["reread_token"])
    assert (held is not None) == (free >= shortest_text)
    if held is None:
        return
    tokens = min(fewest + further, (free - held - costs["prompt"]) / costs["token"])
    assert tokens >= fewest - 1e-6
    assert held >= costs["assessments"] + costs["reread_token"] * tokens - 1e-6
    more = assessment_share(free + 1, **costs, min_tokens=fewest, max_tokens=fewest + further)
    assert more is not None
    assert more >= held


@lawful
@given(st.integers(1, 4000), st.integers(0, 50), AMOUNTS)
def test_the_time_for_the_ending_is_at_most_a_quarter_of_the_deadline(
    deadline: int, calls: int, seconds: float
) -> None:
    reserved = seconds_for_answer(deadline, calls=calls, seconds=seconds)
    assert 0 <= reserved <= deadline / 4
    assert seconds_for_answer(None, calls=calls, seconds=seconds) == 0
