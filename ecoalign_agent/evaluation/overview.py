"""The table as a person reads it on a terminal: a block for each benchmark and model, no line wider than 130."""

from collections.abc import Iterator, Sequence

from ecoalign_agent.evaluation.blocks import base_of, blocks, heading, times_base
from ecoalign_agent.evaluation.cells import DASH, amount, interval, percent, short
from ecoalign_agent.evaluation.layout import laid_out, wrapped
from ecoalign_agent.evaluation.outcomes import Row, Run, row_of
from ecoalign_agent.evaluation.pairs import against_base, against_plain, is_set
from ecoalign_agent.evaluation.side_by_side import BELOW_PAIRS, difference_lines

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
