"""Labels: the values of the paths that lead to a thought, as far as none of them is beaten in everything.

Label a dominates b if U_a >= U_b, C_a <= C_b and S_a >= S_b, one of them strictly. All three grow or shrink in order
along an edge, so the best path is always among the labels that nothing dominates.

Source: ours (the paper names a Pareto tracker); label setting with a skyline over labels sorted by cost.
"""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Literal, NamedTuple

from ecoalign_agent.economics.journal import Thought
from ecoalign_agent.economics.value import PathSafety

class PathValue(NamedTuple):
    """What a path is worth, over its thoughts after the root."""

    utility: float
    """U: the sum of the utilities."""
    cost: float
    """C: the sum of the costs, in cost units."""
    safety: float
    """S: the least safety, in [-1, 1]; 1 for the bare root, which has none."""

    @property
    def gamma(self) -> float:
        """Γ = S · U / C: what the path returns for each cost unit, weighed by its weakest link.

        Raises:
            ValueError: the bare root has cost 0 and so no Γ.
        Source: EcoAlign, path value.
        """
        if self.cost == 0:
            raise ValueError("the bare root has no Γ: no thought follows it, and nothing was spent")
        return self.safety * self.utility / self.cost


class Label(NamedTuple):
    """The value of one path to a thought, with a link to the label of its parent that it extends."""

    utility: float
    cost: float
    safety: float
    length: int
    """Thoughts after the root. It tells paths apart under mean safety only."""
    safeties: float
    """The sum of their safeties: what a mean is made of."""
    parent: str
    """The thought before the tip; empty for the root."""
    position: int
    """Which of the parent's labels this one extends."""

    @property
    def value(self) -> PathValue:
        """The three figures that count."""
        return PathValue(self.utility, self.cost, self.safety)


ROOT_LABEL = Label(0.0, 0.0, 1.0, 0, 0.0, "", 0)
"""The bare root: nothing gained, nothing spent, nothing unsafe."""


def extended(
    labels: Sequence[Label], parent: str, thought: Thought, path_safety: PathSafety, *, budget: float
) -> list[Label]:
    """A parent's labels, cheaper first, each extended by a thought, as far as they stay within the budget."""
    u, c, s = thought.utility, thought.cost, thought.safety
    grown: list[Label] = []
    for position, (utility, cost, safety, length, safeties, _, _) in enumerate(labels):
        path_cost = cost + c
        if path_cost > budget:
            break
        if path_safety == "minimum":
            path_safe = safety if safety < s else s  # noqa: FURB136 - half the time of min()
        elif path_safety == "last":
            path_safe = s
        else:
            path_safe = (safeties + s) / (length + 1)
        figures = (utility + u, path_cost, path_safe, length + 1, safeties + s, parent, position)
        # What `Label(...)` does as well, in less than half the time: this is the search's innermost loop.
        grown.append(tuple.__new__(Label, figures))
    return grown


def skyline(labels: list[Label], path_safety: PathSafety) -> list[Label]:
    """The labels that none of the others dominates, cheaper first. Of equal ones the first given stays.

    Mean safety does not keep order along an edge: a shorter path's mean moves more. There a label only dominates
    labels of paths with as many thoughts.
    """
    if len(labels) < 2:
        return labels
    ordered = sorted(labels, key=_by_cost)
    if path_safety != "mean":
        return _undominated(ordered)
    by_length: dict[int, list[Label]] = {}
    for label in ordered:
        by_length.setdefault(label.length, []).append(label)
    return sorted((label for group in by_length.values() for label in _undominated(group)), key=_by_cost)


def capped(labels: list[Label], cap: int, *, cost_in_value: bool) -> list[Label]:
    """At most `cap` labels: first the best Γ, the cheapest, the safest and the most useful, then by Γ.

    Labels are given and returned cheaper first, none dominating another, so no two are equal.
    """
    by_worth = sorted(labels, key=lambda label: best_first(label, cost_in_value=cost_in_value))
    extremes = (
        by_worth[0],
        min(labels, key=_by_cost),
        min(labels, key=lambda label: (-label.safety, _by_cost(label))),
        min(labels, key=lambda label: (-label.utility, _by_cost(label))),
    )
    kept = list(dict.fromkeys((*extremes, *by_worth)))[:cap]
    return sorted(kept, key=_by_cost)


def worth(value: PathValue | Label, *, cost_in_value: bool) -> float:
    """What paths are compared by: Γ, or S · U under the ablation without cost. 0 for the bare root.

    Source: EcoAlign, path value and its ablation.
    """
    gain = value.safety * value.utility
    if not cost_in_value:
        return gain
    return gain / value.cost if value.cost else 0.0


def best_first(value: PathValue | Label, *, cost_in_value: bool) -> tuple[float, float, float, float]:
    """A key that sorts the best path first: the highest Γ, ties to the cheaper, then to the safer.

    Where Γ is 0 paths may differ even then: the more useful comes first, so that no order of insertion decides.
    """
    return (-worth(value, cost_in_value=cost_in_value), value.cost, -value.safety, -value.utility)


def _by_cost(label: Label) -> tuple[float, float, float]:
    return (label.cost, -label.utility, -label.safety)


def _undominated(ordered: list[Label]) -> list[Label]:
    """Sweep by rising cost. A label survives if no cheaper survivor is at least as useful and as safe.

    The survivors that can still dominate form a staircase, utility rising and safety falling, so one bisection finds
    the only one that needs a look: the safest of those that are useful enough.
    """
    kept: list[Label] = []
    utilities: list[float] = []
    safeties: list[float] = []
    for label in ordered:
        utility, safety = label.utility, label.safety
        place = bisect_left(utilities, utility)
        if place < len(utilities) and safeties[place] >= safety:
            continue
        kept.append(label)
        start = place
        while start > 0 and safeties[start - 1] <= safety:
            start -= 1
        utilities[start:place] = [utility]
        safeties[start:place] = [safety]
    return kept
