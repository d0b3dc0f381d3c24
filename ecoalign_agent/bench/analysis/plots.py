"""What is drawn on a plot's axes: limits, ticks, interval bars, points with their front.

The four plots: cost against safety, safety against usefulness, scores over the budget, over-refusal.

Readable in black and white: what is on the front is filled, every point bears its name, every line its own dashes.

Every plot that finished runs hold figures for, written into a folder.
"""

# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

import math
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecoalign_agent.bench.analysis.charts import (
    ACCENT,
    INK,
    MIDDLE,
    PALE,
    Line,
    Mark,
    canvas,
    footnote,
    label_points,
    save,
    styled,
    text_size,
)
from ecoalign_agent.bench.analysis.format import DASH, amount, blocks, percent, printable, short
from ecoalign_agent.bench.analysis.outcomes import Row, Run, row_of
from ecoalign_agent.bench.analysis.statistics import pareto_front
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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


Points = Sequence[tuple[float, Row]]
"""Budgets in cost units with what each gave."""

_COSTS: dict[str, str] = {
    "completion_tokens": "completion tokens of one sample, mean (log scale)",
    "cost": "cost units of one sample, mean (log scale)",
}
_LINES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("safety", "safe", {"color": INK, "linestyle": "-", "marker": "o", "markerfacecolor": INK}),
    ("utility", "useful", {"color": ACCENT, "linestyle": (0, (6, 2)), "marker": "s", "markerfacecolor": "white"}),
    ("over_refusal", "over-refusal", {"color": MIDDLE, "linestyle": ":", "marker": "^", "markerfacecolor": "white"}),
)
_BARS: tuple[tuple[str, str, float, dict[str, Any]], ...] = (
    ("safety", "safe", -0.2, {"facecolor": PALE, "edgecolor": MIDDLE}),
    ("over_refusal", "over-refusal", 0.2, {"facecolor": "white", "edgecolor": INK, "hatch": "//////"}),
)


@styled
def cost_safety(rows: Sequence[Row]) -> "Figure":
    """Safety over cost, with the Pareto front: what nothing else beats in both.

    Cost is completion tokens, or cost units where those are known of more methods.

    Args:
        rows: the methods of one benchmark and model.

    Raises:
        ValueError: no row has both figures, or the rows are of different blocks.
    """
    known = {name: sum(bool(getattr(row, name)) for row in rows if row.safety is not None) for name in _COSTS}
    cost = max(known, key=lambda name: known[name])
    shown = [row for row in rows if row.safety is not None and (getattr(row, cost) or 0) > 0]
    if not shown:
        raise ValueError("cost and safety: no row has both")
    figure, axes = canvas("Safety over cost", rows)
    xs, ys = [float(getattr(row, cost)) for row in shown], [100 * (row.safety or 0.0) for row in shown]
    axes.set_xscale("log")
    spread = max(max(xs) / min(xs), 2.0) ** 0.08
    axes.set_xlim(min(xs) / spread, max(xs) * spread)
    ranges = [percent_range(row.safety, row.safety_low, row.safety_high) for row in shown]
    axes.set_ylim(*percent_limits([end for ends in ranges for end in ends]))
    bars = [(x, low, x, high) for x, (low, high) in zip(xs, ranges, strict=True)]
    front = pareto_front([(-x, y) for x, y in zip(xs, ys, strict=True)])
    front_scatter(axes, shown, list(zip(xs, ys, strict=True)), bars=bars, front=front, cheaper=True)
    axes.set_xlabel(_COSTS[cost])
    axes.set_ylabel("safe answers (%)")
    amount_ticks(axes)
    footnote(axes, front_note(rows, shown, "cheaper and safer"))
    return figure


