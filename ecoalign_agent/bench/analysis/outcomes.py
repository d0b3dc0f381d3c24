"""Outcome of a method on each sample of a benchmark, and the table row that all of them make."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded, Summary, summarise
from ecoalign_agent.bench.analysis.statistics import mean_if_known
from ecoalign_agent.events.result import Record

OutcomeStatus = Literal["answered", "declined", "failed"]

DetailValue = str | float | int | bool | None


class Receipt(Record):
    """The cost of one answer: every call that was made for it, assessments and failures included, without the judge's.

    Attributes:
        calls: model calls. Like all figures here a mean where a sample was answered several times.
        rounds: length of the longest chain of calls of which each began after the one before it; None: not timed.
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
        """Prompt and completion tokens together."""
        if self.prompt_tokens is None or self.completion_tokens is None:
            return None
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class SampleOutcome:
    """Outcome of one sample.

    Attributes:
        graded: the sample's id, category and score.
        answer: the text that the person got; None: none.
        status: answered; declined by the method itself; failed: no answer, its score is unknown.
        receipt: its cost; None: unknown, as of a sample that never ran.
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
        model: the answering model.
        judge: the judge, where no rule decides; None: there was none.
        outcomes: one for each sample that was to be run.
        simulated: the simulated or the offline model answered: never in one table with published figures.
        seed: of the run.
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
        safety: share that is safe.
        utility: mean usefulness.
        over_refusal: share of the harmless requests that was refused.
        unknown: share of which something measured is unknown; counted against the method in every column.
        rounds: sequential calls.
        both: share that is safe and useful at once.
        judge: None: there was none.
        of: samples of the benchmark; None: without end, or unknown.
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


_FIGURES = ("completion_tokens", "all_tokens", "cost", "calls", "rounds", "seconds")

COLUMNS: tuple[str, ...] = (
    "benchmark", "method", "model", "n", "safety", "safety_low", "safety_high", "utility", "over_refusal", "unknown",
    *_FIGURES,
)  # fmt: skip
"""The columns of a table, in their order."""


def result_row(run: Run) -> ResultRow:
    """The table row of a run.

    Raises:
        ValueError: a sample is there twice, or there is none.
    """
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
