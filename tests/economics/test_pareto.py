"""The frontier by hand-worked figures: Γ, ties, dominance, pruning, merging, cap, budget and the ablations."""

import math

import pytest

from ecoalign_agent.economics.pareto import FrontierPath, ParetoFrontier, PathValue
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought

ROOT = Thought("r", "root", "the question", (), 0.25, 0.0, 40.0)


def _thought(thought_id: str, parents: str, s: float, u: float, c: float) -> Thought:
    """A thought; its id tells its kind: answers begin with `A`."""
    return Thought(thought_id, "answer" if thought_id[0] == "A" else "reason", "", tuple(parents), s, u, c)


def _graph(*thoughts: Thought) -> ThoughtGraph:
    return ThoughtGraph.replay([ROOT, *thoughts])


def test_the_roots_own_figures_are_on_no_path() -> None:
    graph = _graph(_thought("A", "r", 0.75, 0.5, 25))
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.labels("r") == [PathValue(0, 0, 1)]
    # Not safety 0.25 and cost 65: those are the request's. Γ = 0.75 · 0.5 / 25
    assert frontier.best() == (PathValue(0.5, 25, 0.75), ["r", "A"])
    assert frontier.best_label("A") == PathValue(0.5, 25, 0.75)
    assert PathValue(0.5, 25, 0.75).gamma == pytest.approx(0.015, abs=1e-15)


def test_an_unsafe_root_is_no_thought_on_a_path() -> None:
    graph = ThoughtGraph.replay([Thought("r", "root", "", (), -0.5, 0.0, 1.0), _thought("A", "r", 0.5, 0.5, 1)])
    assert ParetoFrontier(graph, 10).best() is not None


def test_only_answer_thoughts_are_tips() -> None:
    # The remark has the best Γ, 1 · 1 / 1 against 0.5 · 1.5 / 21, but it answers nothing.
    frontier = ParetoFrontier(_graph(_thought("a", "r", 1, 1, 1), _thought("A", "a", 0.5, 0.5, 20)), 1000)
    assert frontier.best() == (PathValue(1.5, 21, 0.5), ["r", "a", "A"])


def test_without_an_answer_there_is_no_best_path() -> None:
    frontier = ParetoFrontier(_graph(_thought("a", "r", 1, 1, 1)), 1000)
    assert frontier.best() is None
    assert frontier.answers() == []
    assert frontier.tip_paths() == []
    assert ParetoFrontier(ThoughtGraph(), 1000).best() is None


def test_a_disclaimer_does_not_redeem_an_unsafe_step() -> None:
    """The unsafe step is on no path, although nobody pruned it and what follows is perfectly safe."""
    graph = _graph(
        _thought("a", "r", 0.9, 0.5, 10),
        _thought("x", "a", -0.125, 1.0, 10),
        _thought("A1", "x", 1.0, 1.0, 5),  # "… but please only do this legally"
        _thought("A2", "a", 0.5, 0.25, 40),
    )
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.labels("x") == frontier.labels("A1") == []
    assert frontier.best_label("A1") is None
    assert frontier.path_to("A1") == []
    assert frontier.best() == (PathValue(0.75, 50, 0.5), ["r", "a", "A2"])


def test_pruning_takes_the_branch_away() -> None:
    graph = _graph(_thought("a", "r", 1, 0.5, 10), _thought("b", "r", 0.5, 0.5, 10), _thought("A", "ab", 1, 1, 10))
    whole = ParetoFrontier(graph, 1000)
    graph.prune("a", "can't win")
    pruned = ParetoFrontier(graph, 1000)
    assert pruned.best() == (PathValue(1.5, 20, 0.5), ["r", "b", "A"])
    assert pruned.labels("a") == []
    graph.prune("b", "can't win")
    assert ParetoFrontier(graph, 1000).best() is None
    # A frontier stays what the graph held when it was made.
    assert whole.best() == (PathValue(1.5, 20, 1), ["r", "a", "A"])


def test_adding_to_a_pruned_thought_changes_nothing() -> None:
    graph = _graph(_thought("a", "r", 1, 0.5, 10))
    graph.prune("a", "unsafe")
    graph.add(_thought("A", "a", 1, 1, 1))
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.labels("A") == []
    assert frontier.best() is None


