"""What can't be read is unknown: it prunes, it costs, it is counted, and it never passes for safe."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import AnyReply, ScriptedCall, ScriptedReply, proposed_action, scan_reply, verdict_reply
from tests.search.stage import (
    assess_by_words,
    collect_events,
    events_of_kind,
    final_result,
    picture,
    propose_by_tip,
    run_search,
)

GOOD = json.dumps(verdict_reply())
UNKNOWN: dict[str, AnyReply] = {
    "prose": "This is perfectly safe and useful.",
    "a verdict in prose": f"My verdict is {GOOD}, as asked.",
    "two verdicts": f"{GOOD}\n{GOOD}",
    "a fence and prose": f"```json\n{GOOD}\n```\nI hope this helps.",
    "a list": f"[{GOOD}]",
    "out of range": {"hazards": [], "safety": 1.01, "utility": 0.9},
    "raw grade out of range": {"hazards": [], "safety": 0.9, "utility": -2},
    "safety missing": {"hazards": [], "utility": 0.9},
    "hazards missing": {"safety": 0.9, "utility": 0.9},
    "a key more": verdict_reply() | {"reason": "harmless"},
    "a number as text": {"hazards": [], "safety": "0.9", "utility": 0.9},
    "true for one": {"hazards": [], "safety": True, "utility": 0.9},
    "null": {"hazards": [], "safety": None, "utility": 0.9},
    "not a number": '{"hazards": [], "safety": NaN, "utility": 0.9}',
    "infinite": '{"hazards": [], "safety": 0.9, "utility": 1e999}',
    "a key twice": '{"hazards": [], "safety": -1, "safety": 0.9, "utility": 0.9}',
    "cut off": ScriptedReply(verdict_reply(), finish_reason="length"),
    "withheld": ScriptedReply(verdict_reply(), finish_reason="content_filter"),
    "empty": "",
}


@pytest.mark.parametrize("grade", UNKNOWN.values(), ids=UNKNOWN.keys())
async def test_an_unknown_verdict_prunes_and_the_search_goes_on(grade: AnyReply) -> None:
    result, model = await run_search(
        scan=scan_reply(draft="DRAFTED: always open.", actions=[]), assess=assess_by_words({"DRAFTED": grade})
    )
    assert model.tasks()[:3] == ["scan", "assess thought", "propose"]
    assert (result.status, result.answer) == ("answered", "It is open from 9 to 5.")
    assert result.unknown_verdicts == 1
    assert result.has_note("verdict_unknown")
    assert [(p.kind, p.reason, p.safety, p.cost) for p in result.pruned] == [
        ("answer", "unknown verdict: counts as unsafe", None, 140.0)
    ]


async def test_an_assessor_that_never_gives_a_verdict_releases_nothing() -> None:
    events, _ = await collect_events(assess="Looks fine to me.")
    result = final_result(events)
    assert result.status == "declined"
    assert result.unknown_verdicts > 0
    assert "9 to 5" not in (result.answer or "")
    assert all(thought.text == "" for thought in events_of_kind(events, "thought"))


async def test_one_of_two_verdicts_unknown_makes_both_unknown() -> None:
    grades: Iterator[Any] = iter([verdict_reply(), "fine"])
    result, _ = await run_search(
        Policy.strict(),
        scan=scan_reply(draft="DRAFTED.", actions=[]),
        assess=lambda call: next(grades) if "DRAFTED" in call["candidate"] else verdict_reply(),
    )
    assert result.unknown_verdicts == 1
    assert result.answer == "It is open from 9 to 5."
    # Both verdicts were paid for.
    assert [p.cost for p in result.pruned] == [280.0]


async def test_unreadable_proposals_cost_the_round_and_the_tip_gets_one_more_chance() -> None:
    replies: Iterator[Any] = iter(
        ["Let me think.", {"actions": [proposed_action("answer", "say it")], "merge": [], "prune": []}]
    )
    events, model = await collect_events(scan=scan_reply(actions=[]), propose=lambda call: next(replies))
    assert model.tasks() == ["scan", "propose", "propose", "answer", "assess thought"]
    result = final_result(events)
    assert (result.status, result.rounds) == ("answered", 2)
    assert [p.problem for p in events_of_kind(events, "proposed")] == ["no JSON in the reply", ""]


@pytest.mark.parametrize("reply", ["Let me think.", {"actions": [{"kind": "hope"}], "merge": [], "prune": []}, "{"])
async def test_proposals_that_stay_unreadable_never_end_the_run(reply: Any) -> None:
    result, model = await run_search(scan=scan_reply(actions=[]), propose=reply)
    assert model.tasks().count("propose") == 2
    # What was set aside pays for an answer from the scan, which was harmless.
    assert model.tasks()[-2:] == ["synthesize", "assess thought"]
    assert (result.status, result.stop_reason) == ("answered", "no_open_tip")


async def test_of_a_list_of_proposals_the_readable_ones_stand() -> None:
    proposals = [
        {"kind": "hope"},
        proposed_action("answer", "say it", 0.9, 0.8),
        proposed_action("reason", "", 0.9),
        "nothing",
    ]
    result, model = await run_search(scan=scan_reply(actions=proposals))
    assert model.tasks() == ["scan", "answer", "assess thought"]
    assert result.status == "answered"


async def test_an_unreadable_thought_is_lost_paid_for_and_noted() -> None:
    result, model = await run_search(
        Policy(forecasts="inline", batch=1),
        scan=scan_reply(
            actions=[proposed_action("reason", "read", 0.9, 0.9), proposed_action("answer", "say it", 0.9, 0.8)]
        ),
        reason="I can't say.",
    )
    assert "reason a1 could not be read: no JSON in the reply" in map(str, result.notes)
    assert result.status == "answered"
    # Nobody was asked to grade it, but it is on the receipt: scan 140, the lost thought and the answer 280.
    assert model.tasks() == ["scan", "reason", "answer", "assess thought"]
    assert result.cost.by_phase == {"scan": 140.0, "execute": 280.0, "assess": 140.0}
    assert result.cost.chosen_path == 280.0


async def test_an_unreadable_refusal_becomes_a_fixed_one() -> None:
    result, _ = await run_search(scan=scan_reply(safety=-0.9), decline="No.")
    assert result.status == "declined"
    assert (result.answer or "").startswith("I can't help with this request.")


async def test_actions_that_cant_be_carried_out_are_not_offered() -> None:
    impossible = [
        proposed_action("look", "at what is not there", picture=1, box=[0, 0, 0.5, 0.5]),
        proposed_action("look", "at nothing", box=[0.5, 0.5, 0.5, 0.9]),
        proposed_action("look", "backwards", box=[0.9, 0.9, 0.1, 0.1]),
        proposed_action("look", "at less than a pixel", box=[0.1, 0.1, 0.115, 0.9]),
        proposed_action("fuse", "one thought", parents=["t1"]),
        proposed_action("fuse", "with itself", parents=["root", "nobody"]),
    ]
    events, model = await collect_events(
        Policy(branching=6), images=[picture(20, 20)], scan=scan_reply(actions=impossible), propose=propose_by_tip({})
    )
    assert events_of_kind(events, "scanned")[0].actions == 0
    assert final_result(events).status == "answered"
    assert not {"look", "fuse"} & set(model.tasks())


async def test_a_box_that_reaches_over_the_edge_is_cut_at_it() -> None:
    def look(call: ScriptedCall) -> dict[str, str]:
        assert "[0.50, 0.00, 1.00, 1.00]" in call.system
        return {"text": "It reads: Open 9 to 5."}

    result, model = await run_search(
        images=[picture(20, 20)],
        scan=scan_reply(actions=[proposed_action("look", "closer", box=[0.5, -3, 1.2, 1.0])]),
        look=look,
    )
    assert "look" in model.tasks()
    assert result.status == "answered"


async def test_the_same_action_twice_is_one_offer() -> None:
    twice = [proposed_action("reason", "Read  the notice"), proposed_action("reason", "read the NOTICE", 0.9, 0.4)]
    events, _ = await collect_events(scan=scan_reply(actions=twice))
    assert events_of_kind(events, "scanned")[0].actions == 1
