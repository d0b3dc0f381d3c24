"""Reserving and settling against one budget. The default tariff: prompt tokens cost 0.25, cached 0.10, completion 1."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.errors import BudgetError
from ecoalign_agent.llm.meter import Meter
from tests.llm.asking import meter


@pytest.mark.parametrize(
    ("free", "most", "least", "tokens"),
    [
        (100, 500, 32, 90),  # 40 prompt tokens cost 10: 90 are left for 90 completion tokens
        (100, 50, 32, 50),  # no more than wanted
        (42, 500, 32, 32),  # just enough
        (41.9, 500, 32, None),
        (10, 500, 0, None),  # nothing left for a reply: a call without one is none
        (5, 500, 1, None),  # not even the prompt
    ],
)
def test_what_a_call_may_write(free: float, most: int, least: int, tokens: int | None) -> None:
    assert meter(free).affordable(Usage(text=40), max_tokens=most, min_tokens=least) == tokens


def test_what_is_set_aside_is_not_free_until_the_end() -> None:
    account = meter(100, answer_reserve=60)
    assert account.affordable(Usage(), max_tokens=500, min_tokens=1) == 40
    assert account.ending() is account
    assert account.affordable(Usage(), max_tokens=500, min_tokens=1) == 100


def test_parallel_reservations_count_together() -> None:
    account = meter(100)
    first = account.reserve(Usage(text=40, completion=50))
    assert first == 60
    assert account.affordable(Usage(text=40), max_tokens=500, min_tokens=1) == 30
    with pytest.raises(BudgetError):
        account.reserve(Usage(completion=41))
    assert account.settle(first, Usage(text=40, completion=5), "scan", 1.5) == 15
    assert account.affordable(Usage(text=40), max_tokens=500, min_tokens=1) == 75


def test_the_ledger_holds_what_was_booked_here() -> None:
    account = meter(100)
    account.settle(account.reserve(Usage(completion=20)), Usage(text=8, cached=10, completion=4), "propose", 0.5)
    account.settle(account.reserve(Usage(completion=20)), Usage(completion=3, estimated=True), "assess", 0.25)
    # 8 · 0.25 + 10 · 0.10 + 4 = 7
    assert account.ledger == Ledger(
        {"propose": 7.0, "assess": 3.0}, Usage(8, 0, 10, 7, estimated=True), calls=2, estimated_calls=1, seconds=0.75
    )
    assert account.budget == Budget(100, spent=10.0)


def test_a_refused_call_costs_nothing_and_counts() -> None:
    account = meter(100)
    account.settle(account.reserve(Usage(completion=20)), Usage(), "scan", 0.1)
    assert (account.budget.spent, account.budget.reserved, account.ledger.calls) == (0, 0, 1)


def test_an_overrun_is_recorded() -> None:
    account = meter(100)
    account.settle(account.reserve(Usage(completion=90)), Usage(completion=130), "scan", 0.1)
    assert account.budget.overrun == 30
    assert account.affordable(Usage(), max_tokens=1, min_tokens=1) is None


def test_seconds_left() -> None:
    assert meter().seconds_left() is None
    assert meter(deadline=time.time() - 5).seconds_left() == 0
    left = meter(deadline=time.time() + 5).seconds_left()
    assert left is not None
    assert 4 < left <= 5


def test_rounding_never_promises_what_can_not_be_reserved() -> None:
    # 1.7 / 0.1 rounds to 17, and 17 · 0.1 to a little more than 1.7.
    account = Meter(Budget(1.7), Tariff(0, 0, 0, 0.1))
    assert account.affordable(Usage(), max_tokens=100, min_tokens=1) == 16
    account.reserve(Usage(completion=16))


@given(
    total=st.floats(0, 1e6),
    weights=st.tuples(*[st.floats(0, 10)] * 3, st.floats(1e-6, 10)),
    prompt=st.integers(0, 100_000),
    most=st.integers(1, 10_000),
    least=st.integers(0, 200),
)
def test_what_is_affordable_can_be_reserved(
    total: float, weights: tuple[float, float, float, float], prompt: int, most: int, least: int
) -> None:
    account = Meter(Budget(total), Tariff(*weights))
    tokens = account.affordable(Usage(text=prompt), max_tokens=most, min_tokens=least)
    if tokens is not None:
        assert max(1, least) <= tokens <= most
        account.reserve(Usage(text=prompt, completion=tokens))
        assert account.budget.left >= -1e-9
    elif least <= most:
        with pytest.raises(BudgetError):
            account.reserve(Usage(text=prompt, completion=max(1, least)))