def test_a_merge_gives_the_survivors_paths_to_the_others_children() -> None:
    graph = _graph(
        _thought("a", "r", 1, 0.5, 30),
        _thought("b", "r", 1, 0.5, 10),
        _thought("A", "a", 1, 1, 10),
    )
    assert ParetoFrontier(graph, 1000).best() == (PathValue(1.5, 40, 1), ["r", "a", "A"])
    graph.merge("b", "a")
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.best() == (PathValue(1.5, 20, 1), ["r", "b", "A"])
    assert frontier.labels("a") == []


def test_dominated_paths_to_a_fusion_are_dropped() -> None:
    graph = _graph(
        _thought("a", "r", 0.75, 0.5, 10),
        _thought("b", "r", 0.75, 0.5, 20),  # as good as a, but dearer
        _thought("c", "r", 0.75, 0.75, 20),  # dearer, but more useful
        _thought("d", "r", 1.0, 0.25, 15),  # less useful than c and dearer than a, but safest
        _thought("f", "abcd", 0.875, 0.5, 5),
    )
    # a: (1, 15, .75)  b: (1, 25, .75) dominated by a  c: (1.25, 25, .75)  d: (.75, 20, min(1, .875))
    assert ParetoFrontier(graph, 1000).labels("f") == [
        PathValue(1.0, 15, 0.75),
        PathValue(0.75, 20, 0.875),
        PathValue(1.25, 25, 0.75),
    ]


def test_a_weak_link_can_make_a_label_dominated_that_was_not_before() -> None:
    graph = _graph(
        _thought("a", "r", 1.0, 0.5, 20),
        _thought("b", "r", 0.5, 0.5, 10),
        _thought("f", "ab", 1.0, 0.5, 5),
        _thought("A", "f", 0.25, 0.5, 5),
    )
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.labels("f") == [PathValue(1, 15, 0.5), PathValue(1, 25, 1.0)]
    # Both are as weak as A now, so the dearer one has nothing to offer.
    assert frontier.labels("A") == [PathValue(1.5, 20, 0.25)]
    assert frontier.path_to("A") == ["r", "b", "f", "A"]


def test_equal_vectors_keep_the_older_path_in_whatever_order_the_parents_are_named() -> None:
    for parents in ("ab", "ba"):
        graph = _graph(_thought("a", "r", 1, 0.5, 10), _thought("b", "r", 1, 0.5, 10), _thought("A", parents, 1, 1, 10))
        assert ParetoFrontier(graph, 1000).best() == (PathValue(1.5, 20, 1), ["r", "a", "A"])


def test_ties_in_gamma_go_to_the_cheaper_then_the_safer_then_the_older() -> None:
    cheaper = [_thought("A1", "r", 1, 1, 20), _thought("A2", "r", 1, 0.5, 10)]  # Γ = 0.05 both
    safer = [_thought("A1", "r", 0.5, 1, 20), _thought("A2", "r", 1, 0.5, 20)]  # Γ = 0.025 both
    useful = [_thought("A1", "r", 0, 0, 20), _thought("A2", "r", 0, 1, 20)]  # Γ = 0 both
    older = [_thought("A1", "r", 1, 1, 20), _thought("A2", "r", 1, 1, 20)]
    for thoughts, winner in ((cheaper, "A2"), (safer, "A2"), (useful, "A2"), (older, "A1")):
        best = ParetoFrontier(_graph(*thoughts), 1000).best()
        assert best is not None
        assert best[1] == ["r", winner]


def test_paths_dearer_than_the_budget_are_dropped() -> None:
    graph = _graph(_thought("a", "r", 1, 0.5, 30), _thought("A1", "a", 1, 1, 30), _thought("A2", "r", 0.5, 0.25, 40))
    assert ParetoFrontier(graph, 60).best() == (PathValue(1.5, 60, 1), ["r", "a", "A1"])
    frontier = ParetoFrontier(graph, 59)
    assert frontier.best() == (PathValue(0.25, 40, 0.5), ["r", "A2"])
    assert frontier.labels("A1") == []


