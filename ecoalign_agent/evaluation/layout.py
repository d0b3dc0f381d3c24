"""How cells and headings are laid out in lines of a terminal."""

from collections.abc import Sequence

WIDE = 130
"""Characters in a line at most."""


def laid_out(table: Sequence[Sequence[str]], *, left: Sequence[int], gap: int = 2) -> list[str]:
    """Cells in columns, as wide as the widest needs.

    Args:
        table: rows of cells, all of the same number.
        left: columns that begin at the left; the others end at the right.
        gap: spaces between columns.
    """
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        (" " * gap)
        .join(
            cell.ljust(width) if place in left else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        .rstrip()
        for row in table
    ]


def wrapped(parts: Sequence[str], wide: int = WIDE) -> list[str]:
    """Parts of a heading, joined by dots, on as few lines as they need; one that is too long is cut."""
    lines: list[str] = []
    for part in parts:
        short = part if len(part) <= wide else part[: wide - 1] + "…"
        if lines and len(lines[-1]) + 3 + len(short) <= wide:
            lines[-1] += f" · {short}"
        else:
            lines.append(short)
    return lines
