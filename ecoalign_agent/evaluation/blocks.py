"""What may stand in one block of a table and in one plot: one benchmark, one model, one judge, one seed."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

from ecoalign_agent.evaluation.cells import SIMULATED, printable
from ecoalign_agent.evaluation.outcomes import Row, Run

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
