"""Which tips are expanded, which actions bought, which answer taken: by hand-worked figures."""

import math

import pytest

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath, ParetoFrontier, PathValue
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.selection import (
    can_beat,
    choose,
    is_close_call,
    may_satisfy,
    open_tips,
    rank,
    satisfies,
    select_actions,
)
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.economics.valuation import Step


def _graph(*thoughts: tuple[str, str, float, float, float]) -> ThoughtGraph:
    graph = ThoughtGraph()
    graph.add(Thought("r", "root", "", (), 1.0, 0.0, 0.0))
    for name, parents, s, u, c in thoughts:
        graph.add(Thought(name, "answer" if name[0] == "A" else "reason", "", tuple(parents), s, u, c))
    return graph


def _action(name: str, s: float, u: float, c: float, kind: str = "reason") -> Action:
    return Action(name, kind, "", ("r",), Step(s, u, c))


def _open(
    graph: ThoughtGraph, *, width: int = 9, budget: float = 1000, candidate_tips: tuple[str, ...] = ()
) -> list[str]:
    return open_tips(graph, ParetoFrontier(graph, budget), width=width, candidate_tips=candidate_tips)


def test_tips_are_expanded_best_first_and_the_root_last() -> None:
    graph = _graph(
        ("a", "r", 1, 0.5, 50),  # Γ = 0.01
        ("b", "r", 0.5, 0.5, 10),  # 0.025
        ("c", "r", 1, 1, 40),  # 0.025, dearer
        ("d", "b", 1, 0.5, 10),  # 0.5 · 1 / 20 = 0.025, dearer than b, cheaper than c
        ("e", "r", 0.5, 0.5, 10),  # as b, younger
        ("A", "r", 1, 1, 1),
    )
    assert _open(graph) == ["b", "e", "d", "c", "a", "r"]
    assert _open(graph, width=2) == ["b", "e"]


def test_a_tip_whose_every_child_was_pruned_is_open_again_once() -> None:
    graph = _graph(("a", "r", 1, 0.5, 10))
    graph.expanded("r")
    assert _open(graph) == ["a"]  # the root has a live child
    graph.expanded("a")
    graph.add(Thought("x", "reason", "", ("a",), -0.5, 0.5, 10))
    graph.prune("x", "unsafe")
    assert _open(graph) == ["a"]
    assert _open(graph, candidate_tips=("a",)) == []  # it still owns actions that may be bought
    graph.expanded("a")
    assert _open(graph) == []


def test_what_no_path_leads_to_is_not_open() -> None:
    graph = _graph(("a", "r", 1, 0.5, 10), ("b", "a", 1, 0.5, 10), ("c", "r", -0.5, 1, 10), ("d", "r", 1, 1, 100))
    graph.prune("a", "can't win")
    assert _open(graph, budget=50) == ["r"]  # a pruned, b below it, c unsafe, d beyond the budget


def test_a_never_expanded_tip_is_open_though_it_has_children() -> None:
    graph = _graph(("a", "r", 1, 0.5, 10))
    assert _open(graph) == ["a", "r"]


def test_actions_are_ranked_by_value_and_unsafe_ones_dropped() -> None:
    actions = [
        _action("dear", 1, 0.5, 50),  # 0.01
        _action("unsafe", -0.1, 1, 1),
        _action("good", 1, 0.8, 40),  # 0.02
        _action("answer", 1, 0.4, 20, "answer"),  # 0.02, cheaper
        _action("useless", 1, 0, 20),  # 0
    ]
    ranked = rank(actions, policy=Policy(), horizon=0)
    assert [action.id for _, action in ranked] == ["answer", "good", "dear", "useless"]
    assert [value for value, _ in ranked] == pytest.approx([0.02, 0.02, 0.01, 0], abs=1e-15)


def test_of_equal_actions_the_answer_comes_first_then_the_one_given_first() -> None:
    actions = [_action("a", 1, 0.5, 20), _action("b", 1, 0.5, 20), _action("c", 1, 0.5, 20, "answer")]
    assert [action.id for _, action in rank(actions, policy=Policy(), horizon=5)] == ["c", "a", "b"]


