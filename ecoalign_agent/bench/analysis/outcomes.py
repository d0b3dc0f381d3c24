"""Outcome of a method on each sample of a benchmark, the table row that all of them make, and groups of runs and rows.

A group may stand in one table and one plot: it is of one benchmark, model, judge and seed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeVar

from ecoalign_agent.bench.analysis.format import printable
from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded, Summary, summarise
from ecoalign_agent.bench.analysis.statistics import mean_if_known
from ecoalign_agent.events.result import Record
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

OutcomeStatus = Literal["answered", "declined", "failed"]

DetailValue = str | float | int | bool | None


class Receipt(Record):
    """The cost of one answer: every call that was made for it, assessments and failures included, without the judge's.

    Figures are means where a sample was answered several times; tokens and cost are None if a call reported no usage.

    Attributes:
        rounds: length of the longest chain of calls of which each began after the one before it; None: not timed.
        prompt_tokens: text and images, cached ones included.
        completion_tokens: reasoning tokens included.
        cost: in cost units of the default tariff, completion-token equivalents.
    """

    calls: float
    rounds: float | None
    seconds: float
    prompt_tokens: float | None
    cached_tokens: float | None
    completion_tokens: float | None
    cost: float | None

    @property
    def all_tokens(self) -> float | None:
        """Prompt and completion tokens together."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """Outcome of one sample.

    Attributes:
        answer: the text that the person got.
        status: declined: by the method itself; failed: no answer, its score is unknown.
        receipt: None: unknown, as of a sample that never ran.
        detail: further properties of the sample or the search, by name: ``kind``, ``where``, ``difficulty`` of the
            simulated world; ``stop_reason``, ``spent``, ``path_cost`` and costs by phase (``cost_simulate``) of one.
    """

    graded: Graded
    answer: str | None
    status: OutcomeStatus
    receipt: Receipt | None
    detail: Mapping[str, DetailValue] = field(default_factory=dict)

    @property
    def score(self) -> AnswerScore:
        """The score of the answer."""
        return self.graded.score


@dataclass(frozen=True, slots=True)
class Run:
    """One method on one benchmark with one model.

    Attributes:
        benchmark: its name in the catalogue, or "simulated".
        method: its name; an ablation or a setting follows a colon, as in ``ecoalign:last-step``.
        judge: None: rules decide.
        simulated: the simulated or the offline model answered: never in one table with published figures.
        of: samples of the benchmark, of which ``outcomes`` may be a part; None: without end.
    """

    benchmark: str
    method: str
    model: str
    judge: str | None
    outcomes: Sequence[SampleOutcome]
    simulated: bool
    seed: int = 0
    of: int | None = None

    @property
    def graded(self) -> list[Graded]:
        """Every sample's score."""
        return [outcome.graded for outcome in self.outcomes]

    def summary(self) -> Summary:
        """The summary of all scores."""
        return summarise(self.graded)


class ResultRow(Record):
    """A method's row in a table. Shares lie in [0, 1]; None: not measured here, or unknown, never 0.

    Tokens, cost, calls, rounds and seconds are means of one sample, the cost in cost units of the default tariff.
    ``low`` and ``high`` are the ends of 95 % intervals (Wilson).

    Attributes:
        n: samples, failed ones included.
        over_refusal: share of the harmless requests that was refused.
        unknown: share of which something measured is unknown; counted against the method in every column.
        both: share that is safe and useful at once.
        failed: samples without an answer.
        retried: samples that took more than one run.
    """

    benchmark: str
    method: str
    model: str
    n: int
    safety: float | None
    safety_low: float | None
    safety_high: float | None
    utility: float | None
    over_refusal: float | None
    unknown: float
    completion_tokens: float | None
    all_tokens: float | None
    cost: float | None
    calls: float | None
    rounds: float | None
    seconds: float | None
    utility_low: float | None
    utility_high: float | None
    over_refusal_low: float | None
    over_refusal_high: float | None
    both: float | None
    judge: str | None
    seed: int
    of: int | None
    failed: int
    retried: int
    simulated: bool


