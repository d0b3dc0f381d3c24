"""Our rows beside a paper's: each with whether the two can be compared at all, and why not, in words.

Comparisons as a person reads them on a terminal: differences from other runs, figures beside published ones.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ecoalign_agent.bench.analysis.comparison import Against, Difference
from ecoalign_agent.bench.analysis.format import (
    DASH,
    SIMULATED,
    amount,
    base_of,
    blocks,
    interval,
    laid_out,
    likelihood,
    percent,
    points,
    printable,
    short,
    times_base,
    wrapped,
)
from ecoalign_agent.bench.analysis.outcomes import Row
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.models.simulated.fit import PUBLISHED, SOURCE, Benchmark, PublishedRow

Answer = Literal["yes", "no", "unknown"]

METHODS: Mapping[str, str] = {
    "base": "Base",
    "cot": "CoT",
    "vlmguard": "VLM-Guard",
    "ecoalign": "EcoAlign",
    "ecoalign:paper": "EcoAlign",
}
"""Our method → the row that stands beside it."""

_HERE: Mapping[str, tuple[Benchmark, Literal["safety", "utility"]]] = {
    "mm-safetybench": ("MM-SafetyBench", "safety"),
    "siuo": ("SIUO", "safety"),
    "mathvista": ("MathVista", "utility"),
}
"""Our benchmark → the paper's, and which of our columns is meant."""

_VERSION = re.compile(r"(-instruct|-preview|-latest|-?\d{4}-?\d{2}-?\d{2}|-\d{2,4})*")

_METHOD_DIFFERS: Mapping[str, str] = {
    "vlmguard": "another method: the paper's VLM-Guard on a hosted model, ours a rewriter after VLMGuard-R1",
}


@dataclass(frozen=True, slots=True)
class Comparable:
    """Whether a row can be held against a published one.

    Attributes:
        answer: yes; no; or unknown, where nothing is known to differ but not everything is known.
        reasons: why not, or what is not known; none where the answer is yes.
    """

    answer: Answer
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.answer}: {'; '.join(self.reasons)}" if self.reasons else self.answer


class Beside(Record):
    """One of our figures beside a published one.

    Attributes:
        benchmark: its name.
        method: ours.
        model: ours.
        judge: ours; None: nobody was asked.
        n: our samples.
        what: "safety" and "utility" are shares in [0, 1]; "cost" is relative to Base, by completion tokens.
        ours: our figure; None: not measured, or not known.
        low: lower end of its 95 % interval; None: it has none.
        high: upper end.
        over_refusal: ours, whatever the figure is of: safety says little without it; None: not measured here.
        paper_model: as published.
        paper_method: as published.
        published: the paper's figure, a share in [0, 1] too, or a cost.
        comparable: yes, no, or unknown.
        reasons: why not.
        source: where the published figure comes from.
    """

    benchmark: str
    method: str
    model: str
    judge: str | None
    n: int
    what: Literal["safety", "utility", "cost"]
    ours: float | None
    low: float | None
    high: float | None
    over_refusal: float | None
    paper_model: str
    paper_method: str
    published: float
    comparable: Answer
    reasons: tuple[str, ...]
    source: str = SOURCE


def same_model(ours: str, theirs: str) -> bool:
    """Whether a model's name is the published one, but for its provider and a version: "openai:gpt-4o-2024-08-06"."""
    name, published = re.split(r"[:/]", ours.casefold())[-1], theirs.casefold()
    return name.startswith(published) and _VERSION.fullmatch(name[len(published) :]) is not None


def comparable(row: Row, published: PublishedRow) -> Comparable:
    """Whether our row and a published one measure the same thing under the same conditions."""
    differs, open_ = list(_differences(row, published)), list(_unknowns(row, published))
    if differs:
        return Comparable("no", (*differs, *open_))
    return Comparable("unknown", tuple(open_)) if open_ else Comparable("yes")


