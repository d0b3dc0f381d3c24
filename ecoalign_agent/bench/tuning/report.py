"""What tuning will take, told before anything is spent. Ours.

What tuning found, as one record. Ours.

What tuning will take and what it found, in lines for a person. Ours.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from ecoalign_agent.bench.tuning.attempts import Point, Preference
from ecoalign_agent.bench.tuning.held_out import Difference, Outcome
from ecoalign_agent.economics.cost import Price, Usage
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Record

CALLS = 6.5
"""Model calls of one run: what the default policy makes on the simulated model, rounded up."""

PROMPT, COMPLETION = 3_800, 400
"""Prompt tokens, pictures included, and completion tokens of one run, found in the same way."""

VERDICT_PROMPT, VERDICT_COMPLETION = 900, 60
"""Tokens of one verdict of the judge, with its picture."""

FINALISTS = 4
"""Policies of the front that are measured on the whole tuning part, at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is going to be run.

    Attributes:
        trials: policies that are searched through.
        searched: samples that each of them is asked.
        tuning: samples of the tuning part, which the front's policies are asked.
        held_out: samples that the published and the chosen policy are asked.
        judged: of all runs, the share that needs a verdict.
    """

    trials: int
    searched: int
    tuning: int
    held_out: int
    judged: float

    @property
    def runs(self) -> int:
        """Runs at the most."""
        finals = min(FINALISTS, self.trials) + 1
        return self.trials * self.searched + finals * (self.tuning - self.searched) + 2 * self.held_out


class Estimate(Record):
    """What it will take, roughly.

    Attributes:
        runs: requests that are answered, at the most.
        calls: model calls, assessments included.
        prompt_tokens: of them.
        completion_tokens: of them.
        verdicts: calls of the judge.
        most_cost: cost units that the answers can cost at the very most: every run its whole budget.
        price: of the answers in money; None: the model's price is not known.
        currency: of the price; None as above, or nothing is billed.
        judge_price: of the verdicts; None: the judge's price is not known, or there is no judge.
        judge_currency: of that; None as above, or nothing is billed.
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


def estimate(plan: Plan, *, dearest: float, price: Price | None, judge_price: Price | None) -> Estimate:
    """Reckon it.

    Args:
        plan: what is going to be run.
        dearest: the largest budget that is searched, in cost units.
        price: of the answering model; None: not known.
        judge_price: of the judge; None: not known, or there is none.
    """
    verdicts = round(plan.runs * plan.judged)
    calls, prompt, completion = round(plan.runs * CALLS), plan.runs * PROMPT, plan.runs * COMPLETION
    return Estimate(
        runs=plan.runs,
        calls=calls,
        prompt_tokens=prompt,
        completion_tokens=completion,
        verdicts=verdicts,
        most_cost=plan.runs * dearest,
        price=None if price is None else price.cost(Usage(text=prompt, completion=completion)),
        currency=None if price is None or price.free else price.currency,
        judge_price=None
        if judge_price is None
        else judge_price.cost(Usage(text=verdicts * VERDICT_PROMPT, completion=verdicts * VERDICT_COMPLETION)),
        judge_currency=None if judge_price is None or judge_price.free else judge_price.currency,
    )


class Knobs(Record):
    """What was searched over; see :class:`Policy`."""

    budget: float
    k: float
    discount: float
    width: int
    branching: int
    batch: int


