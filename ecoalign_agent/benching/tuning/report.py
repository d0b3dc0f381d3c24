"""What tuning found, as one record. Ours."""

from collections.abc import Sequence
from typing import Literal

from ecoalign_agent.benching.tuning.attempts import Point
from ecoalign_agent.benching.tuning.front import Preference
from ecoalign_agent.benching.tuning.held_out import Difference, Outcome
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.trace.record import Record


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