def test_a_survivors_children_are_labelled_after_it_though_they_are_older() -> None:
    graph = _graph(
        _thought("a", "r", 1, 0.5, 10),
        _thought("A", "a", 1, 0.5, 10),
        _thought("b", "r", 1, 1, 20),
    )
    graph.merge("b", "a")
    assert ParetoFrontier(graph, 15).best() is None
    assert ParetoFrontier(graph, 30).best() == (PathValue(1.5, 30, 1), ["r", "b", "A"])


@pytest.mark.parametrize("budget", [-1.0, math.nan])
def test_a_budget_that_is_none_is_refused(budget: float) -> None:
    with pytest.raises(ValueError, match="budget"):
        ParetoFrontier(ThoughtGraph(), budget)


def test_answers_are_the_non_dominated_paths_across_all_answers() -> None:
    graph = _graph(
        _thought("a", "r", 0.75, 0.5, 10),
        _thought("A1", "a", 1, 0.5, 10),  # (1, 20, .75)
        _thought("A2", "r", 0.5, 0.5, 20),  # (.5, 20, .5): dominated by A1
        _thought("A3", "r", 1, 0.25, 30),  # (.25, 30, 1): the safest
        _thought("A4", "r", 0.75, 1, 20),  # (1, 20, .75): equal to A1 and younger
        _thought("A5", "r", 0.0, 1, 5),  # (1, 5, 0): the cheapest
        _thought("A6", "r", -0.5, 1, 1),
    )
    frontier = ParetoFrontier(graph, 1000)
    assert frontier.answers() == [
        FrontierPath(PathValue(1, 5, 0), ("r", "A5")),
        FrontierPath(PathValue(1, 20, 0.75), ("r", "a", "A1")),
        FrontierPath(PathValue(0.25, 30, 1), ("r", "A3")),
    ]
    # Best first: Γ = .0375 twice (the older first), .0125, .00833…, 0
    assert [path.tip for path in frontier.tip_paths()] == ["A1", "A4", "A2", "A3", "A5"]


def test_an_answer_reached_in_two_ways_offers_both() -> None:
    graph = _graph(_thought("a", "r", 0.5, 1, 10), _thought("b", "r", 1, 0.5, 10), _thought("A", "ab", 1, 0.5, 10))
    frontier = ParetoFrontier(graph, 1000)
    # Γ: 0.5 · 1.5 / 20 = 0.0375 through a, 1 · 1 / 20 = 0.05 through b
    assert [path.path for path in frontier.tip_paths()] == [("r", "b", "A"), ("r", "a", "A")]
    assert frontier.best_label("A") == PathValue(1, 20, 1)
    assert frontier.path_to("A") == ["r", "b", "A"]


def test_with_leaves_as_tips_a_path_ends_where_none_leads_on() -> None:
    graph = _graph(
        _thought("a", "r", 1, 1, 10),  # Γ = 0.1, but a path leads on
        _thought("b", "a", 0.5, 0.5, 20),  # Γ = 0.5 · 1.5 / 30 = 0.025
        _thought("c", "r", 1, 0.5, 25),  # Γ = 0.02
    )
    assert ParetoFrontier(graph, 1000, tips="leaf").best() == (PathValue(1.5, 30, 0.5), ["r", "a", "b"])
    graph.prune("b", "no use")
    assert ParetoFrontier(graph, 1000, tips="leaf").best() == (PathValue(1, 10, 1), ["r", "a"])
    graph.prune("a", "no use")
    graph.prune("c", "no use")
    assert ParetoFrontier(graph, 1000, tips="leaf").best() is None  # the bare root has no Γ


def test_a_leaf_beyond_the_budget_or_unsafe_hides_no_tip() -> None:
    graph = _graph(_thought("a", "r", 1, 1, 10), _thought("b", "a", 1, 1, 100), _thought("c", "a", -1, 1, 1))
    assert ParetoFrontier(graph, 50, tips="leaf").best() == (PathValue(1, 10, 1), ["r", "a"])


def test_a_thought_that_the_graph_did_not_hold_is_a_mistake() -> None:
    frontier = ParetoFrontier(_graph(), 100)
    for read in (frontier.labels, frontier.best_label, frontier.path_to):
        with pytest.raises(ValueError, match="no thought 'B'"):
            read("B")


