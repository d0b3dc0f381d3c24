"""Laws of the thought graph: what it refuses, that it stays acyclic, that its journal tells it whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Expansion, Merge, Prune, Thought

pytestmark = pytest.mark.slow

lawful = settings(max_examples=200, deadline=None)
NUMBERS = st.integers(0, 9)
OPERATIONS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(NUMBERS, max_size=3)),
        st.tuples(st.just("add"), st.lists(NUMBERS, min_size=1, max_size=2)),
        st.tuples(st.just("prune"), st.lists(NUMBERS, min_size=1, max_size=1)),
        st.tuples(st.just("merge"), st.lists(NUMBERS, min_size=2, max_size=2)),
        st.tuples(st.just("expand"), st.lists(NUMBERS, min_size=1, max_size=1)),
    ),
    max_size=25,
)


def _attempt(graph: ThoughtGraph, name: str, numbers: list[int]) -> bool:
    """Try an operation, sensible or not. True: the graph took it."""
    names = [f"t{number}" for number in numbers]
    try:
        if name == "add":
            graph.add(Thought(f"t{len(graph)}", "reason" if names else "root", "", tuple(names), 0.5, 0.5, 1.0))
        elif name == "prune":
            graph.prune(names[0], f"because of {names[0]}")
        elif name == "merge":
            graph.merge(names[0], names[1], saving=0.5)
        else:
            graph.expanded(names[0])
    except ValueError:
        return False
    return True


def _edges(graph: ThoughtGraph) -> dict[str, tuple[str, ...]]:
    return {thought.id: graph.parents(thought.id) for thought in graph}


def _above(edges: dict[str, tuple[str, ...]], name: str) -> set[str]:
    found: set[str] = set()
    for parent in edges[name]:
        found |= {parent} | _above(edges, parent)
    return found


def _grown(operations: list[tuple[str, list[int]]]) -> ThoughtGraph:
    graph = ThoughtGraph()
    _attempt(graph, "add", [])
    for name, numbers in operations:
        _attempt(graph, name, numbers)
    return graph


@lawful
@given(OPERATIONS)
def test_a_graph_stays_acyclic_with_one_root(operations: list[tuple[str, list[int]]]) -> None:
    graph = _grown(operations)
    edges = _edges(graph)
    # Taking away what nothing left points to, again and again, empties a graph only if it has no cycle.
    left = dict(edges)
    while free := [name for name, parents in left.items() if not set(parents) & left.keys()]:
        for name in free:
            del left[name]
    assert not left
    assert [name for name, parents in edges.items() if not parents] == ["t0"]


@lawful
@given(OPERATIONS)
def test_parents_come_before_children_and_both_sides_agree(operations: list[tuple[str, list[int]]]) -> None:
    graph = _grown(operations)
    edges = _edges(graph)
    order = graph.topological()
    assert sorted(order) == sorted(edges)
    for name, parents in edges.items():
        assert len(set(parents)) == len(parents)
        assert all(order.index(parent) < order.index(name) for parent in parents)
        assert sorted(graph.children(name)) == sorted(child for child, above in edges.items() if name in above)
        assert graph.ancestors(name) == _above(edges, name)


@lawful
@given(OPERATIONS, NUMBERS, NUMBERS)
def test_a_merge_is_refused_exactly_where_it_makes_no_sense(
    operations: list[tuple[str, list[int]]], first: int, second: int
) -> None:
    graph = _grown(operations)
    kept, dropped = f"t{first % len(graph)}", f"t{second % len(graph)}"
    edges = _edges(graph)
    related = kept == dropped or kept in _above(edges, dropped) or dropped in _above(edges, kept)
    pruned = graph.pruned(kept) is not None or graph.pruned(dropped) is not None
    before = graph.changes
    assert _attempt(graph, "merge", [first % len(graph), second % len(graph)]) == (not related and not pruned)
    if related or pruned:
        assert graph.changes == before
        assert graph == ThoughtGraph.replay(before)
    else:
        moved = {
            name: tuple(dict.fromkeys(kept if parent == dropped else parent for parent in parents))
            for name, parents in edges.items()
        }
        assert _edges(graph) == moved


@lawful
@given(OPERATIONS)
def test_live_is_what_a_path_without_pruned_thoughts_leads_to(operations: list[tuple[str, list[int]]]) -> None:
    graph = _grown(operations)
    reached: set[str] = set()
    for name in graph.topological():
        parents = graph.parents(name)
        if graph.pruned(name) is None and (not parents or reached & set(parents)):
            reached.add(name)
    assert {thought.id for thought in graph if graph.live(thought.id)} == reached
    assert set(graph.leaves()) == {name for name in reached if name != "t0" and not reached & set(graph.children(name))}


@lawful
@given(OPERATIONS)
def test_the_replayed_journal_equals_the_graph(operations: list[tuple[str, list[int]]]) -> None:
    graph = _grown(operations)
    again = ThoughtGraph.replay(graph.changes)
    assert again == graph
    assert again.changes == graph.changes
    assert [thought.id for thought in again] == [thought.id for thought in graph]
    for thought in graph:
        name = thought.id
        assert again.live(name) == graph.live(name)
        assert again.pruned(name) == graph.pruned(name)
        assert again.children(name) == graph.children(name)
        assert again.expansions(name) == graph.expansions(name)
        assert again.survivor(name) == graph.survivor(name)
    assert again.saving == graph.saving


@lawful
@given(OPERATIONS)
def test_the_journal_holds_what_was_taken_and_nothing_else(operations: list[tuple[str, list[int]]]) -> None:
    graph = ThoughtGraph()
    counts: dict[type, int] = {Thought: 0, Prune: 0, Merge: 0, Expansion: 0}
    kinds = {"add": Thought, "prune": Prune, "merge": Merge, "expand": Expansion}
    for name, numbers in operations:
        again = name == "prune" and f"t{numbers[0]}" in graph and graph.pruned(f"t{numbers[0]}") is not None
        if _attempt(graph, name, numbers) and not again:
            counts[kinds[name]] += 1
    assert {kind: sum(isinstance(change, kind) for change in graph.changes) for kind in counts} == counts
