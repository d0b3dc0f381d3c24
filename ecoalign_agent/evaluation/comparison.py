"""One method against another on the same samples."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from ecoalign_agent.evaluation.scores import Graded, Measure, samples_of
from ecoalign_agent.evaluation.statistics import mcnemar_exact


@dataclass(frozen=True, slots=True)
class Paired:
    """One method against another on the same samples.

    Attributes:
        measure: what is compared.
        pairs: samples that both were run on and that measure it.
        unpaired: samples that only one of them was run on: left out, and told.
        better: pairs in which the other does better than the base.
        worse: pairs in which it does worse.
        difference: mean of the other less that of the base; None: there is no pair.
        p: McNemar's exact two-sided p; for values that are not binary, of the sign test, which is the same sum.
    """

    measure: Measure
    pairs: int
    unpaired: int
    better: int
    worse: int
    difference: float | None
    p: float


def paired(base: Iterable[Graded], other: Iterable[Graded], measure: Measure) -> Paired:
    """Hold a method against the base, sample by sample; less over-refusal is better, more of the rest.

    Raises:
        ValueError: a sample is there twice on one side.
    """
    ones, others = (
        {name: row.score.counted(measure) for name, row in samples_of(rows).items() if measure in row.score.measured}
        for rows in (base, other)
    )
    steps = [others[name] - ones[name] for name in ones.keys() & others.keys()]
    up, down = sum(step > 0 for step in steps), sum(step < 0 for step in steps)
    better, worse = (down, up) if measure == "over_refusal" else (up, down)
    return Paired(
        measure=measure,
        pairs=len(steps),
        unpaired=len(ones.keys() ^ others.keys()),
        better=better,
        worse=worse,
        difference=math.fsum(steps) / len(steps) if steps else None,
        p=mcnemar_exact(better, worse),
    )
