"""Pareto labels of a thought graph, and the frontier of its answer paths.

A label is the value of one path to a thought: U = Σ u, C = Σ c and S = min s over the thoughts after the root. Label a
dominates b if U_a >= U_b, C_a <= C_b and S_a >= S_b, one of them strictly. All three keep their order along an edge, so
the path with the highest Γ = S · U / C is always among the labels that nothing dominates.

Source: EcoAlign, Pareto tracker, path value and objective. The labels (label setting by cost) and their cap are ours.
"""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import PathSafety

if TYPE_CHECKING:  # pydantic is not needed for the formulas
    from ecoalign_agent.economics.policy import Policy

Tips = Literal["answer", "leaf"]
"""End of a path: an answer thought only, or any thought that no path leads on from (the paper's)."""


class PathValue(NamedTuple):
    """Value of a path, over its thoughts after the root."""

    utility: float
    """U: the sum of the utilities."""
    cost: float
    """C: the sum of the costs, in cost units."""
    safety: float
    """S: the least safety, in [-1, 1]; 1 for the bare root, which has none."""

    @property
    def gamma(self) -> float:
        """Γ = S · U / C: return of the path for each cost unit; ValueError for the bare root."""
        if self.cost == 0:
            raise ValueError("the bare root has no Γ: no thought follows it, and nothing was spent")
        return self.safety * self.utility / self.cost


