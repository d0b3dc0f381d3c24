"""Means and shares with their 95 % intervals, paired differences, McNemar's test, and the Pareto front of results.

Pure, standard library only. Sources: E. B. Wilson, "Probable inference, the law of succession, and statistical
inference", 1927; Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
percentages", 1947, with the exact binomial; A. Agresti and Y. Min, "Simple improved confidence intervals for comparing
matched proportions", 2005.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Z = 1.959963984540054
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True, slots=True)
class MeanInterval:
    """A mean of ``n`` values with its 95 % interval; one of no value, or of unknown spread, has no ends."""

    n: int = 0
    mean: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def ends(self) -> tuple[float | None, float | None, float | None]:
        """Mean, lower end, upper end."""
        return self.mean, self.low, self.high

    def ratio_to(self, base: "MeanInterval") -> "MeanInterval":
        """The factor 1 + difference / base, where this is the paired difference from ``base``.

        The interval is the difference's alone: that of ``base`` rests on the same samples and is left out.
        """
        if not base.mean or self.mean is None:
            return MeanInterval(self.n)
        scale = base.mean
        return MeanInterval(self.n, *(None if end is None else 1 + end / scale for end in self.ends))


def wilson(total: float, n: int) -> MeanInterval:
    """A share with its Wilson interval.

    For values between 0 and 1 that are not all 0 or 1 the interval is wider than need be, never narrower: no values of
    the same mean spread more than zeros and ones do.
    """
    if n < 0 or not 0 <= total <= n:
        raise ValueError(f"a share of {total!r} in {n!r} samples: the total must lie from 0 to the number of samples")
    if n == 0:
        return MeanInterval()
    share, z2 = total / n, Z * Z
    centre = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z / (1 + z2 / n) * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    # At the ends of the scale the formula gives 0 and 1, but for rounding.
    return MeanInterval(n, share, centre - half if total else 0.0, centre + half if total < n else 1.0)


def mean_interval(values: Iterable[float]) -> MeanInterval:
    """The mean of values on any scale with its normal interval: mean ± 1.96 · s / √n."""
    known = list(values)
    if not known:
        return MeanInterval()
    n, mean = len(known), math.fsum(known) / len(known)
    if n == 1:
        return MeanInterval(1, mean)
    half = Z * math.sqrt(math.fsum((value - mean) ** 2 for value in known) / (n - 1) / n)
    return MeanInterval(n, mean, mean - half, mean + half)


def paired_interval(differences: Sequence[float]) -> MeanInterval:
    """The mean of paired differences, each in [-1, 1], with its interval after Agresti and Min.

    Two pairs are added that differ by half a pair in either direction, so that the interval never shrinks to a point
    because no pair differs. Its extension to values between 0 and 1 is ours.

    Raises:
        ValueError: there is no pair.
    """
    if not differences:
        raise ValueError("a difference needs a pair")
    total, n = math.fsum(differences), len(differences) + 2
    squares = math.fsum(difference * difference for difference in differences) + 1
    centre, half = total / n, Z * math.sqrt(squares - total * total / n) / n
    return MeanInterval(n - 2, total / (n - 2), max(-1.0, centre - half), min(1.0, centre + half))


def mcnemar_exact(only_left: int, only_right: int) -> float:
    """The two-sided p of McNemar's exact test, from the numbers of discordant pairs that are right on one side only.

    It is min(1, 2 · P(X ≤ min)), X binomial with p = ½ over the discordant pairs; 1.0 where there is none.
    """
    if only_left < 0 or only_right < 0:
        raise ValueError(f"discordant pairs {only_left!r} and {only_right!r}: a count is never negative")
    pairs = only_left + only_right
    tail = sum(math.comb(pairs, k) for k in range(min(only_left, only_right) + 1))
    # Whole numbers up to here: the quotient is rounded once, and nothing overflows.
    return min(1.0, 2 * tail / (1 << pairs))


def mean_if_known(values: Iterable[float | None]) -> float | None:
    """The mean; None: there is no value, or one of them is unknown."""
    known = list(values)
    if not known or any(value is None for value in known):
        return None
    return math.fsum(value for value in known if value is not None) / len(known)


def dominates(left: Sequence[float], right: Sequence[float]) -> bool:
    """True if ``left`` is at least as high as ``right`` in every measure and higher in one."""
    pairs = list(zip(left, right, strict=True))
    return all(a >= b for a, b in pairs) and any(a > b for a, b in pairs)


def pareto_front(merits: Sequence[Sequence[float]]) -> list[int]:
    """The indices of the results that nothing dominates, in the order given; of equal ones all stay.

    More is better in each measure: a cost comes with its sign turned.
    """
    return [index for index, merit in enumerate(merits) if not any(dominates(other, merit) for other in merits)]
