"""The thought graph: what it takes, what it refuses, and the stories of prune and merge."""

import math

import pytest

from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Expansion, Merge, Prune, Thought


def _thought(thought_id: str, *parents: str, kind: str = "reason", cost: float = 10.0) -> Thought:
    return Thought(thought_id, kind, f"text of {thought_id}", parents, 0.75, 0.5, cost)


def _graph(*thoughts: Thought) -> ThoughtGraph:
    graph = ThoughtGraph()
    graph.add(Thought("r", "root", "the question", (), 1.0, 0.0, 0.0))
    for thought in thoughts:
        graph.add(thought)
    return graph


def _diamond() -> ThoughtGraph:
    """r → a, b; a → c; b → d; c, d → e."""
    return _graph(
        _thought("a", "r"),
        _thought("b", "r"),
        _thought("c", "a"),
        _thought("d", "b"),
        _thought("e", "c", "d", kind="fuse"),
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("safety", value) for value in (-1.01, 1.01, math.nan)],
        *[("utility", value) for value in (-0.01, 1.01, math.nan)],
        *[("cost", value) for value in (0.0, -1.0, math.nan, math.inf)],
        *[("raw", value) for value in (-1.01, 1.01, math.nan)],
        ("kind", "no kind"),
        ("region", (0.0, 0.0, 1.0)),
        ("id", ""),
    ],
)
def test_a_thought_refuses_figures_out_of_range(field: str, value: object) -> None:
    given: dict[str, object] = {"id": "t", "kind": "reason", "safety": 0.5, "utility": 0.5, "cost": 1.0} | {
        field: value
    }
    with pytest.raises(ValueError, match=r"thought|region|id"):
        Thought(text="", parents=("r",), **given)  # type: ignore[arg-type]  # wrong values are the point


def test_only_the_root_may_cost_nothing() -> None:
    assert Thought("r", "root", "", (), 1.0, 0.0, 0.0).cost == 0
    with pytest.raises(ValueError, match="cost"):
        Thought("r", "root", "", (), 1.0, 0.0, -1.0)


def test_an_unknown_verdict_counts_as_unsafe_and_useless() -> None:
    assert Thought("t", "reason", "", ("r",), -1.0, 0.0, 1.0, unassessed=True).unsafe
    for safety, utility in ((0.0, 0.0), (-1.0, 0.5), (-0.5, 0.0)):
        with pytest.raises(ValueError, match="unassessed"):
            Thought("t", "reason", "", ("r",), safety, utility, 1.0, unassessed=True)


def test_a_thought_is_unsafe_below_zero_only() -> None:
    assert not Thought("t", "reason", "", ("r",), 0.0, 0.0, 1.0).unsafe
    assert Thought("t", "reason", "", ("r",), -0.001, 0.0, 1.0).unsafe


def test_a_checkpoints_lists_become_tuples_again() -> None:
    thought = Thought("t", "look", "", ["r", "a"], 0.5, 0.5, 1.0, region=[0, 0.25, 0.5, 1])  # type: ignore[arg-type]  # as a checkpoint returns it
    assert thought.parents == ("r", "a")
    assert thought.region == (0.0, 0.25, 0.5, 1.0)


