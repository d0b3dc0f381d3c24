"""What is drawn on a plot's axes: limits, ticks, interval bars, points with their front."""
# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ecoalign_agent.evaluation.cells import amount, short
from ecoalign_agent.evaluation.charts import ACCENT, INK, MIDDLE, PALE, text_size
from ecoalign_agent.evaluation.labelling import Line, Mark, label_points
from ecoalign_agent.evaluation.outcomes import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_TICKS = 4
_STEPS: tuple[Sequence[float], ...] = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    [step / 10 for step in range(10, 100)],
    [step / 100 for step in range(100, 1000, 2)],
)
_MARKERS = "os^vDPX<>ph*"
_OURS = "ecoalign"


def percent_range(share: float | None, low: float | None, high: float | None) -> tuple[float, float]:
    """An interval in per cent; of one that is not known only the share itself.

    Raises:
        ValueError: there is no share.
    """
    if share is None:
        raise ValueError("an interval of nothing")
    return 100 * (share if low is None else low), 100 * (share if high is None else high)


def percent_limits(values: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis of per cents: all values with a margin, no more of the rest than need be."""
    low, high = min(values), max(values)
    margin = max(2.0, 0.07 * (high - low))
    return max(-3.0, low - margin), min(103.0, high + margin)


def thin_bars(axes: "Axes", bars: Sequence[Line], *, color: str = PALE) -> None:
    """Intervals, as thin lines behind everything else."""
    for x0, y0, x1, y1 in bars:
        axes.plot([x0, x1], [y0, y1], color=color, linewidth=0.9, solid_capstyle="butt", zorder=2.5)


def front_scatter(
    axes: "Axes",
    rows: Sequence[Row],
    at: Sequence[tuple[float, float]],
    *,
    bars: Sequence[Line],
    front: Sequence[int],
    cheaper: bool,
) -> None:
    """Points with names and intervals; filled on the front, which a dashed staircase joins; hollow behind it.

    Args:
        axes: with its limits set.
        rows: a row each.
        at: where each stands.
        bars: the intervals.
        front: places of the rows that nothing beats.
        cheaper: less is better along the level axis; else more is.
    """
    thin_bars(axes, bars)
    stairs = staircase([at[place] for place in front], cheaper=cheaper)
    if stairs:
        path = [stairs[0][:2], *(line[2:] for line in stairs)]
        xs, ys = zip(*path, strict=True)
        axes.plot(xs, ys, linestyle=(0, (4, 3)), color=INK, linewidth=1, zorder=2.7)
    for place, (row, (x, y)) in enumerate(zip(rows, at, strict=True)):
        shade = ACCENT if _is_ours(row) else INK
        axes.plot(
            [x],
            [y],
            linestyle="none",
            marker=_MARKERS[place % len(_MARKERS)],
            markersize=8 if _is_ours(row) else 6.5,
            markerfacecolor=shade if place in front else "white",
            markeredgecolor=shade,
            markeredgewidth=1.1,
            zorder=5,
        )
    marks = [Mark(x, y, short(row.method), strong=_is_ours(row)) for row, (x, y) in zip(rows, at, strict=True)]
    label_points(axes, marks, [*bars, *stairs])


def staircase(front: Sequence[tuple[float, float]], *, cheaper: bool) -> list[Line]:
    """The edge of what a front leaves open, as level and upright lines: there is nothing beyond it.

    Args:
        front: points of which none beats another; more is better upwards.
        cheaper: less is better along the level axis; else more is.
    """
    lines: list[Line] = []
    for (x0, y0), (x1, y1) in pairwise(sorted(set(front))):
        # What can be had for less than the next costs, or what is safer than this one, is the lower step.
        corner = (x1, y0) if cheaper else (x0, y1)
        lines += [(x0, y0, *corner), (*corner, x1, y1)]
    return lines


def front_note(rows: Sequence[Row], shown: Sequence[Row], beaten: str) -> str:
    """What the marks mean, and which rows have no place in the plot."""
    missing = [short(row.method) for row in rows if row not in shown]
    told = f"filled, dashed line: on the Pareto front by the means, no other is {beaten}; thin lines: 95 % interval"
    return told + (f"; not shown, for a figure is not known: {', '.join(missing)}" if missing else "")


def amount_ticks(axes: "Axes") -> None:
    """Round numbers on a logarithmic axis, written in full: as few as tell where one is."""
    low, high = (float(end) for end in axes.get_xlim())
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    at: list[float] = []
    for steps in _STEPS:
        at = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(at) >= _TICKS:
            break
    texts = _thinned(axes, at, [amount(value) for value in at])
    _set_ticks(axes, *zip(*((x, text) for x, text in zip(at, texts, strict=True) if text), strict=True))


def budget_ticks(axes: "Axes", at: Sequence[float], budgets: Sequence[float]) -> None:
    """A mark at every budget that was run; its number only where there is room."""
    texts = [amount(budget) if math.isfinite(budget) else "unbounded" for budget in budgets]
    _set_ticks(axes, at, _thinned(axes, at, texts))


def handles(looks: Sequence[tuple[str, dict[str, Any]]]) -> list[Any]:
    """Keys of a legend: a patch for each title and look."""
    from matplotlib.patches import Patch

    return [Patch(label=title, **look) for title, look in looks]


def written(axes: "Axes", x: float, y: float, text: str, *, size: float = 7.5, faint: bool = False) -> None:
    """A few words, beginning at a point and centred on it upright."""
    axes.text(x, y, text, va="center", fontsize=size, color=MIDDLE if faint else INK)


def _thinned(axes: "Axes", at: Sequence[float], texts: Sequence[str]) -> list[str]:
    """The texts along the level axis, empty where one would touch the one before it."""
    kept, edge = [], -math.inf
    for x, text in zip(at, texts, strict=True):
        middle = float(axes.transData.transform((x, 0))[0])
        half = text_size(text, size=9)[0] / 2
        room = middle - half > edge + 3
        kept.append(text if room else "")
        edge = middle + half if room else edge
    return kept


def _set_ticks(axes: "Axes", at: Sequence[float], texts: Sequence[str]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.xaxis.set_major_locator(FixedLocator(list(at)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(at), list(texts))


def _is_ours(row: Row) -> bool:
    return row.method == _OURS
