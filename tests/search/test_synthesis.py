"""The answer is the last link: written from the chosen path, assessed, and dropped for the next best when unsafe."""

from typing import Any

import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedCall, ScriptedReply, proposed_action, scan_reply, verdict_reply
from tests.search.stage import Part, assess_by_words, collect_events, events_of_kind, final_result, run_search

LOW = verdict_reply(0.9, 0.1)
SYNTHESIZED = "Open from 9 to 5."
OWN = "It is open from 9 to 5."
THOUGHT = "nine to five."


def reasoned(**more: Part) -> dict[str, Any]:
    """A reason and then an answer: a path of two thoughts."""
    parts: dict[str, Any] = {
        "scan": scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        "assess": assess_by_words({THOUGHT: verdict_reply(0.8, 0.2)}, verdict_reply(0.9, 0.9)),
    }
    return parts | more


async def test_a_path_of_several_thoughts_is_put_into_one_answer() -> None:
    events, model = await collect_events(**reasoned())
    result = final_result(events)
    assert model.tasks()[-2:] == ["synthesize", "assess thought"]
    assert model.calls[-2]["path"] == "[t1 reason] The notice says nine to five.\n[t2 answer] It is open from 9 to 5."
    assert result.answer == SYNTHESIZED
    assert [(step.id, step.kind) for step in result.path] == [("t1", "reason"), ("t2", "answer"), ("answer0", "answer")]
    # 0.8, 0.9 and 0.9: the weakest of P* and the answer. u of the answer: (1 + 0.9) / 2.
    assert (result.safety, result.utility) == (0.8, 0.95)
    # scan, reason, verdict, proposal, answer, verdict, synthesis, verdict; three thoughts of 280 on the path.
    assert (result.cost.spent, result.cost.chosen_path) == (8 * 140.0, 3 * 280.0)
    assert result.cost.by_phase["synthesize"] == 140.0
    assert [t.id for t in events_of_kind(events, "thought")] == ["t1", "t2", "answer0"]


async def test_the_written_answer_can_be_the_weakest_link() -> None:
    result, _ = await run_search(
        **reasoned(assess=assess_by_words({SYNTHESIZED: verdict_reply(0.55, 0.9)}, verdict_reply(0.9, 0.8)))
    )
    # s·u: 0.55 · 0.95 = 0.52 is less than the 0.9 · 0.9 = 0.81 of the answer that was there: that one stands.
    assert (result.answer, result.safety) == (OWN, 0.9)
    result, _ = await run_search(
        **reasoned(
            assess=assess_by_words(
                {SYNTHESIZED: verdict_reply(0.55, 0.9), OWN: verdict_reply(0.5, 0.6)}, verdict_reply(0.9, 0.8)
            )
        )
    )
    # 0.5 · 0.8 = 0.40 < 0.52.
    assert (result.answer, result.safety) == (SYNTHESIZED, 0.5)


async def test_an_unsafe_rewording_is_dropped_for_the_next_best_path() -> None:
    # A single answer from the root is the poorer candidate.
    events, model = await collect_events(
        Policy(forecasts="inline"),
        **reasoned(
            scan=scan_reply(
                actions=[proposed_action("reason", "read", 0.9, 0.2), proposed_action("answer", "say it", 0.9, -0.1)]
            ),
            answer=lambda call: {"text": "Plain: nine until five." if call["path"] == "(none)" else OWN},
            assess=assess_by_words(
                {SYNTHESIZED: verdict_reply(-0.3), "Plain": verdict_reply(0.9, 0.3), THOUGHT: verdict_reply(0.8, 0.2)}
            ),
        ),
    )
    result = final_result(events)
    assert "synthesize" in model.tasks()
    assert result.answer == "Plain: nine until five."
    assert [(p.id, p.reason) for p in result.pruned] == [("answer0", "unsafe (-0.30)")]
    assert result.safety == 0.9


async def test_an_answer_whose_verdict_is_unknown_is_not_released() -> None:
    result, _ = await run_search(**reasoned(assess=assess_by_words({SYNTHESIZED: "fine"}, verdict_reply(0.9, 0.9))))
    assert result.unknown_verdicts == 1
    assert result.status == "declined"
    assert SYNTHESIZED not in (result.answer or "")


