"""A finding as a plot that can be read in black and white: markers and line styles, no colours."""

from pathlib import Path
from typing import Any

from ecoalign_agent.benching.experiments.frame import Finding, Point, Series
from ecoalign_agent.errors import UsageError

_STYLES = (("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"), ("v", "-"), ("x", "--"), ("P", "-."), ("*", ":"))
_GREYS = ("0.0", "0.35", "0.15", "0.5")


def require_matplotlib() -> None:
    """Check that there is something to draw with, before anything is run.

    Raises:
        UsageError: matplotlib is not installed.
    """
    from importlib.util import find_spec  # noqa: PLC0415 - seldom needed

    if find_spec("matplotlib") is None:
        raise UsageError("the plots need matplotlib: pip install 'ecoalign-agent[eval]', or leave --out away")


def plot(finding: Finding, *paths: Path) -> None:
    """Draw it into each of the files: PNG, SVG, whatever its name ends in. The same finding draws the same file.

    Raises:
        OSError: a file can't be written.
    """
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and heavy
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    # Otherwise an SVG would hold random names and the time, and its words could not be searched for.
    with mpl.rc_context({"svg.hashsalt": finding.key, "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4.6), layout="constrained")
        axes = figure.subplots()
        for number, series in enumerate(finding.series):
            _draw(axes, series, number)
        if finding.log_x:
            axes.set_xscale("log")
        axes.set_xlabel(finding.x_label)
        axes.set_ylabel(finding.y_label)
        axes.set_title(f"{finding.title}\n({finding.label})", fontsize=10)
        axes.grid(visible=True, color="0.9")
        if axes.has_data():
            axes.legend(fontsize=8)
        for path in paths:
            figure.savefig(path, dpi=120, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw(axes: Any, series: Series, number: int) -> None:  # noqa: ANN401 - matplotlib has no types
    marker, line = _STYLES[number % len(_STYLES)]
    points = series.points
    axes.errorbar(
        [point.x for point in points],
        [point.y for point in points],
        yerr=None if not any(map(_has_interval, points)) else [*map(list, zip(*map(_arms, points), strict=True))],
        label=series.name,
        marker=marker,
        linestyle=line if len(points) > 1 else "none",
        color=_GREYS[number % len(_GREYS)],
        markerfacecolor="white" if number % 2 else None,
        markersize=5,
        linewidth=1.2,
        capsize=3,
    )


def _has_interval(point: Point) -> bool:
    return point.low is not None and point.high is not None


def _arms(point: Point) -> tuple[float, float]:
    """How far the interval goes below and above the point; an interval need not be even, but is never inside out."""
    if point.low is None or point.high is None:
        return (0.0, 0.0)
    return (max(0.0, point.y - point.low), max(0.0, point.high - point.y))
