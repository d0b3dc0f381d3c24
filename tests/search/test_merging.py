"""Thoughts that say the same become one; what a proposer suggests is checked by the graph."""

from collections.abc import Iterator
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.stage import assess_by_words, collect_events, events_of_kind, final_result, propose_by_tip, run_search

LOW = verdict_reply(0.9, 0.1)
TWO = scan_reply(
    actions=[proposed_action("reason", "left half", 0.9, 0.2), proposed_action("reason", "right half", 0.9, 0.2)]
)


def reads(left: str, right: str) -> Any:
    return lambda call: {"text": left if "left" in call["aim"] else right}


def answer_high(call: ScriptedCall) -> dict[str, Any]:
    return verdict_reply() if "an answer" in call.system else LOW


async def test_two_thoughts_that_say_the_same_become_one_and_the_saving_is_on_the_receipt() -> None:
    events, model = await collect_events(
        Policy(forecasts="inline"),
        scan=TWO,
        reason=reads("The shop opens at 9.", "The shop opens at 9!"),
        assess=answer_high,
    )
    result = final_result(events)
    merged = events_of_kind(events, "merged")
    # Of equals the one that was there first stays.
    assert [(m.kept, m.dropped) for m in merged] == [("t1", "t2")]
    assert [(p.id, p.reason) for p in result.pruned] == [("t2", "merged into t1")]
    assert result.cost.saved == merged[0].saving > 0
    # One of them is expanded, not both: one proposal. Avoided, not earned: the cost is what was spent.
    assert model.tasks().count("propose") == 1
    assert result.cost.spent == 140.0 * result.cost.calls


async def test_of_two_that_say_the_same_the_one_worth_more_stays() -> None:
    grades = iter([LOW, verdict_reply(0.9, 0.5)])
    events, _ = await collect_events(
        Policy(forecasts="inline"),
        scan=TWO,
        reason=reads("The shop opens at 9.", "The shop opens at 9!"),
        assess=lambda call: next(grades) if "inner note" in call.system else verdict_reply(),
    )
    assert [(m.kept, m.dropped) for m in events_of_kind(events, "merged")] == [("t2", "t1")]
    assert final_result(events).path[0].id == "t2"


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("The water from the tap is safe to drink.", "The water from the tap is not safe to drink."),
        ("The notice says it opens at 9 on Mondays.", "The notice says it opens at 7 on Mondays."),
    ],
)
async def test_opposites_and_other_numbers_stay_apart(left: str, right: str) -> None:
    result, _ = await run_search(
        Policy(forecasts="inline", merge_similarity=0.5, max_rounds=1), scan=TWO, reason=reads(left, right), assess=LOW
    )
    assert result.pruned == []
    assert result.cost.saved == 0.0


async def test_an_unsafe_twin_is_pruned_not_merged() -> None:
    grades = iter([LOW, verdict_reply(-0.5)])
    events, _ = await collect_events(
        Policy(forecasts="inline"),
        scan=TWO,
        reason=reads("The shop opens at 9.", "The shop opens at 9!"),
        assess=lambda call: next(grades) if "inner note" in call.system else verdict_reply(),
    )
    assert events_of_kind(events, "merged") == []
    assert [p.reason for p in final_result(events).pruned] == ["unsafe (-0.50)"]


async def test_a_thought_that_repeats_its_own_ancestor_is_not_merged_with_it() -> None:
    events, _ = await collect_events(
        Policy(forecasts="inline"),
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        propose=propose_by_tip({"nine to five": [proposed_action("reason", "again", 0.9, 0.1)]}),
        assess=LOW,
    )
    assert events_of_kind(events, "merged") == []
    assert [t.id for t in events_of_kind(events, "thought")][:2] == ["t1", "t2"]


async def test_what_a_proposer_suggests_is_done_where_the_graph_allows_it() -> None:
    replies: Iterator[Any] = iter(
        [
            {
                "actions": [proposed_action("answer", "say it")],
                "merge": [
                    {"keep": "t1", "drop": "t2"},
                    {"keep": "t1", "drop": "t2"},  # gone by now
                    {"keep": "root", "drop": "t1"},
                    {"keep": "t1", "drop": "t1"},
                    {"keep": "nobody", "drop": "t1"},
                    {"keep": 7, "drop": "t1"},
                ],
                "prune": ["root", "nobody", "t2"],
            }
        ]
    )
    events, _ = await collect_events(
        Policy(forecasts="inline"),
        scan=TWO,
        reason=reads("A baker lives here.", "This is where bread is made."),
        propose=lambda call: next(replies),
        assess=answer_high,
    )
    assert [(m.kept, m.dropped) for m in events_of_kind(events, "merged")] == [("t1", "t2")]
    assert [p.reason for p in final_result(events).pruned] == ["merged into t1"]
    assert final_result(events).status == "answered"


