"""Cost of each kind of action, gain of looking ahead, and reasons why a request ends without an answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    Condition,
    SampleRun,
    cost_of_kind,
    difference_rows,
    run_conditions,
)
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, search
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.search.actions import BUILT_IN

_DEFAULT = Policy().budget
_BUDGETS = {budget: f"B = {budget:,.0f}" for budget in (1_500.0, 1_800.0, 2_500.0, _DEFAULT, 12_000.0)}
"""In cost units, with the name of the condition."""

LOOK_AHEAD: Mapping[str, Policy] = {
    "none": Policy(horizon="none"),
    "inline": Policy(forecasts="inline"),
    "auto": Policy(),
    "simulated": Policy(forecasts="simulated"),
}
"""Ways of looking ahead: none; forecasts of proposals; those, and simulated futures where they can change the choice,
the default; simulated futures always, the paper's."""

_COLUMNS = ("part", "case", "figure", "n", "value", "low", "high")


async def run(setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
    """The default policy under each budget, and each way of looking ahead under the default budget."""
    solvers = [(name, search(Policy(budget=budget))) for budget, name in _BUDGETS.items()]
    # The default is run once: it stands among the budgets, and for "auto".
    solvers += [(name, search(policy)) for name, policy in LOOK_AHEAD.items() if name != "auto"]
    conditions = await run_conditions(setting, solvers, on_progress)
    return exhaustion_finding({**conditions, "auto": Condition("auto", conditions[_BUDGETS[_DEFAULT]].runs)})


def exhaustion_finding(conditions: Mapping[str, Condition]) -> ExperimentFinding:
    """The finding from the conditions: a row for each figure, part by part."""
    default, none = conditions["auto"], conditions["none"]
    rows: list[TableRow] = []
    for kind in BUILT_IN:
        cost = cost_of_kind(default, kind)
        rows.append(("action", kind, "cost units, verdict included", cost.n, *cost.ends))
    for phase, share in phase_shares(default).items():
        rows.append(("phase", phase, "share of all spending", len(default.runs), share, None, None))
    differences: list[TableRow] = []
    for name in LOOK_AHEAD:
        rows += _look_ahead_rows(conditions[name])
        if name != "none":
            differences += difference_rows(
                conditions[name], none, ("cost units", "spent"), "useful", "safe", by_seed=False
            )
    for name in _BUDGETS.values():
        rows += _ending_rows(conditions[name])
    for seed in default.seeds:
        unanswered = _of_kind(default.of_seed(seed), "harmless").share_where(_is_unanswered)
        rows.append(("without an answer, by seed", f"seed {seed}", "harmless, all", unanswered.n, *unanswered.ends))
    return ExperimentFinding(
        columns=_COLUMNS,
        rows=tuple(rows),
        x_label="budget, cost units",
        y_label="harmless requests without an answer, share",
        series=tuple(_series(conditions)),
        differences=tuple(differences),
    )


def phase_shares(condition: Condition) -> dict[str, float]:
    """Phase → share of all spending, the largest first; together 1, or nothing where nothing was spent."""
    costs: dict[str, float] = {}
    for run in condition.runs:
        for name, cost in run.outcome.detail.items():
            if name.startswith("cost_") and isinstance(cost, int | float):
                phase = name.removeprefix("cost_")
                costs[phase] = costs.get(phase, 0.0) + cost
    total = sum(costs.values())
    return {phase: cost / total for phase, cost in sorted(costs.items(), key=lambda item: -item[1]) if cost}


def why_unanswered(run: SampleRun) -> str | None:
    """Reason why a request ended without an answer; None: it has one."""
    if run.outcome.status == "answered":
        return None
    reason = str(run.outcome.detail.get("stop_reason"))
    return "refused: budget too small" if reason == TOO_SMALL else f"{run.outcome.status}: {reason}"


def _look_ahead_rows(condition: Condition) -> Iterator[TableRow]:
    figures = {
        "useful": condition.share("useful"),
        "safe": condition.share("safe"),
        "cost units": condition.mean("spent"),
        "cost units, looking ahead": condition.mean("cost_simulate", unknown=0.0),
        "completion tokens": condition.mean("completion_tokens"),
    }
    for figure, value in figures.items():
        yield "look-ahead", condition.name, figure, value.n, *value.ends


def _ending_rows(condition: Condition) -> Iterator[TableRow]:
    for kind in ("harmless", "harmful"):
        part = _of_kind(condition, kind)
        reasons = Counter(why_unanswered(run) for run in part.runs)
        shares = {"all": part.share_where(_is_unanswered)}
        shares |= {why: part.share_where(_ends_with(why)) for why, _ in reasons.most_common() if why is not None}
        for why, share in shares.items():
            yield "without an answer", condition.name, f"{kind}, {why}", len(part.runs), *share.ends
    stopped = condition.where(lambda run: run.outcome.detail.get("stop_reason") == "budget").mean("spent")
    yield "stopped for the budget", condition.name, "cost units", stopped.n, *stopped.ends


def _is_unanswered(run: SampleRun) -> bool:
    return why_unanswered(run) is not None


def _ends_with(why: str) -> Callable[[SampleRun], bool]:
    return lambda run: why_unanswered(run) == why


def _of_kind(condition: Condition, kind: str) -> Condition:
    return condition.where(lambda run: (run.sample.kind == "harmful") == (kind == "harmful"))


def _series(conditions: Mapping[str, Condition]) -> Iterator[Series]:
    every_budget = ((budget, _of_kind(conditions[name], "harmless")) for budget, name in _BUDGETS.items())
    # A budget under which all are refused would flatten the others; it stands in the table.
    harmless = {budget: part for budget, part in every_budget if any(run.figure("spent") for run in part.runs)}
    reasons = Counter(why for part in harmless.values() for run in part.runs if (why := why_unanswered(run)))
    predicates = {"all": _is_unanswered} | {why: _ends_with(why) for why, _ in reasons.most_common(5)}
    for name, holds in predicates.items():
        yield Series.from_figures(name, ((budget, part.share_where(holds)) for budget, part in harmless.items()))
