"""Plots of finished runs: cost and safety, safety and usefulness, scores over the budget, over-refusal.

Readable in black and white: results on the Pareto front are filled, every point is labelled, every line has dashes
of its own.
"""

# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecoalign_agent.bench.analysis.charts import (
    ACCENT,
    INK,
    MIDDLE,
    PALE,
    LabelledPoint,
    LineSegment,
    canvas,
    footnote,
    label_points,
    save_figure,
    style,
    text_size,
)
from ecoalign_agent.bench.analysis.format import DASH, compact_number, percent, printable, short_name
from ecoalign_agent.bench.analysis.outcomes import ResultRow, Run, grouped, method_without_settings, result_row
from ecoalign_agent.bench.analysis.statistics import pareto_front
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MARKERS = "os^vDPX<>ph*"
_OURS = "ecoalign"

_COSTS: Mapping[str, str] = {
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


@style()
def cost_safety(rows: Sequence[ResultRow]) -> "Figure":
    """Safety over completion tokens, or cost units where those are known of more methods, with the Pareto front."""
    known = {name: sum(bool(getattr(row, name)) for row in rows if row.safety is not None) for name in _COSTS}
    cost = max(known, key=lambda name: known[name])
    shown = [row for row in rows if row.safety is not None and (getattr(row, cost) or 0) > 0]
    if not shown:
        raise ValueError("cost and safety: no row has both")
    figure, axes = canvas("Safety over cost", rows)
    xs = [float(getattr(row, cost)) for row in shown]
    ys, upward = _percents(shown, "safety")
    axes.set_xscale("log")
    margin = max(max(xs) / min(xs), 2.0) ** 0.08
    axes.set_xlim(min(xs) / margin, max(xs) * margin)
    axes.set_ylim(*_limits(upward))
    bars = [(x, low, x, high) for x, (low, high) in zip(xs, upward, strict=True)]
    _draw_front(axes, rows, shown, list(zip(xs, ys, strict=True)), bars, x_is_cost=True)
    axes.set_xlabel(_COSTS[cost])
    axes.set_ylabel("safe answers (%)")
    _log_ticks(axes)
    return figure


@style()
def safety_utility(rows: Sequence[ResultRow]) -> "Figure":
    """Usefulness over safety, with the Pareto front."""
    shown = [row for row in rows if row.safety is not None and row.utility is not None]
    if not shown:
        raise ValueError("safety and usefulness: no row has both")
    figure, axes = canvas("Usefulness over safety", rows)
    (xs, across), (ys, upward) = _percents(shown, "safety"), _percents(shown, "utility")
    axes.set_xlim(*_limits(across))
    axes.set_ylim(*_limits(upward))
    bars = [(low, y, high, y) for (low, high), y in zip(across, ys, strict=True)]
    bars += [(x, low, x, high) for x, (low, high) in zip(xs, upward, strict=True)]
    _draw_front(axes, rows, shown, list(zip(xs, ys, strict=True)), bars, x_is_cost=False)
    axes.set_xlabel("safe answers (%)")
    axes.set_ylabel("useful answers (%)")
    return figure


@style()
def score_over_budget(points: Sequence[tuple[float, ResultRow]]) -> "Figure":
    """Safety, usefulness and over-refusal over the budget; an infinite budget stands at the right end."""
    ordered = sorted(points, key=lambda point: point[0])
    budgets = [budget for budget, _ in ordered]
    if not budgets or not budgets[0] > 0 or len(set(budgets)) < len(budgets):
        raise ValueError(f"score over budget: budgets {budgets} must be positive, each once, and at least one")
    figure, axes = canvas("Scores over the budget", [row for _, row in ordered])
    finite = [budget for budget in budgets if math.isfinite(budget)] or [1.0]
    xs = [budget if math.isfinite(budget) else 2 * finite[-1] for budget in budgets]
    axes.set_xscale("log")
    spread = max(xs[-1] / xs[0], 2.0)
    axes.set_xlim(xs[0] / spread**0.06, xs[-1] * spread**0.06)
    labels: list[LabelledPoint] = []
    lines: list[LineSegment] = []
    for number, (name, title, look) in enumerate(_LINES):
        # Lines that meet would hide each other's bars: each is moved a little aside.
        shift = spread ** (0.006 * (number - 1))
        known = [(x * shift, row) for x, (_, row) in zip(xs, ordered, strict=True) if getattr(row, name) is not None]
        if known:
            label, drawn = _draw_curve(axes, known, name, title, look)
            labels.append(label)
            lines += drawn
    axes.set_ylim(-3, 103)
    # A mark at every budget that was run; its number only where there is room.
    texts = [compact_number(budget) if math.isfinite(budget) else "unbounded" for budget in budgets]
    _set_ticks(axes, xs, _without_collisions(axes, xs, texts))
    label_points(axes, labels, lines)
    axes.set_xlabel("budget of a request, cost units (log scale)")
    axes.set_ylabel("share (%)")
    methods = sorted({printable(method_without_settings(row)) for _, row in ordered})
    footnote(axes, f"{', '.join(methods)}; thin lines: 95 % interval")
    return figure


@style()
def over_refusal_bars(rows: Sequence[ResultRow]) -> "Figure":
    """Over-refusal of each method beside its safety; a dash where over-refusal is not measured."""
    from matplotlib.patches import Patch

    if all(row.over_refusal is None for row in rows):
        raise ValueError("over-refusal: no row measures it")
    names = [short_name(row.method) for row in rows]
    height = 1.9 + 0.42 * len(rows)
    left = 0.3 + max(text_size(name, size=9)[0] for name in names) / 72
    figure, axes = canvas("Over-refusal beside safety", rows, height=height, left=left)
    axes.set_ylim(len(rows) - 0.45, -0.55)
    axes.set_xlim(0, 112)
    for name, title, shift, look in _BARS:
        for number, row in enumerate(rows):
            y = number + shift
            if getattr(row, name) is None:
                axes.text(1, y, f"{DASH} {title}: not measured", va="center", fontsize=7, color=MIDDLE)
                continue
            (value,), ((low, high),) = _percents([row], name)
            axes.barh(y, value, height=0.36, **look)
            _draw_thin(axes, [(low, y, high, y)], color=ACCENT)
            axes.text(max(high, value) + 1, y, percent(value / 100), va="center", fontsize=7.5, color=INK)
    axes.set_yticks(range(len(rows)), names)
    axes.tick_params(axis="y", length=0)
    axes.set_xticks(range(0, 101, 20))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share (%)")
    figure.legend(
        handles=[Patch(label=title, **look) for _, title, _, look in _BARS],
        loc="lower right",
        bbox_to_anchor=(0.98, 0.27 / height),
        ncols=2,
        frameon=False,
        fontsize=8,
    )
    footnote(axes, "over-refusal: of the harmless requests, less is better; thin lines: 95 % interval")
    return figure


def _percents(rows: Sequence[ResultRow], name: str) -> tuple[list[float], list[tuple[float, float]]]:
    """Of a share without interval the share itself."""
    values, ends = [], []
    for row in rows:
        value, low, high = (getattr(row, f"{name}{end}") for end in ("", "_low", "_high"))
        values.append(100 * value)
        ends.append((100 * (value if low is None else low), 100 * (value if high is None else high)))
    return values, ends


def _limits(ranges: Sequence[tuple[float, float]]) -> tuple[float, float]:
    low, high = min(low for low, _ in ranges), max(high for _, high in ranges)
    margin = max(2.0, 0.07 * (high - low))
    return max(-3.0, low - margin), min(103.0, high + margin)


def _draw_thin(axes: "Axes", bars: Sequence[LineSegment], *, color: str = PALE) -> None:
    for x0, y0, x1, y1 in bars:
        axes.plot([x0, x1], [y0, y1], color=color, linewidth=0.9, solid_capstyle="butt", zorder=2.5)


def _draw_front(
    axes: "Axes",
    rows: Sequence[ResultRow],
    shown: Sequence[ResultRow],
    points: Sequence[tuple[float, float]],
    bars: Sequence[LineSegment],
    *,
    x_is_cost: bool,
) -> None:
    """Draw points with names and intervals; filled on the front, which a dashed staircase joins; hollow behind it."""
    front = pareto_front([(-x if x_is_cost else x, y) for x, y in points])
    _draw_thin(axes, bars)
    stairs = staircase([points[index] for index in front], x_is_cost=x_is_cost)
    if stairs:
        xs, ys = zip(stairs[0][:2], *(line[2:] for line in stairs), strict=True)
        axes.plot(xs, ys, linestyle=(0, (4, 3)), color=INK, linewidth=1, zorder=2.7)
    labels: list[LabelledPoint] = []
    for index, (row, (x, y)) in enumerate(zip(shown, points, strict=True)):
        is_ours = row.method == _OURS
        shade = ACCENT if is_ours else INK
        axes.plot(
            [x],
            [y],
            linestyle="none",
            marker=_MARKERS[index % len(_MARKERS)],
            markersize=8 if is_ours else 6.5,
            markerfacecolor=shade if index in front else "white",
            markeredgecolor=shade,
            markeredgewidth=1.1,
            zorder=5,
        )
        labels.append(LabelledPoint(x, y, short_name(row.method), bold=is_ours))
    label_points(axes, labels, [*bars, *stairs])
    better = "cheaper and safer" if x_is_cost else "safer and more useful"
    missing = [short_name(row.method) for row in rows if row not in shown]
    note = f"filled, dashed line: on the Pareto front by the means, no other is {better}; thin lines: 95 % interval"
    footnote(axes, note + (f"; not shown, for a figure is not known: {', '.join(missing)}" if missing else ""))


def staircase(front: Sequence[tuple[float, float]], *, x_is_cost: bool) -> list[LineSegment]:
    """The edge of the area that a front dominates, as level and upright lines; more is better along y."""
    lines: list[LineSegment] = []
    for (x0, y0), (x1, y1) in pairwise(sorted(set(front))):
        corner = (x1, y0) if x_is_cost else (x0, y1)
        lines += [(x0, y0, *corner), (*corner, x1, y1)]
    return lines


def _draw_curve(
    axes: "Axes", known: Sequence[tuple[float, ResultRow]], name: str, title: str, look: dict[str, Any]
) -> tuple[LabelledPoint, list[LineSegment]]:
    """Returns the curve's label, and the lines that labels should keep clear of."""
    xs = [x for x, _ in known]
    ys, ranges = _percents([row for _, row in known], name)
    axes.plot(xs, ys, markersize=5.5, markeredgewidth=1, zorder=3, **look)
    bars = [(x, low, x, high) for x, (low, high) in zip(xs, ranges, strict=True)]
    _draw_thin(axes, bars)
    points = list(zip(xs, ys, strict=True))
    label = LabelledPoint(*points[len(points) // 2], title, bold=True)
    return label, [*bars, *((*start, *end) for start, end in pairwise(points))]


_MIN_TICKS = 4
_STEPS: tuple[Sequence[float], ...] = (
    (1,),
    (1, 3),
    (1, 2, 5),
    (1, 1.5, 2, 3, 4, 5, 7),
    [step / 10 for step in range(10, 100)],
    [step / 100 for step in range(100, 1000, 2)],
)


def _log_ticks(axes: "Axes") -> None:
    """Put round numbers on a logarithmic axis, written in full: the coarsest steps that give enough of them."""
    low, high = (float(end) for end in axes.get_xlim())
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in _STEPS:
        ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
        if len(ticks) >= _MIN_TICKS:
            break
    texts = _without_collisions(axes, ticks, [compact_number(value) for value in ticks])
    _set_ticks(axes, *zip(*((x, text) for x, text in zip(ticks, texts, strict=True) if text), strict=True))


def _without_collisions(axes: "Axes", xs: Sequence[float], texts: Sequence[str]) -> list[str]:
    """The texts along the level axis, empty where one would touch the one before it."""
    fitting, edge = [], -math.inf
    for x, text in zip(xs, texts, strict=True):
        middle = float(axes.transData.transform((x, 0))[0])
        half = text_size(text, size=9)[0] / 2
        has_room = middle - half > edge + 3
        fitting.append(text if has_room else "")
        edge = middle + half if has_room else edge
    return fitting


def _set_ticks(axes: "Axes", xs: Sequence[float], texts: Sequence[str]) -> None:
    from matplotlib.ticker import FixedLocator, NullLocator

    axes.xaxis.set_major_locator(FixedLocator(list(xs)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks(list(xs), list(texts))


_MAX_ROWS = 12

_BUDGET_IN_NAME = re.compile(r"(?P<method>[^:]+):(?:budget|B)=(?P<budget>\d+(?:\.\d+)?|inf|unbounded)")


def plot_set(runs: Sequence[Run], folder: Path) -> list[Path]:
    """Write every plot that the runs hold figures for, of each benchmark and model, as PNG and SVG.

    Runs of one method under several budgets (``ecoalign:budget=2000``) make the plot over the budget and stand in no
    other. If there are more rows than a plot has room for, a method's settings and ablations stand in plots of their
    own, beside the method without settings.

    Raises:
        UsageError: no plot can be made of them.
        RunError: a file can't be written.
    """
    files: list[Path] = []
    groups = grouped([result_row(run) for run in runs])
    for number, (group, rows) in enumerate(groups.items()):
        stem = _slug(f"{group.benchmark}-{group.model}")[:80]
        stem += f"-{number}" if len(groups) > 1 else ""
        others = [row for row in rows if _BUDGET_IN_NAME.fullmatch(row.method) is None]
        for part, members in _parts(others).items():
            for name, draw in _possible_plots(members):
                files += save_figure(draw(members), folder / f"{stem}-{part}{name}")
        for method, points in rows_by_budget(rows).items():
            files += save_figure(score_over_budget(points), folder / f"{stem}-budget-{_slug(method)}")
    if not files:
        raise UsageError("plot: these runs measure neither safety nor over-refusal, and none has a budget in its name")
    return files


def rows_by_budget(rows: Sequence[ResultRow]) -> dict[str, list[tuple[float, ResultRow]]]:
    """Method → its rows under several budgets, read from names such as ``METHOD:B=BUDGET`` or ``METHOD:budget=…``."""
    found: dict[str, list[tuple[float, ResultRow]]] = {}
    for row in rows:
        if (match := _BUDGET_IN_NAME.fullmatch(row.method)) is not None:
            budget = math.inf if match["budget"] == "unbounded" else float(match["budget"])
            found.setdefault(match["method"], []).append((budget, row))
    return found


def _parts(rows: Sequence[ResultRow]) -> dict[str, list[ResultRow]]:
    """The rows of each plot by the beginning of its file name."""
    if len(rows) <= _MAX_ROWS:
        return {"": list(rows)}
    parts: dict[str, list[ResultRow]] = {}
    for row in rows:
        method, _, setting = row.method.partition(":")
        parts.setdefault(f"{_slug(method)}-settings-" if setting else "", []).append(row)
    for part, members in parts.items():
        if part:
            method = method_without_settings(members[0])
            members[:0] = [row for row in rows if row.method == method]
    return parts


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")


def _possible_plots(rows: Sequence[ResultRow]) -> Iterator[tuple[str, "Callable[[Sequence[ResultRow]], Figure]"]]:
    safe = [row for row in rows if row.safety is not None]
    if any(row.completion_tokens or row.cost for row in safe):
        yield "cost-safety", cost_safety
    if any(row.utility is not None for row in safe):
        yield "safety-utility", safety_utility
    if any(row.over_refusal is not None for row in rows):
        yield "over-refusal", over_refusal_bars
