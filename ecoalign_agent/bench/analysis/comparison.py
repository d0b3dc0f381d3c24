"""One set of results against another on the same samples: how large the difference is, and what chance leaves open."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ecoalign_agent.bench.analysis.format import BASE, base_of, blocks
from ecoalign_agent.bench.analysis.outcomes import Row, Run
from ecoalign_agent.bench.analysis.scores import MEASURES, Graded, Measure, Paired, paired, samples_of
from ecoalign_agent.bench.analysis.statistics import Z
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record


class Difference(Record):
    """One measure of a method against that of another on the same samples.

    Attributes:
        measure: what is compared.
        before: mean of the one, over the pairs.
        after: mean of the other, over the pairs.
        difference: after less before; more is better, but less over-refusal.
        low: lower end of its 95 % interval.
        high: upper end.
        p: McNemar's exact two-sided p, not corrected for how many are compared.
        better: pairs in which the other does better.
        worse: pairs in which it does worse.
        pairs: samples that both were run on.
        unpaired: samples that only one of them was run on: left out.
    """

    measure: Measure
    before: float
    after: float
    difference: float
    low: float
    high: float
    p: float
    better: int
    worse: int
    pairs: int
    unpaired: int


class Against(Record):
    """A run against another.

    Attributes:
        benchmark: of both.
        before: the one's method.
        after: the other's method.
        before_model: who answered in the one.
        after_model: who answered in the other.
        comparable: whether the difference is one of what was answered alone.
        why_not: what else differs, in words.
        simulated: one of them is.
        differences: a measure each; only what both measure.
    """

    benchmark: str
    before: str
    after: str
    before_model: str
    after_model: str
    comparable: bool
    why_not: tuple[str, ...]
    simulated: bool
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The mean difference of pairs with its 95 % interval, in [-1, 1]."""

    mean: float
    low: float
    high: float


def step_interval(steps: Sequence[float]) -> Step:
    """The mean of paired differences and its interval.

    Two pairs are added that differ by half a pair in either direction, so that an interval never shrinks to a point
    because no pair differs.

    Args:
        steps: other less base of each pair, each in [-1, 1].

    Raises:
        ValueError: there is no pair.
    Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched proportions", 2005; its
        extension to values between 0 and 1 is ours.
    """
    if not steps:
        raise ValueError("a difference needs a pair")
    total, n = math.fsum(steps), len(steps) + 2
    squares = math.fsum(step * step for step in steps) + 1
    centre, half = total / n, Z * math.sqrt(squares - total * total / n) / n
    return Step(total / len(steps), max(-1.0, centre - half), min(1.0, centre + half))


def difference(before: Iterable[Graded], after: Iterable[Graded], measure: Measure) -> Difference | None:
    """One measure of two runs, sample by sample; None: no sample is in both.

    Raises:
        ValueError: a sample is there twice on one side.
    """
    ones, others = samples_of(before), samples_of(after)
    test: Paired = paired(ones.values(), others.values(), measure)
    values = [
        (ones[name].score.counted(measure), others[name].score.counted(measure))
        for name in sorted(ones.keys() & others.keys())
        if measure in ones[name].score.measured and measure in others[name].score.measured
    ]
    if not values:
        return None
    step = step_interval([other - one for one, other in values])
    return Difference(
        measure=measure,
        before=math.fsum(one for one, _ in values) / len(values),
        after=math.fsum(other for _, other in values) / len(values),
        difference=step.mean,
        low=step.low,
        high=step.high,
        p=test.p,
        better=test.better,
        worse=test.worse,
        pairs=test.pairs,
        unpaired=test.unpaired,
    )


def against(before: Run, after: Run) -> Against:
    """One run against another.

    Raises:
        ValueError: they are not of one benchmark, or a sample is there twice.
    """
    if before.benchmark != after.benchmark:
        raise ValueError(f"{before.benchmark} and {after.benchmark}: different benchmarks have no sample in common")
    found = [difference(before.graded, after.graded, measure) for measure in MEASURES]
    why_not = tuple(_why_not(before, after))
    return Against(
        benchmark=before.benchmark,
        before=before.method,
        after=after.method,
        before_model=before.model,
        after_model=after.model,
        comparable=not why_not,
        why_not=why_not,
        simulated=before.simulated or after.simulated,
        differences=tuple(one for one in found if one is not None),
    )


def against_base(runs: Iterable[Run]) -> list[Against]:
    """Every method against Base, where Base was run on the same benchmark with the same model, judge and seed.

    A method with settings is held against the same without them, where that was run; see :func:`against_plain`.
    """
    found = []
    for block in blocks(runs).values():
        base, plain = base_of(block), {run.method for run in block}
        found += [
            against(base, run)
            for run in block
            if base is not None and run.method != BASE and not (is_set(run) and plain_name(run) in plain)
        ]
    return found


def against_plain(runs: Iterable[Run]) -> list[Against]:
    """Every method with settings, such as an ablation, against the same method without them."""
    found = []
    for block in blocks(runs).values():
        plain = {run.method: run for run in block}
        found += [against(plain[name], run) for run in block if is_set(run) and (name := plain_name(run)) in plain]
    return found


def is_set(run: Run | Row) -> bool:
    """Whether a method has settings: an ablation, or another value of a knob."""
    return ":" in run.method


def plain_name(run: Run | Row) -> str:
    """The method's name without settings."""
    return run.method.partition(":")[0]


def against_other(ones: Sequence[Run], others: Sequence[Run]) -> list[Against]:
    """Each run of one set against the run of the same benchmark and method in another.

    Where a benchmark and method were run more than once in a set, the same model, then the same seed, then the same
    judge tell which belong together.

    Raises:
        UsageError: nothing is in both, or it can't be told which belong together.
    """
    for keys in (_KEYS[:width] for width in range(2, len(_KEYS) + 1)):
        before, after = ({tuple(getattr(run, key) for key in keys): run for run in runs} for runs in (ones, others))
        if len(before) == len(ones) and len(after) == len(others):
            break
    else:
        raise UsageError(
            "compare: a method was run twice under the same benchmark, model, seed and judge; name one run"
        )
    both = [key for key in before if key in after]
    if not both:
        told = ["; ".join(sorted({f"{run.method} on {run.benchmark}" for run in runs})) for runs in (ones, others)]
        raise UsageError(
            f"compare: nothing is in both: the first has {told[0] or 'none'}, the second {told[1] or 'none'}"
        )
    return [against(before[key], after[key]) for key in both]


_KEYS = ("benchmark", "method", "model", "seed", "judge")


def _why_not(before: Run, after: Run) -> Iterator[str]:
    if before.simulated != after.simulated:
        yield "one of them is simulated"
    if before.judge != after.judge:
        yield f"another judge ({before.judge or 'rules'}, {after.judge or 'rules'})"
    ones, others = ({outcome.graded.sample for outcome in run.outcomes} for run in (before, after))
    if alone := len(ones ^ others):
        yield f"{alone:,} {'sample is' if alone == 1 else 'samples are'} in only one of them, and left out"
