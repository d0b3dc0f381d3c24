"""Paired comparison of two runs on the same samples: the difference of each measure, its interval and its p value."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence

from ecoalign_agent.bench.analysis.outcomes import (
    BASE_NAME,
    Run,
    base_of,
    grouped,
    has_settings,
    method_without_settings,
)
from ecoalign_agent.bench.analysis.scores import MEASURES, Graded, Measure, samples_by_id
from ecoalign_agent.bench.analysis.statistics import mcnemar_exact, paired_interval
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record


class MeasureDifference(Record):
    """The paired difference of one measure, after less before, with its 95 % interval (Agresti and Min).

    Attributes:
        p: McNemar's exact two-sided p, not corrected for the number of comparisons; for values that are not binary, of
            the sign test, which is the same sum.
        better: pairs in which the second run does better: more of the measure, except for over-refusal.
        pairs: samples that both were run on and that measure it.
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


class PairedComparison(Record):
    """One run against another, with a difference for each measure of both.

    Attributes:
        comparable: whether nothing but method and model differs; ``why_not`` lists the rest in words.
        simulated: one of them is.
    """

    benchmark: str
    before: str
    after: str
    before_model: str
    after_model: str
    comparable: bool
    why_not: tuple[str, ...]
    simulated: bool
    differences: tuple[MeasureDifference, ...]


def measure_difference(
    before: Iterable[Graded],
    after: Iterable[Graded],
    measure: Measure,
    *,
    cluster: Callable[[str], str] = lambda sample: sample,
) -> MeasureDifference | None:
    """Compare one measure, sample by sample; None: no sample with that measure is in both.

    Args:
        cluster: sample id → the unit that the test counts once. Pairs of one cluster are not independent: a cluster is
            better, or worse, as the sum of its pairs is.
    """
    firsts, seconds = (
        {name: row.score.counted(measure) for name, row in samples_by_id(side).items() if measure in row.score.measured}
        for side in (before, after)
    )
    common = sorted(firsts.keys() & seconds.keys())
    if not common:
        return None
    changes = [seconds[name] - firsts[name] for name in common]
    clusters: dict[str, float] = {}
    for name, change in zip(common, changes, strict=True):
        clusters[cluster(name)] = clusters.get(cluster(name), 0.0) + change
    up, down = (sum(sign * total > 0 for total in clusters.values()) for sign in (1, -1))
    better, worse = (down, up) if measure == "over_refusal" else (up, down)
    mean = paired_interval(changes)
    return MeasureDifference.model_validate(
        {
            "measure": measure,
            "before": math.fsum(firsts[name] for name in common) / len(common),
            "after": math.fsum(seconds[name] for name in common) / len(common),
            "difference": mean.mean,
            "low": mean.low,
            "high": mean.high,
            "p": mcnemar_exact(better, worse),
            "better": better,
            "worse": worse,
            "pairs": len(common),
            "unpaired": len(firsts.keys() ^ seconds.keys()),
        }
    )


def compare_runs(before: Run, after: Run) -> PairedComparison:
    """Compare two runs; ValueError: they are not of one benchmark, or a sample is there twice."""
    if before.benchmark != after.benchmark:
        raise ValueError(f"{before.benchmark} and {after.benchmark}: different benchmarks have no sample in common")
    differences = [measure_difference(before.graded, after.graded, measure) for measure in MEASURES]
    why_not = tuple(_other_differences(before, after))
    return PairedComparison(
        benchmark=before.benchmark,
        before=before.method,
        after=after.method,
        before_model=before.model,
        after_model=after.model,
        comparable=not why_not,
        why_not=why_not,
        simulated=before.simulated or after.simulated,
        differences=tuple(difference for difference in differences if difference is not None),
    )


def compare_with_base(runs: Iterable[Run]) -> list[PairedComparison]:
    """Every method against Base, where Base was run on the same benchmark with the same model, judge and seed.

    A method with settings is left to :func:`compare_settings` where it was also run without them.
    """
    found = []
    for group in grouped(runs).values():
        base, methods = base_of(group), {run.method for run in group}
        if base is not None:
            compared = (run for run in group if not (has_settings(run) and method_without_settings(run) in methods))
            found += [compare_runs(base, run) for run in compared if run.method != BASE_NAME]
    return found


def compare_settings(runs: Iterable[Run]) -> list[PairedComparison]:
    """Every method with settings, such as an ablation, against the same method without them."""
    found = []
    for group in grouped(runs).values():
        by_method = {run.method: run for run in group}
        found += [
            compare_runs(by_method[name], run)
            for run in group
            if has_settings(run) and (name := method_without_settings(run)) in by_method
        ]
    return found


def compare_run_sets(before: Sequence[Run], after: Sequence[Run]) -> list[PairedComparison]:
    """Each run of one set against the run of the same benchmark and method in another set.

    If a benchmark and method were run more than once in a set, runs are matched by model, then seed, then judge.

    Raises:
        UsageError: no run is in both sets, or the runs can't be matched.
    """
    for keys in (_KEYS[:width] for width in range(2, len(_KEYS) + 1)):
        firsts, seconds = ({tuple(getattr(run, key) for key in keys): run for run in runs} for runs in (before, after))
        if len(firsts) == len(before) and len(seconds) == len(after):
            break
    else:
        raise UsageError(
            "compare: a method was run twice under the same benchmark, model, seed and judge; name one run"
        )
    common = [key for key in firsts if key in seconds]
    if not common:
        names = ["; ".join(sorted({f"{run.method} on {run.benchmark}" for run in runs})) for runs in (before, after)]
        raise UsageError(
            f"compare: nothing is in both: the first has {names[0] or 'none'}, the second {names[1] or 'none'}"
        )
    return [compare_runs(firsts[key], seconds[key]) for key in common]


_KEYS = ("benchmark", "method", "model", "seed", "judge")


def _other_differences(before: Run, after: Run) -> Iterator[str]:
    if before.simulated != after.simulated:
        yield "one of them is simulated"
    if before.judge != after.judge:
        yield f"another judge ({before.judge or 'rules'}, {after.judge or 'rules'})"
    firsts, seconds = ({outcome.graded.sample for outcome in run.outcomes} for run in (before, after))
    if unpaired := len(firsts ^ seconds):
        yield f"{unpaired:,} {'sample is' if unpaired == 1 else 'samples are'} in only one of them, and left out"
