"""Comparisons as a person reads them on a terminal: differences from other runs, figures beside published ones."""

from collections.abc import Sequence

from ecoalign_agent.evaluation.cells import (
    DASH,
    SIMULATED,
    amount,
    interval,
    likelihood,
    percent,
    points,
    printable,
    short,
)
from ecoalign_agent.evaluation.layout import laid_out, wrapped
from ecoalign_agent.evaluation.pairs import Against, Difference
from ecoalign_agent.evaluation.published import Beside
from ecoalign_agent.published import SOURCE

_BESIDE = ("method", "what", "ours", "", "paper", "difference", "our refused", "the paper's row", "comparable?")

BELOW_PAIRS = (
    "Δ: difference in points, with its 95 % interval (Agresti and Min); of refused, less is better",
    "p: McNemar, exact, two-sided, not corrected for the number of methods",
)
"""What the columns of differences mean."""


def against_lines(held: Sequence[Against]) -> list[str]:
    """Comparisons of runs as lines, a block for each benchmark and pair of models."""
    groups: dict[tuple[str, str, str, bool, str], list[Against]] = {}
    for one in held:
        # Held against another method than itself: that one is the heading's.
        than = one.before if one.before != one.after else ""
        groups.setdefault((one.benchmark, one.before_model, one.after_model, one.simulated, than), []).append(one)
    lines: list[str] = []
    for (benchmark, before, after, simulated, method), several in groups.items():
        models = before if before == after else f"{after} against {before}"
        label = [SIMULATED] if simulated and SIMULATED not in models else []
        than = f" against {short(method)}" if method else ""
        lines += wrapped([f"{printable(benchmark)}{than}", printable(models), *label])
        lines += [*difference_lines(several), ""]
    return [*lines, *BELOW_PAIRS]


def difference_lines(held: Sequence[Against]) -> list[str]:
    """Differences in safety, usefulness and over-refusal of several methods, a line each."""
    head = ["method"]
    for name in ("Δ safety", "Δ useful", "Δ refused"):
        head += [name, "", "p"]
    table = [(*head, "pairs")]
    for one in held:
        found = {difference.measure: difference for difference in one.differences}
        cells = [short(one.after)]
        for measure in ("safe", "useful", "over_refusal"):
            cells += _difference_cells(found.get(measure))
        most = max((difference.pairs for difference in one.differences), default=0)
        table.append((*cells, f"{most:,}"))
    lines = laid_out(table, left=(0, 2, 5, 8))
    told = {f"  {printable(one.after)}: not comparable: {'; '.join(one.why_not)}" for one in held if one.why_not}
    return lines + sorted(told)


def beside_lines(found: Sequence[Beside]) -> list[str]:
    """Figures beside published ones as a person reads them; numbers lead to why they can't be compared."""
    reasons = list(dict.fromkeys(reason for one in found for reason in one.reasons))
    groups: dict[tuple[str, str, str | None, int], list[Beside]] = {}
    for one in found:
        groups.setdefault((one.benchmark, one.model, one.judge, one.n), []).append(one)
    lines: list[str] = []
    for (benchmark, model, judge, n), several in groups.items():
        who = "no judge" if judge is None else f"judge {printable(judge)}"
        lines += wrapped([printable(benchmark), printable(model), f"n = {n:,}", who])
        lines += laid_out([_BESIDE, *(_beside_cells(one, reasons) for one in several)], left=(0, 1, 3, 7, 8))
        lines.append("")
    lines += [f"[{place}] {reason}" for place, reason in enumerate(reasons, 1)]
    return [
        *lines,
        f"paper: {SOURCE}",
        "shares in per cent, ours with its 95 % interval; our refused: harmless requests that were",
        "cost: × base, by completion tokens",
    ]


def _difference_cells(found: Difference | None) -> list[str]:
    if found is None:
        return [DASH, "", DASH]
    return [points(found.difference), _signed(found), likelihood(found.p)]


def _signed(found: Difference) -> str:
    return f"[{points(found.low)}, {points(found.high)}]"


def _beside_cells(one: Beside, reasons: Sequence[str]) -> tuple[str, ...]:
    share = one.what != "cost"
    less = None if one.ours is None else one.ours - one.published
    why = ",".join(str(place) for place in sorted(reasons.index(reason) + 1 for reason in one.reasons))
    return (
        short(one.method),
        one.what,
        percent(one.ours) if share else amount(one.ours),
        interval(one.low, one.high),
        percent(one.published) if share else amount(one.published),
        points(less) if share or less is None else f"{less:+.1f}".replace("-", "−"),
        percent(one.over_refusal),
        f"{one.paper_model}, {one.paper_method}",
        f"{one.comparable} [{why}]" if why else one.comparable,
    )
