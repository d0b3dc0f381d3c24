"""How a figure and a name stand in a cell: unknown is a dash, never a number.

How cells and headings are laid out in lines of a terminal.

What may stand in one block of a table and in one plot: one benchmark, one model, one judge, one seed.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from ecoalign_agent.bench.analysis.outcomes import Row, Run

SIMULATED = "simulated, not a vision-language model"
"""What stands with every figure of the simulated or the offline model."""

DASH = "–"
"""Not measured here, or not known."""


_NAME = 28


def percent(share: float | None) -> str:
    """A share in per cent with one decimal, without the sign: "96.5"."""
    return DASH if share is None else f"{100 * share:.1f}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with its sign: "+1.5", "−2.0"; "0.0" has none."""
    if share is None:
        return DASH
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares in per cent: "[94.0, 98.1]"; nothing where there is none."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def amount(value: float | None) -> str:
    """Tokens, cost units, calls, seconds: whole ones from a hundred on, three digits below."""
    if value is None:
        return DASH
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    # Small ones in full: an exponent is no way to tell seconds.
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def likelihood(p: float | None) -> str:
    """A p value: "0.012", "<0.001"."""
    if p is None:
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def printable(text: str) -> str:
    """A name on one line, without control sequences and invisible characters: it may come from anybody's log."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in " ".join(text.split()))


def short(method: str) -> str:
    """A method's name as a label: printable, and cut where it is long."""
    name = printable(method)
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def labelled(name: str, *, simulated: bool, label: str = SIMULATED) -> str:
    """A model's name, with the label where it is simulated and does not say so itself."""
    return name if not simulated or label in name else f"{name} ({label})"


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


BASE = "base"
"""The method that the others are held against: the model asked once, plainly."""

T = TypeVar("T", Run, Row)


class Block(NamedTuple):
    """What all of a block's rows have in common."""

    benchmark: str
    model: str
    judge: str | None
    seed: int
    simulated: bool


def block_of(one: Run | Row) -> Block:
    """Where a run or its row belongs."""
    return Block(one.benchmark, one.model, one.judge, one.seed, one.simulated)


def blocks(several: Iterable[T]) -> dict[Block, list[T]]:
    """The runs or rows of each block, blocks and what is in them in the order in which they come."""
    found: dict[Block, list[T]] = {}
    for one in several:
        found.setdefault(block_of(one), []).append(one)
    return found


def base_of(block: Iterable[T]) -> T | None:
    """The first of Base; None: it was not run."""
    return next((one for one in block if one.method == BASE), None)


def times_base(row: Row, base: Row | None) -> float | None:
    """Completion tokens of a sample, Base's being 1; None: one of them is not known, or Base's are none."""
    if base is None or row.completion_tokens is None or not base.completion_tokens:
        return None
    return row.completion_tokens / base.completion_tokens


def counted(rows: Sequence[Row]) -> str:
    """How many samples: "n = 150", of how many where it is a part, "n = 140 to 150" where methods differ."""
    least, most = min(row.n for row in rows), max(row.n for row in rows)
    of = {row.of for row in rows}
    part = f" of {of.pop():,}" if len(of) == 1 and None not in of and of != {most} else ""
    return (f"n = {most:,}" if least == most else f"n = {least:,} to {most:,}") + part


def heading(block: Block, rows: Sequence[Row]) -> list[str]:
    """What a block is of, a part each: benchmark, model, samples, judge, seed, and the label of a simulated one."""
    told = [printable(block.benchmark), printable(block.model), counted(rows)]
    told.append("no judge" if block.judge is None else f"judge {printable(block.judge)}")
    if block.judge is not None and block.judge == block.model:
        told[-1] += " (the model judges itself)"
    told.append(f"seed {block.seed}")
    if block.simulated and not any(SIMULATED in part for part in told):
        told.append(SIMULATED)
    return told
