"""The tree of BAVT: nodes whose values are told by relative progress, and the draw that gets greedier."""

from collections.abc import Sequence
from dataclasses import dataclass

ROOT_VALUE = 0.5
"""What is known of a question before anything was done: as good as not."""

_LEAST_RATIO = 1e-6
"""A remaining ratio below this counts as this: its power is greedy already."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A step, with all that lead to it; each is itself and equal to no other.

    Attributes:
        text: of the step; "": the root.
        value: in [0, 1]; None: unknown.
        parent: the step before; None: this is the root.
        answer: the answer that it is, for a step that is one; it has no steps after it.
    """

    text: str
    value: float | None
    parent: "Node | None" = None
    answer: str | None = None

    @property
    def path(self) -> tuple["Node", ...]:
        """The steps from the first to this one, without the root."""
        return () if self.parent is None else (*self.parent.path, self)


def value_after(value: float | None, gain: float | None) -> float | None:
    """A step's value from its parent's and from what it gained on it.

    A gain g in [0, 1] goes that share of the way from the parent's value to 1, a loss that share of the way to 0:
    V' = V + g · (1 − V), or V' = V · (1 + g). So no step's value is told but relative to the one before.

    Returns:
        In [0, 1]; None: either is unknown.
    Source: BAVT's residual value predictor; the formula is ours.
    """
    if value is None or gain is None:
        return None
    return value + gain * (1.0 - value) if gain >= 0 else value * (1.0 + gain)


def chances(values: Sequence[float | None], remaining: float) -> list[float]:
    """How likely each node is to be gone on from: its value to the power of 1 / r, all together 1.

    Args:
        values: of the nodes; unknown ones are drawn only where none is known.
        remaining: r, the share of the budget that is left, in [0, 1]. At 1 chances go with the values; towards 0 the
            best takes all.

    Source: BAVT, budget-conditioned node selection.
    """
    top = max((value for value in values if value is not None), default=None)
    if top is None:
        return [1.0 / len(values)] * len(values)
    power = 1.0 / max(remaining, _LEAST_RATIO)
    # Values are taken relative to the best: small numbers to high powers would all be 0.
    weights = [0.0 if value is None else (value / top if top > 0 else 1.0) ** power for value in values]
    return [weight / sum(weights) for weight in weights]


def drawn(shares: Sequence[float], at: float) -> int:
    """The place in which the number ``at`` in [0, 1) falls, of ``shares`` laid side by side."""
    reached = 0.0
    for place, share in enumerate(shares):
        reached += share
        if at < reached:
            return place
    # Rounding may leave the sum a hair below 1: the last that has a chance at all.
    return max(place for place, share in enumerate(shares) if share > 0)


def best(nodes: Sequence[Node]) -> Node:
    """The node to answer from: the highest known value; of equals an answer, then the shorter path, then the first."""

    def rank(node: Node) -> tuple[float, bool, int]:
        return (-1.0 if node.value is None else node.value, node.answer is not None, -len(node.path))

    return max(nodes, key=rank)
