"""Samples, figures, and the table they are printed in."""

import gc
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self


@dataclass(frozen=True)
class Sample:
    """What one figure came to in each repetition, in its own unit."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        """The figure that counts: other work on the machine moves a mean, but hardly a median."""
        return statistics.median(self.values)

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between these lie the middle half of the repetitions; the extremes where there are too few for that."""
        if len(self.values) < 4:
            return min(self.values), max(self.values)
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    def over(self, other: "Sample") -> "Sample":
        """The ratio in each repetition: both sides of one were measured one right after the other."""
        return Sample([mine / its for mine, its in zip(self.values, other.values, strict=True)])

    def minus(self, other: "Sample") -> "Sample":
        """The difference in each repetition."""
        return Sample([mine - its for mine, its in zip(self.values, other.values, strict=True)])

    def times(self, factor: float) -> "Sample":
        """The same in another unit."""
        return Sample([value * factor for value in self.values])


@dataclass(frozen=True)
class Figure:
    """One line of the table: a figure with a goal, or without one to put the others into proportion."""

    name: str
    sample: Sample
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None: there is none."""
        return None if self.goal is None else self.sample.median <= self.goal

    def row(self) -> tuple[str, str, str, str, str]:
        """name, measured, middle half, goal, met."""
        low, high = self.sample.quartiles
        verdict = {None: "", True: "met", False: "NOT MET"}[self.met]
        goal = "" if self.goal is None else f"≤ {self.goal:g} {self.unit}"
        spread = f"{_shown(low)} to {_shown(high)} ({len(self.sample.values)})"
        return self.name, f"{_shown(self.sample.median)} {self.unit}", spread, goal, verdict

    def as_json(self) -> dict[str, Any]:
        """Everything, the single repetitions included."""
        return asdict(self) | {"median": self.sample.median, "met": self.met}


@dataclass(frozen=True)
class Effort:
    """How much is measured: repetitions of slow and of quick figures."""

    slow: int = 7
    quick: int = 15

    @classmethod
    def least(cls) -> "Effort":
        """Enough to see that everything runs, and roughly how fast."""
        return cls(slow=3, quick=5)


@dataclass
class Report:
    """The figures of one measurement, with remarks that belong beneath the table."""

    figures: list[Figure] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)

    def __iadd__(self, other: "Report") -> Self:
        self.figures += other.figures
        self.remarks += other.remarks
        return self


Clock = Literal["wall", "cpu"]
Run = Callable[[], Awaitable[object]]

_CLOCKS: dict[Clock, Callable[[], float]] = {"wall": time.perf_counter, "cpu": time.process_time}


async def timed(run: Run, clock: Clock) -> float:
    """Seconds that ``run`` takes: wall clock, or CPU of all threads of this process, user and system."""
    # What the side before left behind is not this side's to clear away.
    gc.collect()
    now = _CLOCKS[clock]
    begun = now()
    await run()
    return now() - begun


async def side_by_side(runs: Sequence[Run], clock: Clock, repetitions: int) -> list[Sample]:
    """Each of ``runs`` so many times, by turns and in changing order, so that a busy machine is busy for all."""
    for run in runs:
        await run()
    taken: list[list[float]] = [[] for _ in runs]
    for repetition in range(repetitions):
        numbered = list(enumerate(runs))
        for number, run in numbered if repetition % 2 == 0 else reversed(numbered):
            taken[number].append(await timed(run, clock))
    return [Sample(values) for values in taken]


def table(figures: Sequence[Figure]) -> str:
    """The figures in columns; notes stand beneath their line."""
    head = ("figure", "measured", "middle half (n)", "goal", "")
    rows = [figure.row() for figure in figures]
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    lines = [_line(head, widths), "  ".join("-" * width for width in widths)]
    for figure, row in zip(figures, rows, strict=True):
        lines.append(_line(row, widths))
        if figure.note:
            lines.append(f"    {figure.note}")
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _shown(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
