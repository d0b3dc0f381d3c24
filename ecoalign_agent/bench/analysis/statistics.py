"""Which of several results are worth having at all: the ones that no other is at least as good as in everything.

Intervals and tests on shares. Pure, standard library only.

Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927; Q. McNemar, "Note
on the sampling error of the difference between correlated proportions or percentages", 1947, with the exact binomial.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


def dominates(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether one is at least as good in everything and better in something; more is better.

    Raises:
        ValueError: they do not measure the same number of things.
    """
    return all(a >= b for a, b in zip(one, other, strict=True)) and any(a > b for a, b in zip(one, other, strict=True))


def pareto_front(merits: Sequence[Sequence[float]]) -> list[int]:
    """The places of those that nothing dominates, in the order given; of equal ones all stay.

    Args:
        merits: of each result, more being better: a cost comes with its sign turned.

    Raises:
        ValueError: they do not measure the same number of things.
    """
    return [place for place, one in enumerate(merits) if not any(dominates(other, one) for other in merits)]


Z = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over samples whose values lie in [0, 1], with its 95 % interval.

    Attributes:
        total: sum of the values; of a share, how many.
        of: samples counted.
        mean: total / of; None: there was nothing to count.
        low: lower end of the interval; None as above.
        high: its upper end; None as above.
    """

    total: float
    of: int
    mean: float | None
    low: float | None
    high: float | None


def wilson(total: float, of: int) -> Estimate:
    """A share with its Wilson interval, 95 %.

    For values between 0 and 1 that are not all 0 or 1 it is wider than need be, never narrower: no values of that mean
    spread more than zeros and ones do.

    Args:
        total: sum of the values.
        of: samples.

    Raises:
        ValueError: the total is not between 0 and the number of samples.
    """
    if of < 0 or not 0 <= total <= of:
        raise ValueError(f"a share of {total!r} in {of!r} samples is none")
    if of == 0:
        return Estimate(0, 0, None, None, None)
    share, z2 = total / of, Z * Z
    centre = (share + z2 / (2 * of)) / (1 + z2 / of)
    half = Z / (1 + z2 / of) * math.sqrt(share * (1 - share) / of + z2 / (4 * of * of))
    # At the ends of the scale the formula gives 0 and 1, but for rounding.
    return Estimate(total, of, share, centre - half if total else 0.0, centre + half if total < of else 1.0)


def mcnemar_exact(only_one: int, only_other: int) -> float:
    """The two-sided p of McNemar's exact test: how likely discordant pairs fall at least so unevenly by chance.

    Args:
        only_one: pairs in which only the one is right.
        only_other: pairs in which only the other is.

    Returns:
        min(1, 2 · P(X ≤ min)), X binomial with p = ½ over the discordant pairs; 1.0 where there is none.

    Raises:
        ValueError: a negative count.
    """
    if only_one < 0 or only_other < 0:
        raise ValueError(f"discordant pairs {only_one!r} and {only_other!r}: a count is never negative")
    pairs = only_one + only_other
    tail = sum(math.comb(pairs, k) for k in range(min(only_one, only_other) + 1))
    # Whole numbers up to here: the quotient is rounded once, and nothing overflows.
    return min(1.0, 2 * tail / (1 << pairs))
