"""Tables to be kept: the same columns as Markdown, LaTeX and CSV."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from ecoalign_agent.evaluation.cells import DASH, SIMULATED, amount, labelled, percent, printable
from ecoalign_agent.evaluation.outcomes import COLUMNS, Row

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
