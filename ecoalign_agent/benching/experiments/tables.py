"""A finding as text: lines for a terminal, Markdown, CSV, JSON. Each of them says that it is simulated."""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from ecoalign_agent.benching.experiments.frame import Cell, Finding, Setting


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
