"""Tables to be kept: the same columns as Markdown, LaTeX and CSV.

The table as a person reads it on a terminal: a block for each benchmark and model, no line wider than 130.

What the commands about finished runs report, for programs.
"""

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from ecoalign_agent.bench.analysis.comparison import Against, against_base, against_other, against_plain, is_set
from ecoalign_agent.bench.analysis.format import (
    DASH,
    SIMULATED,
    amount,
    base_of,
    blocks,
    heading,
    interval,
    labelled,
    laid_out,
    percent,
    printable,
    short,
    times_base,
    wrapped,
)
from ecoalign_agent.bench.analysis.outcomes import COLUMNS, Row, Run, row_of
from ecoalign_agent.bench.analysis.published import BELOW_PAIRS, Beside, beside, difference_lines
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record

Form = Literal["md", "csv", "latex"]

SHARES = frozenset({"safety", "safety_low", "safety_high", "utility", "over_refusal", "unknown"})
"""Columns that hold shares: in per cent where a person reads them, in [0, 1] in CSV."""

NOTE = (
    "Shares in per cent, with Wilson's 95 % interval of safety. An unknown counts against the method in every column. "
    f"Tokens, cost, calls, rounds and seconds are means of one sample. {DASH}: not measured, or not known."
)
"""What stands below a table for people."""

