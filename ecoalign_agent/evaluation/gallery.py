"""Every plot that finished runs hold figures for, written into a folder."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.blocks import blocks
from ecoalign_agent.evaluation.charts import save
from ecoalign_agent.evaluation.outcomes import Row, Run, row_of
from ecoalign_agent.evaluation.plots import cost_safety, over_refusal, safety_utility, score_over_budget

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_ROOM = 12
_SWEPT = re.compile(r"(?P<method>[^:]+):(?:budget|B)=(?P<budget>\d+(?:\.\d+)?|inf|unbounded)")


def plot_all(runs: Sequence[Run], to: Path) -> list[Path]:
    """Every plot that the runs hold figures for, of each benchmark and model, as PNG and SVG.

    Runs of one method under several budgets (``ecoalign:budget=2000``) make the plot over the budget and stand in no
    other. Where there are more rows than a plot has room for, a method's settings and ablations stand in plots of their
    own, beside the method as it is.

    Args:
        runs: finished.
        to: folder; it is made.

    Returns:
        What was written.

    Raises:
        UsageError: no plot can be made of them.
        RunError: a file can't be written.
    """
    written: list[Path] = []
    found = blocks([row_of(run) for run in runs])
    for number, (block, rows) in enumerate(found.items()):
        stem = _slug(f"{block.benchmark}-{block.model}")[:80]
        stem += f"-{number}" if len(found) > 1 else ""
        for part, together in _parts([row for row in rows if _SWEPT.fullmatch(row.method) is None]).items():
            for name, draw in _plots(together):
                written += save(draw(together), to / f"{stem}-{part}{name}")
        for method, points in sweeps(rows).items():
            written += save(score_over_budget(points), to / f"{stem}-budget-{_slug(method)}")
    if not written:
        raise UsageError("plot: these runs measure neither safety nor over-refusal, and none has a budget in its name")
    return written


def _parts(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """What stands together in a plot, by the beginning of its name."""
    if len(rows) <= _ROOM:
        return {"": list(rows)}
    parts: dict[str, list[Row]] = {}
    for row in rows:
        method, _, setting = row.method.partition(":")
        parts.setdefault(f"{_slug(method)}-settings-" if setting else "", []).append(row)
    for part, together in parts.items():
        method = together[0].method.partition(":")[0]
        if part:
            together[:0] = [row for row in rows if row.method == method]
    return parts


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-.")


def sweeps(rows: Sequence[Row]) -> dict[str, list[tuple[float, Row]]]:
    """Method → its rows under several budgets, as ``METHOD:B=BUDGET`` or ``METHOD:budget=BUDGET`` says."""
    found: dict[str, list[tuple[float, Row]]] = {}
    for row in rows:
        if (swept := _SWEPT.fullmatch(row.method)) is not None:
            told = swept["budget"]
            budget = math.inf if told == "unbounded" else float(told)
            found.setdefault(swept["method"], []).append((budget, row))
    return found


def _plots(rows: Sequence[Row]) -> Iterator[tuple[str, "Callable[[Sequence[Row]], Figure]"]]:
    """The plots that these rows hold figures for, by name."""
    safe = [row for row in rows if row.safety is not None]
    if any(row.completion_tokens or row.cost for row in safe):
        yield "cost-safety", cost_safety
    if any(row.utility is not None for row in safe):
        yield "safety-utility", safety_utility
    if any(row.over_refusal is not None for row in rows):
        yield "over-refusal", over_refusal
