"""Experiments on cost, budget, exhaustion and stacking: laws on small runs, and figures worked by hand."""

import math
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import pytest

from ecoalign_agent.bench.experiments import budget, cost_control, exhaustion, stacked
from ecoalign_agent.bench.experiments.base import ExperimentFinding, Setting
from ecoalign_agent.bench.experiments.conditions import Condition, Solver, run_conditions
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, plain_model, rewritten, search
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError
from tests.bench.experiments.conditions import condition, differences, sample_run


async def conditions_of(solvers: Sequence[tuple[str, Solver]], samples: int = 6) -> dict[str, Condition]:
    """The condition of each solver on few samples."""
    return await run_conditions(Setting(samples=samples), solvers, lambda _: None)


def stacking(*, refused: int) -> ExperimentFinding:
    """The finding if both together refuse so many of 400, and EcoAlign alone eight."""
    made = partial(condition, number=400)
    alone = [made(name, refused=8) for name in ("base", "vlmguard", "ecoalign")]
    return stacked.stacked_finding({one.name: one for one in (*alone, made("vlmguard+ecoalign", refused=refused))})


def controlled(*, tokens: int) -> ExperimentFinding:
    """The finding if a search takes 100 tokens, and without cost in its value so many."""
    by_name = {"base": 80, "default": 100, "default, no cost": tokens, "paper": 100, "paper, no cost": 100}
    return cost_control.cost_control_finding({name: condition(name, tokens=number) for name, number in by_name.items()})


@pytest.mark.parametrize(
    ("refused", "more", "low", "high"),
    [
        # n = 402: gap g and g + 1 squares: g/402 ± 1.96 · √(g + 1 − g²/402) / 402.
        (8, 0.0, -0.00488, 0.00488),
        (20, 0.03, 0.01252, 0.04719),
        (60, 0.13, 0.09619, 0.16252),
    ],
)
def test_stacking_is_compared_with_ecoalign_alone_on_the_same_samples(
    refused: int, more: float, low: float, high: float
) -> None:
    row = differences(stacking(refused=refused))["vlmguard+ecoalign", "ecoalign", "over_refusal", "all"]
    assert (row["difference"], row["low"], row["high"]) == pytest.approx((more, low, high), abs=1e-5)


@pytest.mark.parametrize(("tokens", "times"), [(100, 1.0), (200, 2.0), (50, 0.5)])
def test_cost_without_cost_in_the_value_is_a_multiple_of_cost_with_it(tokens: int, times: float) -> None:
    row = differences(controlled(tokens=tokens))["default, no cost", "default", "completion_tokens, times", "all"]
    # Every sample differs by the same: the interval is a point.
    assert (row["difference"], row["low"], row["high"], row["p"]) == (times, times, times, None)


def test_the_rows_on_cost_add_up() -> None:
    found = controlled(tokens=200)
    rows = dict(zip(zip(found.column("policy"), found.column("cost in value"), strict=True), found.rows, strict=True))
    index = found.columns.index("x base")
    # 100 tokens over Base's 80, and 200 over 80.
    assert rows["default", "yes"][index] == pytest.approx(1.25)
    assert rows["default", "no"][index] == pytest.approx(2.5)
    assert rows["base", "-"][index] == pytest.approx(1.0)


def test_each_budget_is_compared_with_the_one_below_and_the_largest_with_the_exhaustive_search() -> None:
    names = list(budget.NAMES.values())
    rising = {name: condition(name, number=200, useful=100 + 15 * n) for n, name in enumerate(names)}
    rows = differences(budget.budget_finding({**rising, "exhaustive": condition("exhaustive", number=200, useful=195)}))
    for smaller, larger in pairwise(names):
        assert rows[larger, smaller, "useful", "all"]["difference"] == 15 / 200
    # The largest of seven has 190 of 200.
    assert rows["unbounded", "exhaustive", "useful", "all"]["difference"] == -5 / 200
    assert rows["unbounded", "exhaustive", "useful", "seed 1"]["n"] == 67


async def test_a_budget_that_is_too_small_is_its_own_outcome_and_costs_nothing() -> None:
    found = await conditions_of([("small", search(Policy(budget=1_000)))])
    assert {one.outcome.detail["stop_reason"] for one in found["small"].runs} == {TOO_SMALL}
    assert found["small"].mean("calls").mean == 0
    assert found["small"].mean("completion_tokens").mean == 0


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
    found = (await conditions_of([("default", search(Policy()))]))["default"]
    for one in found.runs:
        phases = [value for name, value in one.outcome.detail.items() if name.startswith("cost_")]
        assert math.fsum(float(value) for value in phases if value is not None) == pytest.approx(one.figure("spent"))
        # What thoughts cost is a part of it: the rest is scanning, proposing, looking ahead and the ending.
        assert math.fsum(cost for _, cost in one.thoughts) < (one.figure("spent") or 0)
    assert math.fsum(exhaustion.phase_shares(found).values()) == pytest.approx(1.0)


async def test_only_a_search_that_simulates_pays_for_it() -> None:
    found = await conditions_of([(name, search(policy)) for name, policy in exhaustion.LOOK_AHEAD.items()])
    paid = {name: exhaustion.phase_shares(one).get("simulate", 0.0) for name, one in found.items()}
    assert paid["none"] == paid["inline"] == 0.0
    assert 0.0 < paid["auto"] < paid["simulated"]


def test_endings_without_an_answer_are_counted_by_their_reason() -> None:
    declined = [sample_run(1, refused=True, stop_reason=reason) for reason in ("budget", "no_value")]
    reasons = [exhaustion.why_unanswered(run) for run in (sample_run(0), *declined)]
    assert reasons == [None, "declined: budget", "declined: no_value"]


async def test_a_rewriter_in_front_is_paid_for_and_stands_on_the_same_samples() -> None:
    found = await conditions_of([("base", plain_model), ("vlmguard", rewritten)])
    for alone, guarded in zip(found["base"].runs, found["vlmguard"].runs, strict=True):
        assert alone.sample == guarded.sample
        assert alone.figure("calls") == 1
        assert (guarded.figure("calls") or 0) >= 2
        assert (guarded.figure("completion_tokens") or 0) > (alone.figure("completion_tokens") or 0)


async def test_the_same_setting_finds_the_same() -> None:
    one, other = [await stacked.run(Setting(samples=6, at_once=at_once), lambda _: None) for at_once in (1, 6)]
    assert one == other


def test_exhaustive_is_a_policy_that_can_be_run() -> None:
    with pytest.raises(PolicyError):
        budget.EXHAUSTIVE.replace(width=0)
    assert budget.EXHAUSTIVE.ablated == ["cost_in_value", "horizon"]