class FrontRow(Record):
    """A policy with its figures on the tuning part: for choosing, never a result.

    Attributes:
        policy: its knobs.
        n: samples.
        safety: share that is safe, in [0, 1].
        utility: mean usefulness, in [0, 1].
        over_refusal: share of harmless requests refused; None: not measured.
        unknown: share of samples of which something is unknown; counted against it.
        cost: cost units of one sample, on average.
        calls: model calls of one sample, on average.
        published: it is the published one.
        chosen: it is the one that was taken.
    """

    policy: Knobs
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
    """What tuning found.

    Attributes:
        model: who answered.
        assessor: who graded within the search.
        judge: who judged answers for these figures; None: nobody was asked.
        label: that the model is simulated or offline; None: it is neither.
        prefer: what was asked for.
        rule: how the policy was chosen, in words.
        seed: of the split and of the search.
        trials: policies that were tried, failures included.
        failed: why some could not be, one line each.
        searched: samples that every policy was asked.
        tuning: samples of the tuning part.
        held_out: samples that were held out.
        front: the policies that no other one beats in safety, utility and cost, the cheapest first.
        published: the published policy on the same samples; it need not be on the front.
        chosen: the policy that was taken.
        result: both policies on the held-out samples: the result, and the only one.
        verdict: what the result shows.
        finding: the same in one sentence.
        file: where a policy was written.
        written: which: the tuned one, or the published one where the tuned one was found worse.
        tariff: what a cost unit is.
        spent: cost units of all runs.
        calls: model calls of all runs.
        judge_spent: cost units of all verdicts, in the default tariff.
        judge_calls: verdicts that were asked for.
        seconds: wall time.
        notes: what a reader must know to weigh the result.
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
    chosen: Knobs
    result: list[Difference]
    verdict: Outcome
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


def knobs_of(policy: Policy) -> Knobs:
    """The knobs that were searched over."""
    return Knobs(
        budget=policy.budget,
        k=policy.k,
        discount=policy.discount,
        width=policy.width,
        branching=policy.branching,
        batch=policy.batch,
    )


def rows_of(front: Sequence[Point], *, published: Policy, taken: Policy) -> list[FrontRow]:
    """The front as rows."""
    return [
        FrontRow(
            policy=knobs_of(point.policy),
            n=point.n,
            safety=point.safety,
            utility=point.utility,
            over_refusal=point.over_refusal,
            unknown=point.unknown,
            cost=point.cost,
            calls=point.calls,
            published=point.policy == published,
            chosen=point.policy == taken,
        )
        for point in front
    ]


_FINDINGS: dict[Outcome, str] = {
    "better": "on held-out samples the tuned policy is better than the published k and δ: {gains}{rest}",
    "a trade": "on held-out samples the tuned policy is a trade, not better: {gains}, but {losses}",
    "not shown safe": (
        "on held-out samples the tuned policy is ahead ({gains}), but that it costs no safety or utility is not shown: "
        "more samples would tell"
    ),
    "worse": "on held-out samples the tuned policy is WORSE than the published k and δ: {losses}",
    "no better": "on held-out samples the tuned policy is NOT shown to be better than the published k and δ",
    "the same": "the tuned policy is no other than the published one, or does the same on every held-out sample",
}


def finding_of(verdict: Outcome, result: Sequence[Difference]) -> str:
    """The verdict in one sentence."""
    three = [one for one in result if one.figure != "over-refusal" and one.difference]
    good = {one.figure: (one.difference or 0.0) * (-1 if one.figure == "cost" else 1) for one in three}
    gains = [_change(one) for one in three if good[one.figure] > 0 and one.p < 0.05 / 3]
    losses = [_change(one) for one in three if good[one.figure] < 0 and one.p < 0.05]
    others = [_change(one) for one in three if one.p >= 0.05 / 3]
    rest = f"; {', '.join(others)}, which shows nothing" if others else ""
    return _FINDINGS[verdict].format(gains=", ".join(gains), losses=", ".join(losses), rest=rest)


def report_lines(report: TuneReport) -> Iterator[str]:
    """For a person: the front, what was taken, and the result."""
    label = f" ({report.label})" if report.label and report.label not in report.model else ""
    yield f"model    {report.model}{label}, judge: {report.judge or 'none'}"
    yield ""
    yield f"front on {report.front[0].n} tuning samples (figures to choose by, not the result)"
    yield "      budget      k     δ  width  branching  batch  safety  utility  over-refusal     cost"
    beside = [] if any(row.published for row in report.front) else [report.published]
    for row in [*report.front, *beside]:
        knobs, mark = row.policy, "*" if row.chosen else " "
        yield (
            f"  {mark} {_amount(knobs.budget):>8}  {knobs.k:>5g}  {knobs.discount:>4g}  {knobs.width:>5}  "
            f"{knobs.branching:>9}  {knobs.batch:>5}  {_percent(row.safety):>6}  {_percent(row.utility):>7}  "
            f"{_percent(row.over_refusal):>12}  {_amount(row.cost):>7}{_remark(row, beside)}"
        )
    yield f"  * taken by --prefer {report.prefer}: {report.rule}"
    yield ""
    yield f"result on {report.held_out} held-out samples     (95 % intervals; shares in percent)"
    yield "                      published               tuned   difference             better/worse        p"
    for one in report.result:
        yield (
            f"  {one.figure:<12} {_figure(one, 'published'):>18}  {_figure(one, 'tuned'):>18}   "
            f"{_difference(one):<24} {one.better:>5}/{one.worse:<5}  {one.p:>7.3g}"
        )
    yield f"  {report.finding}"
    yield ""
    what = "the tuned policy" if report.written == "tuned" else "the PUBLISHED policy, as the tuned one was worse"
    yield f"policy   {report.file}: {what}; use it: ecoalign ask … --policy {report.file}"
    yield (
        f"cost     {_amount(report.spent)} cost units ({report.tariff}) in {report.calls:,} calls, "
        f"{report.judge_calls:,} verdicts ({_amount(report.judge_spent)} units) · {report.seconds:.0f} s"
    )
    if report.failed:
        yield f"failed   {len(report.failed)} of {report.trials} policies; the first: {report.failed[0]}"
    yield from (f"note     {note}" for note in report.notes)


def estimate_lines(found: Estimate, *, tariff: str) -> Iterator[str]:
    """For a person, before anything is spent."""
    yield (
        f"about {found.runs:,} runs, {found.calls:,} model calls, {found.prompt_tokens:,} prompt and "
        f"{found.completion_tokens:,} completion tokens (rough: as the default policy takes on the simulated model)"
    )
    yield f"at the very most {_amount(found.most_cost)} cost units ({tariff}): every run its whole budget"
    if found.verdicts:
        price = _price(found.judge_price, found.judge_currency)
        yield f"and up to {found.verdicts:,} verdicts of the judge ({price}); the same text is judged once"
    yield f"price: {_price(found.price, found.currency)}"


def _price(amount: float | None, currency: str | None) -> str:
    if amount is None:
        return "not known for this model; --prices FILE tells it"
    return "nothing is billed" if currency is None else f"about {amount:.2f} {currency}"


def _remark(row: FrontRow, beside: Sequence[FrontRow]) -> str:
    return ("  published, not on the front" if row in beside else "  published") if row.published else ""


def _change(one: Difference) -> str:
    change = one.difference or 0.0
    if one.figure == "cost":
        return f"cost {100 * change / one.published:+.0f} %" if one.published else f"cost {change:+.3g}"
    return f"{one.figure} {100 * change:+.1f} points"


def _figure(one: Difference, side: str) -> str:
    mean, low, high = (getattr(one, name) for name in (side, f"{side}_low", f"{side}_high"))
    if mean is None:
        return "-"
    if one.figure == "cost":
        return _amount(mean)
    return f"{_percent(mean)} [{_percent(low)}, {_percent(high)}]"


def _difference(one: Difference) -> str:
    if one.difference is None:
        return "-"
    if one.figure == "cost":
        bounds = "" if one.low is None or one.high is None else f" [{one.low:+.3g}, {one.high:+.3g}]"
        return f"{one.difference:+.3g}{bounds}"
    bounds = "" if one.low is None or one.high is None else f" [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
    return f"{100 * one.difference:+.1f}{bounds}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _amount(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 or cost == 0 else f"{cost:.3g}"