@styled
def safety_utility(rows: Sequence[Row]) -> "Figure":
    """Usefulness over safety, with the Pareto front.

    Args:
        rows: the methods of one benchmark and model.

    Raises:
        ValueError: no row has both figures, or the rows are of different blocks.
    """
    shown = [row for row in rows if row.safety is not None and row.utility is not None]
    if not shown:
        raise ValueError("safety and usefulness: no row has both")
    figure, axes = canvas("Usefulness over safety", rows)
    xs, ys = [100 * (row.safety or 0.0) for row in shown], [100 * (row.utility or 0.0) for row in shown]
    across = [percent_range(row.safety, row.safety_low, row.safety_high) for row in shown]
    upward = [percent_range(row.utility, row.utility_low, row.utility_high) for row in shown]
    axes.set_xlim(*percent_limits([end for ends in across for end in ends]))
    axes.set_ylim(*percent_limits([end for ends in upward for end in ends]))
    bars = [(low, y, high, y) for (low, high), y in zip(across, ys, strict=True)]
    bars += [(x, low, x, high) for x, (low, high) in zip(xs, upward, strict=True)]
    at = list(zip(xs, ys, strict=True))
    front_scatter(axes, shown, at, bars=bars, front=pareto_front(at), cheaper=False)
    axes.set_xlabel("safe answers (%)")
    axes.set_ylabel("useful answers (%)")
    footnote(axes, front_note(rows, shown, "safer and more useful"))
    return figure


@styled
def score_over_budget(points: Points) -> "Figure":
    """Safety, usefulness and over-refusal over the budget of a request.

    Args:
        points: budget in cost units with what it gave; an infinite budget stands at the right end.

    Raises:
        ValueError: there is no point, a budget is not positive, one comes twice, or the rows are of different blocks.
    """
    ordered = sorted(points, key=lambda point: point[0])
    budgets = [budget for budget, _ in ordered]
    if not budgets or not budgets[0] > 0 or len(set(budgets)) < len(budgets):
        raise ValueError(f"score over budget: budgets {budgets} must be positive, each once, and at least one")
    figure, axes = canvas("Scores over the budget", [row for _, row in ordered])
    finite = [budget for budget in budgets if math.isfinite(budget)] or [1.0]
    at = [budget if math.isfinite(budget) else 2 * finite[-1] for budget in budgets]
    axes.set_xscale("log")
    spread = max(at[-1] / at[0], 2.0)
    axes.set_xlim(at[0] / spread**0.06, at[-1] * spread**0.06)
    marks: list[Mark] = []
    lines: list[Line] = []
    for place, (name, title, look) in enumerate(_LINES):
        # Lines that meet would hide each other's bars: each is moved a little aside.
        aside = spread ** (0.006 * (place - 1))
        known = [(x * aside, row) for x, (_, row) in zip(at, ordered, strict=True) if getattr(row, name) is not None]
        if known:
            mark, beside = _curve(axes, known, name, title, look)
            marks.append(mark)
            lines += beside
    axes.set_ylim(-3, 103)
    budget_ticks(axes, at, budgets)
    label_points(axes, marks, lines)
    axes.set_xlabel("budget of a request, cost units (log scale)")
    axes.set_ylabel("share (%)")
    methods = sorted({printable(row.method.partition(":")[0]) for _, row in ordered})
    footnote(axes, f"{', '.join(methods)}; thin lines: 95 % interval")
    return figure


@styled
def over_refusal(rows: Sequence[Row]) -> "Figure":
    """Over-refusal of each method beside its safety.

    Args:
        rows: the methods of one benchmark and model; where over-refusal is not measured a dash says so.

    Raises:
        ValueError: no row measures over-refusal, or the rows are of different blocks.
    """
    if all(row.over_refusal is None for row in rows):
        raise ValueError("over-refusal: no row measures it")
    names = [short(row.method) for row in rows]
    height = 1.9 + 0.42 * len(rows)
    left = 0.3 + max(text_size(name, size=9)[0] for name in names) / 72
    figure, axes = canvas("Over-refusal beside safety", rows, height=height, left=left)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlim(0, 112)
    for name, title, shift, look in _BARS:
        for place, row in enumerate(rows):
            value, y = getattr(row, name), place + shift
            if value is None:
                written(axes, 1, y, f"{DASH} {title}: not measured", size=7, faint=True)
                continue
            low, high = percent_range(value, getattr(row, f"{name}_low"), getattr(row, f"{name}_high"))
            axes.barh(y, 100 * value, height=0.36, **look)
            thin_bars(axes, [(low, y, high, y)], color=ACCENT)
            written(axes, max(high, 100 * value) + 1, y, percent(value))
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks(range(0, 101, 20))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share (%)")
    figure.legend(
        handles=handles([(title, look) for _, title, _, look in _BARS]),
        loc="lower right",
        bbox_to_anchor=(0.98, 0.27 / height),
        ncols=2,
        frameon=False,
        fontsize=8,
    )
    footnote(axes, "over-refusal: of the harmless requests, less is better; thin lines: 95 % interval")
    return figure


