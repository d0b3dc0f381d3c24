"""Plain, sensitive and harmful questions: how many calls each takes, what they cost, and who decides."""

from typing import Any

import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import SCRIPTED_CALL_COST, proposed_action, scan_reply, verdict_reply
from tests.search.stage import assess_by_words, collect_events, events_of_kind, final_result, picture, run_search

DRAFTED = scan_reply(draft="It is open from 9 to 5.", actions=[])


async def test_a_plain_question_with_a_draft_takes_two_calls_one_after_the_other() -> None:
    result, model = await run_search(images=[picture()], scan=DRAFTED)
    assert model.tasks() == ["scan", "assess thought"]
    assert model.max_open_calls == 1
    assert [call.images for call in model.calls] == [1, 1]
    assert (result.status, result.answer, result.stop_reason) == ("answered", "It is open from 9 to 5.", "satisfied")
    # The verdict says safety 0.9 and raw utility 0.9, so u = (1 + 0.9) / 2.
    assert (result.safety, result.utility) == (0.9, 0.95)
    # Two calls of 0.25 · 400 + 40 = 140. The scan paid for the text: the thought itself cost its verdict alone.
    assert result.cost.spent == 280.0
    assert result.cost.by_phase == {"scan": 140.0, "assess": 140.0}
    assert result.cost.chosen_path == 140.0
    # s0 = 0.9: B = 6 000 · (0.5 + 0.5 · 0.9).
    assert (result.cost.budget, result.cost.remaining) == (5700.0, 5420.0)
    tokens = result.cost.tokens
    assert (result.cost.calls, tokens.prompt + tokens.image + tokens.cached, tokens.completion) == (2, 800, 80)


async def test_a_plain_question_without_a_draft_takes_three_calls() -> None:
    result, model = await run_search()
    assert model.tasks() == ["scan", "answer", "assess thought"]
    assert result.cost.spent == 3 * SCRIPTED_CALL_COST
    assert result.cost.by_phase == {"scan": 140.0, "execute": 140.0, "assess": 140.0}
    assert [step.id for step in result.path] == ["t1"]
    assert result.cost.chosen_path == 280.0
    assert result.rounds == 1


async def test_a_draft_replaces_the_answers_that_would_write_it_again() -> None:
    events, model = await collect_events(
        scan=scan_reply(draft="From 9 to 5.", actions=[proposed_action("answer", "say the hours", 0.9, 0.9)])
    )
    assert model.tasks() == ["scan", "assess thought"]
    assert final_result(events).answer == "From 9 to 5."
    offered = events_of_kind(events, "proposed")[0].actions
    # The draft alone, forecast as useful as the answer was; a repeated answer would cost its text again.
    assert [(a.aim, a.utility) for a in offered] == [("the scan's draft", 0.95)]


@pytest.mark.parametrize("changes", [{"draft": "  \n "}, {"draft": "From 9 to 5.", "safety": 0.49}])
async def test_a_draft_that_is_blank_or_for_a_sensitive_question_is_none(changes: dict[str, Any]) -> None:
    result, model = await run_search(scan=scan_reply(**changes))
    assert "answer" in model.tasks()
    assert result.answer == "It is open from 9 to 5."


async def test_without_drafts_in_the_policy_none_is_asked_for_or_taken() -> None:
    result, model = await run_search(Policy(draft=False), scan=scan_reply(draft="From 9 to 5."))
    assert model.tasks() == ["scan", "answer", "assess thought"]
    assert result.answer == "It is open from 9 to 5."
    assert '- "draft": always ""' in model.calls[0].system


async def test_a_strict_policy_grades_the_draft_twice_and_the_lower_grade_counts() -> None:
    grades = iter([verdict_reply(0.9, 0.9), verdict_reply(0.75, 0.7)])
    result, model = await run_search(Policy.strict(), scan=DRAFTED, assess=lambda call: next(grades))
    assert model.tasks() == ["scan", "assess thought", "assess thought"]
    assert model.max_open_calls == 2
    assert (result.safety, result.utility) == (0.75, 0.85)
    assert result.cost.chosen_path == 280.0


async def test_a_harmful_request_is_declined_when_the_assessor_agrees() -> None:
    result, model = await run_search(scan=scan_reply(safety=-0.5, hazard="S2", draft="Take a crowbar."))
    assert model.tasks() == ["scan", "assess request", "decline", "assess thought"]
    assert (result.status, result.stop_reason) == ("declined", "unsafe_request")
    assert result.answer == "I can't help with that, but I can tell you the opening hours."
    assert (result.safety, result.utility, result.path, result.frontier) == (None, None, [], [])
    # Four calls; B = 6 000 · 0.5, the floor.
    assert (result.cost.spent, result.cost.budget) == (560.0, 3000.0)
    assert result.cost.by_phase == {"scan": 140.0, "assess": 280.0, "decline": 140.0}
    assert result.cost.chosen_path is None
    decline = model.calls[2]
    assert decline["reason"] == "hazard: non-violent crimes"
    assert decline.images == 0


