"""Numbers and names as text, columns of text, and Markdown rows. An unknown value is a dash, never a number."""

import math
from collections.abc import Container, Iterable, Sequence

DASH = "–"
"""Stands for a value that is not measured or not known."""

MAX_WIDTH = 130
"""Characters in a line at most."""

_MAX_NAME = 28


def percent(share: float | None) -> str:
    """A share in per cent with one decimal, without the sign: "96.5"."""
    return DASH if share is None else f"{100 * share:.1f}"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points with its sign: "+1.5", "−2.0"; "0.0" has none."""
    if difference is None:
        return DASH
    rounded = round(100 * difference, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares in per cent: "[94.0, 98.1]"; empty where there is none."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def compact_number(value: float | None) -> str:
    """Tokens, cost units, calls or seconds: no decimals from a hundred on, three digits below."""
    if value is None:
        return DASH
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    # Small ones in full: an exponent is hard to read as seconds.
    decimals = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def p_value(p: float | None) -> str:
    """A p value: "0.012", "<0.001"."""
    if p is None:
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def printable(text: str) -> str:
    """A name on one line, without control sequences and invisible characters: it may come from anybody's log."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in " ".join(text.split()))


def short_name(method: str) -> str:
    """A method's name as a label: printable, and cut where it is long."""
    name = printable(method)
    return name if len(name) <= _MAX_NAME else name[: _MAX_NAME - 1] + "…"


def aligned_lines(table: Sequence[Sequence[str]], *, left: Container[int]) -> list[str]:
    """Rows of cells as lines with columns as wide as their widest cell; ``left`` are those aligned on the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for row in table:
        cells = enumerate(zip(row, widths, strict=True))
        padded = (cell.ljust(width) if index in left else cell.rjust(width) for index, (cell, width) in cells)
        lines.append("  ".join(padded).rstrip())
    return lines


def markdown_lines(table: Sequence[Sequence[str]], *, left: Container[int]) -> list[str]:
    """Rows of cells as a Markdown table; the first row is the head, ``left`` as in :func:`aligned_lines`."""
    rule = ["---" if index in left else "---:" for index in range(len(table[0]))]
    return ["| " + " | ".join(row) + " |" for row in (_escaped(table[0]), rule, *map(_escaped, table[1:]))]


def _escaped(row: Iterable[str]) -> list[str]:
    """Cells that Markdown shows as they are: none ends early, none becomes HTML."""
    return [cell.replace("\\", "\\\\").replace("|", "\\|").replace("&", "&amp;").replace("<", "&lt;") for cell in row]


def heading_lines(parts: Sequence[str]) -> list[str]:
    """Parts of a heading joined by dots on as few lines as they need; one that is too long is cut."""
    lines: list[str] = []
    for part in parts:
        fitting = part if len(part) <= MAX_WIDTH else part[: MAX_WIDTH - 1] + "…"
        if lines and len(lines[-1]) + 3 + len(fitting) <= MAX_WIDTH:
            lines[-1] += f" · {fitting}"
        else:
            lines.append(fitting)
    return lines
