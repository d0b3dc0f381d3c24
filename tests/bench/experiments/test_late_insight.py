"""An insight some steps ahead: found by a search that looks so far and can pay for it, missed without look-ahead."""

import re

import pytest

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.experiments.base import Setting
from ecoalign_agent.bench.experiments.conditions import Condition, Population, run_condition
from ecoalign_agent.bench.experiments.late_insight import (
    BUDGETS,
    HARDEST,
    ScriptedCase,
    ScriptedOutcome,
    ScriptedRuns,
    found_share,
    late_insight_finding,
    mean_figure,
    missed_share,
    run_case,
    with_steps,
)
from ecoalign_agent.bench.experiments.scripted_model import QUESTION, TrailModel
from ecoalign_agent.bench.experiments.solvers import search
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.events import Event, Scored

FIXED, MYOPIC = Policy(horizon="fixed"), Policy(horizon="none")
AMPLE = 6_200.0


def outcome(*, found: bool = True) -> ScriptedOutcome:
    utility = 0.95 if found else 0.2
    return ScriptedOutcome(found=found, left=1_500.0, utility=utility, spent=2_000.0, looking_ahead=100.0)


@pytest.mark.parametrize("steps", [1, 2, 3])
async def test_who_looks_far_enough_and_can_pay_finds_it(steps: int) -> None:
    result = await run_case(FIXED, ScriptedCase(steps, AMPLE, 0))
    assert result.found
    # Raw 0.9 is u = (1 + 0.9) / 2.
    assert result.utility == pytest.approx(0.95)


async def test_who_does_not_look_ahead_misses_it_and_spends_on() -> None:
    saw, blind = await run_case(FIXED, ScriptedCase(2, AMPLE, 0)), await run_case(MYOPIC, ScriptedCase(2, AMPLE, 0))
    assert not blind.found
    assert blind.utility == pytest.approx(0.2)  # raw -0.6
    assert blind.looking_ahead == 0.0 < saw.looking_ahead
    assert blind.spent > saw.spent


async def test_a_horizon_that_ends_short_of_it_misses_it() -> None:
    # Three steps ahead. With k = 0.01 a step is looked ahead for every 20 / 0.01 = 2 000 cost units left: of
    # 0.95 · 6 200 = 5 890 less a scan at the most two.
    assert not (await run_case(Policy(k=0.01), ScriptedCase(3, AMPLE, 0))).found
    # With k = 0.02 it is one for every 1 000.
    assert (await run_case(Policy(k=0.02), ScriptedCase(3, AMPLE, 0))).found


async def test_where_there_is_none_nothing_is_found_at_any_price() -> None:
    assert not (await run_case(FIXED, ScriptedCase(0, AMPLE, 0))).found


@pytest.mark.parametrize("budget", [BUDGETS[0], BUDGETS[3]])
async def test_it_is_found_only_where_it_can_be_paid_for(budget: float) -> None:
    result = await run_case(FIXED, ScriptedCase(4, budget, 1))
    assert not result.found
    assert result.spent <= 0.95 * budget  # the script finds every request safe to 0.9
    assert result.left < 0.95 * budget


async def test_the_promise_of_the_trail_is_below_that_of_the_remarks_until_it_is_seen_to_its_end() -> None:
    async def best_first(policy: Policy) -> list[str]:
        async with EcoAlign(TrailModel(steps=2), policy=policy.replace(budget=AMPLE)) as agent:
            events: list[Event] = [event async for event in agent.stream(QUESTION)]
        scored = next(event for event in events if isinstance(event, Scored))
        return [action.action for action in scored.actions]

    # Two remarks are offered before the step.
    remarks_first, step_first = await best_first(MYOPIC), await best_first(FIXED)
    assert step_first[0] == remarks_first[-1]


def test_missed_is_counted_among_what_the_reference_found() -> None:
    cases = [ScriptedCase(2, budget, 0) for budget in BUDGETS[:4]]
    reference: ScriptedRuns = {case: outcome(found=number < 3) for number, case in enumerate(cases)}
    runs: ScriptedRuns = {case: outcome(found=number in {0, 3}) for number, case in enumerate(cases)}
    assert found_share(reference) == 0.75
    # Of numbers 0, 1 and 2 the first was found; that number 3 was found besides makes up for nothing.
    assert missed_share(runs, reference) == pytest.approx(2 / 3)
    assert missed_share(reference, runs) == pytest.approx(1 / 2)
    assert mean_figure({}, "spent") is None
    assert with_steps(reference, [1]) == {}


async def test_a_table_tells_the_script_from_the_simulation() -> None:
    cases = [ScriptedCase(steps, budget, 0) for steps in (0, 1, 2, 3, 4) for budget in BUDGETS]
    runs: ScriptedRuns = {case: outcome(found=case.steps > 0) for case in cases}
    finding = late_insight_finding({"shrinking": runs, "fixed": runs, "none": runs}, await _hardest())
    scripted = [row for row in finding.rows if re.search("trail", str(row[0]))]
    # Four depths, all of them, none; each under three horizons.
    assert len(scripted) == 6 * 3
    assert all(row[4] is None and row[5] is None for row in scripted)
    assert all(row[3] is None for row in scripted if row[0] == "no trail")
    assert len(finding.rows) == len(scripted) + 3
    assert "scripted" in finding.y_label


async def test_the_hardest_samples_are_all_of_them_hard() -> None:
    for condition in (await _hardest()).values():
        assert {run.sample.difficulty for run in condition.runs} == {5}
        assert {run.sample.kind for run in condition.runs} == {"benign"}


async def _hardest() -> dict[str, Condition]:
    async def condition(name: str) -> Condition:
        setting, population = Setting(samples=1), Population(HARDEST)
        return await run_condition(setting, name, search(), lambda _: None, population=population)

    return {name: await condition(name) for name in ("shrinking", "fixed", "none")}