@pytest.mark.parametrize("reply", ["Open from nine.", "", ScriptedReply({"text": "Open fr"}, finish_reason="length")])
async def test_where_the_written_answer_cant_be_read_the_paths_own_stands(reply: Part) -> None:
    result, _ = await run_search(**reasoned(synthesize=reply))
    assert (result.status, result.answer) == ("answered", OWN)
    assert [step.id for step in result.path] == ["t1", "t2"]
    assert result.safety == 0.8


async def test_a_single_answer_stands_as_it_is() -> None:
    result, model = await run_search()
    assert "synthesize" not in model.tasks()
    assert result.answer == OWN


async def test_a_strategy_before_a_single_answer_says_no_more() -> None:
    result, model = await run_search(
        scan=scan_reply(safety=0.3), assess=assess_by_words({"hours only": verdict_reply(0.6, 0.5)})
    )
    assert "synthesize" not in model.tasks()
    assert [step.kind for step in result.path] == ["strategy", "answer"]
    # The strategy is a link like any other.
    assert result.safety == 0.6


async def test_a_better_answer_that_is_dearer_is_taken_where_quality_decides() -> None:
    # Two answers; the poor one has the better rate Γ. What is spent is sunk.
    def answer(call: ScriptedCall) -> ScriptedReply:
        dear = "thoroughly" in call["aim"]
        return ScriptedReply(
            {"text": "Thorough: 9 to 5." if dear else "Poor: open."}, completion_tokens=400 if dear else 40
        )

    parts: dict[str, Any] = {
        "scan": scan_reply(
            actions=[proposed_action("answer", "quickly"), proposed_action("answer", "thoroughly", 0.9, 0.7)]
        ),
        "answer": answer,
        # u = 0.7 for 280 against u = 0.78 for 640: neither satisfies.
        "assess": assess_by_words({"Poor": verdict_reply(0.9, 0.4), "Thorough": verdict_reply(0.9, 0.56)}),
    }
    satisfied, _ = await run_search(Policy(forecasts="inline"), **parts)
    gamma, _ = await run_search(Policy(forecasts="inline", choice="gamma"), **parts)
    assert (satisfied.answer, gamma.answer) == ("Thorough: 9 to 5.", "Poor: open.")
    # Neither dominates the other.
    assert sorted(point.path for point in satisfied.frontier) == [["t1"], ["t2"]]


async def test_with_no_safe_path_the_refusal_is_specific_and_assessed() -> None:
    result, model = await run_search(assess=assess_by_words({"can't help": verdict_reply()}, verdict_reply(-0.4)))
    assert (result.status, result.stop_reason) == ("declined", "no_open_tip")
    assert model.tasks()[-2:] == ["decline", "assess thought"]
    assert "I could not find an answer that I can stand behind" in model.calls[-2]["reason"]
    assert result.answer == "I can't help with that, but I can tell you the opening hours."


async def test_a_fixed_text_where_nothing_is_left_to_spend() -> None:
    # A provider that counts otherwise takes all that is left, and more, for an answer that nobody can grade then.
    result, model = await run_search(
        scan=scan_reply(actions=[]),
        propose={"actions": [], "merge": [], "prune": []},
        synthesize=ScriptedReply({"text": SYNTHESIZED}, prompt_tokens=100_000),
    )
    assert model.tasks() == ["scan", "propose", "propose", "synthesize"]
    assert (result.status, result.stop_reason) == ("declined", "no_open_tip")
    assert result.answer == (
        "I could not find an answer that I can stand behind. Asking for something more specific may help."
    )
    assert SYNTHESIZED not in result.model_dump_json()


async def test_a_proposers_word_that_a_thought_leads_nowhere_is_no_reason_to_decline() -> None:
    result, _ = await run_search(
        Policy(forecasts="inline", max_rounds=2),
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        propose={"actions": [], "merge": [], "prune": ["t1"]},
        assess=assess_by_words({THOUGHT: LOW}),
    )
    assert [p.reason for p in result.pruned] == ["leads nowhere, says the proposer"]
    assert (result.status, result.answer) == ("answered", SYNTHESIZED)