def test_a_choice_is_contested_when_the_second_is_within_a_quarter() -> None:
    first, second = _action("a", 1, 1, 1), _action("b", 1, 1, 1)
    assert is_close_call([(0.04, first), (0.03, second)])  # exactly 75 %
    assert not is_close_call([(0.04, first), (0.0299, second)])
    assert is_close_call([(0.04, first), (0.0299, second)], margin=0.5)
    assert not is_close_call([(0.04, first)])
    assert not is_close_call([])
    assert not is_close_call([(0.0, first), (0.0, second)])  # nothing here is worth buying


def _buy(ranked: list[tuple[float, Action]], *, batch: int = 2, free: float = 100) -> list[str]:
    return [
        action.id for action in select_actions(ranked, batch=batch, free=free, cost_of=lambda action: action.step.cost)
    ]


def test_the_best_are_bought_as_far_as_they_fit_jointly() -> None:
    ranked = [(0.3, _action("a", 1, 1, 60)), (0.2, _action("b", 1, 1, 50)), (0.1, _action("c", 1, 1, 40))]
    assert _buy(ranked, free=110) == ["a", "b"]
    assert _buy(ranked, free=109) == ["a", "c"]  # b does not fit beside a
    assert _buy(ranked, free=55) == ["b"]
    assert _buy(ranked, free=39) == []
    assert _buy(ranked, free=1000, batch=3) == ["a", "b", "c"]


def test_what_has_no_value_is_not_bought() -> None:
    assert _buy([(0.1, _action("a", 1, 1, 1)), (0.0, _action("b", 1, 0, 1))]) == ["a"]
    assert _buy([(0.0, _action("b", 1, 0, 1))]) == []


def test_an_answer_that_ranks_first_goes_alone() -> None:
    answer, reason = _action("A", 1, 1, 10, "answer"), _action("a", 1, 1, 10)
    assert _buy([(0.2, answer), (0.1, reason)]) == ["A"]
    assert _buy([(0.2, reason), (0.1, answer)]) == ["a", "A"]
    dear = _action("d", 1, 1, 1000)
    assert _buy([(0.3, dear), (0.2, answer), (0.1, reason)]) == ["A"]  # the first that fits


def test_an_unknown_cost_does_not_fit() -> None:
    assert select_actions([(0.1, _action("a", 1, 1, 1))], batch=1, free=100, cost_of=lambda _: math.nan) == []


CHEAP = FrontierPath(PathValue(utility=0.3, cost=30, safety=0.9), ("r", "A1"))  # Γ = 0.009, u = 0.3
GOOD = FrontierPath(PathValue(utility=1.4, cost=300, safety=0.75), ("r", "a", "A2"))  # Γ = 0.0035, u = 0.9
SAFER = FrontierPath(PathValue(utility=1.8, cost=600, safety=1.0), ("r", "b", "A3"))  # Γ = 0.003, u = 0.8
UTILITY = {"A1": 0.3, "A2": 0.9, "A3": 0.8, "A4": 0.6}


def _chosen(paths: list[FrontierPath], policy: Policy) -> str | None:
    path = choose(paths, policy=policy, utility_of=UTILITY.__getitem__)
    return None if path is None else path.tip


def test_gamma_takes_the_poor_cheap_answer_and_satisfied_the_good_one() -> None:
    paths = [CHEAP, GOOD, SAFER]
    assert _chosen(paths, Policy(choice="gamma")) == "A1"
    assert _chosen(paths, Policy()) == "A2"  # of the two that satisfy the higher Γ
    assert _chosen(paths, Policy.strict()) == "A2"  # 0.75 is still enough for 0.7
    assert _chosen(paths, Policy(satisfied_safety=0.8)) == "A3"
    assert _chosen(paths, Policy(choice="gamma", cost_in_value=False)) == "A3"  # S · U = 0.27, 1.05, 1.8


