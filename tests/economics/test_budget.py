"""The budget and the ledger, by hand-worked figures."""

import math
from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError


def test_what_is_set_aside_is_left_but_not_free() -> None:
    budget = Budget(total=1000, spent=300, reserved=150, answer_reserve=200)
    assert budget.left == 550  # 1000 - 300 - 150
    assert budget.free == 350  # 550 - 200
    assert budget.overrun == 0


def test_reserve_then_settle_books_what_the_call_did_cost() -> None:
    budget = Budget(1000).reserve(400)
    assert (budget.spent, budget.reserved, budget.free) == (0, 400, 600)
    budget = budget.settle(400, 120)
    assert (budget.spent, budget.reserved, budget.free) == (120, 0, 880)


def test_reservations_of_parallel_calls_count_together() -> None:
    both = Budget(1000).reserve(400).reserve(500)
    assert both.free == 100
    with pytest.raises(BudgetError):
        both.reserve(101)
    assert both.reserve(100).free == 0


def test_a_call_that_does_not_fit_is_refused_naming_both_figures() -> None:
    with pytest.raises(BudgetError, match=r"needs up to 51 cost units, 50 are free"):
        Budget(total=100, spent=30, answer_reserve=20).reserve(51)


def test_the_final_answer_may_use_what_was_set_aside() -> None:
    budget = Budget(total=100, spent=80).with_answer_reserve(20)
    with pytest.raises(BudgetError):
        budget.reserve(1)
    assert budget.with_answer_reserve(0.0).reserve(20).left == 0


def test_setting_aside_replaces_what_was_set_aside_before() -> None:
    assert Budget(100, answer_reserve=30).with_answer_reserve(10).free == 90


def test_an_overrun_is_recorded_and_leaves_nothing_free() -> None:
    budget = Budget(total=100).reserve(100).settle(100, 130)
    assert budget.overrun == 30
    assert budget.left == -30
    assert budget.free == 0


def test_a_tighter_total_never_goes_below_what_is_committed_nor_above_the_present_one() -> None:
    budget = Budget(total=1000, spent=100, reserved=50, answer_reserve=200)
    assert budget.limited_to(600).total == 600
    assert budget.limited_to(10).total == 350  # 100 + 50 + 200
    assert budget.limited_to(5000).total == 1000
    overrun = Budget(total=100, spent=130)
    assert overrun.limited_to(50).total == 100


def test_releasing_more_than_is_reserved_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="only 5 are reserved"):
        Budget(total=100, reserved=5).settle(6, 1)


def test_rounding_never_leaves_a_negative_reservation() -> None:
    # 0.1 + 0.2 is a hair above 0.3 in floats; released the other way round it must not go below 0.
    budget = Budget(1).reserve(0.1).reserve(0.2).settle(0.3, 0).settle(5e-17, 0)
    assert 0 <= budget.reserved < 1e-15


@pytest.mark.parametrize("amount", [-1.0, math.nan, math.inf])
def test_an_amount_that_is_none_is_refused(amount: float) -> None:
    makers: list[Callable[[], Budget]] = [
        lambda: Budget(amount),
        lambda: Budget(1, spent=amount),
        lambda: Budget(1, reserved=amount),
        lambda: Budget(1, answer_reserve=amount),
        lambda: Budget(1).reserve(amount),
        lambda: Budget(1, reserved=1).settle(amount, 0),
        lambda: Budget(1, reserved=1).settle(1, amount),
        lambda: Budget(1).with_answer_reserve(amount),
        lambda: Budget(1).limited_to(amount),
    ]
    for make in makers:
        with pytest.raises(ValueError, match="finite and at least 0"):
            make()


def test_a_budget_is_a_value() -> None:
    budget = Budget(10)
    budget.reserve(5)
    assert budget.reserved == 0
    with pytest.raises(FrozenInstanceError):
        budget.spent = 3  # type: ignore[misc]  # that it can't be set is the point


def test_the_ledger_books_by_phase() -> None:
    empty = Ledger()
    ledger = empty.book("scan", Usage(100, 85, 0, 40), 86.25, 0.5)
    ledger = ledger.book("assess", Usage(200, 0, 0, 10, estimated=True), 60.0, 0.25).book("assess", Usage(), 0.0, 0.25)
    assert ledger.by_phase == {"scan": 86.25, "assess": 60.0}
    assert ledger.usage == Usage(300, 85, 0, 50, estimated=True)
    assert (ledger.calls, ledger.estimated_calls, ledger.seconds, ledger.cost) == (3, 1, 1.0, 146.25)
    assert empty == Ledger()
    assert empty.cost == 0


def test_ledgers_add_up() -> None:
    first = Ledger().book("scan", Usage(1, 0, 0, 1), 2.0, 1.0).book("execute", Usage(completion=8), 8.0, 1.0)
    second = Ledger().book("execute", Usage(completion=4, estimated=True), 4.0, 2.0)
    total = first + second
    assert total.by_phase == {"scan": 2.0, "execute": 12.0}
    assert (total.calls, total.estimated_calls, total.seconds) == (3, 1, 4.0)
    assert total.usage == Usage(1, 0, 0, 13, estimated=True)
    assert first.by_phase == {"scan": 2.0, "execute": 8.0}


@pytest.mark.parametrize(("cost", "seconds"), [(-1.0, 0.0), (math.nan, 0.0), (1.0, -0.1), (1.0, math.inf)])
def test_the_ledger_refuses_figures_that_are_none(cost: float, seconds: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        Ledger().book("scan", Usage(), cost, seconds)
