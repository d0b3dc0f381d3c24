"""The frontier against brute force: every path of a small random graph is enumerated here, in exact fractions.

All figures lie on dyadic grids (eighths and quarters), so that sums are exact in any order; only means and Γ are
divisions, and those are rounded once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.pareto import ParetoFrontier, PathValue, Tips
from ecoalign_agent.economics.selection import open_tips
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import PathSafety

pytestmark = pytest.mark.slow

lawful = settings(max_examples=300, deadline=None)
BUDGETS = st.sampled_from([0.0, 1.0, 2.5, 4.0, 7.75, 100.0])
MODES = st.sampled_from(["minimum", "last", "mean"])


@dataclass
class Plain:
    """The same graph, kept in the simplest way: an independent reading of what add, prune and merge mean."""

    thoughts: dict[str, Thought] = field(default_factory=dict)
    edges: dict[str, list[str]] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    stand_ins: dict[str, str] = field(default_factory=dict)

    def add(self, thought: Thought) -> None:
        parents = []
        for parent in thought.parents:
            while parent in self.stand_ins:
                parent = self.stand_ins[parent]  # noqa: PLW2901 - following the chain of merges is the point
            parents.append(parent)
        self.thoughts[thought.id] = thought
        self.edges[thought.id] = list(dict.fromkeys(parents))

    def above(self, name: str) -> set[str]:
        return {ancestor for parent in self.edges[name] for ancestor in {parent} | self.above(parent)}

    def may_merge(self, kept: str, dropped: str) -> bool:
        related = kept == dropped or kept in self.above(dropped) or dropped in self.above(kept)
        return not related and not self.gone & {kept, dropped}

    def merge(self, kept: str, dropped: str) -> None:
        for name, parents in self.edges.items():
            self.edges[name] = list(dict.fromkeys(kept if parent == dropped else parent for parent in parents))
        self.gone.add(dropped)
        self.stand_ins[dropped] = kept

    def paths(self, name: str) -> Iterator[tuple[str, ...]]:
        """All paths from the root that avoid what is gone."""
        if name in self.gone:
            return
        if not self.edges[name]:
            yield (name,)
        for parent in self.edges[name]:
            for path in self.paths(parent):
                yield (*path, name)


class Exact(NamedTuple):
    """A path's value in exact fractions."""

    utility: Fraction
    cost: Fraction
    safety: Fraction
    length: int

    def merit(self, *, cost_in_value: bool = True) -> tuple[float, float, float, float]:
        """What the best path has the most of. Rounded: a mean that is no binary fraction can break a tie in Γ."""
        utility, cost, safety = self.rounded()
        worth = safety * utility / cost if cost_in_value else safety * utility
        return (worth, -cost, safety, utility)

    def dominates(self, other: "Exact") -> bool:
        no_worse = self.utility >= other.utility and self.cost <= other.cost and self.safety >= other.safety
        return no_worse and self[:3] != other[:3]

    def rounded(self) -> PathValue:
        return PathValue(float(self.utility), float(self.cost), float(self.safety))


def _value(plain: Plain, path: tuple[str, ...], mode: PathSafety) -> Exact:
    after = [plain.thoughts[name] for name in path[1:]]
    safeties = [Fraction(thought.safety) for thought in after] or [Fraction(1)]
    mean = sum(safeties, Fraction(0)) / len(safeties)
    safety = {"minimum": min(safeties), "last": safeties[-1], "mean": mean}[mode]
    return Exact(
        sum((Fraction(thought.utility) for thought in after), Fraction(0)),
        sum((Fraction(thought.cost) for thought in after), Fraction(0)),
        safety,
        len(after),
    )


def _admitted(plain: Plain, name: str, mode: PathSafety, budget: float) -> dict[tuple[str, ...], Exact]:
    """All paths to a thought that may carry a label, with their values."""
    found = {}
    for path in plain.paths(name):
        weak = any(plain.thoughts[step].safety < 0 for step in path[1:])
        value = _value(plain, path, mode)
        if value.cost <= Fraction(budget) and not (mode == "minimum" and weak):
            found[path] = value
    return found


def _undominated(values: set[Exact], mode: PathSafety) -> list[PathValue]:
    if mode != "mean":
        values = {value._replace(length=0) for value in values}  # equal vectors keep one label
    kept = {
        value
        for value in values
        if not any(rival.dominates(value) for rival in values if mode != "mean" or rival.length == value.length)
    }
    return sorted(value.rounded() for value in kept)