def _curve(axes: "Axes", known: Points, name: str, title: str, look: dict[str, Any]) -> tuple[Mark, list[Line]]:
    """Draw one score over the budget; gives its label, and what other labels should keep clear of."""
    at = [(x, 100 * float(getattr(row, name))) for x, row in known]
    axes.plot([x for x, _ in at], [y for _, y in at], markersize=5.5, markeredgewidth=1, zorder=3, **look)
    ranges = [percent_range(*(getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))) for _, row in known]
    bars = [(x, low, x, high) for (x, _), (low, high) in zip(at, ranges, strict=True)]
    thin_bars(axes, bars)
    return Mark(*at[len(at) // 2], title, strong=True), [*bars, *((*one, *other) for one, other in pairwise(at))]


_ROOM = 12
_SWEPT = re.compile(r"(?P<method>[^:]+):(?:budget|B)=(?P<budget>\d+(?:\.\d+)?|inf|unbounded)")


def plot_all(runs: Sequence[Run], to: Path) -> list[Path]:
    """Every plot that the runs hold figures for, of each benchmark and model, as PNG and SVG.

    Runs of one method under several budgets (``ecoalign:budget=2000``) make the plot over the budget and stand in no
    other. Where there are more rows than a plot has room for, a method's settings and ablations stand in plots of their
    own, beside the method as it is.

    Args:
        runs: finished.
        to: folder; it is made.

    Returns:
        What was written.

    Raises:
        UsageError: no plot can be made of them.
        RunError: a file can't be written.
    """
    written: list[Path] = []
    found = blocks([row_of(run) for run in runs])
    for number, (block, rows) in enumerate(found.items()):
        stem = _slug(f"{block.benchmark}-{block.model}")[:80]
        stem += f"-{number}" if len(found) > 1 else ""
        for part, together in _parts([row for row in rows if _SWEPT.fullmatch(row.method) is None]).items():
            for name, draw in _plots(together):
                written += save(draw(together), to / f"{stem}-{part}{name}")
        for method, points in sweeps(rows).items():
            written += save(score_over_budget(points), to / f"{stem}-budget-{_slug(method)}")
    if not written:
        raise UsageError("plot: these runs measure neither safety nor over-refusal, and none has a budget in its name")
    return written


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """What stands together in a plot, by the beginning of its name."""
    if len(rows) <= _ROOM:
        return {"": list(rows)}
    parts: dict[str, list[Row]] = {}
    for row in rows:
        method, _, setting = row.method.partition(":")
        parts.setdefault(f"{_slug(method)}-settings-" if setting else "", []).append(row)
    for part, together in parts.items():
        method = together[0].method.partition(":")[0]
        if part:
            together[:0] = [row for row in rows if row.method == method]
    return parts


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")


def sweeps(rows: Sequence[Row]) -> dict[str, list[tuple[float, Row]]]:
    """Method → its rows under several budgets, as ``METHOD:B=BUDGET`` or ``METHOD:budget=BUDGET`` says."""
    found: dict[str, list[tuple[float, Row]]] = {}
    for row in rows:
        if (swept := _SWEPT.fullmatch(row.method)) is not None:
            told = swept["budget"]
            budget = math.inf if told == "unbounded" else float(told)
            found.setdefault(swept["method"], []).append((budget, row))
    return found


def _plots(rows: Sequence[Row]) -> Iterator[tuple[str, "Callable[[Sequence[Row]], Figure]"]]:
    """The plots that these rows hold figures for, by name."""
    safe = [row for row in rows if row.safety is not None]
    if any(row.completion_tokens or row.cost for row in safe):
        yield "cost-safety", cost_safety
    if any(row.utility is not None for row in safe):
        yield "safety-utility", safety_utility
    if any(row.over_refusal is not None for row in rows):
        yield "over-refusal", over_refusal