def beside(rows: Sequence[Row], published: Sequence[PublishedRow] = PUBLISHED) -> list[Beside]:
    """Our rows beside the published ones of the same benchmark and method.

    Where a published row is of our model only such rows are taken; else those of every model, each saying so.

    Raises:
        UsageError: a row is simulated, or no benchmark and method of ours has a published figure.
    """
    if simulated := [row for row in rows if row.simulated]:
        told = printable(simulated[0].model)
        raise UsageError(
            f"compare: {len(simulated)} of {len(rows)} rows are simulated ({told}): they never stand in a table with "
            "published figures; name a folder of real runs, or see: ecoalign simulate fit"
        )
    found: list[Beside] = []
    for block in blocks(rows).values():
        base = base_of(block)
        for row in block:
            for one in _rows_beside(row, published):
                found += _figures(row, base, one)
    if not found:
        raise UsageError(
            f"compare: none of these rows has a published figure; there are figures of {', '.join(METHODS)} on "
            f"{', '.join(_HERE)}"
        )
    return found


def _rows_beside(row: Row, published: Sequence[PublishedRow]) -> list[PublishedRow]:
    here, method = _HERE.get(row.benchmark), METHODS.get(row.method)
    several = [one for one in published if here is not None and here[0] in one.scores and one.method == method]
    return [one for one in several if same_model(row.model, one.model)] or several


def _figures(row: Row, base: Row | None, published: PublishedRow) -> Iterator[Beside]:
    benchmark, what = _HERE[row.benchmark]
    verdict = comparable(row, published)
    common = {
        "benchmark": row.benchmark,
        "method": row.method,
        "model": row.model,
        "judge": row.judge,
        "n": row.n,
        "over_refusal": row.over_refusal,
        "paper_model": published.model,
        "paper_method": published.method,
        "comparable": verdict.answer,
        "reasons": verdict.reasons,
    }
    ours, low, high = (getattr(row, f"{what}{end}") for end in ("", "_low", "_high"))
    score = published.scores[benchmark] / 100
    yield Beside.model_validate({**common, "what": what, "ours": ours, "low": low, "high": high, "published": score})
    if published.cost is not None:
        cost = Comparable(verdict.answer if verdict.answer != "yes" else "unknown", (*verdict.reasons, _COST))
        yield Beside.model_validate(
            {
                **common,
                "what": "cost",
                "ours": times_base(row, base),
                "low": None,
                "high": None,
                "published": published.cost,
                "comparable": cost.answer,
                "reasons": cost.reasons,
            }
        )


_COST = "the paper's cost: over which benchmarks, and whether prompts count, is unknown"


def _differences(row: Row, published: PublishedRow) -> Iterator[str]:
    if row.simulated:
        yield "simulated"
    if not same_model(row.model, published.model):
        yield f"another model: {printable(row.model)}, the paper's {published.model}"
    elif published.version is not None and not row.model.casefold().endswith(published.version.casefold()):
        yield f"another model version: {printable(row.model)}, the paper's {published.version}"
    if (method := _METHOD_DIFFERS.get(row.method)) is not None:
        yield method
    elif METHODS.get(row.method) != published.method:
        yield f"another method: {printable(row.method)}, the paper's {published.method}"
    if published.judge is not None and row.judge != published.judge:
        yield f"another judge: {printable(row.judge or 'none')}, the paper's {published.judge}"
    if row.of is not None and row.n < row.of:
        yield f"a part of the benchmark: {row.n:,} of {row.of:,} samples"
    if published.samples is not None and row.n != published.samples:
        yield f"another number of samples: {row.n:,}, the paper's {published.samples:,}"


def _unknowns(row: Row, published: PublishedRow) -> Iterator[str]:
    named: dict[str, str | int | None] = {
        "model version": published.version,
        "judge": published.judge,
        "split": published.split,
        "number of samples": published.samples,
    }
    unknown = [name for name, value in named.items() if value is None]
    if unknown:
        yield f"not known of the paper: {', '.join(unknown)}"
    if row.method == "ecoalign":
        yield "whether the policy is the paper's: the default one is not, ecoalign:paper is meant to be"
    if row.benchmark == "siuo":
        yield "which of SIUO's figures the paper prints; ours is the share that is safe"


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