# Few values, so that equal costs, equal vectors and ties in Γ come up often.
EIGHTHS = st.integers(0, 8).map(lambda n: n / 8)
UTILITIES = st.integers(0, 3).map(lambda n: n / 4)
SAFETIES = st.one_of(EIGHTHS, st.sampled_from([0.5, 1.0]), st.integers(-3, 8).map(lambda n: n / 8))
COSTS = st.integers(1, 4).map(lambda n: n / 4)


@st.composite
def thought_lists(draw: st.DrawFn, max_thoughts: int = 8) -> list[Thought]:
    """A root and thoughts with up to three parents among those before."""
    thoughts = [Thought("t0", "root", "", (), draw(SAFETIES), draw(UTILITIES), draw(COSTS))]
    for i in range(1, draw(st.integers(1, max_thoughts)) + 1):
        parents = draw(st.lists(st.integers(max(0, i - 4), i - 1), min_size=1, max_size=3, unique=True))
        kind = "answer" if draw(st.integers(0, 2)) == 0 else "reason"
        names = tuple(f"t{parent}" for parent in parents)
        thoughts.append(Thought(f"t{i}", kind, "", names, draw(SAFETIES), draw(UTILITIES), draw(COSTS)))
    return thoughts


Operation = Thought | str | tuple[str, str]


@st.composite
def histories(draw: st.DrawFn) -> list[Operation]:
    """Adds, prunes (a name) and merges (kept, dropped) in an order in which all are valid."""
    plain, history = Plain(), list[Operation]()
    for thought in draw(thought_lists(max_thoughts=8)):
        plain.add(thought)
        history.append(thought)
        names = sorted(plain.thoughts)
        for _ in range(draw(st.integers(0, 2))):
            if draw(st.integers(0, 4)) == 0:
                name = draw(st.sampled_from(names))
                plain.gone.add(name)
                history.append(name)
            else:
                pair = (draw(st.sampled_from(names)), draw(st.sampled_from(names)))
                if plain.may_merge(*pair):
                    plain.merge(*pair)
                    history.append(pair)
    return history


def _do(operation: Operation, plain: Plain, graph: ThoughtGraph) -> None:
    match operation:
        case Thought():
            plain.add(operation)
            graph.add(operation)
        case str():
            plain.gone.add(operation)
            graph.prune(operation, "for the law's sake")
        case (kept, dropped):
            plain.merge(kept, dropped)
            graph.merge(kept, dropped)


def _built(history: list[Operation]) -> tuple[Plain, ThoughtGraph]:
    plain, graph = Plain(), ThoughtGraph()
    for operation in history:
        _do(operation, plain, graph)
    return plain, graph


def _tips(plain: Plain, mode: PathSafety, budget: float, tips: str) -> list[str]:
    if tips == "answer":
        return [name for name, thought in plain.thoughts.items() if thought.kind == "answer"]
    reached = {name for name in plain.thoughts if _admitted(plain, name, mode, budget)}
    led_on = {parent for name in reached for parent in plain.edges[name]}
    return [name for name in plain.thoughts if name in reached - led_on and name != "t0"]


@lawful
@given(histories(), BUDGETS, MODES)
def test_labels_are_the_enumerated_paths_that_nothing_dominates(
    history: list[Operation], budget: float, mode: PathSafety
) -> None:
    plain, graph = _built(history)
    frontier = ParetoFrontier(graph, budget, path_safety=mode)
    for name in plain.thoughts:
        expected = _undominated(set(_admitted(plain, name, mode, budget).values()), mode)
        assert sorted(frontier.labels(name)) == expected
        costs = [label.cost for label in frontier.labels(name)]
        assert costs == sorted(costs)


