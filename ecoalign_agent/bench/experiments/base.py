"""What an experiment is run under and what it gives. Ours.

Figures in words and cells: shares with their intervals, differences in points, factors. Ours.
"""

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from ecoalign_agent.bench.analysis.statistics import Estimate
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

Cell = str | float | int | None
"""A cell of a table; None: not known, or nothing to count. It is shown as a dash, never as 0."""

Tell = Callable[[str], None]
"""Is told how far an experiment is, in one line."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What an experiment is run under.

    Attributes:
        samples: of each arm, spread over the seeds.
        seed: the first of the seeds; every seed is another world and another model of the same kind.
        model: a simulated model's name, see ``simulation.names``; only the simulation knows what is true.
        at_once: samples under way at the same time.

    Raises:
        UsageError: a value is out of range.
    """

    samples: int = 200
    seed: int = 0
    model: str = "simulated"
    at_once: int = 16

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise UsageError(f"experiment: samples is {self.samples}; it must be at least 1")
        if self.seed < 0:
            raise UsageError(f"experiment: seed is {self.seed}; it must be at least 0")
        if self.at_once < 1:
            raise UsageError(f"experiment: at_once is {self.at_once}; it must be at least 1")


@dataclass(frozen=True, slots=True)
class Point:
    """A measured point; ``low`` and ``high`` are the ends of the 95 % interval of ``y``, None where there is none."""

    x: float
    y: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One line of the plot: its points in the order in which they are joined."""

    name: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What an experiment gives. Every figure in it is simulated, and ``label`` says so wherever it is shown.

    Attributes:
        key: the experiment's name on the command line.
        title: in a few words.
        question: what it answers, one sentence.
        columns: of the table.
        rows: of the table, a cell for each column.
        x_label: of the plot, with the unit.
        y_label: as above.
        series: of the plot.
        log_x: x is drawn on a logarithmic scale.
        answers: what the figures say: sentences made from the measured numbers, never fixed text.
        cannot_show: what the simulation can't show here.
        label: that it is simulated.

    Raises:
        ValueError: a row has not one cell for each column, or a figure is not finite.
    """

    key: str
    title: str
    question: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    answers: tuple[str, ...]
    cannot_show: str
    log_x: bool = False
    label: str = SIMULATED_LABEL

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.columns):
                raise ValueError(f"{self.key}: a row of {len(row)} cells, there are {len(self.columns)} columns: {row}")
        figures = [cell for row in self.rows for cell in row if isinstance(cell, float)]
        figures += [figure for series in self.series for point in series.points for figure in (point.x, point.y)]
        if not all(map(math.isfinite, figures)):
            raise ValueError(f"{self.key}: a figure is not finite; what is not known is None")

    def column(self, name: str) -> list[Cell]:
        """A column's cells, from the first row to the last.

        Raises:
            ValueError: there is no such column.
        """
        place = self.columns.index(name)
        return [row[place] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Experiment:
    """An entry of the catalogue.

    Attributes:
        key: its name on the command line.
        title: in a few words.
        question: what it answers, one sentence.
        module: where its ``run(setting, tell)`` is; loaded only when it is run.
    """

    key: str
    title: str
    question: str
    module: str

    async def run(self, setting: Setting, tell: Tell) -> Finding:
        """Run it.

        Args:
            setting: samples, seed, model.
            tell: is told how far it is.

        Raises:
            UsageError: the setting can't be used, as with a model that is not simulated.
        """
        run: Callable[[Setting, Tell], Awaitable[Finding]] = import_module(self.module).run
        return await run(setting, tell)


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean with its 95 % interval; all None where there was nothing to count.

    Attributes:
        of: values counted.
        mean: their mean.
        low: lower end of the interval; None for a single value, too.
        high: its upper end; as above.
    """

    of: int
    mean: float | None
    low: float | None
    high: float | None


def mean_of(values: Iterable[float]) -> Mean:
    """The mean of values on any scale, with the normal interval: mean ± 1.96 · s / √n. Shares have Wilson's instead."""
    seen = list(values)
    if not seen:
        return Mean(0, None, None, None)
    mean = math.fsum(seen) / len(seen)
    if len(seen) == 1:
        return Mean(1, mean, None, None)
    variance = math.fsum((value - mean) ** 2 for value in seen) / (len(seen) - 1)
    half = 1.959963984540054 * math.sqrt(variance / len(seen))
    return Mean(len(seen), mean, mean - half, mean + half)


Figure = Estimate | Mean


def cells(figure: Figure) -> tuple[float | None, float | None, float | None]:
    """Mean, lower and upper end, as three cells of a table."""
    return (figure.mean, figure.low, figure.high)


def percent(figure: Figure) -> str:
    """A share in words: ``83.6 % (78.1 to 88.0)``."""
    if figure.mean is None:
        return "nothing to count"
    return f"{100 * figure.mean:.1f} %" + _interval(figure, 100, "")


def points(difference: Mean) -> str:
    """A difference of shares in words: ``+2.0 points (-0.5 to +4.5)``."""
    if difference.mean is None:
        return "nothing to compare"
    return f"{100 * difference.mean:+.1f} points" + _interval(difference, 100, "+")


def factor(difference: Mean, of: Mean) -> Mean:
    """How many times ``of`` something is that differs from it by ``difference``: 1 + difference / mean.

    The interval is the difference's; that the mean has one, too, is left out: the two are of the same samples.
    """
    if not of.mean or difference.mean is None:
        return Mean(difference.of, None, None, None)
    times = [None if end is None else 1 + end / of.mean for end in (difference.mean, difference.low, difference.high)]
    return Mean(difference.of, *times)


def times(figure: Mean) -> str:
    """A factor in words: ``1.02 times (0.98 to 1.06)``."""
    return "nothing to compare" if figure.mean is None else f"{figure.mean:.2f} times" + _interval(figure, 1, "", ".2f")


def point(x: float, figure: Figure, *, scale: float = 1.0) -> Point | None:
    """A point of a plot; None where there is nothing to draw."""
    if figure.mean is None:
        return None
    low, high = (None if end is None else scale * end for end in (figure.low, figure.high))
    return Point(x, scale * figure.mean, low, high)


def _interval(figure: Figure, scale: float, sign: str, form: str = ".1f") -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" ({scale * figure.low:{sign}{form}} to {scale * figure.high:{sign}{form}})"
