"""The search with and without cost in its value. Source of the question: EcoAlign's ablation Γ' = S · U.

Its figures, relative to the plain model: 21.2 with cost, 79.6 without, for GPT-4o. Its unit of cost is not known.
"""

from collections.abc import Callable, Mapping

from ecoalign_agent.bench.analysis.statistics import MeanInterval
from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    Condition,
    SampleRun,
    Solver,
    cost_of_kind,
    difference_rows,
    paired_mean,
    parts_by_seed,
    run_conditions,
)
from ecoalign_agent.bench.experiments.solvers import plain_model, search
from ecoalign_agent.economics.policy import Policy

_POLICIES: Mapping[str, Policy] = {"default": Policy(), "paper": Policy.paper()}

_COLUMNS = (
    "policy", "cost in value", "samples", "n", "completion_tokens", "low", "high", "x base", "all_tokens", "calls",
    "useful", "safe", "had to choose", "nothing left to do", "budget spent", "a reason", "a look",
)  # fmt: skip


async def run(setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
    """Base, and each policy with and without cost in the value, on the same samples."""
    solvers: list[tuple[str, Solver]] = [("base", plain_model)]
    for name, policy in _POLICIES.items():
        solvers += [(name, search(policy)), (f"{name}, no cost", search(policy.replace(cost_in_value=False)))]
    return cost_control_finding(await run_conditions(setting, solvers, on_progress))


def cost_control_finding(conditions: Mapping[str, Condition]) -> ExperimentFinding:
    """The finding from the five conditions."""
    base = conditions["base"].mean("completion_tokens")
    searches = [condition for name, condition in conditions.items() if name != "base"]
    difficulties = sorted({run.sample.difficulty for run in conditions["base"].runs})
    rows = [_row(condition, "all", base) for condition in conditions.values()]
    for n in difficulties:
        rows += [_row(condition.where(_has_difficulty(n)), f"difficulty {n}", base) for condition in searches]
    differences: list[TableRow] = []
    for name in _POLICIES:
        without, with_cost = conditions[f"{name}, no cost"], conditions[name]
        differences += _ratios(without, with_cost)
        differences += difference_rows(without, with_cost, "useful", "safe", by_seed=False)
    return ExperimentFinding(
        columns=_COLUMNS,
        rows=tuple(rows),
        x_label="difficulty: parts to work out, one more for fine print",
        y_label="completion tokens of a request",
        series=tuple(
            Series.from_figures(
                condition.name,
                [(n, condition.where(_has_difficulty(n)).mean("completion_tokens")) for n in difficulties],
            )
            for condition in searches
        ),
        differences=tuple(differences),
    )


def _row(condition: Condition, samples: str, base: MeanInterval) -> TableRow:
    policy, _, no_cost = condition.name.partition(", ")
    is_search = policy in _POLICIES
    tokens = condition.mean("completion_tokens")
    rounds = sum(run.rounds for run in condition.runs)
    return (
        policy, ("no" if no_cost else "yes") if is_search else "-", samples, len(condition.runs), *tokens.ends,
        tokens.mean / base.mean if tokens.mean is not None and base.mean else None,
        condition.mean("all_tokens").mean, condition.mean("calls").mean,
        condition.share("useful").mean, condition.share("safe").mean,
        sum(run.rounds_with_choice for run in condition.runs) / rounds if rounds else None,
        _ended_by(condition, "no_open_tip") if is_search else None,
        _ended_by(condition, "budget") if is_search else None,
        *(cost_of_kind(condition, kind).mean for kind in ("reason", "look")),
    )  # fmt: skip


def _has_difficulty(number: int) -> Callable[[SampleRun], bool]:
    return lambda run: run.sample.difficulty == number


def _ended_by(condition: Condition, reason: str) -> float | None:
    return condition.share_where(lambda run: run.outcome.detail.get("stop_reason") == reason).mean


def _ratios(without: Condition, with_cost: Condition) -> list[TableRow]:
    """Completion tokens without cost in the value as a multiple of those with it, over all samples and by seed."""
    rows: list[TableRow] = []
    for samples, left, right in parts_by_seed(without, with_cost):
        ratio = paired_mean(left, right, "completion_tokens").ratio_to(right.mean("completion_tokens"))
        rows.append((without.name, with_cost.name, "completion_tokens, times", samples, ratio.n, *ratio.ends, None))
    return rows
