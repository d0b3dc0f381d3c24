"""The budget is hard: no sequence of honest calls spends more than the total, whatever runs in parallel."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Budget, Ledger, Phase
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.economics.selection import select_actions
from ecoalign_agent.economics.valuation import Step
from ecoalign_agent.errors import BudgetError

pytestmark = pytest.mark.slow

lawful = settings(max_examples=200, deadline=None)
AMOUNTS = st.integers(0, 400).map(lambda n: n / 4)
USAGES = st.builds(Usage, *[st.integers(0, 5000)] * 4, st.booleans())
PHASES = st.sampled_from(["scan", "assess", "execute"])


@lawful
@given(AMOUNTS, st.data())
def test_honest_calls_never_spend_more_than_the_total(total: float, data: st.DataObject) -> None:
    budget = Budget(total).with_answer_reserve(data.draw(AMOUNTS.filter(lambda part: part <= total), label="reserve"))
    open_calls: list[float] = []
    refused = spent = 0.0
    for _ in range(data.draw(st.integers(0, 20), label="steps")):
        step = data.draw(st.sampled_from(["reserve", "settle", "limit", "end"]), label="step")
        if step == "reserve":
            cost = data.draw(AMOUNTS, label="at most")
            fits = cost <= total - spent - sum(open_calls) - budget.answer_reserve
            try:
                budget = budget.reserve(cost)
            except BudgetError:
                assert not fits
                refused += 1
            else:
                assert fits
                open_calls.append(cost)
        elif step == "settle" and open_calls:
            reserved = open_calls.pop(data.draw(st.integers(0, len(open_calls) - 1), label="which"))
            actual = data.draw(st.integers(0, int(reserved * 4)).map(lambda n: n / 4), label="actual")
            budget = budget.settle(reserved, actual)
            spent += actual
        elif step == "limit":
            budget = budget.limited_to(data.draw(AMOUNTS, label="limit"))
            assert budget.total <= total
            total = budget.total
        elif step == "end":
            budget = budget.with_answer_reserve(0.0)
        assert budget.spent == spent
        assert budget.reserved == sum(open_calls)
        assert budget.spent + budget.reserved + budget.answer_reserve <= budget.total
        assert budget.overrun == 0
        assert budget.free == budget.left - budget.answer_reserve


@lawful
@given(AMOUNTS, st.lists(st.tuples(AMOUNTS, AMOUNTS), max_size=10))
def test_an_overrun_is_what_dishonest_calls_took_beyond_their_reservations(
    total: float, calls: list[tuple[float, float]]
) -> None:
    budget = Budget(total)
    excess = 0.0
    for reserved, actual in calls:
        if reserved <= budget.free:
            budget = budget.reserve(reserved).settle(reserved, actual)
            excess += max(0.0, actual - reserved)
    assert budget.overrun <= excess
    assert budget.free == max(0.0, total - budget.spent)


@lawful
@given(st.lists(st.tuples(PHASES, USAGES, AMOUNTS, AMOUNTS), max_size=12), st.integers(0, 12))
def test_a_ledger_is_the_sum_of_its_parts_wherever_it_is_split(
    calls: list[tuple[Phase, Usage, float, float]], split: int
) -> None:
    whole, first, second = Ledger(), Ledger(), Ledger()
    for i, call in enumerate(calls):
        whole = whole.book(*call)
        first, second = (first.book(*call), second) if i < split else (first, second.book(*call))
    assert first + second == whole
    assert whole.calls == len(calls)
    assert whole.cost == sum(cost for _, _, cost, _ in calls)
    assert whole.estimated_calls == sum(usage.estimated for _, usage, _, _ in calls)


@lawful
@given(USAGES, USAGES)
def test_a_tariff_charges_parts_and_sums_alike(left: Usage, right: Usage) -> None:
    for tariff in (Tariff.processed(), Tariff(text=0.25, image=0.5, cached=0.125)):
        assert tariff.cost(left + right) == tariff.cost(left) + tariff.cost(right)
    assert Tariff.processed().cost(left) == left.total


@lawful
@given(
    st.lists(st.tuples(st.integers(-2, 8), st.integers(1, 200), st.booleans()), max_size=8),
    st.integers(1, 4),
    AMOUNTS,
)
def test_purchases_fit_jointly_and_pass_over_nothing_better_that_fits(
    offers: list[tuple[int, int, bool]], batch: int, free: float
) -> None:
    offers = sorted(offers, key=lambda offer: -offer[0])
    ranked = [
        (value / 8, Action(f"a{i}", "answer" if answer else "reason", "", ("r",), Step(1, 1, cost / 4)))
        for i, (value, cost, answer) in enumerate(offers)
    ]
    selected = select_actions(ranked, batch=batch, free=free, cost_of=lambda action: action.step.cost)
    assert len(selected) <= batch
    assert sum(action.step.cost for action in selected) <= free
    assert len(selected) == 1 or not selected or selected[0].kind != "answer"
    if len(selected) == batch or (selected and selected[0].kind == "answer"):
        return
    for value, action in ranked:
        if value > 0 and action not in selected:
            better = [right for right in selected if int(right.id[1:]) < int(action.id[1:])]
            assert action.step.cost > free - sum(right.step.cost for right in better)