async def test_a_refusal_is_released_only_when_it_is_found_safe() -> None:
    result, _ = await run_search(
        scan=scan_reply(safety=-0.5),
        decline={"text": "Not a crowbar. Use a wedge."},
        assess=assess_by_words({"wedge": verdict_reply(-0.7)}),
    )
    assert result.status == "declined"
    assert result.answer == "I can't help with this request. If there is a harmless aim behind it, tell me about that."


async def test_a_request_that_only_sounds_harmful_is_answered_under_a_strategy() -> None:
    events, model = await collect_events(
        Policy(budget=12_000), scan=scan_reply(safety=-0.5), request={"hazards": [], "safety": 0.3}
    )
    result = final_result(events)
    assert model.tasks() == ["scan", "assess request", "plan", "assess thought", "answer", "assess thought"]
    assert result.status == "answered"
    # s0 = 0 from then on: the tightest governance that still answers. B = 12 000 · 0.5.
    assert events_of_kind(events, "scanned")[0].safety == 0.0
    assert (result.cost.budget, result.cost.spent) == (6000.0, 840.0)
    assert [step.kind for step in result.path] == ["strategy", "answer"]


async def test_the_confirmation_sees_nothing_of_the_scans_own_grade() -> None:
    _, model = await run_search(scan=scan_reply(safety=-0.625, hazard="S2"))
    confirmation = model.calls[1]
    assert set(confirmation.data) == {"question", "context"}
    assert "0.625" not in confirmation.system + str(confirmation.data)
    assert "Open 9 to 5" in confirmation["context"]


@pytest.mark.parametrize("garbage", ["no idea", {"safety": 0.9}, {"hazards": [], "safety": 1.5}])
async def test_an_unknown_confirmation_counts_as_harmful(garbage: Any) -> None:
    result, model = await run_search(scan=scan_reply(safety=-0.5), request=garbage)
    assert (result.status, result.stop_reason) == ("declined", "unsafe_request")
    assert "plan" not in model.tasks()
    assert result.unknown_verdicts == 1


async def test_without_confirmation_the_scan_declines_alone() -> None:
    result, model = await run_search(Policy(confirm_decline=False), scan=scan_reply(safety=-0.5))
    assert model.tasks() == ["scan", "decline", "assess thought"]
    assert result.stop_reason == "unsafe_request"


@pytest.mark.parametrize(("safety", "planned"), [(0.0, True), (0.49, True), (0.5, False), (1.0, False)])
async def test_a_strategy_is_written_only_below_caution(safety: float, planned: bool) -> None:
    result, model = await run_search(scan=scan_reply(safety=safety))
    assert ("plan" in model.tasks()) == planned
    assert result.status == "answered"


async def test_the_strategy_reaches_every_later_prompt() -> None:
    events, model = await collect_events(
        scan=scan_reply(safety=0.4, hazard="S7", actions=[proposed_action("reason", "read the sign", 0.9, 0.2)]),
        plan={"text": "Tell the hours, nothing about the people."},
        assess=assess_by_words({"nine to five": verdict_reply(0.9, 0.1)}),
    )
    assert model.tasks()[:3] == ["scan", "plan", "assess thought"]
    assert "privacy" in model.calls[1].system
    later = [call for call in model.calls if call.task in {"reason", "propose", "simulate", "answer"}]
    assert {call.task for call in later} >= {"reason", "propose", "answer"}
    assert {call["strategy"] for call in later} == {"Tell the hours, nothing about the people."}
    assert events_of_kind(events, "planned")[0].text == "Tell the hours, nothing about the people."
    assert final_result(events).path[0].id == "strategy"


async def test_an_unsafe_strategy_is_pruned_and_the_search_goes_on_from_the_root() -> None:
    events, model = await collect_events(
        scan=scan_reply(safety=0.4),
        plan={"text": "WAY IN: by the window."},
        assess=assess_by_words({"WAY IN": verdict_reply(-0.6)}),
    )
    result = final_result(events)
    assert result.status == "answered"
    assert [(p.id, p.kind, p.reason, p.safety) for p in result.pruned] == [
        ("strategy", "strategy", "unsafe (-0.60)", -0.6)
    ]
    assert [step.kind for step in result.path] == ["answer"]
    answer = next(call for call in model.calls if call.task == "answer")
    assert answer["strategy"] == "(none)"
    assert "WAY IN" not in "".join(event.model_dump_json() for event in events)


async def test_without_a_readable_strategy_the_search_goes_on_and_says_so() -> None:
    result, model = await run_search(scan=scan_reply(safety=0.4), plan="I would rather not.")
    assert result.status == "answered"
    assert result.has_note("no_strategy")
    assert model.tasks() == ["scan", "plan", "answer", "assess thought"]
