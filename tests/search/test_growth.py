"""The memo of folds: quick where it matches the journal, and never trusted where it does not."""

from ecoalign_agent import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Change, Expanded, Pruned, Thought
from ecoalign_agent.search.state import Growth, Recent, growth_of

ROOT = Thought("root", "root", "a door", (), 0.9, 0.0, 140.0)
ONE = Thought("t1", "reason", "nine to five", ("root",), 0.9, 0.5, 280.0)
TWO = Thought("t2", "answer", "from 9 to 5", ("t1",), 0.9, 0.9, 280.0)
JOURNAL: list[Change] = [ROOT, Expanded("root"), ONE]


def folded(memo: Recent[Growth], journal: list[Change], budget: float = 1000.0) -> Growth:
    return growth_of(memo, "x", journal, budget, Policy())


def same(growth: Growth, journal: list[Change]) -> bool:
    return growth.graph == ThoughtGraph.replay(journal) and growth.graph.changes == journal


def test_a_fold_that_matches_is_used_again_and_catches_up() -> None:
    memo: Recent[Growth] = Recent()
    first = memo.keep("x", folded(memo, list(JOURNAL)))
    again = folded(memo, [*JOURNAL, TWO, Pruned("t2", "unsafe")])
    assert again is first
    assert same(again, [*JOURNAL, TWO, Pruned("t2", "unsafe")])
    assert again.frontier.tip_paths() == []
    assert again.unstored() == []


def test_what_a_node_adds_is_handed_out_once() -> None:
    growth = folded(Recent(), list(JOURNAL))
    growth.graph.add(TWO)
    assert growth.unstored() == [TWO]
    assert growth.unstored() == []
    assert growth.matches([*JOURNAL, TWO])


def test_a_fold_is_its_takers_alone() -> None:
    memo: Recent[Growth] = Recent()
    first = memo.keep("x", folded(memo, list(JOURNAL)))
    assert folded(memo, list(JOURNAL)) is first
    assert folded(memo, list(JOURNAL)) is not first


def test_what_was_never_stored_is_not_built_upon() -> None:
    # The node that added it failed: its state was never written.
    memo: Recent[Growth] = Recent()
    growth = memo.keep("x", folded(memo, list(JOURNAL)))
    growth.graph.add(TWO)
    again = folded(memo, list(JOURNAL))
    assert again is not growth
    assert same(again, list(JOURNAL))


def test_another_branch_of_a_checkpoint_is_folded_anew() -> None:
    memo: Recent[Growth] = Recent()
    memo.keep("x", folded(memo, [*JOURNAL, TWO]))
    other = Thought("t2", "answer", "something else", ("t1",), 0.5, 0.5, 100.0)
    assert same(folded(memo, [*JOURNAL, other]), [*JOURNAL, other])
    memo.keep("x", folded(memo, [*JOURNAL, TWO]))
    assert same(folded(memo, list(JOURNAL)), list(JOURNAL))


def test_a_tighter_budget_reaches_the_labels() -> None:
    memo: Recent[Growth] = Recent()
    memo.keep("x", folded(memo, [*JOURNAL, TWO], 1000.0))
    # The path costs 280 + 280.
    assert folded(memo, [*JOURNAL, TWO], 500.0).frontier.tip_paths() == []


def test_the_least_recently_used_run_goes_first() -> None:
    memo: Recent[int] = Recent(most=2)
    memo.keep("a", 1)
    memo.keep("b", 2)
    assert memo.get("a") == 1
    memo.keep("c", 3)
    assert (memo.get("a"), memo.get("b"), memo.get("c")) == (1, None, 3)
    memo.forget("a")
    memo.forget("nobody")
    assert memo.take("a") is None
    assert (memo.take("c"), memo.get("c")) == (3, None)
