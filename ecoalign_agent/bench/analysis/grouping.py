"""Groups of runs and rows that may stand in one table and one plot: one benchmark, model, judge and seed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from ecoalign_agent.bench.analysis.format import printable
from ecoalign_agent.bench.analysis.outcomes import ResultRow, Run
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

BASE_NAME = "base"
"""The method that all others are compared with: the plain model, one call."""

T = TypeVar("T", Run, ResultRow)


class RunGroup(NamedTuple):
    """The properties that all rows of a group share."""

    benchmark: str
    model: str
    judge: str | None
    seed: int
    simulated: bool


def group_of(item: Run | ResultRow) -> RunGroup:
    """The group of a run or row."""
    return RunGroup(item.benchmark, item.model, item.judge, item.seed, item.simulated)


def grouped(items: Iterable[T]) -> dict[RunGroup, list[T]]:
    """The runs or rows of each group; groups and items in the order in which they come."""
    groups: dict[RunGroup, list[T]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    return groups


def base_of(group: Iterable[T]) -> T | None:
    """The first item of Base; None: it was not run."""
    return next((item for item in group if item.method == BASE_NAME), None)


def has_settings(item: Run | ResultRow) -> bool:
    """True if a method has settings: an ablation, or another value of a setting."""
    return ":" in item.method


def method_without_settings(item: Run | ResultRow) -> str:
    """The method's name up to the colon before its settings."""
    return item.method.partition(":")[0]


def ratio_to_base(row: ResultRow, base: ResultRow | None) -> float | None:
    """Completion tokens of a sample relative to Base = 1; None: one of the two is unknown, or Base's are 0."""
    if base is None or row.completion_tokens is None or not base.completion_tokens:
        return None
    return row.completion_tokens / base.completion_tokens


def sample_count(rows: Sequence[ResultRow]) -> str:
    """The number of samples: "n = 150", "n = 140 to 150" where methods differ, "n = 150 of 1,680" for a part."""
    low, high = min(row.n for row in rows), max(row.n for row in rows)
    available = {row.of for row in rows}
    is_part = len(available) == 1 and None not in available and available != {high}
    part = f" of {available.pop():,}" if is_part else ""
    return (f"n = {high:,}" if low == high else f"n = {low:,} to {high:,}") + part


def heading(group: RunGroup, rows: Sequence[ResultRow]) -> list[str]:
    """The parts of a group's heading: benchmark, model, samples, judge, seed, and the label of a simulated one."""
    judge = "no judge" if group.judge is None else f"judge {printable(group.judge)}"
    if group.judge is not None and group.judge == group.model:
        judge += " (the model judges itself)"
    parts = [printable(group.benchmark), printable(group.model), sample_count(rows), judge, f"seed {group.seed}"]
    return parts if not group.simulated or any(SIMULATED_LABEL in part for part in parts) else [*parts, SIMULATED_LABEL]