@lawful
@given(histories(), BUDGETS, MODES, st.booleans(), st.sampled_from(["answer", "leaf"]))
def test_the_best_path_is_the_enumerated_best(
    history: list[Operation], budget: float, mode: PathSafety, cost_in_value: bool, tips: str
) -> None:
    plain, graph = _built(history)
    frontier = ParetoFrontier(graph, budget, path_safety=mode, cost_in_value=cost_in_value, tips=tips)  # type: ignore[arg-type]  # one of two words
    values = {
        path: value
        for name in _tips(plain, mode, budget, tips)
        for path, value in _admitted(plain, name, mode, budget).items()
        if value.safety >= 0
    }
    best = frontier.best()
    if not values:
        assert best is None
        return

    max_merit = max(value.merit(cost_in_value=cost_in_value) for value in values.values())
    winners = {path for path, value in values.items() if value.merit(cost_in_value=cost_in_value) == max_merit}
    assert best is not None
    assert tuple(best[1]) in winners
    assert best[0] == values[tuple(best[1])].rounded()


@lawful
@given(histories(), BUDGETS, MODES, st.sampled_from(["answer", "leaf"]))
def test_the_answers_are_the_enumerated_frontier_across_tips(
    history: list[Operation], budget: float, mode: PathSafety, tips: str
) -> None:
    plain, graph = _built(history)
    frontier = ParetoFrontier(graph, budget, path_safety=mode, tips=tips)  # type: ignore[arg-type]  # one of two words
    values = {
        path: value
        for name in _tips(plain, mode, budget, tips)
        for path, value in _admitted(plain, name, mode, budget).items()
        if value.safety >= 0
    }
    answers = frontier.answers()
    assert sorted(path.value for path in answers) == _undominated(set(values.values()), "minimum")
    for found in answers + frontier.tip_paths():
        assert values[found.path].rounded() == found.value
    gammas = [path.value.gamma for path in frontier.tip_paths()]
    assert gammas == sorted(gammas, reverse=True)
    assert {path.path for path in answers} <= {path.path for path in frontier.tip_paths()}


@lawful
@given(histories(), BUDGETS, MODES)
def test_every_thoughts_best_label_is_the_enumerated_best(
    history: list[Operation], budget: float, mode: PathSafety
) -> None:
    plain, graph = _built(history)
    frontier = ParetoFrontier(graph, budget, path_safety=mode)
    for name in list(plain.thoughts)[1:]:
        values = _admitted(plain, name, mode, budget)
        best, path = frontier.best_label(name), tuple(frontier.path_to(name))
        assert (best is None) == (not values) == (not path)
        if best is None or any(value.safety < 0 for value in values.values()):
            continue  # below 0, Γ does not rise with U: then no label needs to be the best
        assert best == values[path].rounded()
        assert values[path].merit() == max(value.merit() for value in values.values())


@lawful
@given(histories(), BUDGETS, MODES, st.sampled_from([1, 2, 256]), st.sampled_from(["answer", "leaf"]))
def test_a_replayed_journal_has_the_frontier_of_the_graph_that_wrote_it(
    history: list[Operation], budget: float, mode: PathSafety, cap: int, tips: Tips
) -> None:
    _, graph = _built(history)
    replayed = ThoughtGraph.replay(graph.changes)
    left, right = (
        ParetoFrontier(each, budget, path_safety=mode, label_cap=cap, tips=tips) for each in (graph, replayed)
    )
    assert [left.labels(thought.id) for thought in graph] == [right.labels(thought.id) for thought in replayed]
    assert left.tip_paths() == right.tip_paths()
    assert left.answers() == right.answers()
    assert (left.best(), left.capped) == (right.best(), right.capped)


@lawful
@given(thought_lists(), BUDGETS, MODES, st.randoms(use_true_random=False), st.sets(st.integers(0, 8)))
def test_no_order_of_insertion_changes_the_result(
    thoughts: list[Thought], budget: float, mode: PathSafety, random: Random, pruned: set[int]
) -> None:
    waiting, shuffled = list(thoughts), list[Thought]()
    while waiting:
        here = {thought.id for thought in shuffled}
        ready = [thought for thought in waiting if here.issuperset(thought.parents)]
        shuffled.append(random.choice(ready))
        waiting.remove(shuffled[-1])
    graphs = (ThoughtGraph.replay(thoughts), ThoughtGraph.replay(shuffled))
    for graph in graphs:
        for number in pruned & set(range(len(thoughts))):
            graph.prune(f"t{number}", "for the law's sake")
    left, right = (ParetoFrontier(graph, budget, path_safety=mode) for graph in graphs)
    for thought in thoughts:
        assert left.labels(thought.id) == right.labels(thought.id)
    assert [path.value for path in left.answers()] == [path.value for path in right.answers()]
    best, again = left.best(), right.best()
    assert (best and best[0]) == (again and again[0])


