"""Our rows beside a paper's: each with whether the two can be compared at all, and the reasons in words."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

from ecoalign_agent.bench.analysis.format import printable
from ecoalign_agent.bench.analysis.outcomes import ResultRow, base_of, grouped, ratio_to_base
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.models.simulated.fit import PUBLISHED_ROWS, ROWS_SOURCE, PaperBenchmark, PublishedRow

Answer = Literal["yes", "no", "unknown"]

PAPER_METHODS: Mapping[str, str] = {
    "base": "Base",
    "cot": "CoT",
    "vlmguard": "VLM-Guard",
    "ecoalign": "EcoAlign",
    "ecoalign:paper": "EcoAlign",
}
"""Our method → the paper's."""

_PAPER_BENCHMARKS: Mapping[str, tuple[PaperBenchmark, Literal["safety", "utility"]]] = {
    "mm-safetybench": ("MM-SafetyBench", "safety"),
    "siuo": ("SIUO", "safety"),
    "mathvista": ("MathVista", "utility"),
}
"""Our benchmark → the paper's, and the column of ours that it publishes."""

_VERSION = re.compile(r"(-instruct|-preview|-latest|-?\d{4}-?\d{2}-?\d{2}|-\d{2,4})*")


class Comparability(NamedTuple):
    """Comparability of a row with a published one.

    ``reasons`` are known differences, then unknown conditions; "unknown": nothing is known to differ, but not
    everything is known.
    """

    answer: Answer
    reasons: tuple[str, ...] = ()


class PublishedComparison(Record):
    """One of our figures beside a published one: a share in [0, 1], or a cost relative to Base by completion tokens.

    Attributes:
        low: lower end of our figure's 95 % interval; None: it has none.
        over_refusal: ours, whatever the figure: safety says little without it.
        reasons: against the comparison.
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
    source: str = ROWS_SOURCE


def same_model(ours: str, theirs: str) -> bool:
    """True if a model's name is the published one, but for its provider and a version: "openai:gpt-4o-2024-08-06"."""
    name, published = re.split(r"[:/]", ours.casefold())[-1], theirs.casefold()
    return name.startswith(published) and _VERSION.fullmatch(name[len(published) :]) is not None


def comparability(row: ResultRow, published: PublishedRow) -> Comparability:
    """Compare the conditions of our row and a published one."""
    differences, unknowns = tuple(_known_differences(row, published)), tuple(_unknown_conditions(row, published))
    answer: Answer = "no" if differences else "unknown" if unknowns else "yes"
    return Comparability(answer, differences + unknowns)


def compare_with_published(
    rows: Sequence[ResultRow], published: Sequence[PublishedRow] = PUBLISHED_ROWS
) -> list[PublishedComparison]:
    """Our rows beside the published ones of the same benchmark and method: of our model, or else of every model.

    Raises:
        UsageError: a row is simulated, or no benchmark and method of ours has a published figure.
    """
    if simulated := [row for row in rows if row.simulated]:
        raise UsageError(
            f"compare: {len(simulated)} of {len(rows)} rows are simulated ({printable(simulated[0].model)}): they "
            "never stand in a table with published figures; name a folder of real runs, or see: ecoalign simulate fit"
        )
    found: list[PublishedComparison] = []
    for group in grouped(rows).values():
        base = base_of(group)
        for row in group:
            for theirs in _matching(row, published):
                found += _comparisons(row, base, theirs)
    if not found:
        raise UsageError(
            f"compare: none of these rows has a published figure; there are figures of {', '.join(PAPER_METHODS)} on "
            f"{', '.join(_PAPER_BENCHMARKS)}"
        )
    return found


def _matching(row: ResultRow, published: Sequence[PublishedRow]) -> list[PublishedRow]:
    if row.benchmark not in _PAPER_BENCHMARKS:
        return []
    benchmark, method = _PAPER_BENCHMARKS[row.benchmark][0], PAPER_METHODS.get(row.method)
    rows = [theirs for theirs in published if benchmark in theirs.scores and theirs.method == method]
    return [theirs for theirs in rows if same_model(row.model, theirs.model)] or rows


def _comparisons(row: ResultRow, base: ResultRow | None, published: PublishedRow) -> Iterator[PublishedComparison]:
    benchmark, what = _PAPER_BENCHMARKS[row.benchmark]
    found = comparability(row, published)
    common = {name: getattr(row, name) for name in ("benchmark", "method", "model", "judge", "n", "over_refusal")}
    common |= {"paper_model": published.model, "paper_method": published.method}
    common |= {"comparable": found.answer, "reasons": found.reasons}
    ours = {name: getattr(row, f"{what}{end}") for name, end in (("ours", ""), ("low", "_low"), ("high", "_high"))}
    score = {"what": what, "published": published.scores[benchmark] / 100}
    yield PublishedComparison.model_validate(common | ours | score)
    if published.cost is not None:
        common["comparable"] = "unknown" if found.answer == "yes" else found.answer
        common["reasons"] += ("the paper's cost: over which benchmarks, and whether prompts count, is unknown",)
        ours = {"ours": ratio_to_base(row, base), "low": None, "high": None}
        cost = {"what": "cost", "published": published.cost}
        yield PublishedComparison.model_validate(common | ours | cost)


def _known_differences(row: ResultRow, published: PublishedRow) -> Iterator[str]:
    if row.simulated:
        yield "simulated"
    if not same_model(row.model, published.model):
        yield f"another model: {printable(row.model)}, the paper's {published.model}"
    elif published.version is not None and not row.model.casefold().endswith(published.version.casefold()):
        yield f"another model version: {printable(row.model)}, the paper's {published.version}"
    if row.method == "vlmguard":
        yield "another method: the paper's VLM-Guard on a hosted model, ours a rewriter after VLMGuard-R1"
    elif PAPER_METHODS.get(row.method) != published.method:
        yield f"another method: {printable(row.method)}, the paper's {published.method}"
    if published.judge is not None and row.judge != published.judge:
        yield f"another judge: {printable(row.judge or 'none')}, the paper's {published.judge}"
    if row.of is not None and row.n < row.of:
        yield f"a part of the benchmark: {row.n:,} of {row.of:,} samples"
    if published.samples is not None and row.n != published.samples:
        yield f"another number of samples: {row.n:,}, the paper's {published.samples:,}"


def _unknown_conditions(row: ResultRow, published: PublishedRow) -> Iterator[str]:
    conditions: dict[str, str | int | None] = {
        "model version": published.version,
        "judge": published.judge,
        "split": published.split,
        "number of samples": published.samples,
    }
    unknown = [name for name, value in conditions.items() if value is None]
    if unknown:
        yield f"not known of the paper: {', '.join(unknown)}"
    if row.method == "ecoalign":
        yield "whether the policy is the paper's: the default one is not, ecoalign:paper is meant to be"
    if row.benchmark == "siuo":
        yield "which of SIUO's figures the paper prints; ours is the share that is safe"