@pytest.mark.parametrize(
    ("thought", "complaint"),
    [
        (_thought("a", "r"), "already"),
        (_thought("x", "nobody"), "no parent 'nobody'"),
        (_thought("x", "r", "nobody"), "no parent 'nobody'"),
        (_thought("x"), "has no parents"),
        (Thought("x", "root", "", (), 1.0, 0.0, 1.0), "one root"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(thought: Thought, complaint: str) -> None:
    graph = _graph(_thought("a", "r"))
    with pytest.raises(ValueError, match=complaint):
        graph.add(thought)
    assert graph == _graph(_thought("a", "r"))
    assert graph.children("r") == ["a"]
    assert len(graph.changes) == 2


def test_a_root_has_no_parents_and_comes_first() -> None:
    with pytest.raises(ValueError, match="no parent"):
        ThoughtGraph().add(_thought("a", "r"))
    graph = ThoughtGraph()
    with pytest.raises(ValueError, match="one root"):
        graph.add(Thought("r", "root", "", ("r",), 1.0, 0.0, 1.0))
    assert graph.root is None


def test_reading_a_graph() -> None:
    graph = _diamond()
    assert [thought.id for thought in graph] == ["r", "a", "b", "c", "d", "e"]
    assert len(graph) == 6
    assert "e" in graph
    assert "x" not in graph
    assert graph.root is graph["r"]
    assert graph.parents("e") == ("c", "d")
    assert graph.children("r") == ["a", "b"]
    assert graph.ancestors("e") == {"r", "a", "b", "c", "d"}
    assert graph.leaves() == ["e"]


def test_an_unknown_id_is_an_error_everywhere() -> None:
    graph = _diamond()
    for read in (graph.parents, graph.children, graph.ancestors, graph.live,
                 graph.pruned, graph.expanded, graph.expansions, graph.survivor):  # fmt: skip
        with pytest.raises(ValueError, match="no thought 'x'"):
            read("x")
    with pytest.raises(ValueError, match="no thought 'x'"):
        graph.prune("x", "why")
    with pytest.raises(ValueError, match="no thought 'x'"):
        graph.merge("a", "x")
    with pytest.raises(KeyError):
        graph["x"]


def test_what_is_returned_is_the_readers_own() -> None:
    graph = _diamond()
    graph.children("r").clear()
    graph.changes.clear()
    assert graph == ThoughtGraph.replay(graph.changes) == _diamond()


def test_a_pruned_thought_stays_in_the_graph_with_its_reason() -> None:
    graph = _diamond()
    graph.prune("a", "unsafe: s = -0.6")
    assert "a" in graph
    assert graph.pruned("a") == "unsafe: s = -0.6"
    assert graph.pruned("c") is None
    assert not graph.live("a")
    assert not graph.live("c")  # the only way to it led through a
    assert graph.live("e")  # there is still the way through b
    assert graph.leaves() == ["e"]


def test_the_first_reason_stays() -> None:
    graph = _diamond()
    graph.prune("a", "unsafe")
    graph.prune("a", "can't win any more")
    assert graph.pruned("a") == "unsafe"
    assert graph.changes[-1] == Prune("a", "unsafe")
    assert len(graph.changes) == 7


def test_when_all_ways_are_pruned_a_thought_is_dead() -> None:
    graph = _diamond()
    graph.prune("d", "no use")
    assert graph.live("e")
    graph.prune("a", "unsafe")
    assert not graph.live("e")
    assert graph.leaves() == ["b"]


def test_a_thought_under_a_pruned_one_is_born_dead() -> None:
    graph = _diamond()
    graph.prune("a", "unsafe")
    graph.add(_thought("f", "a"))
    graph.add(_thought("g", "a", "b"))
    assert not graph.live("f")
    assert graph.live("g")


def test_pruning_the_root_ends_everything() -> None:
    graph = _diamond()
    graph.prune("r", "nothing is explored")
    assert not any(graph.live(thought.id) for thought in graph)
    assert graph.leaves() == []


def test_a_merge_redirects_the_children() -> None:
    graph = _diamond()
    graph.merge("c", "b", saving=12.5)
    # d followed from b and follows from c now; e still follows from c and d.
    assert graph.parents("d") == ("c",)
    assert graph.children("c") == ["e", "d"]
    assert graph.children("b") == []
    assert graph.pruned("b") == "merged into c"
    assert graph.survivor("b") == "c"
    assert graph.saving == 12.5
    assert graph.changes[-1] == Merge("c", "b", 12.5)
    assert graph.parents("c") == ("a",)
    order = graph.topological()
    assert sorted(order) == ["a", "b", "c", "d", "e", "r"]
    assert order.index("c") < order.index("d") < order.index("e")


def test_a_child_of_both_follows_from_the_survivor_once() -> None:
    graph = _diamond()
    graph.merge("d", "c")
    assert graph.parents("e") == ("d",)
    assert graph.children("d") == ["e"]


def test_what_is_added_to_a_merged_thought_goes_to_its_survivor() -> None:
    graph = _diamond()
    graph.merge("d", "c")
    graph.merge("a", "d")
    graph.add(_thought("f", "c", "d", "b"))
    assert graph.parents("f") == ("a", "b")
    assert graph["f"].parents == ("c", "d", "b")
    assert graph.live("f")


def test_merging_gives_a_dead_branch_back_its_life_and_takes_it() -> None:
    graph = _graph(_thought("a", "r"), _thought("b", "r"), _thought("c", "b"), _thought("d", "c"))
    graph.prune("b", "no use")
    assert not graph.live("d")
    graph.merge("a", "c")  # what followed from c follows from a now
    assert graph.live("d")
    graph = _graph(_thought("a", "r"), _thought("b", "r"), _thought("c", "b"), _thought("d", "a"))
    graph.prune("b", "no use")
    graph.merge("c", "a")  # a's child now hangs below the pruned b
    assert not graph.live("d")


@pytest.mark.parametrize(
    ("kept", "dropped", "complaint"),
    [
        ("a", "e", "ancestor"),
        ("e", "a", "ancestor"),
        ("r", "a", "ancestor"),
        ("a", "r", "ancestor"),
        ("a", "a", "itself"),
        ("a", "p", "'p' is pruned"),
        ("p", "a", "'p' is pruned"),
    ],
)
def test_a_merge_that_would_break_the_graph_is_refused_and_changes_nothing(
    kept: str, dropped: str, complaint: str
) -> None:
    graph = _diamond()
    graph.add(_thought("p", "r"))
    graph.prune("p", "unsafe")
    before = graph.changes
    with pytest.raises(ValueError, match=complaint):
        graph.merge(kept, dropped)
    assert graph.changes == before
    assert graph == ThoughtGraph.replay(before)


def test_a_merge_may_make_an_ancestor_that_a_later_merge_must_respect() -> None:
    graph = _diamond()
    graph.merge("c", "b")  # now c → d
    with pytest.raises(ValueError, match="ancestor"):
        graph.merge("d", "c")
    with pytest.raises(ValueError, match="ancestor"):
        graph.merge("d", "a")


@pytest.mark.parametrize("saving", [-1.0, math.nan, math.inf])
def test_a_saving_is_a_cost_avoided_never_a_negative_cost(saving: float) -> None:
    with pytest.raises(ValueError, match="saving"):
        _diamond().merge("a", "b", saving=saving)


def test_expansions_are_counted() -> None:
    graph = _diamond()
    assert graph.expansions("a") == 0
    graph.expanded("a")
    graph.expanded("a")
    assert graph.expansions("a") == 2
    assert graph.changes[-1] == Expansion("a")


def test_the_journal_replays_to_an_equal_graph() -> None:
    graph = _diamond()
    graph.expanded("r")
    graph.prune("a", "unsafe")
    graph.merge("d", "c", saving=3.0)
    graph.add(_thought("f", "c"))
    again = ThoughtGraph.replay(graph.changes)
    assert again == graph
    assert again.changes == graph.changes
    assert again.live("f") is graph.live("f") is True


@pytest.mark.parametrize("change", ["thought", "prune", "merge", "expand"])
def test_graphs_that_differ_in_anything_are_unequal(change: str) -> None:
    graph = _diamond()
    match change:
        case "thought":
            graph.add(_thought("f", "a"))
        case "prune":
            graph.prune("a", "unsafe")
        case "merge":
            graph.merge("a", "b")
        case "expand":
            graph.expanded("a")
    assert graph != _diamond()
    assert graph != "a graph"