@lawful
@given(histories(), BUDGETS)
def test_adding_a_thought_never_makes_a_path_safer_and_touches_no_other(
    history: list[Operation], budget: float
) -> None:
    plain, graph = Plain(), ThoughtGraph()
    frontier = ParetoFrontier(graph, budget)
    for operation in history:
        before = {name: frontier.labels(name) for name in plain.thoughts}
        _do(operation, plain, graph)
        frontier = ParetoFrontier(graph, budget)
        if isinstance(operation, Thought) and graph.parents(operation.id):
            assert {name: frontier.labels(name) for name in before} == before
            safest = [label.safety for parent in graph.parents(operation.id) for label in before[parent]]
            for label in frontier.labels(operation.id):
                assert label.safety <= max(safest)
                assert label.safety <= operation.safety


@lawful
@given(histories(), BUDGETS, st.sampled_from([1, 3, 256]))
def test_no_label_dominates_another(history: list[Operation], budget: float, cap: int) -> None:
    _, graph = _built(history)
    frontier = ParetoFrontier(graph, budget, label_cap=cap)
    for labels in (*(frontier.labels(thought.id) for thought in graph), [path.value for path in frontier.answers()]):
        for left in labels:
            for right in labels:
                if left is not right:
                    assert left.utility < right.utility or left.cost > right.cost or left.safety < right.safety


@lawful
@given(
    st.lists(st.tuples(EIGHTHS, EIGHTHS, COSTS), min_size=1, max_size=30),
    st.integers(1, 12),
    st.booleans(),
)
def test_the_cap_keeps_the_best_gamma_and_the_extremes(
    middles: list[tuple[float, float, float]], cap: int, cost_in_value: bool
) -> None:
    graph = ThoughtGraph.replay([Thought("r", "root", "", (), 1.0, 0.0, 0.0)])
    for i, (safety, utility, cost) in enumerate(middles):
        graph.add(Thought(f"m{i}", "reason", "", ("r",), safety, utility, cost))
    graph.add(Thought("f", "fuse", "", tuple(f"m{i}" for i in range(len(middles))), 1.0, 0.5, 1.0))
    whole = ParetoFrontier(graph, 1e6, label_cap=1000).labels("f")
    frontier = ParetoFrontier(graph, 1e6, label_cap=cap, cost_in_value=cost_in_value)
    kept = frontier.labels("f")
    assert len(kept) == min(cap, len(whole))
    assert set(kept) <= set(whole)
    assert frontier.capped == (len(whole) > cap)

    def worth(label: PathValue) -> float:
        return label.gamma if cost_in_value else label.safety * label.utility

    assert max(map(worth, kept)) == max(map(worth, whole))
    if cap >= 4:
        assert min(label.cost for label in kept) == min(label.cost for label in whole)
        assert max(label.safety for label in kept) == max(label.safety for label in whole)
        assert max(label.utility for label in kept) == max(label.utility for label in whole)


@given(histories(), BUDGETS, st.data())
def test_open_tips_follow_the_rule_as_it_is_written(
    history: list[Operation], budget: float, data: st.DataObject
) -> None:
    _, graph = _built(history)
    ids = [thought.id for thought in graph]
    for tip in data.draw(st.lists(st.sampled_from(ids), max_size=4)) if ids else []:
        graph.expanded(tip)
    candidate_tips = data.draw(st.sets(st.sampled_from(ids))) if ids else set()
    frontier = ParetoFrontier(graph, budget)

    def is_open(name: str) -> bool:
        if not graph.live(name) or graph[name].kind == "answer" or not frontier.labels(name):
            return False
        fruitless = name not in candidate_tips and not any(graph.live(child) for child in graph.children(name))
        return graph.expansions(name) == 0 or (graph.expansions(name) == 1 and fruitless)

    tips = open_tips(graph, frontier, width=100, candidate_tips=candidate_tips)
    assert sorted(tips) == sorted(filter(is_open, ids))
    assert open_tips(graph, frontier, width=1, candidate_tips=candidate_tips) == tips[:1]
    assert [thought.id for thought in graph.alive()] == [name for name in ids if graph.live(name)]
