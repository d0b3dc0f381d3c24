"""Labels: the values of the paths that lead to a thought, as far as none of them is beaten in everything.

Label a dominates b if U_a >= U_b, C_a <= C_b and S_a >= S_b, one of them strictly. All three grow or shrink in order
along an edge, so the best path is always among the labels that nothing dominates.

Source: ours (the paper names a Pareto tracker); label setting with a skyline over labels sorted by cost.

Every thought's labels, kept up to date with a graph that grows, is pruned and is merged.

Source: ours.

The Pareto frontier over a thought graph: which paths to answers are worth having, kept up to date as it grows.

Source: EcoAlign, Pareto tracker and path value; the labels, their cap and the laziness are ours.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Merged, Pruned, Thought
from ecoalign_agent.economics.valuation import PathSafety


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
