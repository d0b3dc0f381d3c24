"""An insight that only a deep search near the end of the budget finds, under shrinking, fixed and no horizon.

Two parts: a scripted trail, where it is known how many steps ahead the insight lies, and the hardest samples of the
simulated world.
"""

from collections.abc import Iterator, Mapping

from ecoalign_agent.bench.analysis.statistics import wilson
from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Point, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    SEEDS,
    Condition,
    Population,
    a_third_of,
    difference_rows,
    run_condition,
    spent,
)
from ecoalign_agent.bench.experiments.scripted_runs import (
    BUDGETS,
    STEPS,
    ScriptedRuns,
    found_share,
    mean_figure,
    missed_share,
    run_cases,
    with_steps,
)
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
    """The finding from both parts.

    Args:
        scripted: by horizon, the same cases in each; "fixed" among them.
        hardest: by horizon, the same samples in each; "shrinking", "fixed" and "none".
    """
    differences = [
        row
        for name in ("fixed", "none")
        for row in difference_rows(hardest[name], hardest["shrinking"], "useful", ("cost units", spent), by_seed=False)
    ]
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
        condition.mean(spent).mean, condition.mean(lambda run: run.figure("cost_simulate") or 0.0).mean,
    )  # fmt: skip


def _curve(runs: ScriptedRuns) -> Iterator[Point]:
    for budget in BUDGETS:
        some = {case: outcome for case, outcome in runs.items() if case.budget == budget}
        found, left = found_share(some), mean_figure(some, "left")
        if found is not None and left is not None:
            yield Point(left, found)
