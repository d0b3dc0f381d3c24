"""What a run tells: typed events in the order of the story, and nothing that was found unsafe."""

import json
from typing import Any

import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.events.events import Event, event_adapter
from ecoalign_agent.testing import (
    ScriptedModel,
    imagined_step,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import QUESTION, assess_by_words, collect_events, events_of_kind, final_result, picture

LONG: dict[str, Any] = {
    "scan": scan_reply(
        safety=0.4, actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
    ),
    "reason": lambda call: {"text": "The shop opens at 9." if "left" in call["aim"] else "The shop opens at 9!"},
    "simulate": {
        "forecasts": [{"action": 1, "safety": 0.9, "utility": 0.3, "steps": [imagined_step("answer", 0.9, 0.9)]}],
    },
    "assess": lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
}


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


async def test_the_order_tells_the_story() -> None:
    events, _ = await collect_events(**LONG)
    assert kinds(events) == [
        "run_started", "scanned", "proposed", "budget",
        "thought", "planned",
        "forecast", "scored", "thought", "thought", "merged", "budget",
        "proposed", "scored", "thought", "frontier", "budget",
        "thought", "answered",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [LONG, {}, {"scan": scan_reply(safety=-0.5)}, {"scan": "unreadable"}, {"assess": verdict_reply(-0.5)}],
    ids=["long", "plain", "declined", "failed", "all unsafe"],
)
async def test_events_are_numbered_without_gaps_and_the_last_one_holds_the_result(parts: dict[str, Any]) -> None:
    events, _ = await collect_events(**parts)
    assert [event.number for event in events] == list(range(len(events)))
    assert len({event.run_id for event in events}) == 1
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert events[0].kind == "run_started"
    endings = {"answered", "declined", "failed"}
    assert [event.kind in endings for event in events] == [False] * (len(events) - 1) + [True]
    result = final_result(events)
    assert result.run_id == events[0].run_id != ""
    assert events[-1].kind == result.status
    for event in events:
        assert event_adapter.validate_json(event.model_dump_json()) == event
        assert event.version == 1


async def test_ask_and_stream_tell_the_same_result() -> None:
    events, _ = await collect_events(**LONG)
    asked = await EcoAlign(ScriptedModel(task_replies(**LONG))).ask(QUESTION)
    changing = {"run_id", "seconds", "time"}
    assert final_result(events).model_dump(exclude=changing) == asked.model_dump(exclude=changing)


async def test_the_budget_falls_and_the_receipt_is_where_it_ends() -> None:
    events, _ = await collect_events(**LONG)
    moves = events_of_kind(events, "budget")
    spent = [move.spent for move in moves]
    assert spent == sorted(spent)
    assert [move.round for move in moves] == [0, 1, 2]
    # The scan; plan and verdict, a look ahead, two thoughts with verdicts; proposal, answer, verdict.
    assert spent == [140.0, 140.0 * 8, 140.0 * 11]
    assert all(move.left == move.total - move.spent for move in moves)
    assert final_result(events).cost.spent == 140.0 * 13


UNSAFE = "VERBOTEN: how it is really done"


@pytest.mark.parametrize("where", ["draft", "answer", "reason", "plan", "synthesize", "decline"])
async def test_the_text_of_an_unsafe_thought_is_in_no_event_and_no_result(where: str) -> None:
    parts: dict[str, Any] = {"assess": assess_by_words({UNSAFE: verdict_reply(-0.7, 0.9)})}
    if where == "draft":
        parts["scan"] = scan_reply(draft=UNSAFE, actions=[])
    elif where == "reason":
        parts["scan"] = scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)])
    elif where == "plan":
        parts["scan"] = scan_reply(safety=0.3)
    elif where == "synthesize":
        parts["scan"] = scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)])
        parts["assess"] = assess_by_words({UNSAFE: verdict_reply(-0.7, 0.9), "nine to five.": verdict_reply(0.9, 0.1)})
    elif where == "decline":
        parts["scan"] = scan_reply(safety=-0.9)
    if where != "draft":
        parts[where] = {"text": UNSAFE}
    events, model = await collect_events(Policy(forecasts="inline"), **parts)
    graded = [call["candidate"] for call in model.calls if call.task == "assess thought"]
    assert UNSAFE in graded
    assert "VERBOTEN" not in "".join(event.model_dump_json() for event in events)


async def test_the_aim_of_an_action_that_is_forecast_unsafe_is_withheld() -> None:
    events, _ = await collect_events(
        scan=scan_reply(actions=[proposed_action("reason", UNSAFE, -0.5), proposed_action("answer", "say it")])
    )
    assert [a.aim for a in events_of_kind(events, "proposed")[0].actions] == ["", "say it"]


async def test_an_unassessed_thought_is_told_without_grades() -> None:
    events, _ = await collect_events(
        scan=scan_reply(draft="DRAFTED", actions=[]), assess=assess_by_words({"DRAFTED": "fine"})
    )
    thought = events_of_kind(events, "thought")[0]
    assert (thought.text, thought.safety, thought.utility, thought.gamma) == ("", None, None, None)
    assert events_of_kind(events, "pruned")[0].reason == "unknown verdict: counts as unsafe"


async def test_the_first_event_says_what_is_asked_and_what_it_may_cost() -> None:
    events, _ = await collect_events(Policy(budget=9000), images=[picture(), picture(colour=(1, 2, 3))])
    started = events_of_kind(events, "run_started")[0]
    assert (started.question, started.pictures, started.budget) == (QUESTION, 2, 9000.0)
    assert started.tariff == "completion-token equivalents"
    assert not started.models.independent


async def test_langchains_event_stream_carries_the_same_events() -> None:
    agent = EcoAlign(ScriptedModel(task_replies(**LONG)))
    seen = [
        event_adapter.validate_python(dict(event["data"])["ecoalign"])
        async for event in agent.graph.astream_events({"question": QUESTION}, version="v2")
        if event["event"] == "on_custom_event" and event["name"] == "ecoalign"
    ]
    told_here, _ = await collect_events(**LONG)
    assert kinds(seen) == kinds(told_here)
    assert [event.number for event in seen] == list(range(len(seen)))


async def test_a_result_is_safe_json() -> None:
    events, _ = await collect_events(**LONG)
    record = json.loads(final_result(events).model_dump_json())
    assert json.loads(json.dumps(record, allow_nan=False)) == record
    assert {"answer", "status", "safety", "utility", "stop_reason", "path", "frontier", "cost", "rounds"} <= set(record)


async def test_prompts_and_models_of_the_run_are_on_record() -> None:
    events, _ = await collect_events()
    result = final_result(events)
    names = [label.split("@")[0] for label in result.prompts]
    assert len(names) == len(set(names)) == 12
    assert {"alignment/scan", "assessing/thought", "assessing/request"} <= set(names)
    assert result.models.actor == result.models.assessor == "ScriptedModel"
    assert result.has_note("assessor_not_independent")