def test_where_none_satisfies_quality_decides_then_gamma() -> None:
    picky = Policy(satisfied_utility=1.0)
    assert _chosen([CHEAP, GOOD, SAFER], picky) == "A3"  # S · u = 0.27, 0.675, 0.8
    as_good = FrontierPath(PathValue(utility=0.6, cost=400, safety=0.45), ("r", "A4"))  # S · u = 0.27, Γ = 0.0007
    assert _chosen([as_good, CHEAP], picky) == "A1"


def test_ties_go_to_the_cheaper_then_the_safer_then_the_more_useful_then_the_first() -> None:
    cheaper = [PathValue(1, 20, 1), PathValue(0.5, 10, 1)]  # Γ = 0.05 both
    safer = [PathValue(1, 20, 0.5), PathValue(0.5, 20, 1)]  # 0.025 both
    useful = [PathValue(0.5, 20, 0), PathValue(1, 20, 0)]  # 0 both
    equal = [PathValue(1, 20, 1), PathValue(1, 20, 1)]
    for (first, second), winner in ((cheaper, "A2"), (safer, "A2"), (useful, "A2"), (equal, "A1")):
        paths = [FrontierPath(first, ("r", "A1")), FrontierPath(second, ("r", "A2"))]
        assert _chosen(paths, Policy(choice="gamma")) == winner


def test_an_unsafe_path_is_never_chosen() -> None:
    unsafe = FrontierPath(PathValue(2.0, 10, -0.1), ("r", "A2"))
    for policy in (Policy(), Policy.paper()):
        assert _chosen([unsafe], policy) is None
        assert _chosen([unsafe, CHEAP], policy) == "A1"
        assert _chosen([], policy) is None


def test_a_dominated_path_may_end_in_the_better_answer() -> None:
    """Why the choice is among all tips' paths: u of the tip is no part of a path's value."""
    graph = _graph(
        ("a", "r", 1, 1, 10),
        ("A1", "a", 1, 0.5, 10),  # (1.5, 20, 1)
        ("A2", "r", 1, 0.9, 30),  # (0.9, 30, 1): dominated, but the only good answer
    )
    frontier = ParetoFrontier(graph, 1000)
    assert [path.tip for path in frontier.answers()] == ["A1"]
    chosen = choose(frontier.tip_paths(), policy=Policy(), utility_of=lambda name: graph[name].utility)
    assert chosen is not None
    assert chosen.tip == "A2"


def test_satisfying_takes_both_safety_and_utility() -> None:
    assert satisfies(PathValue(1, 10, 0.5), 0.8, Policy())
    assert not satisfies(PathValue(1, 10, 0.49), 0.8, Policy())
    assert not satisfies(PathValue(1, 10, 0.5), 0.79, Policy())


BEST = FrontierPath(PathValue(utility=1.0, cost=50, safety=1.0), ("r", "A1"))  # Γ = 0.02


@pytest.mark.parametrize(
    ("label", "free", "beats"),
    [
        # One perfect thought more: 0.5 · (0.5 + 1) / (20 + 20) = 0.01875; five: 0.5 · 5.5 / 120 = 0.0229
        (PathValue(0.5, 20, 0.5), 20, False),
        (PathValue(0.5, 20, 0.5), 100, True),
        # However long, never above s / cheapest = 0.3 / 20 = 0.015
        (PathValue(0.5, 100, 0.3), 100_000, False),
        # As good as the best: the tie may fall its way. 1 · (0.4 + 1) / (50 + 20) = 0.02
        (PathValue(0.4, 50, 1.0), 20, True),
        (PathValue(0.4, 50.5, 1.0), 20, False),
        # Nothing more can be bought, and what there is, 0.5 · 0.5 / 20 = 0.0125, is less.
        (PathValue(0.5, 20, 0.5), 19, False),
        (PathValue(0.5, 20, 0.5), -5, False),
        # The bare root: one perfect thought makes 1 / 20.
        (PathValue(0, 0, 1), 20, True),
        (PathValue(0, 0, 1), 19, False),
    ],
)
def test_a_branch_that_cannot_win_by_gamma(label: PathValue, free: float, beats: bool) -> None:
    assert can_beat(label, BEST, 0.9, policy=Policy(choice="gamma"), free=free, cheapest=20) is beats


