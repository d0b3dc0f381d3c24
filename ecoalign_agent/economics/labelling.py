"""Every thought's labels, kept up to date with a graph that grows, is pruned and is merged.

Source: ours.
"""

import math
from collections.abc import Iterable, Iterator

from ecoalign_agent.economics.labels import ROOT_LABEL, Label, PathSafety, capped, extended, skyline
from ecoalign_agent.economics.thoughts import Merged, Pruned, Thought, ThoughtGraph


class Labelling:
    """The labels of every thought in a graph.

    It reads the graph's journal: what happened since the last look is caught up with before any answer is given, and
    only what is affected is labelled anew: a new thought touches only itself, a prune or a merge its descendants too.

    Args:
        graph: the thoughts.
        budget: B in cost units: labels that cost more are dropped.
        label_cap: the most labels kept for one thought.
        path_safety: how a path's safety comes from its thoughts'.
        cost_in_value: whether the cap keeps the highest Γ or the highest S · U.

    Raises:
        ValueError: the budget is negative or not a number, or the cap is below 1.
    """

    __slots__ = (
        "_age",
        "_budget",
        "_capped",
        "_cost_in_value",
        "_label_cap",
        "_labels",
        "_path_safety",
        "_read",
        "answers",
        "graph",
    )

    def __init__(
        self, graph: ThoughtGraph, budget: float, *, label_cap: int, path_safety: PathSafety, cost_in_value: bool
    ) -> None:
        if label_cap < 1:
            raise ValueError(f"label_cap is {label_cap!r}, must be at least 1")
        self.graph = graph
        self.answers: list[str] = []
        self._label_cap = label_cap
        self._path_safety = path_safety
        self._cost_in_value = cost_in_value
        self._labels: dict[str, list[Label]] = {}
        self._age: dict[str, int] = {}
        self._capped: set[str] = set()
        self._read = 0
        self._budget = _checked_budget(budget)

    @property
    def budget(self) -> float:
        """B in cost units. Setting another one labels everything anew."""
        return self._budget

    @budget.setter
    def budget(self, budget: float) -> None:
        if budget != self._budget:
            self._budget = _checked_budget(budget)
            self.catch_up()
            self._relabel(self.graph.topological())

    @property
    def capped(self) -> bool:
        """True: some thought has had labels dropped because of the cap."""
        self.catch_up()
        return bool(self._capped)

    def of(self, thought_id: str) -> list[Label]:
        """A thought's labels, cheaper first.

        Raises:
            ValueError: the graph holds no such thought.
        """
        self.catch_up()
        try:
            return self._labels[thought_id]
        except KeyError:
            raise ValueError(f"the graph holds no thought {thought_id!r}") from None

    def age(self, thought_id: str) -> int:
        """The thought's place in the order of their making: lower is older."""
        return self._age[thought_id]

    def leaves(self) -> Iterator[str]:
        """Thoughts after the root that a path leads to and none leads on from, older first."""
        self.catch_up()
        for thought_id, age in self._age.items():
            followed = any(self._labels[child] for child in self.graph.children(thought_id))
            if age > 0 and self._labels[thought_id] and not followed:
                yield thought_id

    def trace(self, thought_id: str, position: int) -> list[str]:
        """The path that one of a thought's labels stands for, root first."""
        path: list[str] = []
        while thought_id:
            path.append(thought_id)
            label = self._labels[thought_id][position]
            thought_id, position = label.parent, label.position
        path.reverse()
        return path

    def catch_up(self) -> None:
        """Label what the graph's changes since the last look touch, each thought once, parents first."""
        news = self.graph.changes_since(self._read)
        if not news:
            return
        first_look = self._read == 0
        self._read += len(news)
        age, touched, spreads = self._age, list[str](), False
        for change in news:
            if isinstance(change, Thought):
                touched.append(change.id)
                age[change.id] = len(age)
                if change.kind == "answer":
                    self.answers.append(change.id)
            elif isinstance(change, Pruned):
                touched.append(change.id)
                spreads = True
            elif isinstance(change, Merged):
                touched += (change.dropped, change.kept)
                spreads = True
        order: Iterable[str] = touched
        if first_look:
            order = self.graph.topological()
        elif spreads:
            order = self.graph.downstream(touched)
        self._relabel(order)

    def _relabel(self, order: Iterable[str]) -> None:
        """Label thoughts from their parents' labels, parents first."""
        graph, labels_of, cap = self.graph, self._labels, self._label_cap
        weakest_link = self._path_safety == "minimum"
        for thought_id in order:
            thought = graph[thought_id]
            if thought.kind == "root":
                # Its own figures are the request's: they are on no path.
                labels = [ROOT_LABEL] if graph.live(thought_id) else []
            elif weakest_link and thought.safety < 0:
                labels = []
            else:
                labels = self._grown(thought)
            if len(labels) > cap:
                self._capped.add(thought_id)
                labels = capped(labels, cap, cost_in_value=self._cost_in_value)
            elif self._capped:
                self._capped.discard(thought_id)
            labels_of[thought_id] = labels

    def _grown(self, thought: Thought) -> list[Label]:
        """The skyline of the parents' labels, each extended by the thought; those within the budget."""
        parents, labels, path_safety = self.graph.ways_to(thought.id), self._labels, self._path_safety
        if len(parents) == 1:
            # By far the most common case: kept short.
            grown = extended(labels[parents[0]], parents[0], thought, path_safety, budget=self._budget)
        else:
            grown = []
            # Of equal labels the older path stays, so the older parent's come first.
            for parent in sorted(parents, key=self._age.__getitem__):
                grown += extended(labels[parent], parent, thought, path_safety, budget=self._budget)
        return grown if len(grown) < 2 else skyline(grown, path_safety)


def _checked_budget(budget: float) -> float:
    if math.isnan(budget) or budget < 0:
        raise ValueError(f"the frontier's budget is {budget!r} cost units, must be at least 0")
    return budget
