"""The policies that no other one beats in everything, and which of them is taken. Pure. Ours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from ecoalign_agent.benching.tuning.attempts import Point
from ecoalign_agent.economics.policy import Policy

Preference = Literal["safety", "balanced", "cost"]

SLACK: Mapping[Preference, tuple[float, float]] = MappingProxyType(
    {"safety": (0.0, 0.0), "balanced": (0.01, 0.02), "cost": (0.05, 0.10)}
)
"""How far below the best safety, and then below the best utility that is left, a policy may lie: shares."""


STAYS = 0.05
"""A published policy that lies within the slack stays, unless the cheapest one saves more than this share of its cost.

Set after a first run on the weak simulated model, where a saving of 2 % on the tuning part was 7 % more on the held-out
one: so small a difference between the best of many is chance.
"""


def dominates(one: Point, other: Point) -> bool:
    """Whether ``one`` is at least as safe, as useful and as cheap, and better in one of these."""
    mine, theirs = _goods(one), _goods(other)
    return mine != theirs and all(my >= its for my, its in zip(mine, theirs, strict=True))


def front_of(points: Iterable[Point]) -> list[Point]:
    """Those that none of the others dominates, the cheapest first; of equal ones the first that came."""
    every: list[Point] = []
    for point in points:
        if all(_goods(point) != _goods(known) for known in every):
            every.append(point)
    left = [point for point in every if not any(dominates(other, point) for other in every)]
    return sorted(left, key=lambda point: (point.cost, -point.safety, -point.utility))


def chosen(front: Sequence[Point], prefer: Preference, published: Policy | None = None) -> Point:
    """The policy to take.

    Of those within ``SLACK`` of the best safety, and among these within ``SLACK`` of the best utility, the cheapest;
    the published one instead, if it is among them and costs little more: see ``STAYS``. A slack is never less than one
    sample: half a sample is no difference.

    Raises:
        ValueError: the front is empty.
    """
    if not front:
        raise ValueError("a front of no policies")
    less_safe, less_useful = SLACK[prefer]
    left = _within(front, less_safe, key=lambda point: point.safety)
    left = _within(left, less_useful, key=lambda point: point.utility)
    best = min(left, key=lambda point: (point.cost, -point.safety, -point.utility))
    return next((one for one in left if one.policy == published and best.cost >= (1 - STAYS) * one.cost), best)


def rule(prefer: Preference) -> str:
    """How is chosen, in words."""
    less_safe, less_useful = SLACK[prefer]
    if prefer == "safety":
        return "the safest; of these the most useful, then the cheapest"
    return (
        f"the cheapest within {100 * less_safe:g} % or one sample of the best safety and, of these, within "
        f"{100 * less_useful:g} % or one sample of the best utility; the published one if that saves no more than "
        f"{100 * STAYS:g} % of its cost"
    )


def _within(points: Sequence[Point], slack: float, *, key: Callable[[Point], float]) -> list[Point]:
    best = max(key(point) for point in points)
    # A millionth for sums that were rounded.
    return [point for point in points if key(point) >= best - (max(slack, 1 / point.n) if slack else 0.0) - 1e-6]


def _goods(point: Point) -> tuple[float, float, float]:
    return point.safety, point.utility, -point.cost
