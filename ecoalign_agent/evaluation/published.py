"""Our rows beside a paper's: each with whether the two can be compared at all, and why not, in words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.blocks import base_of, blocks, times_base
from ecoalign_agent.evaluation.cells import printable
from ecoalign_agent.evaluation.outcomes import Row
from ecoalign_agent.published import PUBLISHED, SOURCE, Benchmark, PublishedRow
from ecoalign_agent.trace.record import Record

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