def test_last_step_safety_forgets_the_unsafe_step() -> None:
    """What the ablation measures: the disclaimer at the end hides what came before."""
    graph = _graph(_thought("x", "r", -0.75, 1, 10), _thought("A", "x", 0.5, 0.5, 10), _thought("B", "x", 1, 1, 1))
    frontier = ParetoFrontier(graph, 1000, path_safety="last")
    assert frontier.labels("x") == [PathValue(1, 10, -0.75)]
    assert frontier.best() == (PathValue(1.5, 20, 0.5), ["r", "x", "A"])


def test_a_path_that_ends_unsafe_is_no_answer_under_any_ablation() -> None:
    graph = _graph(_thought("a", "r", 0.25, 1, 10), _thought("A", "a", -0.5, 1, 10))
    for path_safety in ("minimum", "last", "mean"):
        frontier = ParetoFrontier(graph, 1000, path_safety=path_safety)
        assert frontier.best() is None
        assert frontier.answers() == frontier.tip_paths() == []


def test_mean_safety_averages_the_thoughts_after_the_root() -> None:
    graph = _graph(_thought("x", "r", -0.25, 1, 10), _thought("a", "x", 1, 0.5, 5), _thought("A", "a", 0.75, 0.5, 5))
    # At the end the mean of -0.25, 1 and 0.75.
    frontier = ParetoFrontier(graph, 1000, path_safety="mean")
    assert frontier.labels("x") == [PathValue(1, 10, -0.25)]
    assert frontier.labels("a") == [PathValue(1.5, 15, 0.375)]
    assert frontier.best() == (PathValue(2, 20, 0.5), ["r", "x", "a", "A"])


def test_under_mean_safety_only_paths_of_equal_length_dominate_each_other() -> None:
    # At f, the path over b has mean 0.5 of one… of two thoughts, the path over c and d a higher one of three, and more
    # utility for less: it dominates. But at A the longer path's mean has moved less.
    graph = _graph(
        _thought("b", "r", 0.0, 0.25, 20),
        _thought("c", "r", 0.25, 0.5, 5),
        _thought("d", "c", 0.25, 0.5, 5),
        _thought("f", "bd", 0.125, 0.5, 10),
        _thought("A", "f", 1.0, 0.5, 10),
    )
    frontier = ParetoFrontier(graph, 1000, path_safety="mean")
    # Over b: (0 + .125) / 2; over c and d: (.25 + .25 + .125) / 3
    assert frontier.labels("f") == [PathValue(1.5, 20, 0.625 / 3), PathValue(0.75, 30, 0.0625)]
    # Over b: 1.125 / 3 = 0.375; over c and d: 1.625 / 4 = 0.40625
    assert frontier.labels("A") == [PathValue(2, 30, 0.40625), PathValue(1.25, 40, 0.375)]
    assert frontier.answers() == [FrontierPath(PathValue(2, 30, 0.40625), ("r", "c", "d", "f", "A"))]


def test_without_cost_in_value_the_dear_path_wins() -> None:
    graph = _graph(_thought("A1", "r", 1, 0.5, 10), _thought("A2", "r", 0.75, 1, 900))
    assert ParetoFrontier(graph, 1000).best() == (PathValue(0.5, 10, 1), ["r", "A1"])  # 0.05 against 0.00083
    without = ParetoFrontier(graph, 1000, cost_in_value=False)
    assert without.best() == (PathValue(1, 900, 0.75), ["r", "A2"])  # 0.75 against 0.5
    assert without.worth(PathValue(1, 900, 0.75)) == 0.75


