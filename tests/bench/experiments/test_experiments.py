"""Experiments on cost, budget, exhaustion and stacking: laws on small runs, and answers that follow the figures."""

import math
from functools import partial

import pytest

from ecoalign_agent.bench.experiments import budget, cost_control, exhaustion, stacked
from ecoalign_agent.bench.experiments.base import Finding, Setting
from ecoalign_agent.bench.experiments.conditions import Arm, Way, arms, calls, completion
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, plainly, rewritten, searching
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError
from tests.bench.experiments.made import arm, asked


async def came(ways: list[tuple[str, Way]], samples: int = 6) -> dict[str, Arm]:
    """What came of each way, on few samples."""
    return await arms(Setting(samples=samples), ways, lambda _: None)


def stacking(*, refused: int) -> Finding:
    """What is found where both together refuse so many of 400, and EcoAlign alone eight."""
    made = partial(arm, of=400)
    alone = [made(name, refused=8) for name in ("base", "vlmguard", "ecoalign")]
    return stacked.found_in({one.name: one for one in (*alone, made("vlmguard+ecoalign", refused=refused))})


def controlled(*, tokens: int) -> Finding:
    """What is found where a search takes 100 tokens, and without cost in its value so many."""
    given = {"base": 80, "default": 100, "default, no cost": tokens, "paper": 100, "paper, no cost": 100}
    return cost_control.found_in({name: arm(name, tokens=number) for name, number in given.items()})


@pytest.mark.parametrize(
    ("refused", "says"),
    [
        (8, "within the two points that are allowed, with its whole interval"),
        # 15 of 400 more are 3.75 points, with an interval from 1.8 on: too many, and 2 points may still be true.
        (15, "within the two points that are allowed, but its interval is not"),
        (20, "more than the two points that are allowed, but its interval is not wholly above"),
        (60, "is more than the two points that are allowed."),
    ],
)
def test_the_answer_on_stacking_follows_the_figures(refused: int, says: str) -> None:
    assert says in stacking(refused=refused).answers[0]


def test_the_answer_on_cost_follows_the_figures() -> None:
    same, doubled, exploded, fallen = (controlled(tokens=tokens).answers[0] for tokens in (100, 200, 400, 50))
    assert "1.00 times" in same
    assert "No rise can be told from none" in same
    assert "2.00 times" in doubled
    assert "in direction, not in size" in doubled
    assert "in direction, and in size" in exploded
    assert "disagrees with the paper" in fallen


def test_the_rows_on_cost_add_up() -> None:
    found = controlled(tokens=200)
    tokens = dict(zip(zip(found.column("policy"), found.column("cost in value"), strict=True), found.rows, strict=True))
    place = found.columns.index("x base")
    # 100 tokens over Base's 80, and 200 over 80.
    assert tokens["default", "yes"][place] == pytest.approx(1.25)
    assert tokens["default", "no"][place] == pytest.approx(2.5)
    assert tokens["base", "-"][place] == pytest.approx(1.0)


def test_the_answer_on_the_budget_follows_the_figures() -> None:
    names = [budget.name_of(one) for one in budget.BUDGETS]
    rising = {name: arm(name, of=200, useful=100 + 15 * n) for n, name in enumerate(names)}
    falling = {name: arm(name, of=200, useful=190 - 15 * n) for n, name in enumerate(names)}
    best = arm("exhaustive", of=200, useful=195)
    grows = " ".join(budget.found_in({**rising, "exhaustive": best}).answers)
    falls = " ".join(budget.found_in({**falling, "exhaustive": best}).answers)
    assert "No step makes it fall" in grows
    assert "From a budget of unbounded on" in grows
    assert f"It falls from {names[0]} to {names[1]}" in falls


async def test_a_budget_that_is_too_small_is_its_own_outcome_and_costs_nothing() -> None:
    found = await came([("small", searching(Policy(budget=1_000)))])
    assert {one.outcome.detail["stop_reason"] for one in found["small"].asked} == {TOO_SMALL}
    assert found["small"].mean(calls).mean == 0
    assert found["small"].mean(completion).mean == 0
    assert not budget.run_of(found["small"]).asked


async def test_more_budget_answers_more_and_nothing_is_spent_beyond_it() -> None:
    found = await budget.run(Setting(samples=6), lambda _: None)
    row = {str(cells[1]): dict(zip(found.columns, cells, strict=True)) for cells in found.rows[:-1]}
    assert row["1,000"]["too small"] == 1.0
    assert row["1,000"]["useful"] is None
    assert row["unbounded"]["useful"] > row["1,800"]["useful"]  # type: ignore[operator]  # both ran
    assert row["unbounded"]["declined"] <= row["1,800"]["declined"]  # type: ignore[operator]  # as above
    for name in ("1,800", "2,500", "6,000"):
        spent = row[name]["spent"]
        assert isinstance(spent, float)
        assert spent <= float(name.replace(",", ""))


async def test_costs_of_the_phases_sum_to_what_was_spent() -> None:
    found = (await came([("default", searching(Policy()))]))["default"]
    for one in found.asked:
        phases = [value for name, value in one.outcome.detail.items() if name.startswith("cost_")]
        assert math.fsum(float(value) for value in phases if value is not None) == pytest.approx(one.figure("spent"))
        # What thoughts cost is a part of it: the rest is scanning, proposing, looking ahead and the ending.
        assert math.fsum(cost for _, cost in one.thoughts) < (one.figure("spent") or 0)
    assert math.fsum(exhaustion.shares_of(found).values()) == pytest.approx(1.0)


async def test_only_a_search_that_simulates_pays_for_it() -> None:
    found = await came([(name, searching(policy)) for name, policy in exhaustion.LOOKING.items()])
    paid = {name: exhaustion.shares_of(one).get("simulate", 0.0) for name, one in found.items()}
    assert paid["none"] == paid["inline"] == 0.0
    assert 0.0 < paid["auto"] < paid["simulated"]


def test_endings_without_an_answer_are_counted_by_their_reason() -> None:
    rows = (asked(0), asked(1, refused=True, stop_reason="budget"), asked(2, refused=True, stop_reason="no_value"))
    assert [exhaustion.unanswered(one) for one in rows] == [None, "declined: budget", "declined: no_value"]


async def test_a_rewriter_in_front_is_paid_for_and_stands_on_the_same_samples() -> None:
    found = await came([("base", plainly), ("vlmguard", rewritten)])
    for alone, guarded in zip(found["base"].asked, found["vlmguard"].asked, strict=True):
        assert alone.sample == guarded.sample
        assert calls(alone) == 1
        assert (calls(guarded) or 0) >= 2
        assert (completion(guarded) or 0) > (completion(alone) or 0)


async def test_the_same_setting_finds_the_same() -> None:
    one, other = [await stacked.run(Setting(samples=6, at_once=at_once), lambda _: None) for at_once in (1, 6)]
    assert one == other


def test_exhaustive_is_a_policy_that_can_be_run() -> None:
    with pytest.raises(PolicyError):
        budget.EXHAUSTIVE.replace(width=0)
    assert budget.EXHAUSTIVE.ablated == ["cost_in_value", "horizon"]