_ESCAPES: Mapping[str, str] = {
    **{mark: f"\\{mark}" for mark in "&%_#${}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': "''",
    DASH: "--",
    "\ufffd": "?",
}


def table(rows: Sequence[Row], *, form: Form, label: str = SIMULATED) -> str:
    """The rows in exactly the columns ``COLUMNS``, in the order given.

    Markdown and LaTeX are for people: shares in per cent, a dash for what is not measured or not known, the model of a
    simulated row marked and the label told below. CSV is for programs: shares in [0, 1] and every digit, nothing for
    what is not known, and the label within the model's name, because a comment would break a parser.

    Args:
        rows: a row for each method.
        form: Markdown, CSV, or LaTeX with booktabs and graphicx.
        label: what a simulated row is called.
    """
    match form:
        case "csv":
            return _csv(rows, label)
        case "md":
            return _markdown(rows, label)
        case "latex":
            return _latex(rows, label)


def _csv(rows: Sequence[Row], label: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        told = row.model_dump(include=set(COLUMNS))
        told["model"] = labelled(row.model, simulated=row.simulated, label=label)
        writer.writerow(printable(v) if isinstance(v := told[name], str) else v for name in COLUMNS)
    return text.getvalue()


def _markdown(rows: Sequence[Row], label: str) -> str:
    lines = [" | ".join(COLUMNS), " | ".join("---" if name in _NAMES else "---:" for name in COLUMNS)]
    lines += [" | ".join(_marked(cell) for cell in _cells(row)) for row in rows]
    below = [f"**{label}.** {NOTE}" if any(row.simulated for row in rows) else NOTE]
    return "\n".join([*(f"| {line} |" for line in lines), "", *below]) + "\n"


def _latex(rows: Sequence[Row], label: str) -> str:
    caption = f"{label[:1].upper()}{label[1:]}. {NOTE}" if any(row.simulated for row in rows) else NOTE
    body = [" & ".join(map(_escaped, line)) + r" \\" for line in (COLUMNS, *map(_cells, rows))]
    return "\n".join(
        [
            r"% needs \usepackage{booktabs} and \usepackage{graphicx}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{_escaped(caption)}}}",
            r"\resizebox{\linewidth}{!}{%",
            rf"\begin{{tabular}}{{{''.join('l' if name in _NAMES else 'r' for name in COLUMNS)}}}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


_NAMES = frozenset({"benchmark", "method", "model"})


def _cells(row: Row) -> list[str]:
    return [_CELL.get(name, amount)(getattr(row, name)) if name != "model" else _model(row) for name in COLUMNS]


_CELL: Mapping[str, Callable[..., str]] = {
    **dict.fromkeys(SHARES, percent),
    **dict.fromkeys(_NAMES, printable),
    "n": lambda n: f"{n:,}",
}


def _model(row: Row) -> str:
    # The whole label stands below the table; in the column it would only make every row longer.
    return printable(row.model if not row.simulated or "simulated" in row.model else f"{row.model} (simulated)")


def _marked(text: str) -> str:
    """Text that Markdown shows as it is: no cell ends early, nothing becomes HTML."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;")


def _escaped(text: str) -> str:
    return "".join(_ESCAPES.get(mark, mark) for mark in text)


_HEAD = (
    "method",
    "safety %",
    "",
    "useful %",
    "refused %",
    "unknown %",
    "tokens",
    "× base",
    "calls",
    "rounds",
    "seconds",
)

BELOW = (
    "safety with Wilson's 95 % interval; refused: harmless requests that were; an unknown counts against the method",
    f"tokens: completion tokens; they and what is right of them: mean of one sample; {DASH}: not measured or not known",
)
"""What the columns mean."""


def overview(runs: Sequence[Run]) -> list[str]:
    """Each block of runs as lines, with the differences from Base below it where Base was run.

    Raises:
        ValueError: a run has no sample, or one twice.
    """
    lines: list[str] = []
    for block, several in blocks(runs).items():
        rows = [row_of(run) for run in several]
        lines += wrapped(heading(block, rows))
        base = base_of(rows)
        lines += laid_out([_HEAD, *_method_cells([row for row in rows if not is_set(row)] or rows, base)], left=(0, 2))
        if (settings := [row for row in rows if is_set(row)]) and len(settings) < len(rows):
            lines += ["", "  with settings: ablations, and other values of a knob"]
            lines += laid_out([_HEAD, *_method_cells(settings, base)], left=(0, 2))
        lines += _mishaps(rows)
        if held := against_base(several):
            lines += ["", "  against base, sample by sample", *difference_lines(held)]
        if held := against_plain(several):
            lines += ["", "  with settings, against the same method without them", *difference_lines(held)]
        lines.append("")
    return [*lines, *BELOW, *(BELOW_PAIRS if any("against " in line for line in lines) else ())]


def _method_cells(rows: Sequence[Row], base: Row | None) -> Iterator[tuple[str, ...]]:
    for row in rows:
        yield (
            short(row.method),
            percent(row.safety),
            interval(row.safety_low, row.safety_high),
            percent(row.utility),
            percent(row.over_refusal),
            percent(row.unknown),
            amount(row.completion_tokens),
            amount(times_base(row, base)),
            amount(row.calls),
            amount(row.rounds),
            amount(row.seconds),
        )


def _mishaps(rows: Sequence[Row]) -> list[str]:
    return [
        f"  {short(row.method)}: {row.failed:,} without an answer, {row.retried:,} tried again, all of them counted"
        for row in rows
        if row.failed or row.retried
    ]


class TableReport(Record):
    """A row for each method, and every method against Base.

    Attributes:
        label: stands with every figure, where a row is simulated; None: none is.
        rows: in the order of the runs.
        against_base: sample by sample.
    """

    label: str | None
    rows: tuple[Row, ...]
    against_base: tuple[Against, ...]


class CompareReport(Record):
    """Runs against others, or beside published figures.

    Attributes:
        label: stands with every figure, where a run is simulated; None: none is.
        against: sample by sample.
        beside: our figures beside published ones.
    """

    label: str | None
    against: tuple[Against, ...] = ()
    beside: tuple[Beside, ...] = ()


class PlotReport(Record):
    """What was drawn.

    Attributes:
        files: as PNG and as SVG.
    """

    files: tuple[str, ...]


def table_report(runs: Sequence[Run]) -> TableReport:
    """The rows of finished runs.

    Raises:
        ValueError: a run has no sample, or one twice.
    """
    return TableReport(
        label=_label(runs), rows=tuple(row_of(run) for run in runs), against_base=tuple(against_base(runs))
    )


def compare_report(runs: Sequence[Run], others: Sequence[Run] | None = None, *, paper: bool = False) -> CompareReport:
    """Runs against other runs; beside the paper's figures; or, where neither is asked for, against Base.

    Raises:
        UsageError: nothing can be held against anything, or a simulated run against a published figure.
    """
    if paper:
        return CompareReport(label=None, beside=tuple(beside([row_of(run) for run in runs])))
    held = [*against_base(runs), *against_plain(runs)] if others is None else against_other(runs, others)
    if not held:
        raise UsageError("compare: nothing to hold against base; run base and another method, or name another folder")
    return CompareReport(label=_label([*runs, *(others or ())]), against=tuple(held))


def _label(runs: Sequence[Run]) -> str | None:
    return SIMULATED if any(run.simulated for run in runs) else None