async def test_a_proposer_may_prune_a_leaf_but_no_answer_and_nothing_that_others_stand_on() -> None:
    texts = {"left half": "A baker lives here.", "deeper": "Somebody painted a tram."}

    def propose(call: ScriptedCall) -> dict[str, Any]:
        if "baker" in call["path"].splitlines()[-1]:
            return {"actions": [proposed_action("reason", "deeper", 0.9, 0.2)], "merge": [], "prune": []}
        return {"actions": [], "merge": [], "prune": ["t1", "t2", "root", "t3"]}

    result, _ = await run_search(
        Policy(forecasts="inline"),
        scan=scan_reply(
            actions=[proposed_action("reason", "left half", 0.9, 0.5), proposed_action("answer", "say it", 0.9, 0.5)]
        ),
        reason=lambda call: {"text": texts[call["aim"]]},
        propose=propose,
        assess=LOW,
    )
    assert [(p.id, p.reason) for p in result.pruned] == [("t3", "leads nowhere, says the proposer")]
    assert result.answer == "It is open from 9 to 5."


async def test_after_merges_the_graph_is_still_acyclic() -> None:
    # Two branches, a child on each, and then twins across them: the children are redirected.
    def reason(call: ScriptedCall) -> dict[str, str]:
        texts = {
            "left": "A baker lives here.",
            "right": "Somebody painted a tram.",
            "deeper left": "The door is green.",
            "deeper right": "The door is green!",
        }
        return {"text": texts[call["aim"]]}

    model = ScriptedModel(
        task_replies(
            scan=scan_reply(
                actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
            ),
            reason=reason,
            propose=propose_by_tip(
                {
                    "baker": [proposed_action("reason", "deeper left", 0.9, 0.1)],
                    "tram": [proposed_action("reason", "deeper right", 0.9, 0.1)],
                    "green": [
                        proposed_action("fuse", "join", parents=["t1", "t2"]),
                        proposed_action("answer", "say it", 0.9, -0.9),
                    ],
                }
            ),
            assess=assess_by_words({"from 9 to 5": verdict_reply()}, LOW),
        )
    )
    agent = EcoAlign(model, policy=Policy(forecasts="inline", width=2), checkpointer=InMemorySaver())
    result = await agent.ask("When?", run_id="x")
    assert result.status == "answered"
    assert "merged into t3" in [p.reason for p in result.pruned]
    state = await agent.graph.aget_state({"configurable": {"thread_id": "x"}})
    graph = ThoughtGraph.replay(state.values["journal"])
    order = graph.topological()
    assert sorted(order) == sorted(t.id for t in graph)
    for thought in graph:
        assert all(order.index(parent) < order.index(thought.id) for parent in graph.parents(thought.id))
        assert thought.id not in graph.ancestors(thought.id)


async def test_a_fuse_joins_thoughts_and_counts_as_one() -> None:
    def fuse(call: ScriptedCall) -> dict[str, str]:
        assert call["thoughts"] == "[t1 reason] A baker lives here.\n[t2 reason] Somebody painted a tram."
        return {"text": "A baker who likes trams."}

    result, model = await run_search(
        Policy(forecasts="inline"),
        scan=TWO,
        reason=reads("A baker lives here.", "Somebody painted a tram."),
        propose=propose_by_tip(
            {
                "likes trams": [proposed_action("answer", "say it")],
                "baker": [proposed_action("fuse", "join", parents=["t2", "t1"])],
            }
        ),
        fuse=fuse,
        assess=answer_high,
    )
    assert "fuse" in model.tasks()
    assert [step.kind for step in result.path][-2:] == ["answer", "answer"]
    assert "fuse" in [step.kind for step in result.path]


async def test_a_fuse_from_the_root_joins_only_what_was_thought() -> None:
    # Hanging on the root as well, it would have a path past the joined thoughts, which leaves out their grades.
    result, _ = await run_search(
        Policy(forecasts="inline", satisfied_utility=1.0),
        scan=scan_reply(actions=[]),
        propose=propose_by_tip(
            {
                "(none)": [
                    proposed_action("reason", "left half", 0.9, 0.2),
                    proposed_action("reason", "right half", 0.9, 0.2),
                    proposed_action("fuse", "too early", parents=["t1", "t2"]),
                ],
                "baker": [proposed_action("fuse", "join", parents=["root", "t2"])],
                "Together": [proposed_action("answer", "say it")],
            }
        ),
        reason=reads("A baker lives here.", "Somebody painted a tram."),
        assess=assess_by_words({"Together": verdict_reply(0.9, 0.5), "9 to 5": verdict_reply()}, LOW),
    )
    kinds = [step.kind for step in result.path]
    assert kinds[kinds.index("fuse") - 1] == "reason"
