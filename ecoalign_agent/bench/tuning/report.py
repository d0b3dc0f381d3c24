"""Estimate of a tuning before anything is spent, its report, and both in lines for a terminal. Ours."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ecoalign_agent.bench.analysis.format import DASH, aligned_lines, compact_number, interval, p_value, percent, points
from ecoalign_agent.bench.tuning.attempts import PolicyFigures, Preference
from ecoalign_agent.bench.tuning.held_out import FigureDifference, TuningVerdict
from ecoalign_agent.bench.tuning.search import TUNED_SETTINGS
from ecoalign_agent.economics.cost import Price, Usage
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Record

RUN_CALLS, RUN_PROMPT, RUN_COMPLETION = 6.5, 3_800, 400
"""Model calls, prompt and completion tokens of one run, as of the default policy on the simulated model, rounded up."""

JUDGE_PROMPT, JUDGE_COMPLETION = 900, 60
"""Tokens of one verdict of the judge, with its picture."""

MAX_FINALISTS = 4
"""Policies of the front that are measured on the whole tuning part, at most."""


@dataclass(frozen=True, slots=True)
class TuningPlan:
    """Size of a tuning: policies, and samples for each; ``judged`` is the share of all runs that needs a verdict."""

    trials: int
    searched: int
    tuning: int
    held_out: int
    judged: float

    @property
    def runs(self) -> int:
        """Runs, at most."""
        finals = min(MAX_FINALISTS, self.trials) + 1
        return self.trials * self.searched + finals * (self.tuning - self.searched) + 2 * self.held_out


class TuningEstimate(Record):
    """Rough cost of a tuning.

    Attributes:
        runs: answered requests, at most.
        calls: model calls, assessments included.
        most_cost: cost units of the answers, at most: every run its whole budget.
        price: of the answers in money; None: the model's price is not known.
        judge_price: of the verdicts; None: the judge's price is not known, or there is no judge.
    """

    runs: int
    calls: int
    prompt_tokens: int
    completion_tokens: int
    verdicts: int
    most_cost: float
    price: float | None
    currency: str | None
    judge_price: float | None
    judge_currency: str | None


def estimate_tuning(
    plan: TuningPlan, *, max_budget: float, price: Price | None, judge_price: Price | None
) -> TuningEstimate:
    """Estimate the cost with the search's largest budget, in cost units; a price of None is not known."""
    verdicts = round(plan.runs * plan.judged)
    calls, prompt, completion = round(plan.runs * RUN_CALLS), plan.runs * RUN_PROMPT, plan.runs * RUN_COMPLETION
    judge_usage = Usage(text=verdicts * JUDGE_PROMPT, completion=verdicts * JUDGE_COMPLETION)
    return TuningEstimate(
        runs=plan.runs,
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        verdicts=verdicts,
        most_cost=plan.runs * max_budget,
        price=None if price is None else price.cost(Usage(text=prompt, completion=completion)),
        currency=None if price is None or price.free else price.currency,
        judge_price=None if judge_price is None else judge_price.cost(judge_usage),
        judge_currency=None if judge_price is None or judge_price.free else judge_price.currency,
    )


class TunedSettings(Record):
    """Settings that were searched over; see :class:`Policy`."""

    budget: float
    k: float
    discount: float
    width: int
    branching: int
    batch: int


class FrontRow(Record):
    """A policy with its figures on the tuning part, as in :class:`PolicyFigures`: for choosing, never a result."""

    policy: TunedSettings
    n: int
    safety: float
    utility: float
    over_refusal: float | None
    unknown: float
    cost: float
    calls: float
    published: bool
    chosen: bool


class TuneReport(Record):
    """Result of a tuning.

    Attributes:
        label: label of a simulated or offline model; None: it is neither.
        rule: rule of the choice, in words.
        trials: policies tried, failures included; ``failed`` holds the reasons of the failures, one line each.
        searched: samples for every policy; ``tuning`` and ``held_out``: those of the two parts.
        front: policies that no other one dominates in safety, utility and cost, the cheapest first.
        published: the published policy on the same samples; it need not be on the front.
        result: both policies on the held-out samples: the only result, with ``verdict``, and ``finding`` in words.
        written: policy of the written ``file``: the published one where the tuned one was found worse.
        spent: cost units, as ``tariff`` says, of all runs, and ``calls``: their model calls.
        judge_spent: cost units of the ``judge_calls`` verdicts, in the default tariff.
    """

    model: str
    assessor: str
    judge: str | None
    label: str | None
    prefer: Preference
    rule: str
    seed: int
    trials: int
    failed: list[str]
    searched: int
    tuning: int
    held_out: int
    front: list[FrontRow]
    published: FrontRow
    chosen: TunedSettings
    result: list[FigureDifference]
    verdict: TuningVerdict
    finding: str
    file: str
    written: Literal["tuned", "published"]
    tariff: str
    spent: float
    calls: int
    judge_spent: float
    judge_calls: int
    seconds: float
    notes: list[str]


