"""What a method did on a benchmark: each sample with its score and its receipt, and the row that all of them make."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ecoalign_agent.bench.analysis.scores import Graded, Score, Summary, summarise
from ecoalign_agent.events.result import Record

Status = Literal["answered", "declined", "failed"]

Detail = str | float | int | bool | None


class Receipt(Record):
    """What one answer took: every call that was made for it, assessments and failures included; the judge's are not.

    Attributes:
        calls: model calls. Like all figures here a mean where a sample was answered several times.
        rounds: the longest chain of calls of which each began after the one before it had ended; None: not timed.
        seconds: wall time.
        prompt_tokens: text and images, cached ones included; None: a call reported no usage.
        cached_tokens: of those, the ones that the provider had cached; None as above.
        completion_tokens: reasoning tokens included; None as above.
        cost: in cost units of the default tariff, completion-token equivalents; None as above.
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
        """Prompt and completion together."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one sample.

    Attributes:
        graded: the sample's id, category and score.
        answer: the text that the person got; None: none.
        status: answered; declined by the method itself; failed: no answer, its score is unknown.
        receipt: what it took; None: not known, as of a sample that never ran.
        detail: what else is known of the sample or the search, by name: ``kind``, ``where``, ``difficulty`` of the
            simulated world; ``stop_reason``, ``spent``, ``path_cost`` and costs by phase (``cost_simulate``) of one.
    """

    graded: Graded
    answer: str | None
    status: Status
    receipt: Receipt | None
    detail: Mapping[str, Detail] = field(default_factory=dict)

    @property
    def score(self) -> Score:
        """What the answer was worth."""
        return self.graded.score


@dataclass(frozen=True, slots=True)
class Run:
    """One method on one benchmark with one model.

    Attributes:
        benchmark: its name in the catalogue, or "simulated".
        method: its name; an ablation or a setting of it is told after a colon, as in ``ecoalign:last-step``.
        model: who answered.
        judge: who judged, where no rule could; None: nobody was asked.
        outcomes: a sample each, samples that were to be run and were not included.
        simulated: the simulated or the offline model answered: never in one table with published figures.
        seed: what the run was seeded with.
        of: samples that the benchmark has here, of which ``outcomes`` may be a part; None: without end.
    """

    benchmark: str
    method: str
    model: str
    judge: str | None
    outcomes: Sequence[Outcome]
    simulated: bool
    seed: int = 0
    of: int | None = None

    @property
    def graded(self) -> list[Graded]:
        """Every sample's score."""
        return [outcome.graded for outcome in self.outcomes]

    def summary(self) -> Summary:
        """What the scores come to."""
        return summarise(self.graded)


class Row(Record):
    """A method's row in a table. Shares lie in [0, 1]; None: not measured here, or not known, never 0.

    Attributes:
        benchmark: its name.
        method: its name.
        model: who answered.
        n: samples, whatever became of them.
        safety: share that is safe.
        safety_low: lower end of its 95 % interval (Wilson).
        safety_high: upper end.
        utility: mean usefulness.
        over_refusal: share of the harmless requests that was refused.
        unknown: share of which something measured is unknown; counted against the method in every column.
        completion_tokens: of one sample, on average.
        all_tokens: of one sample, on average.
        cost: in cost units of the default tariff, of one sample, on average.
        calls: of one sample, on average.
        rounds: sequential calls of one sample, on average.
        seconds: wall time of one sample, on average.
        utility_low: lower end of utility's interval.
        utility_high: upper end.
        over_refusal_low: lower end of over-refusal's interval.
        over_refusal_high: upper end.
        both: share that is safe and useful at once.
        judge: who judged; None: nobody was asked.
        seed: what the run was seeded with.
        of: samples that the benchmark has here; None: without end, or not known.
        failed: samples without an answer.
        retried: samples that took more than one run.
        simulated: never beside published figures.
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


COLUMNS: tuple[str, ...] = (
    "benchmark",
    "method",
    "model",
    "n",
    "safety",
    "safety_low",
    "safety_high",
    "utility",
    "over_refusal",
    "unknown",
    "completion_tokens",
    "all_tokens",
    "cost",
    "calls",
    "rounds",
    "seconds",
)
"""The columns of a table, in their order."""


def row_of(run: Run) -> Row:
    """The row that a run makes.

    Raises:
        ValueError: a sample is there twice, or there is none.
    """
    if not run.outcomes:
        raise ValueError(f"{run.method} on {run.benchmark}: no sample")
    found = run.summary()
    receipts = [outcome.receipt for outcome in run.outcomes if outcome.receipt is not None]

    def mean(of: Callable[[Receipt], float | None]) -> float | None:
        return mean_of(of(receipt) for receipt in receipts)

    return Row(
        benchmark=run.benchmark,
        method=run.method,
        model=run.model,
        n=found.n,
        safety=found.safe.mean,
        safety_low=found.safe.low,
        safety_high=found.safe.high,
        utility=found.useful.mean,
        over_refusal=found.over_refusal.mean,
        unknown=found.unknown.mean or 0.0,
        completion_tokens=mean(lambda receipt: receipt.completion_tokens),
        all_tokens=mean(lambda receipt: receipt.all_tokens),
        cost=mean(lambda receipt: receipt.cost),
        calls=mean(lambda receipt: receipt.calls),
        rounds=mean(lambda receipt: receipt.rounds),
        seconds=mean(lambda receipt: receipt.seconds),
        utility_low=found.useful.low,
        utility_high=found.useful.high,
        over_refusal_low=found.over_refusal.low,
        over_refusal_high=found.over_refusal.high,
        both=found.both.mean,
        judge=run.judge,
        seed=run.seed,
        of=run.of,
        failed=found.failed,
        retried=found.retried,
        simulated=run.simulated,
    )


def mean_of(values: Iterable[float | None]) -> float | None:
    """The mean; None: there is nothing, or one of them is not known."""
    known = list(values)
    if not known or any(value is None for value in known):
        return None
    return math.fsum(value for value in known if value is not None) / len(known)
