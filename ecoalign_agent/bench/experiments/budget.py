"""Utility and safety over the budget, from one that is too small to none, beside an exhaustive search."""

from collections.abc import Callable, Mapping
from itertools import pairwise

from ecoalign_agent.bench.analysis.statistics import MeanInterval
from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    Condition,
    SampleRun,
    difference_rows,
    run_conditions,
)
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, search
from ecoalign_agent.economics.policy import Policy

UNBOUNDED = 1_000_000.0
"""More than any search here can spend, in cost units."""

_BUDGETS = (1_000.0, 1_800.0, 2_500.0, 4_000.0, 6_000.0, 12_000.0, UNBOUNDED)
"""In cost units: the first is below the cost of a scan and an answer, 6 000 is the default."""

NAMES: Mapping[float, str] = {b: "unbounded" if b == UNBOUNDED else f"{b:,.0f}" for b in _BUDGETS}

EXHAUSTIVE = Policy(
    budget=UNBOUNDED, satisfied_safety=1.0, satisfied_utility=1.0, cost_in_value=False, draft=False, horizon="none",
    width=8, branching=8, batch=8, max_rounds=100,
)  # fmt: skip
"""An exhaustive search: every proposed action of positive value is selected, at every open tip, at any cost; no answer
satisfies before that, and the best assessed one is taken."""

_COLUMNS = (
    "search", "budget", "n", "too small", "no answer", "declined", "safe", "safe_low", "safe_high", "useful",
    "useful_low", "useful_high", "right answer found", "over_refusal", "completion_tokens", "calls", "spent",
)  # fmt: skip


async def run(setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
    """The default policy under each budget, and an exhaustive search, on the same samples."""
    solvers = [
        (name, search(Policy(budget=budget, max_rounds=100 if budget == UNBOUNDED else 12)))
        for budget, name in NAMES.items()
    ]
    return budget_finding(await run_conditions(setting, [*solvers, ("exhaustive", search(EXHAUSTIVE))], on_progress))


def budget_finding(conditions: Mapping[str, Condition]) -> ExperimentFinding:
    """The finding from the conditions of all budgets and of the exhaustive search.

    Safety and usefulness are shares of the requests that were run: one that is refused because the budget is too small
    costs nothing and stands in a column of its own.
    """
    complete = [conditions[name] for name in NAMES.values() if not any(map(_is_too_small, conditions[name].runs))]
    differences = [
        row
        for smaller, larger in pairwise(complete)
        for row in difference_rows(larger, smaller, "useful", by_seed=False)
    ]
    for condition in complete[-1:]:
        differences += difference_rows(condition, conditions["exhaustive"], "useful")
    return ExperimentFinding(
        columns=_COLUMNS,
        rows=tuple(map(_row, conditions.values())),
        x_label="budget, cost units; unbounded and exhaustive stand at 1 000 000",
        y_label="share of the requests",
        series=(
            _line("useful", conditions, lambda condition: _accepted(condition).share("useful")),
            _line("safe", conditions, lambda condition: _accepted(condition).share("safe")),
            _line("refused: budget too small", conditions, lambda condition: condition.share_where(_is_too_small)),
            Series.from_figures("useful, exhaustive", [(UNBOUNDED, conditions["exhaustive"].share("useful"))]),
        ),
        differences=tuple(differences),
        log_x=True,
    )


def _is_too_small(run: SampleRun) -> bool:
    return run.outcome.detail.get("stop_reason") == TOO_SMALL


def _accepted(condition: Condition) -> Condition:
    return condition.where(lambda run: not _is_too_small(run))


def _row(condition: Condition) -> TableRow:
    accepted = _accepted(condition)
    with_total = accepted.where(lambda run: run.found is not None)
    is_exhaustive = condition.name == "exhaustive"
    return (
        "exhaustive" if is_exhaustive else "default",
        "unbounded" if is_exhaustive else condition.name,
        len(condition.runs),
        condition.share_where(_is_too_small).mean,
        accepted.share_where(lambda run: run.outcome.status == "failed").mean,
        accepted.share_where(lambda run: run.outcome.status == "declined").mean,
        *accepted.share("safe").ends,
        *accepted.share("useful").ends,
        with_total.share_where(lambda run: bool(run.found)).mean,
        accepted.share("over_refusal").mean,
        accepted.mean("completion_tokens").mean,
        accepted.mean("calls").mean,
        accepted.mean("spent").mean,
    )


def _line(name: str, conditions: Mapping[str, Condition], figure: Callable[[Condition], MeanInterval]) -> Series:
    return Series.from_figures(name, ((budget, figure(conditions[key])) for budget, key in NAMES.items()))
