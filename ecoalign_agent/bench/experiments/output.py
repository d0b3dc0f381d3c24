"""A finding as lines for a terminal, Markdown, CSV, JSON and plot, and its files. Each says that it is simulated."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.analysis.charts import save_figure, style
from ecoalign_agent.bench.analysis.format import aligned_lines, markdown_lines
from ecoalign_agent.bench.experiments.base import (
    DIFFERENCE_COLUMNS,
    Cell,
    Experiment,
    ExperimentFinding,
    Point,
    Setting,
    TableRow,
)
from ecoalign_agent.errors import RunError, UsageError

FILES = ("table.md", "table.csv", "finding.json", "plot.png", "plot.svg")

_READING = "How to read it, and what it can't show: docs/experiments.md."


def table_lines(experiment: Experiment, finding: ExperimentFinding) -> list[str]:
    """Title, table and paired differences for a terminal."""
    lines = [f"{experiment.title} ({finding.label})", experiment.question, ""]
    for table, left in _tables(finding):
        head, *body = aligned_lines(table, left=left)
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        lines += [head, "  ".join("-" * width for width in widths), *body, ""]
    return [*lines, _READING]


def markdown(experiment: Experiment, finding: ExperimentFinding, setting: Setting) -> str:
    """The same as a section of a document, with the command that gives it again."""
    command = (
        f"`ecoalign bench experiment {experiment.key} --samples {setting.samples} --seed {setting.seed} "
        f"--model '{setting.model}'`"
    )
    lines = [
        f"## {experiment.title}",
        "",
        f"*{finding.label.capitalize()}.* {experiment.question} Run as {command}.",
        "",
    ]
    for table, left in _tables(finding):
        lines += [*markdown_lines(table, left=left), ""]
    return "\n".join([*lines, _READING]) + "\n"


def _tables(finding: ExperimentFinding) -> list[tuple[list[Sequence[str]], list[int]]]:
    """Rows of text, and the indices of the columns of words: the table and, where there are any, the differences."""
    tables: list[tuple[tuple[str, ...], tuple[TableRow, ...]]] = [(finding.columns, finding.rows)]
    if finding.differences:
        tables.append((DIFFERENCE_COLUMNS, finding.differences))
    return [
        (
            [columns, *(tuple(map(cell_text, row)) for row in rows)],
            [index for index in range(len(columns)) if any(isinstance(row[index], str) for row in rows)],
        )
        for columns, rows in tables
    ]


def csv_text(finding: ExperimentFinding) -> str:
    """The table with its figures unrounded; the last column of every row is the label, an unknown cell is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*finding.columns, "label"])
    writer.writerows([*("" if cell is None else cell for cell in row), finding.label] for row in finding.rows)
    return text.getvalue()


def as_mapping(experiment: Experiment, finding: ExperimentFinding, setting: Setting) -> dict[str, Any]:
    """Finding, experiment and setting for JSON; unknown is null."""
    entry = {"key": experiment.key, "title": experiment.title, "question": experiment.question}
    columns = {"difference_columns": DIFFERENCE_COLUMNS}
    return {**entry, **asdict(finding), **columns, "setting": asdict(setting)}


def cell_text(cell: Cell) -> str:
    """A cell as text: three decimals below 10, one below 1 000, then none; a dash for an unknown value."""
    if cell is None:
        return "-"
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    size = abs(cell)
    return f"{cell:,.3f}" if size < 10 else f"{cell:,.1f}" if size < 1_000 else f"{cell:,.0f}"


_MARKERS = (("o", "-"), ("s", "--"), ("^", "-."), ("D", ":"), ("v", "-"), ("x", "--"), ("P", "-."), ("*", ":"))
_GREYS = ("0.0", "0.35", "0.15", "0.5")


def draw(experiment: Experiment, finding: ExperimentFinding) -> Any:  # noqa: ANN401 - matplotlib has no types
    """The plot, readable in black and white: markers and line styles, no colours. The same finding, the same plot."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - an extra, and heavy

    with style():
        figure = Figure(figsize=(7, 4.6), layout="constrained")
        axes = figure.subplots()
        for number, series in enumerate(finding.series):
            marker, line = _MARKERS[number % len(_MARKERS)]
            ends = [_distances(point) for point in series.points]
            axes.errorbar(
                [point.x for point in series.points],
                [point.y for point in series.points],
                yerr=[*zip(*ends, strict=True)] if any(map(any, ends)) else None,
                label=series.name,
                marker=marker,
                linestyle=line if len(series.points) > 1 else "none",
                color=_GREYS[number % len(_GREYS)],
                markerfacecolor="white" if number % 2 else None,
                markersize=5,
                linewidth=1.2,
                capsize=3,
            )
        if finding.log_x:
            axes.set_xscale("log")
        axes.set_xlabel(finding.x_label)
        axes.set_ylabel(finding.y_label)
        axes.set_title(f"{experiment.title}\n({finding.label})", fontsize=10)
        if axes.has_data():
            axes.legend(fontsize=8)
    return figure


def _distances(point: Point) -> tuple[float, float]:
    """The distances of the interval's ends from the point; an interval need not be even, but is never inside out."""
    if point.low is None or point.high is None:
        return (0.0, 0.0)
    return (max(0.0, point.y - point.low), max(0.0, point.high - point.y))


def make_folder(folder: Path) -> Path:
    """Make the folder before anything is run, and check that plots can be drawn."""
    with style():
        pass
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--out {folder}: can't be made: {error.strerror}; name another folder") from error
    return folder


def write_files(experiment: Experiment, finding: ExperimentFinding, setting: Setting, folder: Path) -> list[Path]:
    """Write the files; those of an earlier run are replaced. RunError: one can't be written."""
    paths = [folder / name for name in FILES]
    texts = (
        markdown(experiment, finding, setting) + "\n![The same, drawn.](plot.svg)\n",
        csv_text(finding),
        json.dumps(as_mapping(experiment, finding, setting), ensure_ascii=False, indent=1, allow_nan=False) + "\n",
    )
    try:
        for path, text in zip(paths, texts, strict=False):
            path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise RunError(f"{folder} can't be written: {error.strerror}; free some space or name another --out") from error
    save_figure(draw(experiment, finding), folder / "plot")
    return paths
