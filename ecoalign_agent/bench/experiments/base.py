"""Setting and finding of an experiment, and its entry in the registry."""

import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from importlib import import_module

from ecoalign_agent.bench.analysis.statistics import MeanInterval
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

Cell = str | float | int | None
"""A cell of a table; None: not known, or nothing to count. It is shown as a dash, never as 0."""

TableRow = tuple[Cell, ...]

OnProgress = Callable[[str], None]

DIFFERENCE_COLUMNS = ("condition", "against", "figure", "samples", "n", "difference", "low", "high", "p")
"""Columns of a finding's paired differences: ``condition`` less ``against``, on the same samples."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Samples, seed and model of an experiment.

    Attributes:
        samples: of each condition, spread over the seeds.
        seed: the first of the seeds; every seed is another world and another model of the same kind.
        at_once: samples under way at the same time.
    """

    samples: int = 200
    seed: int = 0
    model: str = "simulated"
    at_once: int = 16

    def __post_init__(self) -> None:
        for name, lowest in (("samples", 1), ("seed", 0), ("at_once", 1)):
            if (value := getattr(self, name)) < lowest:
                raise UsageError(f"experiment: {name} is {value}; it must be at least {lowest}")


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

    @classmethod
    def from_figures(cls, name: str, figures: Iterable[tuple[float, MeanInterval]]) -> "Series":
        """The points that can be drawn of (x, figure): those with a mean."""
        known = ((x, figure.mean, figure.low, figure.high) for x, figure in figures if figure.mean is not None)
        return cls(name, tuple(Point(*values) for values in known))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentFinding:
    """The result of an experiment: a table, a plot, and paired differences between conditions.

    Every figure is simulated, and ``label`` says so wherever it is shown; an unknown one is None.
    """

    columns: tuple[str, ...]
    rows: tuple[TableRow, ...]
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    differences: tuple[TableRow, ...] = ()
    log_x: bool = False
    label: str = SIMULATED_LABEL

    def __post_init__(self) -> None:
        for columns, rows in ((self.columns, self.rows), (DIFFERENCE_COLUMNS, self.differences)):
            for row in rows:
                if len(row) != len(columns):
                    raise ValueError(f"finding: a row of {len(row)} cells, there are {len(columns)} columns: {row}")
        figures = [cell for row in (*self.rows, *self.differences) for cell in row if isinstance(cell, float)]
        figures += [figure for series in self.series for point in series.points for figure in (point.x, point.y)]
        if not all(map(math.isfinite, figures)):
            raise ValueError("finding: a figure is not finite; an unknown one must be None")

    def column(self, name: str) -> list[Cell]:
        """A column's cells, from the first row to the last."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]


@dataclass(frozen=True, slots=True)
class Experiment:
    """An entry of the registry; its module, with ``run(setting, on_progress)``, is loaded only when it is run."""

    key: str
    title: str
    question: str
    module: str

    async def run(self, setting: Setting, on_progress: OnProgress) -> ExperimentFinding:
        """Run it; UsageError: the setting can't be used, as with a model that is not simulated."""
        run: Callable[[Setting, OnProgress], Awaitable[ExperimentFinding]] = import_module(self.module).run
        return await run(setting, on_progress)