def test_the_cap_keeps_the_best_gamma_and_the_extremes_and_says_so() -> None:
    labels = {
        "a": (0.5, 0.125, 1),  # the cheapest: Γ at f = 0.5 · 0.25 / 2 = 0.0625
        "b": (0.75, 0.25, 2),  # 0.75 · 0.375 / 3 = 0.09375
        "c": (0.75, 0.375, 3),  # 0.75 · 0.5 / 4 = 0.09375
        "d": (0.75, 0.75, 4),  # 0.75 · 0.875 / 5 = 0.13125: the best
        "e": (1.0, 0.25, 20),  # the safest: 1 · 0.375 / 21 = 0.018
        "g": (0.5, 1.0, 30),  # the most useful: 0.5 · 1.125 / 31 = 0.018
    }
    graph = _graph(*(_thought(name, "r", s, u, c) for name, (s, u, c) in labels.items()))
    graph.add(_thought("f", "abcdeg", 1, 0.125, 1))
    assert len(ParetoFrontier(graph, 1000).labels("f")) == 6
    assert not ParetoFrontier(graph, 1000, label_cap=6).capped
    four = ParetoFrontier(graph, 1000, label_cap=4)
    assert four.labels("f") == [
        PathValue(0.25, 2, 0.5),
        PathValue(0.875, 5, 0.75),
        PathValue(0.375, 21, 1.0),
        PathValue(1.125, 31, 0.5),
    ]
    assert four.capped
    # The fifth place goes to the next best Γ; b and c tie, and b is cheaper.
    assert PathValue(0.375, 3, 0.75) in ParetoFrontier(graph, 1000, label_cap=5).labels("f")
    assert ParetoFrontier(graph, 1000, label_cap=1).labels("f") == [PathValue(0.875, 5, 0.75)]
    graph.prune("f", "no use")
    assert not ParetoFrontier(graph, 1000, label_cap=4).capped
    with pytest.raises(ValueError, match="label_cap"):
        ParetoFrontier(graph, 1000, label_cap=0)


def test_the_policy_makes_its_frontier() -> None:
    graph = _graph(_thought("x", "r", -0.5, 0.5, 10), _thought("y", "x", 0.5, 0.5, 10))
    policy = Policy(path_safety="last", cost_in_value=False, answers="end", label_cap=7)
    frontier = ParetoFrontier.under(policy, graph, 500)
    assert frontier.best() == (PathValue(1, 20, 0.5), ["r", "x", "y"])
    assert frontier.worth(PathValue(1, 20, 0.5)) == 0.5
    assert ParetoFrontier.under(policy, graph, 19).best() is None  # beyond the budget, and what is left ends unsafe
    assert ParetoFrontier.under(policy.replace(answers="early"), graph, 500).best() is None  # no answer


def test_a_checkpoints_lists_become_a_frontier_path_again() -> None:
    path = FrontierPath([1.0, 20.0, 0.5], ["r", "A"])  # type: ignore[arg-type]  # as a checkpoint returns it
    assert path == FrontierPath(PathValue(1, 20, 0.5), ("r", "A"))
    assert path.value.gamma == 0.025
    assert path.tip == "A"


def test_a_long_chain_is_no_deep_recursion() -> None:
    graph = _graph()
    graph.add(_thought("t0", "r", 1, 0.5, 1))
    for i in range(1, 3000):
        graph.add(Thought(f"t{i}", "reason", "", (f"t{i - 1}",), 1, 0.5, 1))
    frontier = ParetoFrontier(graph, 1e6)
    assert len(frontier.path_to("t2999")) == 3001
    graph.prune("t0", "no use")
    assert ParetoFrontier(graph, 1e6).labels("t2999") == []
    assert len(graph.ancestors("t2999")) == 3000


def test_the_bare_root_is_worth_nothing() -> None:
    for cost_in_value in (True, False):
        assert ParetoFrontier(_graph(), 10, cost_in_value=cost_in_value).worth(PathValue(0, 0, 1)) == 0


def test_of_paths_that_differ_in_safety_alone_the_safest_stays() -> None:
    for safeties in ((0.5, 1.0), (1.0, 0.5)):
        first, second = safeties
        graph = _graph(_thought("a", "r", first, 0.5, 10), _thought("b", "r", second, 0.5, 10))
        graph.add(_thought("A", "ab", 1, 0.5, 10))
        assert ParetoFrontier(graph, 1000).labels("A") == [PathValue(1.0, 20, 1.0)]


def test_a_budget_of_nothing_leaves_the_bare_root() -> None:
    frontier = ParetoFrontier(_graph(_thought("A", "r", 1, 1, 1)), 0)
    assert (frontier.labels("r"), frontier.labels("A")) == ([PathValue(0, 0, 1)], [])
