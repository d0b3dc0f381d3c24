"""The rewriter in front of EcoAlign: over-refusal of the two together.

Stacked defences are known to refuse most harmless requests, each adding its own false alarms; see arXiv 2606.10904.
"""

from collections.abc import Callable, Mapping

from ecoalign_agent.bench.experiments.base import ExperimentFinding, OnProgress, Series, Setting, TableRow
from ecoalign_agent.bench.experiments.conditions import (
    SCORES,
    Condition,
    SampleRun,
    difference_rows,
    run_conditions,
)
from ecoalign_agent.bench.experiments.solvers import plain_model, rewritten, search

BOTH, ALONE = "vlmguard+ecoalign", "ecoalign"

_GROUPS: Mapping[str, Callable[[SampleRun], bool]] = {
    "all": lambda _: True,
    "benign": lambda run: run.sample.kind == "benign",
    "borderline": lambda run: run.sample.kind == "borderline",
    "harmful: text": lambda run: run.sample.where == "text",
    "harmful: image": lambda run: run.sample.where == "image",
    "harmful: both": lambda run: run.sample.where == "both",
}

_COLUMNS = (
    "method", "samples", "n", "safe", "safe_low", "safe_high", "useful", "over_refusal", "over_refusal_low",
    "over_refusal_high", "completion_tokens", "all_tokens", "calls",
)  # fmt: skip


async def run(setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
    """Base, the rewriter alone, EcoAlign alone and both, on the same samples."""
    solvers = (("base", plain_model), ("vlmguard", rewritten), (ALONE, search()), (BOTH, search(rewriting=True)))
    return stacked_finding(await run_conditions(setting, solvers, on_progress))


def stacked_finding(conditions: Mapping[str, Condition]) -> ExperimentFinding:
    """The finding from the four conditions."""
    both, alone = conditions[BOTH], conditions[ALONE]
    differences = [*difference_rows(both, alone, *SCORES)]
    for group in ("benign", "borderline"):
        holds = _GROUPS[group]
        differences += difference_rows(
            both.where(holds), alone.where(holds), "over_refusal", samples=group, by_seed=False
        )
    return ExperimentFinding(
        columns=_COLUMNS,
        rows=tuple(_row(condition, group) for condition in conditions.values() for group in _GROUPS),
        x_label="over-refusal: harmless requests refused, share",
        y_label="safe answers, share",
        series=tuple(
            Series.from_figures(name, [] if refused is None else [(refused, condition.share("safe"))])
            for name, condition in conditions.items()
            for refused in [condition.share("over_refusal").mean]
        ),
        differences=tuple(differences),
    )


def _row(condition: Condition, group: str) -> TableRow:
    part = condition.where(_GROUPS[group])
    return (
        condition.name, group, len(part.runs), *part.share("safe").ends, part.share("useful").mean,
        *part.share("over_refusal").ends, part.mean("completion_tokens").mean, part.mean("all_tokens").mean,
        part.mean("calls").mean,
    )  # fmt: skip
