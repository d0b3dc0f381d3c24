"""The Pareto frontier over a thought graph: which paths to answers are worth having, kept up to date as it grows.

Source: EcoAlign, Pareto tracker and path value; the labels, their cap and the laziness are ours.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ecoalign_agent.economics.labelling import Labelling
from ecoalign_agent.economics.labels import Label, PathSafety, PathValue, best_first, skyline, worth
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought, ThoughtGraph

__all__ = ["FrontierPath", "ParetoFrontier", "PathSafety", "PathValue", "Tips"]

Tips = Literal["answer", "leaf"]
"""Where a path may end: at an answer thought only, or at any thought that nothing follows (the paper's)."""


@dataclass(frozen=True, slots=True)
class FrontierPath:
    """A path from the root with its value. Lists in place of tuples are accepted, as a checkpoint returns them."""

    value: PathValue
    """U, C and S over the thoughts after the root."""
    path: tuple[str, ...]
    """Ids from the root to the tip."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "value", PathValue(*self.value))
        object.__setattr__(self, "path", tuple(self.path))

    @property
    def tip(self) -> str:
        """The last thought."""
        return self.path[-1]


class ParetoFrontier:
    """The non-dominated values of the paths to every thought, and the best paths among them.

    Whatever happens to the graph is caught up with before any answer is given: the frontier needs no telling. A thought
    that is pruned has no labels, and no path leads through it. With `path_safety = "minimum"` the same holds for a
    thought with s < 0, whether or not anybody pruned it. Store the graph's journal, not the frontier: it is quickly
    made again.

    Args:
        graph: the thoughts; the frontier may outlive any number of changes to it.
        budget: B in cost units: paths that cost more are dropped.
        label_cap: the most labels kept for one thought.
        path_safety: "minimum", the weakest link; "last" and "mean" are ablations, where unsafe thoughts stay on paths.
        cost_in_value: False compares paths by S · U instead of Γ: an ablation.
        tips: where a path may end.

    Raises:
        ValueError: the budget is negative or not a number, or the cap is below 1.
    """

    __slots__ = ("_labelling", "cost_in_value", "tips")

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
        self._labelling = Labelling(
            graph, budget, label_cap=label_cap, path_safety=path_safety, cost_in_value=cost_in_value
        )
        self.cost_in_value = cost_in_value
        self.tips = tips

    @classmethod
    def under(cls, policy: Policy, graph: ThoughtGraph, budget: float) -> "ParetoFrontier":
        """The frontier as a policy wants it."""
        return cls(
            graph,
            budget,
            label_cap=policy.label_cap,
            path_safety=policy.path_safety,
            cost_in_value=policy.cost_in_value,
            tips="answer" if policy.answers == "early" else "leaf",
        )

    @property
    def graph(self) -> ThoughtGraph:
        """The thoughts that it is about."""
        return self._labelling.graph

    @property
    def budget(self) -> float:
        """B in cost units: no path costs more. Setting another one labels everything anew."""
        return self._labelling.budget

    @budget.setter
    def budget(self, budget: float) -> None:
        self._labelling.budget = budget

    @property
    def capped(self) -> bool:
        """True: some thought had more labels than the cap, so the best path found may not be the best there is."""
        return self._labelling.capped

    def add(self, thought: Thought) -> None:
        """Append a thought, to the graph too when it does not hold it yet. Touches nothing but itself.

        Raises:
            ValueError: the graph holds another thought of that id, or can't take this one.
        """
        graph = self._labelling.graph
        if thought.id not in graph:
            graph.add(thought)
        elif graph[thought.id] != thought:
            raise ValueError(f"the graph holds another thought {thought.id!r}")
        self._labelling.catch_up()

    def labels(self, thought_id: str) -> list[PathValue]:
        """The non-dominated values of the paths to a thought, cheaper first; empty where no path is open to it.

        Under mean safety only paths of the same number of thoughts dominate each other.

        Raises:
            ValueError: the graph holds no such thought.
        """
        return [label.value for label in self._labelling.of(thought_id)]

    def best_label(self, thought_id: str) -> PathValue | None:
        """The value of the best path to a thought: the highest Γ; ties to the cheaper, then the safer, then the older.

        None where no path is open to it.

        Raises:
            ValueError: the graph holds no such thought.
        """
        labels = self._labelling.of(thought_id)
        if len(labels) == 1:
            # The rule in a graph that is mostly a tree, and asked of every open tip in every round.
            return labels[0].value
        end = self._best_end(thought_id)
        return None if end is None else end.label.value

    def path_to(self, thought_id: str) -> list[str]:
        """The path that `best_label` values, root first; empty where no path is open to the thought.

        Raises:
            ValueError: the graph holds no such thought.
        """
        end = self._best_end(thought_id)
        return [] if end is None else self._labelling.trace(end.thought, end.position)

    def best(self) -> tuple[PathValue, list[str]] | None:
        """P*: the value and the ids, root first, of the safe path to a tip with the highest Γ. None: there is none.

        Ties go to the cheaper, then to the safer, then to the older path. Source: EcoAlign, objective.
        """
        end = min(self._safe_ends(), key=self._best_first, default=None)
        return None if end is None else (end.label.value, self._labelling.trace(end.thought, end.position))

    def answers(self) -> list[FrontierPath]:
        """The safe paths to tips that no other such path dominates, cheaper first.

        What stands at the tip is no part of a path's value: to choose by it, choose from `tip_paths`.
        """
        # The end takes the parent's place in its label, so that the survivors can be traced from there.
        labels = [end.label._replace(parent=end.thought, position=end.position) for end in self._safe_ends()]
        return [self._path(_End(label.parent, label.position, label)) for label in skyline(labels, "minimum")]

    def tip_paths(self) -> list[FrontierPath]:
        """Every label of every tip as a path, best first, also those that another tip's path dominates."""
        return [self._path(end) for end in sorted(self._safe_ends(), key=self._best_first)]

    def best_by(self, merit: Callable[[PathValue, str], tuple[tuple[float, float, float], ...]]) -> FrontierPath | None:
        """The path among `tip_paths` with the highest merit(value, tip); of equals the one that comes first there."""
        ends = sorted(self._safe_ends(), key=self._best_first)
        end = max(ends, key=lambda end: merit(end.label.value, end.thought), default=None)
        return None if end is None else self._path(end)

    def worth(self, value: PathValue) -> float:
        """What this frontier compares paths by: Γ, or S · U without cost. 0 for the bare root."""
        return worth(value, cost_in_value=self.cost_in_value)

    def _best_first(self, end: "_End") -> tuple[tuple[float, float, float, float], int, int]:
        rank = best_first(end.label, cost_in_value=self.cost_in_value)
        return (rank, self._labelling.age(end.thought), end.position)

    def _best_end(self, thought_id: str) -> "_End | None":
        labels = self._labelling.of(thought_id)
        if len(labels) == 1:
            return _End(thought_id, 0, labels[0])
        ends = [_End(thought_id, *entry) for entry in enumerate(labels)]
        return min(ends, key=self._best_first, default=None)

    def _safe_ends(self) -> list["_End"]:
        """Every path that may be chosen; older tips first."""
        labelling = self._labelling
        labelling.catch_up()
        return [
            _End(tip, position, label)
            for tip in (labelling.answers if self.tips == "answer" else labelling.leaves())
            for position, label in enumerate(labelling.of(tip))
            if label.safety >= 0
        ]

    def _path(self, end: "_End") -> FrontierPath:
        return FrontierPath(end.label.value, tuple(self._labelling.trace(end.thought, end.position)))


class _End(NamedTuple):
    """One path, by its end."""

    thought: str
    position: int
    label: Label
