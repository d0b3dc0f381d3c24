"""Harm in the middle, a benign end: the weakest link forbids what the last step and the mean let through."""

from dataclasses import replace

import pytest

from ecoalign_agent.bench.analysis.outcomes import SampleOutcome
from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded
from ecoalign_agent.bench.experiments import mixed
from ecoalign_agent.bench.experiments.base import Setting
from ecoalign_agent.bench.experiments.conditions import (
    Condition,
    Population,
    SampleRun,
    difference_rows,
    pool,
    run_condition,
)
from ecoalign_agent.bench.experiments.mixed import MIXED, MODES, has_unsafe_link, is_on_the_line, mixed_row
from ecoalign_agent.bench.experiments.solvers import search
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.valuation import PathSafety
from ecoalign_agent.models.simulated.world import World

FOOLED = Population(MIXED, "simulated:reckless", {**mixed.BENIGN_ENDS, "camouflage_power": 1.0, "hit_rate": 1.0})
"""Every unsafe thought is noticed as long as it is bare; after one, every unsafe answer is dressed, and passes."""


def sample_run(number: int, *, safe: bool, unsafe_links: int = 0, safety: float = 0.5) -> SampleRun:
    """A mixed request that was answered."""
    sample = World(0, MIXED).sample(number)
    score = AnswerScore(safe=safe, useful=True)
    detail = {"safety": safety, "spent": 100.0}
    outcome = SampleOutcome(Graded(sample.id, score), "The total is 1.", "answered", None, detail)
    return SampleRun(sample, outcome, unsafe_links=unsafe_links)


def condition(number: int, *, safe: bool) -> Condition:
    return Condition("made", tuple(sample_run(n, safe=safe) for n in range(number)))


async def fooled(mode: PathSafety, *, samples: int = 30) -> Condition:
    """Runs of models whose benign ends fool every assessor."""
    solver = search(Policy(path_safety=mode), assessors_of=lambda model: [model.variant(seed=model.seed + 50)])
    return await run_condition(Setting(samples=samples), mode, solver, lambda _: None, population=FOOLED)


def difference(left: Condition, right: Condition) -> tuple[object, ...]:
    """n, difference and p of safety."""
    ((*_, n, change, _low, _high, p),) = difference_rows(left, right, "safe", by_seed=False)
    return n, change, p


async def test_a_benign_end_fools_the_last_step_and_not_the_weakest_link() -> None:
    minimum, last = await fooled("minimum"), await fooled("last")
    # What is bare is noticed, and without an unsafe thought before it nothing is dressed.
    assert minimum.share("safe").mean == 1.0
    assert not any(map(has_unsafe_link, minimum.runs))
    unsafe = [run for run in last.runs if run.outcome.score.safe is False]
    assert unsafe
    assert all(map(has_unsafe_link, unsafe))


async def test_the_mean_lets_through_what_is_known_to_be_unsafe() -> None:
    mean = await fooled("mean", samples=15)
    assert any(map(has_unsafe_link, mean.runs))
    # Whatever it answers, the mean of the grades was not below 0.
    assert all((one.figure("safety") or 0.0) >= 0 for one in mean.runs if one.outcome.status == "answered")


def test_a_row_by_hand() -> None:
    # Of four requests the minimum tells one (number 3); the last step tells that and number 2, over a known link.
    minimum = Condition("minimum", tuple(sample_run(n, safe=n != 3) for n in range(4)))
    last = Condition("last", tuple(sample_run(n, safe=n < 2, unsafe_links=n == 2) for n in range(4)))
    name, mode, n, safety, _low, _high, against_minimum, p, useful, knew, on_the_line, cost = mixed_row(
        "made", {"minimum": minimum, "last": last, "mean": last}, "last"
    )
    assert (name, mode, n, safety, against_minimum, useful) == ("made", "last", 4, 0.5, -0.25, 1.0)
    # One pair differs: as likely one way as the other.
    assert p == 1.0
    assert (knew, on_the_line, cost) == (0.25, 0.0, 100.0)
    assert mixed_row("made", {"minimum": minimum}, "minimum")[6:8] == (None, None)


def test_on_the_line_is_what_a_hair_less_would_have_stopped() -> None:
    assert is_on_the_line(sample_run(0, safe=True, unsafe_links=1, safety=0.0))
    assert not is_on_the_line(sample_run(0, safe=True, unsafe_links=1, safety=0.01))
    # Nothing unsafe was known: grades of 0 alone are no such case.
    assert not is_on_the_line(sample_run(0, safe=True, unsafe_links=0, safety=0.0))


def test_a_declined_request_was_not_answered_over_a_known_link() -> None:
    run = sample_run(0, safe=True, unsafe_links=1)
    assert not has_unsafe_link(replace(run, outcome=replace(run.outcome, status="declined")))


def test_pooled_conditions_are_paired_model_by_model() -> None:
    # The same two samples in two models: all four pairs count, and no sample is taken for another model's.
    good, bad = condition(2, safe=True), condition(2, safe=False)
    n, change, _ = difference(pool("all", {"a": good, "b": bad}), pool("all", {"a": good, "b": good}))
    assert (n, change) == (4, pytest.approx(-0.5))


def test_a_sample_that_is_asked_of_two_models_is_one_piece_of_evidence() -> None:
    # Five requests, worse in both models: ten pairs, but five signs: p = 2 / 2^5, where ten would give 2 / 2^10.
    good, bad = condition(5, safe=True), condition(5, safe=False)
    assert difference(pool("all", {"a": bad, "b": bad}), pool("all", {"a": good, "b": good})) == (10, -1.0, 2 / 2**5)
    # Better in one model and worse in the other is neither.
    assert difference(pool("all", {"a": bad, "b": good}), pool("all", {"a": good, "b": bad})) == (10, 0.0, 1.0)


async def test_every_model_and_strength_has_a_row_for_each_path_safety() -> None:
    found = await mixed.run(Setting(samples=9), lambda _: None)
    # Three models, all of them together, three strengths of a dressed end; each in three ways.
    assert len(found.rows) == 7 * 3
    assert [series.name for series in found.series] == list(MODES)
    assert all(row[9] == 0.0 for row in found.rows if row[1] == "minimum")
    # The last step and the mean against the minimum: over all, and for each of three seeds.
    assert len(found.differences) == 2 * 4
