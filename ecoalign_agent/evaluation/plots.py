"""The four plots: cost against safety, safety against usefulness, scores over the budget, over-refusal.

Readable in black and white: what is on the front is filled, every point bears its name, every line its own dashes.
"""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ecoalign_agent.evaluation.axes import (
    amount_ticks,
    budget_ticks,
    front_note,
    front_scatter,
    handles,
    percent_limits,
    percent_range,
    thin_bars,
    written,
)
from ecoalign_agent.evaluation.cells import DASH, percent, printable, short
from ecoalign_agent.evaluation.charts import ACCENT, INK, MIDDLE, PALE, canvas, footnote, styled, text_size
from ecoalign_agent.evaluation.frontier import pareto_front
from ecoalign_agent.evaluation.labelling import Line, Mark, label_points
from ecoalign_agent.evaluation.outcomes import Row

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

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