@dataclass(frozen=True, slots=True)
class FrontierPath:
    """A path from the root with its value. Accepts lists for tuples, as checkpoints return them."""

    value: PathValue
    path: tuple[str, ...]
    """Ids from the root to the tip."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", PathValue(*self.value))
        object.__setattr__(self, "path", tuple(self.path))

    @property
    def tip(self) -> str:
        """The last thought."""
        return self.path[-1]


@dataclass(slots=True, eq=False)
class ParetoLabel:
    """Value of one path to a thought, linked to the label that it extends."""

    utility: float
    cost: float
    safety: float
    thought: str
    parent: "ParetoLabel | None"
    length: int
    """Thoughts after the root."""
    safety_sum: float
    """For the mean."""

    @property
    def value(self) -> PathValue:
        """U, C and S."""
        return PathValue(self.utility, self.cost, self.safety)

    def as_path(self) -> FrontierPath:
        """The path with its value."""
        ids: list[str] = []
        label: ParetoLabel | None = self
        while label is not None:
            ids.append(label.thought)
            label = label.parent
        return FrontierPath(self.value, tuple(reversed(ids)))


def worth(value: PathValue | ParetoLabel, *, cost_in_value: bool) -> float:
    """Figure that paths are compared by: Γ, or S · U under the ablation without cost. 0 for the bare root."""
    gain = value.safety * value.utility
    if not cost_in_value:
        return gain
    return gain / value.cost if value.cost else 0.0


def non_dominated(labels: list[ParetoLabel], path_safety: PathSafety) -> list[ParetoLabel]:
    """Labels that no other dominates, cheaper first. Of equal ones the first given stays.

    Mean safety does not keep its order along an edge, since a shorter path's mean moves more: there, only labels of
    equally long paths are compared.
    """
    if len(labels) < 2:
        return labels
    ordered = sorted(labels, key=_cost_key)
    if path_safety != "mean":
        return _sweep(ordered)
    by_length: dict[int, list[ParetoLabel]] = {}
    for label in ordered:
        by_length.setdefault(label.length, []).append(label)
    return sorted((label for group in by_length.values() for label in _sweep(group)), key=_cost_key)


class ParetoFrontier:
    """Non-dominated labels of every thought that the graph holds now, and the best paths among them.

    A pruned thought has no labels, so no path leads through it; with `path_safety = "minimum"` neither has a thought
    with s < 0. Changes of the graph after construction are not seen: make a new frontier. Methods that take an id raise
    ValueError if the graph held no such thought.

    Args:
        budget: B in cost units, at least 0: paths that cost more are dropped.
        label_cap: maximum of labels for one thought, at least 1.
        path_safety: "minimum", the weakest link; "last" and "mean" are ablations, where unsafe thoughts stay on paths.
        cost_in_value: False compares paths by S · U instead of Γ: an ablation.
    Source: EcoAlign, Pareto tracker.
    """

    def __init__(
        self,
        graph: ThoughtGraph,
        budget: float,
        *,
        label_cap: int = 256,
        path_safety: PathSafety = "minimum",
        cost_in_value: bool = True,
        tips: Tips = "answer",
    ) -> None:
        if math.isnan(budget) or budget < 0:
            raise ValueError(f"the frontier's budget is {budget!r} cost units, must be at least 0")
        if label_cap < 1:
            raise ValueError(f"label_cap is {label_cap!r}, must be at least 1")
        self.cost_in_value = cost_in_value
        self.capped = False
        """True: a thought had more labels than the cap, so a better path than the best one found may exist."""
        self._budget, self._label_cap, self._path_safety = budget, label_cap, path_safety
        self._age = {thought.id: age for age, thought in enumerate(graph)}
        self._labels: dict[str, list[ParetoLabel]] = {}
        for thought_id in graph.topological():
            self._labels[thought_id] = self._labels_of(graph[thought_id], graph)
        self._ends = [
            label
            for thought in graph
            if (thought.kind == "answer" if tips == "answer" else self._is_leaf(thought, graph))
            for label in self._labels[thought.id]
            if label.safety >= 0
        ]

    @classmethod
    def under(cls, policy: "Policy", graph: ThoughtGraph, budget: float) -> "ParetoFrontier":
        """The frontier with the settings of a policy."""
        return cls(
            graph,
            budget,
            label_cap=policy.label_cap,
            path_safety=policy.path_safety,
            cost_in_value=policy.cost_in_value,
            tips="answer" if policy.answers == "early" else "leaf",
        )

    def labels(self, thought_id: str) -> list[PathValue]:
        """Non-dominated values of the paths to a thought, cheaper first; empty if no path is open to it."""
        return [label.value for label in self._known_labels(thought_id)]

    def best_label(self, thought_id: str) -> PathValue | None:
        """Value of the path to a thought with the highest Γ, ties as in `best`; None if no path is open."""
        label = self._best(self._known_labels(thought_id))
        return None if label is None else label.value

    def path_to(self, thought_id: str) -> list[str]:
        """The path that `best_label` values, root first; empty if no path is open to the thought."""
        label = self._best(self._known_labels(thought_id))
        return [] if label is None else list(label.as_path().path)

    def best(self) -> tuple[PathValue, list[str]] | None:
        """P*: value and ids, root first, of the safe path to a tip with the highest Γ. None: there is none.

        Ties go to the cheaper, then to the safer, then to the older path. Source: EcoAlign, objective.
        """
        label = self._best(self._ends)
        return None if label is None else (label.value, list(label.as_path().path))

    def answers(self) -> list[FrontierPath]:
        """The safe paths to tips that no other such path dominates, cheaper first.

        The tip's own utility is no part of a path's value: to choose by it, choose from `tip_paths`.
        """
        return [label.as_path() for label in non_dominated(self._ends, "minimum")]

    def tip_paths(self) -> list[FrontierPath]:
        """Every label of every tip as a path, best first, including those that another tip's path dominates."""
        return [label.as_path() for label in sorted(self._ends, key=self._rank_key)]

    def worth(self, value: PathValue) -> float:
        """`worth` by this frontier's `cost_in_value`."""
        return worth(value, cost_in_value=self.cost_in_value)

    def _best(self, labels: Sequence[ParetoLabel]) -> ParetoLabel | None:
        return labels[0] if len(labels) == 1 else min(labels, key=self._rank_key, default=None)

    def _rank_key(self, label: ParetoLabel) -> tuple[float, float, float, float]:
        """Sorts the best path first; where Γ is 0 the more useful, so that no order of insertion decides."""
        return (-worth(label, cost_in_value=self.cost_in_value), label.cost, -label.safety, -label.utility)

    def _known_labels(self, thought_id: str) -> list[ParetoLabel]:
        if thought_id not in self._labels:
            raise ValueError(f"the graph holds no thought {thought_id!r}")
        return self._labels[thought_id]

    def _is_leaf(self, thought: Thought, graph: ThoughtGraph) -> bool:
        return thought.kind != "root" and not any(self._labels[child] for child in graph.children(thought.id))

    def _labels_of(self, thought: Thought, graph: ThoughtGraph) -> list[ParetoLabel]:
        if thought.kind == "root":
            # Its own figures are the request's: they are on no path.
            return [ParetoLabel(0.0, 0.0, 1.0, thought.id, None, 0, 0.0)] if graph.live(thought.id) else []
        if thought.safety < 0 and self._path_safety == "minimum":
            return []
        if graph.pruned(thought.id) is not None:
            return []
        # Of equal labels the older path stays, so the older parent's come first.
        parents = sorted(graph.parents(thought.id), key=self._age.__getitem__)
        extended = [label for parent in parents for label in self._extend(self._labels[parent], thought)]
        labels = non_dominated(extended, self._path_safety)
        if len(labels) > self._label_cap:
            self.capped = True
            labels = self._cap(labels)
        return labels

    def _extend(self, labels: Sequence[ParetoLabel], thought: Thought) -> list[ParetoLabel]:
        u, c, s = thought.utility, thought.cost, thought.safety
        extended: list[ParetoLabel] = []
        for label in labels:
            cost, length, safety_sum = label.cost + c, label.length + 1, label.safety_sum + s
            if cost > self._budget:
                break
            if self._path_safety == "minimum":
                safety = min(label.safety, s)  # the weakest link, one thought further
            else:
                safety = s if self._path_safety == "last" else safety_sum / length
            extended.append(ParetoLabel(label.utility + u, cost, safety, thought.id, label, length, safety_sum))
        return extended

    def _cap(self, labels: list[ParetoLabel]) -> list[ParetoLabel]:
        """At most `label_cap` labels: first the best Γ, the cheapest, the safest and the most useful, then by Γ."""
        by_worth = sorted(labels, key=self._rank_key)
        extremes = (
            by_worth[0],
            min(labels, key=_cost_key),
            min(labels, key=lambda label: (-label.safety, _cost_key(label))),
            min(labels, key=lambda label: (-label.utility, _cost_key(label))),
        )
        first = list(dict.fromkeys((*extremes, *by_worth)))[: self._label_cap]
        return sorted(first, key=_cost_key)


def _cost_key(label: ParetoLabel) -> tuple[float, float, float]:
    return (label.cost, -label.utility, -label.safety)


def _sweep(ordered: list[ParetoLabel]) -> list[ParetoLabel]:
    """Non-dominated ones of labels sorted by cost: those that no cheaper survivor equals in utility and safety.

    Survivors that can still dominate form a staircase, utility rising and safety falling, so one bisection finds the
    only one to compare with: the safest of those that are useful enough.
    """
    survivors: list[ParetoLabel] = []
    utilities: list[float] = []
    safeties: list[float] = []
    for label in ordered:
        utility, safety = label.utility, label.safety
        place = bisect_left(utilities, utility)
        if place < len(utilities) and safeties[place] >= safety:
            continue
        survivors.append(label)
        start = place
        while start > 0 and safeties[start - 1] <= safety:
            start -= 1
        utilities[start:place] = [utility]
        safeties[start:place] = [safety]
    return survivors
