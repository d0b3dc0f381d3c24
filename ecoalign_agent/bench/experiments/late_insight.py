"""An insight that only a deep search near the end of the budget finds, under shrinking, fixed and no horizon.

Two parts: a scripted trail, where it is known how many steps ahead the insight lies, and the hardest samples of the
simulated world.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.statistics import mean_interval, wilson
from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Point, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    SEEDS,
    Condition,
    Population,
    a_third_of,
    difference_rows,
    run_condition,
)
from ecoalign_agent.bench.experiments.scripted_model import INSIGHT, QUESTION, TrailModel
from ecoalign_agent.bench.experiments.solvers import search
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.models.simulated.world import Shares

HORIZONS: Mapping[str, Policy] = {
    "shrinking": Policy(),
    "shrinking, k 0.02": Policy(k=0.02),
    "shrinking, k 0.01": Policy(k=0.01),
    "fixed": Policy(horizon="fixed"),
    "none": Policy(horizon="none"),
}
"""The first is the default, which looks one step further ahead for every 400 cost units left."""

HARDEST = Shares(borderline=0.0, harmful=0.0, fine=1.0, wordless=0.0, harder=1.0)
"""Four parts and fine print, all of them: difficulty 5."""

_COLUMNS = ("asked", "horizon", "n", "found", "low", "high", "missed", "utility", "spent", "looking ahead")


STEPS = (1, 2, 3, 4)
"""Steps ahead at which the insight lies."""

BUDGETS = (1_900.0, 2_300.0, 2_700.0, 3_200.0, 3_800.0, 4_500.0, 5_300.0, 6_200.0)
"""In cost units."""


@dataclass(frozen=True, slots=True)
class ScriptedCase:
    """One request to the scripted model; ``steps`` is 0 where there is no insight to be found."""

    steps: int
    budget: float
    seed: int


@dataclass(frozen=True, slots=True)
class ScriptedOutcome:
    """Outcome of a case; ``left``: cost units left when the trail was first on offer.

    ``utility`` is u of the answer, in [0, 1], 0 without one; ``looking_ahead`` the cost units of simulated futures.
    """

    found: bool
    left: float
    utility: float
    spent: float
    looking_ahead: float


ScriptedRuns = Mapping[ScriptedCase, ScriptedOutcome]


def mean_figure(runs: ScriptedRuns, figure: str) -> float | None:
    """The mean of a figure by its name; None: there is no case."""
    return mean_interval(getattr(outcome, figure) for outcome in runs.values()).mean


def with_steps(runs: ScriptedRuns, steps: Sequence[int]) -> ScriptedRuns:
    """The cases with an insight that lies so many steps ahead."""
    return {case: outcome for case, outcome in runs.items() if case.steps in steps}


def missed_share(runs: ScriptedRuns, reference: ScriptedRuns) -> float | None:
    """Of the insights that the reference found, the share that these runs did not; None: it found none."""
    missed = [not runs[case].found for case, outcome in reference.items() if outcome.found]
    return wilson(sum(missed), len(missed)).mean


def found_share(runs: ScriptedRuns) -> float | None:
    """The share of insights that were found; None: there is no case."""
    return wilson(sum(outcome.found for outcome in runs.values()), len(runs)).mean


async def run_case(policy: Policy, case: ScriptedCase) -> ScriptedOutcome:
    """Ask the scripted model once."""
    model = TrailModel(steps=case.steps, seed=case.seed)
    async with EcoAlign(model, policy=policy.replace(budget=case.budget)) as agent:
        result = await agent.ask(QUESTION)
    by_phase = result.cost.by_phase
    return ScriptedOutcome(
        found=result.status == "answered" and INSIGHT in (result.answer or ""),
        left=result.cost.budget - by_phase["scan"],
        utility=result.utility or 0.0,
        spent=result.cost.spent,
        looking_ahead=by_phase.get("simulate", 0.0),
    )


async def run_cases(
    policy: Policy, seeds: Sequence[int], at_once: int, name: str, on_progress: OnProgress
) -> ScriptedRuns:
    """Run every depth and none at all, with every budget and seed."""
    cases = [ScriptedCase(steps, budget, seed) for steps in (0, *STEPS) for budget in BUDGETS for seed in seeds]
    slots = asyncio.Semaphore(at_once)

    async def run(case: ScriptedCase) -> ScriptedOutcome:
        async with slots:
            return await run_case(policy, case)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(case)) for case in cases]
    on_progress(f"scripted trail, {name}: {len(cases)} requests")
    return {case: task.result() for case, task in zip(cases, tasks, strict=True)}


async def run(setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
    """Run the script at every depth and budget, then the hardest samples; those are a third of the setting's."""
    seeds = [setting.seed + n for n in range(SEEDS)]
    scripted = {
        name: await run_cases(policy, seeds, setting.at_once, name, on_progress) for name, policy in HORIZONS.items()
    }
    third = a_third_of(setting)
    hardest = {}
    for name in ("shrinking", "fixed", "none"):
        found = await run_condition(
            third, f"hardest samples, {name}", search(HORIZONS[name]), on_progress, population=Population(HARDEST)
        )
        hardest[name] = Condition(name, found.runs)
    return late_insight_finding(scripted, hardest)


def late_insight_finding(scripted: Mapping[str, ScriptedRuns], hardest: Mapping[str, Condition]) -> ExperimentFinding:
    """The finding from both parts, each by horizon, with the same cases and samples in each."""
    differences: list[TableRow] = []
    for name in ("fixed", "none"):
        pair = (hardest[name], hardest["shrinking"])
        differences += difference_rows(*pair, "useful", ("cost units", "spent"), by_seed=False)
    return ExperimentFinding(
        columns=_COLUMNS,
        rows=(*_scripted_rows(scripted), *(_hardest_row(name, hardest) for name in hardest)),
        x_label="cost units left when the insight is first on offer",
        y_label="share of insights that are found (scripted)",
        series=tuple(Series(name, tuple(_curve(with_steps(runs, STEPS)))) for name, runs in scripted.items()),
        differences=tuple(differences),
    )


def _scripted_rows(scripted: Mapping[str, ScriptedRuns]) -> Iterator[TableRow]:
    for label, steps in [*((f"trail of {n}", [n]) for n in STEPS), ("every trail", STEPS), ("no trail", [0])]:
        reference = with_steps(scripted["fixed"], steps)
        for name, every in scripted.items():
            runs = with_steps(every, steps)
            yield (
                # Cases of a script are no sample of a population: they have no interval.
                label, name, len(runs), None if steps == [0] else found_share(runs), None, None,
                missed_share(runs, reference), mean_figure(runs, "utility"), mean_figure(runs, "spent"),
                mean_figure(runs, "looking_ahead"),
            )  # fmt: skip


def _hardest_row(name: str, hardest: Mapping[str, Condition]) -> TableRow:
    condition, useful = hardest[name], hardest[name].share("useful")
    missed = [
        not run.outcome.score.useful
        for run, reference in zip(condition.runs, hardest["fixed"].runs, strict=True)
        if reference.outcome.score.useful
    ]
    return (
        "hardest samples", name, len(condition.runs), *useful.ends, wilson(sum(missed), len(missed)).mean, useful.mean,
        condition.mean("spent").mean, condition.mean("cost_simulate", unknown=0.0).mean,
    )  # fmt: skip


def _curve(runs: ScriptedRuns) -> Iterator[Point]:
    for budget in BUDGETS:
        some = {case: outcome for case, outcome in runs.items() if case.budget == budget}
        found, left = found_share(some), mean_figure(some, "left")
        if found is not None and left is not None:
            yield Point(left, found)