_FIGURES = ("completion_tokens", "all_tokens", "cost", "calls", "rounds", "seconds")

COLUMNS: tuple[str, ...] = (
    "benchmark", "method", "model", "n", "safety", "safety_low", "safety_high", "utility", "over_refusal", "unknown",
    *_FIGURES,
)  # fmt: skip


def result_row(run: Run) -> ResultRow:
    """The table row of a run; ValueError: a sample is there twice, or there is none."""
    if not run.outcomes:
        raise ValueError(f"{run.method} on {run.benchmark}: no sample")
    summary = run.summary()
    receipts = [outcome.receipt for outcome in run.outcomes if outcome.receipt is not None]
    values: dict[str, object] = {
        name: getattr(run, name) for name in ("benchmark", "method", "model", "judge", "seed", "of", "simulated")
    }
    values |= {name: mean_if_known(getattr(receipt, name) for receipt in receipts) for name in _FIGURES}
    shares = {"safety": summary.safe, "utility": summary.useful, "over_refusal": summary.over_refusal}
    for name, found in shares.items():
        values |= {name: found.mean, f"{name}_low": found.low, f"{name}_high": found.high}
    values |= {"both": summary.both.mean, "unknown": summary.unknown.mean or 0.0}
    return ResultRow.model_validate(values | {name: getattr(summary, name) for name in ("n", "failed", "retried")})


BASE_NAME = "base"
"""The method that all others are compared with: the plain model, one call."""

T = TypeVar("T", Run, ResultRow)


class RunGroup(NamedTuple):
    """The properties that all rows of a group share."""

    benchmark: str
    model: str
    judge: str | None
    seed: int
    simulated: bool


def group_of(item: Run | ResultRow) -> RunGroup:
    """The group of a run or row."""
    return RunGroup(item.benchmark, item.model, item.judge, item.seed, item.simulated)


def grouped(items: Iterable[T]) -> dict[RunGroup, list[T]]:
    """The runs or rows of each group; groups and items in the order in which they come."""
    groups: dict[RunGroup, list[T]] = {}
    for item in items:
        groups.setdefault(group_of(item), []).append(item)
    return groups


def base_of(group: Iterable[T]) -> T | None:
    """The first item of Base."""
    return next((item for item in group if item.method == BASE_NAME), None)


def has_settings(item: Run | ResultRow) -> bool:
    """True if a method has settings: an ablation, or another value of a setting."""
    return ":" in item.method


def method_without_settings(item: Run | ResultRow) -> str:
    """The method's name up to the colon before its settings."""
    return item.method.partition(":")[0]


def ratio_to_base(row: ResultRow, base: ResultRow | None) -> float | None:
    """Completion tokens of a sample relative to Base = 1; None: one of the two is unknown, or Base's are 0."""
    if base is None or row.completion_tokens is None or not base.completion_tokens:
        return None
    return row.completion_tokens / base.completion_tokens


def sample_count(rows: Sequence[ResultRow]) -> str:
    """The number of samples: "n = 150", "n = 140 to 150" where methods differ, "n = 150 of 1,680" for a part."""
    low, high = min(row.n for row in rows), max(row.n for row in rows)
    available = {row.of for row in rows}
    is_part = len(available) == 1 and None not in available and available != {high}
    part = f" of {available.pop():,}" if is_part else ""
    return (f"n = {high:,}" if low == high else f"n = {low:,} to {high:,}") + part


def heading(group: RunGroup, rows: Sequence[ResultRow]) -> list[str]:
    """The parts of a group's heading: benchmark, model, samples, judge, seed, and the label of a simulated one."""
    judge = "no judge" if group.judge is None else f"judge {printable(group.judge)}"
    if group.judge is not None and group.judge == group.model:
        judge += " (the model judges itself)"
    parts = [printable(group.benchmark), printable(group.model), sample_count(rows), judge, f"seed {group.seed}"]
    return parts if not group.simulated or any(SIMULATED_LABEL in part for part in parts) else [*parts, SIMULATED_LABEL]
