"""Figures in words and cells: shares with their intervals, differences in points, factors. Ours."""

from ecoalign_agent.benching.experiments.frame import Mean, Point
from ecoalign_agent.evaluation.statistics import Estimate

Figure = Estimate | Mean


def cells(figure: Figure) -> tuple[float | None, float | None, float | None]:
    """Mean, lower and upper end, as three cells of a table."""
    return (figure.mean, figure.low, figure.high)


def percent(figure: Figure) -> str:
    """A share in words: ``83.6 % (78.1 to 88.0)``."""
    if figure.mean is None:
        return "nothing to count"
    return f"{100 * figure.mean:.1f} %" + _interval(figure, 100, "")


def points(difference: Mean) -> str:
    """A difference of shares in words: ``+2.0 points (-0.5 to +4.5)``."""
    if difference.mean is None:
        return "nothing to compare"
    return f"{100 * difference.mean:+.1f} points" + _interval(difference, 100, "+")


def factor(difference: Mean, of: Mean) -> Mean:
    """How many times ``of`` something is that differs from it by ``difference``: 1 + difference / mean.

    The interval is the difference's; that the mean has one, too, is left out: the two are of the same samples.
    """
    if not of.mean or difference.mean is None:
        return Mean(difference.of, None, None, None)
    times = [None if end is None else 1 + end / of.mean for end in (difference.mean, difference.low, difference.high)]
    return Mean(difference.of, *times)


def times(figure: Mean) -> str:
    """A factor in words: ``1.02 times (0.98 to 1.06)``."""
    return "nothing to compare" if figure.mean is None else f"{figure.mean:.2f} times" + _interval(figure, 1, "", ".2f")


def point(x: float, figure: Figure, *, scale: float = 1.0) -> Point | None:
    """A point of a plot; None where there is nothing to draw."""
    if figure.mean is None:
        return None
    low, high = (None if end is None else scale * end for end in (figure.low, figure.high))
    return Point(x, scale * figure.mean, low, high)


def _interval(figure: Figure, scale: float, sign: str, form: str = ".1f") -> str:
    if figure.low is None or figure.high is None:
        return ""
    return f" ({scale * figure.low:{sign}{form}} to {scale * figure.high:{sign}{form}})"
