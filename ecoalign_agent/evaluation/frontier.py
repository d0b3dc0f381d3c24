"""Which of several results are worth having at all: the ones that no other is at least as good as in everything."""

from collections.abc import Sequence


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
