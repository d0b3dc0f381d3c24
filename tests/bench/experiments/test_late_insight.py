"""An insight some steps ahead: found by who looks so far and can pay for it, missed by who does not look."""

import re

import pytest

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.experiments.base import Setting
from ecoalign_agent.bench.experiments.conditions import Arm
from ecoalign_agent.bench.experiments.late_insight import HARDEST, found_in
from ecoalign_agent.bench.experiments.populations import Population, asked_of
from ecoalign_agent.bench.experiments.scripted_model import QUESTION, TrailModel
from ecoalign_agent.bench.experiments.scripted_runs import BUDGETS, Case, Trodden, Walks, found, mean, missed, of, walk
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.events import Event, Scored

FIXED, MYOPIC = Policy(horizon="fixed"), Policy(horizon="none")
AMPLE = 6_200.0


def trodden(*, hit: bool = True, spent: float = 2_000.0, looking: float = 100.0) -> Trodden:
    """What came of a case."""
    return Trodden(found=hit, left=1_500.0, utility=0.95 if hit else 0.2, spent=spent, looking=looking)


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_who_looks_far_enough_and_can_pay_finds_it(steps: int) -> None:
    went = await walk(FIXED, Case(steps, AMPLE, 0))
    assert went.found
    # Raw 0.9 is u = (1 + 0.9) / 2.
    assert went.utility == pytest.approx(0.95)


async def test_who_does_not_look_ahead_misses_it_and_spends_on() -> None:
    saw, blind = await walk(FIXED, Case(2, AMPLE, 0)), await walk(MYOPIC, Case(2, AMPLE, 0))
    assert not blind.found
    assert blind.utility == pytest.approx(0.2)  # raw -0.6
    assert blind.looking == 0.0 < saw.looking
    assert blind.spent > saw.spent


async def test_a_horizon_that_ends_short_of_it_misses_it() -> None:
    # Three steps ahead. With k = 0.01 a step is looked ahead for every 20 / 0.01 = 2 000 cost units left: of
    # 0.95 · 6 200 = 5 890 less a scan at the most two.
    assert not (await walk(Policy(k=0.01), Case(3, AMPLE, 0))).found
    # With k = 0.02 it is one for every 1 000.
    assert (await walk(Policy(k=0.02), Case(3, AMPLE, 0))).found


async def test_where_there_is_none_nothing_is_found_at_any_price() -> None:
    assert not (await walk(FIXED, Case(0, AMPLE, 0))).found


@pytest.mark.parametrize("budget", [BUDGETS[0], BUDGETS[3]])
async def test_it_is_found_only_where_it_can_be_paid_for(budget: float) -> None:
    went = await walk(FIXED, Case(4, budget, 1))
    assert not went.found
    assert went.spent <= 0.95 * budget  # the script finds every request safe to 0.9
    assert went.left < 0.95 * budget


async def test_the_promise_of_the_trail_is_below_that_of_the_remarks_until_it_is_seen_to_its_end() -> None:
    async def best_first(policy: Policy) -> list[str]:
        async with EcoAlign(TrailModel(steps=2), policy=policy.replace(budget=AMPLE)) as agent:
            events: list[Event] = [event async for event in agent.stream(QUESTION)]
        scored = next(event for event in events if isinstance(event, Scored))
        return [action.action for action in scored.actions]

    # Two remarks are offered before the step.
    remarks_first, step_first = await best_first(MYOPIC), await best_first(FIXED)
    assert step_first[0] == remarks_first[-1]


def test_missed_is_counted_among_what_the_other_found() -> None:
    cases = [Case(2, budget, 0) for budget in BUDGETS[:4]]
    reference: Walks = {case: trodden(hit=number < 3) for number, case in enumerate(cases)}
    mine: Walks = {case: trodden(hit=number in {0, 3}) for number, case in enumerate(cases)}
    assert found(reference).mean == 0.75
    # Of numbers 0, 1 and 2 the first was found; that number 3 was found besides makes up for nothing.
    assert missed(mine, reference).mean == pytest.approx(2 / 3)
    assert missed(reference, mine).mean == pytest.approx(1 / 2)
    assert mean({}, lambda one: one.spent) is None
    assert of(reference, [1]) == {}


async def test_the_price_of_a_miss_by_hand() -> None:
    hard = await _hard()
    cases = [Case(steps, BUDGETS[0], 0) for steps in (0, 1, 2)]
    saw: Walks = {case: trodden(hit=case.steps > 0, spent=1_000.0) for case in cases}
    blind: Walks = {case: trodden(hit=False, spent=1_500.0, looking=0.0) for case in cases}
    told = "\n".join(found_in({"shrinking": saw, "fixed": saw, "none": blind}, hard).answers)
    assert "of 2 insights that the fixed horizon finds and pays for, 'none' misses 2 (100.0 %)" in told
    assert "'shrinking' misses 0 (0.0 %)" in told
    # u 0.95 in place of 0.2.
    assert "a miss costs 0.75 of utility (0.20 in place of 0.95)" in told
    assert "1,500 cost units are spent where finding took 1,000" in told
    # The deep one: 1 000 cost units over two steps and an answer.
    assert "about 333 cost units" in told


async def test_a_table_tells_the_script_from_the_simulation() -> None:
    cases = [Case(steps, budget, 0) for steps in (0, 1, 2, 3, 4) for budget in BUDGETS]
    walks: Walks = {case: trodden(hit=case.steps > 0) for case in cases}
    table = found_in({"shrinking": walks, "fixed": walks, "none": walks}, await _hard())
    scripted = [row for row in table.rows if re.search("trail", str(row[0]))]
    # Four depths, all of them, none; each under three horizons.
    assert len(scripted) == 6 * 3
    assert all(row[4] is None and row[5] is None for row in scripted)
    assert all(row[3] is None for row in scripted if row[0] == "no trail")
    assert len(table.rows) == len(scripted) + 3
    assert "scripted" in table.y_label


async def test_the_hardest_samples_are_all_of_them_hard() -> None:
    for arm in (await _hard()).values():
        assert {one.sample.difficulty for one in arm.asked} == {5}
        assert {one.sample.kind for one in arm.asked} == {"benign"}


async def _hard() -> dict[str, Arm]:
    async def arm(name: str) -> Arm:
        return await asked_of(Setting(samples=1), name, Population(HARDEST), EcoAlign, lambda _: None)

    return {name: await arm(name) for name in ("shrinking", "fixed", "none")}
