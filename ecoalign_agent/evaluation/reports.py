"""What the commands about finished runs report, for programs."""

from collections.abc import Sequence

from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.cells import SIMULATED
from ecoalign_agent.evaluation.outcomes import Row, Run, row_of
from ecoalign_agent.evaluation.pairs import Against, against_base, against_other, against_plain
from ecoalign_agent.evaluation.published import Beside, beside
from ecoalign_agent.trace.record import Record


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
