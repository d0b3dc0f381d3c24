"""Finished runs as tables: Markdown, LaTeX and CSV, lines for a terminal, and the JSON reports of the commands."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ecoalign_agent.bench.analysis.comparison import (
    PairedComparison,
    compare_run_sets,
    compare_settings,
    compare_with_base,
)
from ecoalign_agent.bench.analysis.format import (
    DASH,
    aligned_lines,
    compact_number,
    heading_lines,
    interval,
    markdown_lines,
    p_value,
    percent,
    points,
    printable,
    short_name,
)
from ecoalign_agent.bench.analysis.outcomes import (
    COLUMNS,
    ResultRow,
    Run,
    base_of,
    grouped,
    has_settings,
    heading,
    ratio_to_base,
    result_row,
)
from ecoalign_agent.bench.analysis.published import PublishedComparison, compare_with_published
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.models.simulated.fit import ROWS_SOURCE
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

TableForm = Literal["md", "csv", "latex"]

NOTE = (
    "Shares in per cent, with Wilson's 95 % interval of safety. An unknown counts against the method in every column. "
    f"Tokens, cost, calls, rounds and seconds are means of one sample. {DASH}: not measured, or not known."
)

_NAMES = frozenset({"benchmark", "method", "model"})
_LEFT = [index for index, name in enumerate(COLUMNS) if name in _NAMES]

_CELL: Mapping[str, Callable[..., str]] = {
    **dict.fromkeys(("safety", "safety_low", "safety_high", "utility", "over_refusal", "unknown"), percent),
    **dict.fromkeys(_NAMES, printable),
    "n": lambda n: f"{n:,}",
}

_LATEX_ESCAPES = str.maketrans(
    {
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
)


def full_table(rows: Sequence[ResultRow], *, form: TableForm) -> str:
    """The rows in exactly the columns ``COLUMNS``, in the order given.

    Markdown and LaTeX (with booktabs and graphicx) are for people: shares in per cent, a dash for what is not measured
    or unknown, the model of a simulated row marked and the label below. CSV is for programs: shares in [0, 1] and every
    digit, nothing for what is unknown, and the label within the model's name, because a comment would break a parser.
    """
    if form == "csv":
        return _csv(rows)
    label = _label(rows)
    table = [COLUMNS, *map(_cells, rows)]
    if form == "latex":
        return _latex(table, f"{label[:1].upper()}{label[1:]}. {NOTE}" if label else NOTE)
    note = f"**{label}.** {NOTE}" if label else NOTE
    return "\n".join([*markdown_lines(table, left=_LEFT), "", note]) + "\n"


def _csv(rows: Sequence[ResultRow]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        values = row.model_dump(include=set(COLUMNS))
        if row.simulated and SIMULATED_LABEL not in row.model:
            values["model"] = f"{row.model} ({SIMULATED_LABEL})"
        writer.writerow(printable(v) if isinstance(v := values[name], str) else v for name in COLUMNS)
    return text.getvalue()


def _latex(table: Sequence[Sequence[str]], caption: str) -> str:
    head, *body = (" & ".join(cell.translate(_LATEX_ESCAPES) for cell in row) + r" \\" for row in table)
    return "\n".join(
        [
            r"% needs \usepackage{booktabs} and \usepackage{graphicx}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{caption.translate(_LATEX_ESCAPES)}}}",
            r"\resizebox{\linewidth}{!}{%",
            rf"\begin{{tabular}}{{{''.join('l' if name in _NAMES else 'r' for name in COLUMNS)}}}",
            r"\toprule",
            head,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table}",
            "",
        ]
    )


def _cells(row: ResultRow) -> list[str]:
    # The whole label stands below the table; in the column it would only make every row longer.
    marked = row.simulated and "simulated" not in row.model
    values = {name: getattr(row, name) for name in COLUMNS}
    values["model"] = f"{row.model} (simulated)" if marked else row.model
    return [_CELL.get(name, compact_number)(value) for name, value in values.items()]


_HEAD = (
    "method", "safety %", "", "useful %", "refused %", "unknown %", "tokens", "× base", "calls", "rounds", "seconds",
)  # fmt: skip

COLUMN_NOTES = (
    "safety with Wilson's 95 % interval; refused: harmless requests that were; an unknown counts against the method",
    f"tokens: completion tokens; they and what is right of them: mean of one sample; {DASH}: not measured or not known",
)

DIFFERENCE_NOTES = (
    "Δ: difference in points, with its 95 % interval (Agresti and Min); of refused, less is better",
    "p: McNemar, exact, two-sided, not corrected for the number of methods",
)


def overview_lines(runs: Sequence[Run]) -> list[str]:
    """Each group of runs as lines for a terminal, with the differences from Base below where it was run."""
    lines: list[str] = []
    compared = False
    for group, members in grouped(runs).items():
        rows = [result_row(run) for run in members]
        lines += heading_lines(heading(group, rows))
        base = base_of(rows)
        plain, settings = ([row for row in rows if has_settings(row) is wanted] for wanted in (False, True))
        lines += _overview_table(plain or rows, base)
        if settings and plain:
            lines += ["", "  with settings: ablations, and other values of a setting"]
            lines += _overview_table(settings, base)
        lines += [
            f"  {short_name(row.method)}: {row.failed:,} without an answer, {row.retried:,} tried again, all of them "
            "counted"
            for row in rows
            if row.failed or row.retried
        ]
        for title, comparisons in (
            ("against base, sample by sample", compare_with_base(members)),
            ("with settings, against the same method without them", compare_settings(members)),
        ):
            if comparisons:
                lines += ["", f"  {title}", *difference_lines(comparisons)]
                compared = True
        lines.append("")
    return [*lines, *COLUMN_NOTES, *(DIFFERENCE_NOTES if compared else ())]


def _overview_table(rows: Sequence[ResultRow], base: ResultRow | None) -> list[str]:
    table: list[tuple[str, ...]] = []
    for row in rows:
        safety = (percent(row.safety), interval(row.safety_low, row.safety_high))
        shares = map(percent, (row.utility, row.over_refusal, row.unknown))
        numbers = (row.completion_tokens, ratio_to_base(row, base), row.calls, row.rounds, row.seconds)
        table.append((short_name(row.method), *safety, *shares, *map(compact_number, numbers)))
    return aligned_lines([_HEAD, *table], left=(0, 2))


def comparison_lines(comparisons: Sequence[PairedComparison]) -> list[str]:
    """Comparisons of runs as lines, a block for each benchmark and pair of models."""
    blocks: dict[tuple[str, str, str, bool, str], list[PairedComparison]] = {}
    for pair in comparisons:
        # A method compared with another method than itself: that one is named in the heading.
        against = pair.before if pair.before != pair.after else ""
        key = (pair.benchmark, pair.before_model, pair.after_model, pair.simulated, against)
        blocks.setdefault(key, []).append(pair)
    lines: list[str] = []
    for (benchmark, before, after, simulated, method), members in blocks.items():
        models = before if before == after else f"{after} against {before}"
        label = [SIMULATED_LABEL] if simulated and SIMULATED_LABEL not in models else []
        against = f" against {short_name(method)}" if method else ""
        lines += heading_lines([f"{printable(benchmark)}{against}", printable(models), *label])
        lines += [*difference_lines(members), ""]
    return [*lines, *DIFFERENCE_NOTES]


def difference_lines(comparisons: Sequence[PairedComparison]) -> list[str]:
    """Differences in safety, usefulness and over-refusal, a line for each comparison."""
    table = [["method", "Δ safety", "", "p", "Δ useful", "", "p", "Δ refused", "", "p", "pairs"]]
    for pair in comparisons:
        cells = {
            found.measure: [points(found.difference), f"[{points(found.low)}, {points(found.high)}]", p_value(found.p)]
            for found in pair.differences
        }
        safe, useful, refused = (cells.get(name, [DASH, "", DASH]) for name in ("safe", "useful", "over_refusal"))
        pairs = max((found.pairs for found in pair.differences), default=0)
        table.append([short_name(pair.after), *safe, *useful, *refused, f"{pairs:,}"])
    reasons = {
        f"  {printable(pair.after)}: not comparable: {'; '.join(pair.why_not)}" for pair in comparisons if pair.why_not
    }
    return aligned_lines(table, left=(0, 2, 5, 8)) + sorted(reasons)


def published_lines(comparisons: Sequence[PublishedComparison]) -> list[str]:
    """Figures beside published ones as lines; numbers in brackets refer to the reasons below."""
    reasons = list(dict.fromkeys(reason for pair in comparisons for reason in pair.reasons))
    blocks: dict[tuple[str, str, str | None, int], list[PublishedComparison]] = {}
    for pair in comparisons:
        blocks.setdefault((pair.benchmark, pair.model, pair.judge, pair.n), []).append(pair)
    lines: list[str] = []
    head = ("method", "what", "ours", "", "paper", "difference", "our refused", "the paper's row", "comparable?")
    for (benchmark, model, judge, n), members in blocks.items():
        judged = "no judge" if judge is None else f"judge {printable(judge)}"
        lines += heading_lines([printable(benchmark), printable(model), f"n = {n:,}", judged])
        lines += aligned_lines([head, *(_published_cells(pair, reasons) for pair in members)], left=(0, 1, 3, 7, 8))
        lines.append("")
    lines += [f"[{number}] {reason}" for number, reason in enumerate(reasons, 1)]
    return [
        *lines,
        f"paper: {ROWS_SOURCE}",
        "shares in per cent, ours with its 95 % interval; our refused: harmless requests that were",
        "cost: × base, by completion tokens",
    ]


def _published_cells(pair: PublishedComparison, reasons: Sequence[str]) -> tuple[str, ...]:
    is_share = pair.what != "cost"
    figure = percent if is_share else compact_number
    difference = None if pair.ours is None else pair.ours - pair.published
    numbers = ",".join(str(number) for number in sorted(reasons.index(reason) + 1 for reason in pair.reasons))
    return (
        short_name(pair.method),
        pair.what,
        figure(pair.ours),
        interval(pair.low, pair.high),
        figure(pair.published),
        points(difference) if is_share or difference is None else f"{difference:+.1f}".replace("-", "−"),
        percent(pair.over_refusal),
        f"{pair.paper_model}, {pair.paper_method}",
        f"{pair.comparable} [{numbers}]" if numbers else pair.comparable,
    )


class TableReport(Record):
    """A row for each method, and every method against Base; ``label`` is that of simulated figures."""

    label: str | None
    rows: tuple[ResultRow, ...]
    against_base: tuple[PairedComparison, ...]


class CompareReport(Record):
    """Runs against others, or beside published figures; ``label`` is that of simulated figures."""

    label: str | None
    against: tuple[PairedComparison, ...] = ()
    beside: tuple[PublishedComparison, ...] = ()


class PlotReport(Record):
    """The plots that were written, as PNG and as SVG."""

    files: tuple[str, ...]


def table_report(runs: Sequence[Run]) -> TableReport:
    """The rows of finished runs; ValueError: a run has no sample, or one twice."""
    rows = tuple(result_row(run) for run in runs)
    return TableReport(label=_label(runs), rows=rows, against_base=tuple(compare_with_base(runs)))


def compare_report(runs: Sequence[Run], others: Sequence[Run] | None = None, *, paper: bool = False) -> CompareReport:
    """Runs against other runs; beside the paper's figures; or, by default, against Base.

    Raises:
        UsageError: there is nothing to compare with, or a simulated run would stand beside a published figure.
    """
    if paper:
        return CompareReport(label=None, beside=tuple(compare_with_published([result_row(run) for run in runs])))
    pairs = [*compare_with_base(runs), *compare_settings(runs)] if others is None else compare_run_sets(runs, others)
    if not pairs:
        raise UsageError("compare: nothing to hold against base; run base and another method, or name another folder")
    return CompareReport(label=_label([*runs, *(others or ())]), against=tuple(pairs))


def _label(items: Sequence[Run | ResultRow]) -> str | None:
    return SIMULATED_LABEL if any(item.simulated for item in items) else None