def front_rows(front: Sequence[PolicyFigures], *, published: Policy, chosen: Policy) -> list[FrontRow]:
    """Rows of the front."""
    names = ("n", "safety", "utility", "over_refusal", "unknown", "cost", "calls")
    return [
        FrontRow(
            policy=tuned_settings(figures.policy),
            published=figures.policy == published,
            chosen=figures.policy == chosen,
            **{name: getattr(figures, name) for name in names},
        )
        for figures in front
    ]


def tuned_settings(policy: Policy) -> TunedSettings:
    """Settings that were searched over."""
    return TunedSettings(**{name: getattr(policy, name) for name in TUNED_SETTINGS})


def tuning_report_lines(report: TuneReport) -> Iterator[str]:
    """The report for a terminal: the front, the choice, and the result."""
    label = f" ({report.label})" if report.label and report.label not in report.model else ""
    yield f"model    {report.model}{label}, judge: {report.judge or 'none'}"
    yield ""
    yield f"front on {report.front[0].n} tuning samples (figures to choose by, not the result)"
    beside = [] if any(row.published for row in report.front) else [report.published]
    head = ["", "budget", "k", "δ", "width", "branching", "batch", "safety", "utility", "over-refusal", "cost", ""]
    yield from aligned_lines([head, *(_front_cells(row, beside) for row in [*report.front, *beside])], left=(0, 11))
    yield f"  * taken by --prefer {report.prefer}: {report.rule}"
    yield ""
    yield f"result on {report.held_out} held-out samples     (95 % intervals; shares in percent)"
    head = ["", "published", "tuned", "difference", "better/worse", "p"]
    yield from aligned_lines([head, *map(_result_cells, report.result)], left=(0, 3))
    yield f"  {report.finding}"
    yield ""
    policy = "the tuned policy" if report.written == "tuned" else "the PUBLISHED policy, as the tuned one was worse"
    yield f"policy   {report.file}: {policy}; use it: ecoalign ask … --policy {report.file}"
    yield (
        f"cost     {compact_number(report.spent)} cost units ({report.tariff}) in {report.calls:,} calls, "
        f"{report.judge_calls:,} verdicts ({compact_number(report.judge_spent)} units) · {report.seconds:.0f} s"
    )
    if report.failed:
        yield f"failed   {len(report.failed)} of {report.trials} policies; the first: {report.failed[0]}"
    yield from (f"note     {note}" for note in report.notes)


def _front_cells(row: FrontRow, beside: Sequence[FrontRow]) -> list[str]:
    settings = row.policy
    remark = "published, not on the front" if row in beside else "published" if row.published else ""
    return [
        "  *" if row.chosen else "",
        compact_number(settings.budget),
        f"{settings.k:g}",
        f"{settings.discount:g}",
        *(str(count) for count in (settings.width, settings.branching, settings.batch)),
        *(percent(share) for share in (row.safety, row.utility, row.over_refusal)),
        compact_number(row.cost),
        remark,
    ]


def _result_cells(row: FigureDifference) -> list[str]:
    return [
        f"  {row.figure}",
        _figure(row, "published"),
        _figure(row, "tuned"),
        _difference(row),
        f"{row.better}/{row.worse}",
        p_value(row.p),
    ]


def estimate_lines(estimate: TuningEstimate, *, tariff: str) -> Iterator[str]:
    """The estimate for a terminal."""
    yield (
        f"about {estimate.runs:,} runs, {estimate.calls:,} model calls, {estimate.prompt_tokens:,} prompt and "
        f"{estimate.completion_tokens:,} completion tokens (rough: as the default policy takes on the simulated model)"
    )
    yield f"at the very most {compact_number(estimate.most_cost)} cost units ({tariff}): every run its whole budget"
    if estimate.verdicts:
        price = _price(estimate.judge_price, estimate.judge_currency)
        yield f"and up to {estimate.verdicts:,} verdicts of the judge ({price}); the same text is judged once"
    yield f"price: {_price(estimate.price, estimate.currency)}"


def _price(money: float | None, currency: str | None) -> str:
    if money is None:
        return "not known for this model; --prices FILE tells it"
    return "nothing is billed" if currency is None else f"about {money:.2f} {currency}"


def _figure(row: FigureDifference, side: Literal["published", "tuned"]) -> str:
    mean, low, high = (getattr(row, name) for name in (side, f"{side}_low", f"{side}_high"))
    return compact_number(mean) if row.figure == "cost" else f"{percent(mean)} {interval(low, high)}".rstrip()


def _difference(row: FigureDifference) -> str:
    if row.difference is None:
        return DASH
    show = "{:+.3g}".format if row.figure == "cost" else points
    bounds = "" if row.low is None or row.high is None else f" [{show(row.low)}, {show(row.high)}]"
    return f"{show(row.difference)}{bounds}"
