"""What tuning will take, told before anything is spent. Ours."""

from dataclasses import dataclass

from ecoalign_agent.economics.tariff import Price, Usage
from ecoalign_agent.trace.record import Record

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