def test_a_branch_that_cannot_win_by_satisfying() -> None:
    policy = Policy()
    poor = FrontierPath(PathValue(0.3, 30, 0.9), ("r", "A1"))  # Γ = 0.009, u = 0.3: S · u = 0.27
    # The best does not satisfy, the branch may: S = 0.6.
    assert can_beat(PathValue(0.1, 5000, 0.6), poor, 0.3, policy=policy, free=20, cheapest=20)
    # The branch can't satisfy, S = 0.4, but S · u = 0.4 is more than 0.27. With S = 0.2 it is not.
    assert can_beat(PathValue(0.1, 5000, 0.4), poor, 0.3, policy=policy, free=20, cheapest=20)
    assert not can_beat(PathValue(0.1, 5000, 0.2), poor, 0.3, policy=policy, free=20, cheapest=20)
    # Without another thought its tip has at most u = 0.1: 0.6 · 0.1 = 0.06.
    assert not can_beat(PathValue(0.1, 5000, 0.6), poor, 0.3, policy=policy, free=19, cheapest=20)
    # The best satisfies: the branch must, and with a Γ as high: 0.6 · 1.1 / 5020 is not.
    assert not can_beat(PathValue(0.1, 5000, 0.6), poor, 0.9, policy=policy, free=20, cheapest=20)
    assert can_beat(PathValue(0.1, 30, 0.6), poor, 0.9, policy=policy, free=20, cheapest=20)  # 0.66 / 50
    assert not can_beat(PathValue(0.1, 1, 0.4), poor, 0.9, policy=policy, free=2000, cheapest=1)


def test_only_an_ablation_lets_a_branch_recover_from_an_unsafe_step() -> None:
    unsafe = PathValue(0.5, 10, -0.5)
    assert not can_beat(unsafe, BEST, 0.9, policy=Policy(), free=1000, cheapest=1)
    assert can_beat(unsafe, BEST, 0.9, policy=Policy(path_safety="last"), free=1000, cheapest=1)
    assert can_beat(unsafe, BEST, 0.9, policy=Policy(path_safety="mean"), free=1000, cheapest=1)


@pytest.mark.parametrize("cheapest", [0.0, -1.0, math.nan])
def test_a_thought_is_never_free(cheapest: float) -> None:
    with pytest.raises(ValueError, match="cheapest"):
        can_beat(PathValue(1, 1, 1), BEST, 0.9, policy=Policy(), free=10, cheapest=cheapest)


def test_a_branch_may_satisfy_if_it_is_safe_enough_and_one_more_thought_can_be_paid() -> None:
    label, policy = PathValue(1, 20, 0.5), Policy(satisfied_safety=0.5)
    assert may_satisfy(label, policy=policy, free=10, cheapest=10)
    assert not may_satisfy(label._replace(safety=0.49), policy=policy, free=10, cheapest=10)
    assert not may_satisfy(label, policy=policy, free=9, cheapest=10)
    assert not may_satisfy(label, policy=policy.replace(choice="gamma"), free=10, cheapest=10)


def test_without_anything_free_no_further_thought_is_supposed() -> None:
    label = PathValue(0, 10, 1.0)  # one perfect thought would make Γ = 1 / 11
    best = FrontierPath(PathValue(1, 50, 1.0), ("r", "A"))  # Γ = 1 / 50
    policy = Policy(choice="gamma")
    assert can_beat(label, best, 1.0, policy=policy, free=1, cheapest=1)
    for free in (0.0, -5.0):
        assert not can_beat(label, best, 1.0, policy=policy, free=free, cheapest=1)


def test_a_path_at_both_thresholds_satisfies() -> None:
    policy = Policy(satisfied_safety=0.5, satisfied_utility=0.75)
    at_both = FrontierPath(PathValue(0.75, 100, 0.5), ("r", "A1"))  # Γ = 0.00375, S · u = 0.375
    better = FrontierPath(PathValue(0.7, 10, 1.0), ("r", "A2"))  # Γ = 0.07, S · u = 0.7, but u is too low
    utilities = {"A1": 0.75, "A2": 0.7}
    assert choose([better, at_both], policy=policy, utility_of=utilities.__getitem__) == at_both
