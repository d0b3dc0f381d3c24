"""A finding as text: lines for a terminal, Markdown, CSV, JSON. Each of them says that it is simulated.

A finding as a plot that can be read in black and white: markers and line styles, no colours.

A finding's files: ``table.md``, ``table.csv``, ``finding.json``, ``plot.png`` and ``plot.svg`` in one folder.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.experiments.base import Cell, Finding, Point, Series, Setting
from ecoalign_agent.errors import RunError, UsageError


def table_lines(finding: Finding) -> list[str]:
    """Title, table, answers, for a terminal: columns are as wide as their widest cell, figures stand to the right."""
    shown = [finding.columns, *(tuple(map(told, row)) for row in finding.rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return [
        f"{finding.title} ({finding.label})",
        finding.question,
        "",
        _aligned(finding, finding.columns, widths),
        "  ".join("-" * width for width in widths),
        *(_aligned(finding, row, widths) for row in shown[1:]),
        "",
        *finding.answers,
        "",
        f"Can't show: {finding.cannot_show}",
    ]


def markdown(finding: Finding, setting: Setting) -> str:
    """The same as a section of a document, with what it was run under."""
    rule = ("---:" if _is_numeric(finding, place) else "---" for place in range(len(finding.columns)))
    lines = [
        f"## {finding.title}",
        "",
        f"*{finding.label.capitalize()}.* {finding.question} Run as {command(finding, setting)}.",
        "",
        _row(finding.columns),
        _row(rule),
        *(_row(map(told, row)) for row in finding.rows),
        "",
        *(f"- {answer}" for answer in finding.answers),
        "",
        f"Can't show: {finding.cannot_show}",
    ]
    return "\n".join(lines) + "\n"


def csv_text(finding: Finding) -> str:
    """The table with its figures unrounded; the last column of every row is the label, an unknown cell is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*finding.columns, "label"])
    writer.writerows([*("" if cell is None else cell for cell in row), finding.label] for row in finding.rows)
    return text.getvalue()


def as_mapping(finding: Finding, setting: Setting) -> dict[str, Any]:
    """Everything of it and what it was run under, for JSON; unknown is null."""
    return {**asdict(finding), "setting": asdict(setting)}


def command(finding: Finding, setting: Setting) -> str:
    """What gives the same finding again, as one types it."""
    return (
        f"`ecoalign bench experiment {finding.key} --samples {setting.samples} --seed {setting.seed} "
        f"--model '{setting.model}'`"
    )


def told(cell: Cell) -> str:
    """A cell as it is read: three decimals below 10, one below 1 000, then whole; a dash for what is not known."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    size = abs(cell)
    return f"{cell:,.3f}" if size < 10 else f"{cell:,.1f}" if size < 1_000 else f"{cell:,.0f}"


def _aligned(finding: Finding, row: tuple[str, ...], widths: list[int]) -> str:
    def cells() -> Iterator[str]:
        for place, (text, width) in enumerate(zip(row, widths, strict=True)):
            yield text.rjust(width) if _is_numeric(finding, place) else text.ljust(width)

    return "  ".join(cells()).rstrip()


def _is_numeric(finding: Finding, place: int) -> bool:
    return not any(isinstance(row[place], str) for row in finding.rows)


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(text.replace("|", "\\|") for text in cells) + " |"


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


FILES = ("table.md", "table.csv", "finding.json", "plot.png", "plot.svg")


def ready(folder: Path) -> Path:
    """Make the folder before anything is run, and check that there is something to draw with.

    Raises:
        UsageError: the folder can't be made, or matplotlib is not installed.
    """
    require_matplotlib()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder}: can't be made: {error.strerror}; name another folder") from error
    return folder


def keep(finding: Finding, setting: Setting, folder: Path) -> list[Path]:
    """Write its files; those of an earlier one are replaced.

    Returns:
        The files.

    Raises:
        RunError: one can't be written.
    """
    made = [folder / name for name in FILES]
    texts = (
        markdown(finding, setting) + "\n![The same, drawn.](plot.svg)\n",
        csv_text(finding),
        json.dumps(as_mapping(finding, setting), ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    try:
        for path, text in zip(made[:3], texts, strict=True):
            path.write_text(text, encoding="utf-8")
        plot(finding, *made[3:])
    except OSError as error:
        raise RunError(f"{folder} can't be written: {error.strerror}; free some space or name another --out") from error
    return made
