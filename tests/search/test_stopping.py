"""Every reason to stop is reached, and the result names it."""

import itertools
from typing import Any

import httpx
import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedCall, ScriptedReply, proposed_action, scan_reply, verdict_reply
from tests.search.stage import assess_by_words, collect_events, events_of_kind, final_result, min_budget, run_search

LOW = verdict_reply(0.9, 0.1)
"""Safe, and not useful enough: u = 0.55 is below 0.8."""


def nothing_more(call: ScriptedCall) -> dict[str, Any]:
    return {"actions": [], "merge": [], "prune": []}


async def test_satisfied_an_answer_is_safe_and_useful_enough() -> None:
    result, model = await run_search()
    assert result.stop_reason == "satisfied"
    assert "propose" not in model.tasks()


@pytest.mark.parametrize(
    ("grade", "satisfied"),
    # u = (1 + r) / 2: raw 0.6 is u = 0.8, the least that satisfies; S = 0.5 is the least that satisfies.
    [((0.5, 0.6), True), ((0.49, 0.9), False), ((0.9, 0.59), False)],
)
async def test_the_least_that_satisfies_is_what_the_policy_says(grade: tuple[float, float], satisfied: bool) -> None:
    result, _ = await run_search(assess=verdict_reply(*grade), propose=nothing_more)
    assert result.stop_reason == ("satisfied" if satisfied else "no_open_tip")
    assert result.status == "answered"


async def test_no_value_the_best_action_is_worth_nothing() -> None:
    # s · u = 0 · 0.9: safe, and without value.
    result, model = await run_search(scan=scan_reply(actions=[proposed_action("answer", "say it", 0.0, 0.8)]))
    assert result.stop_reason == "no_value"
    assert model.tasks() == ["scan", "synthesize", "assess thought"]


async def test_no_value_every_action_is_unsafe() -> None:
    events, model = await collect_events(
        scan=scan_reply(actions=[proposed_action("answer", "say it", -0.1, 1.0), proposed_action("reason", "r", -1.0)])
    )
    assert final_result(events).stop_reason == "no_value"
    assert [a.value for a in events_of_kind(events, "scored")[0].actions] == [None, None]
    assert not {"answer", "reason"} & set(model.tasks())


async def test_no_open_tip_nothing_is_left_to_expand() -> None:
    result, model = await run_search(propose=nothing_more, assess=LOW)
    assert result.stop_reason == "no_open_tip"
    # The root has a child that is an answer: it is not asked again.
    assert model.tasks() == ["scan", "answer", "assess thought"]


async def test_rounds_the_limit_is_reached() -> None:
    numbers = itertools.count()
    # A new thought every round: a chain of four, none of them an answer.
    result, model = await run_search(
        Policy(max_rounds=4, forecasts="inline"),
        scan=scan_reply(actions=[proposed_action("reason", "go on", 0.9, 0.2)]),
        reason=lambda call: {"text": f"{next(numbers)} windows are lit."},
        propose={"actions": [proposed_action("reason", "go on", 0.9, 0.2)], "merge": [], "prune": []},
        assess=assess_by_words({"windows": LOW}),
    )
    assert (result.stop_reason, result.rounds) == ("rounds", 4)
    assert model.tasks().count("reason") == 4
    assert result.status == "answered"


async def test_budget_what_is_left_cant_pay_a_round_and_the_final_answer() -> None:
    result, model = await run_search(
        Policy(budget=await min_budget()),
        scan=lambda call: ScriptedReply(
            scan_reply(safety=1.0), prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens or 0
        ),
    )
    assert result.stop_reason == "budget"
    # Nothing was bought, but what was set aside paid for an answer from the scan, and for its verdict.
    assert model.tasks() == ["scan", "synthesize", "assess thought"]
    assert result.status == "answered"
    assert result.cost.spent <= result.cost.budget


async def test_deadline_another_round_would_run_into_the_time_of_the_ending() -> None:
    # Calls of 0.2 s. After scan, answer and verdict 0.6 s are over; another call and the ending, for which a quarter of
    # the second is kept, would take 0.45 s.
    result, model = await run_search(Policy(deadline=1.0), delay=0.2, assess=LOW)
    assert result.stop_reason == "deadline"
    assert result.status == "answered"
    assert model.tasks() == ["scan", "answer", "assess thought"]


async def test_unsafe_request_is_not_explored() -> None:
    result, model = await run_search(scan=scan_reply(safety=-0.9))
    assert (result.stop_reason, result.status) == ("unsafe_request", "declined")
    assert "propose" not in model.tasks()


@pytest.mark.parametrize(
    "reply",
    [
        "A door with a notice.",
        {"caption": "a door"},
        scan_reply(safety=2.0),
        scan_reply(actions=[{"kind": "guess"}]),
        "",
    ],
    ids=["prose", "incomplete", "out of range", "no valid action", "empty"],
)
async def test_unreadable_scan_fails_and_is_neither_refusal_nor_answer(reply: Any) -> None:
    result, model = await run_search(scan=reply)
    assert (result.status, result.stop_reason, result.answer) == ("failed", "unreadable_scan", None)
    assert result.failure is not None
    assert "its reply to the scan could not be read" in result.failure
    assert "\n" not in result.failure
    # What was spent is on the receipt all the same.
    assert result.cost.by_phase == {"scan": 140.0}
    assert model.tasks() == ["scan"]


async def test_endpoint_a_first_look_that_never_came() -> None:
    result, _ = await run_search(scan=httpx.ConnectError("refused"))
    assert (result.status, result.stop_reason, result.answer) == ("failed", "endpoint", None)


async def test_endpoint_three_failed_calls_are_enough() -> None:
    result, model = await run_search(
        Policy(forecasts="inline"),
        scan=scan_reply(draft="From 9 to 5.", actions=[]),
        assess=LOW,
        propose=httpx.ConnectError(""),
    )
    assert (result.status, result.answer) == ("answered", "From 9 to 5.")
    assert model.tasks().count("propose") <= 3
    assert result.has_note("endpoint_failure")


async def test_endpoint_the_search_ends_with_the_third_failure_neither_sooner_nor_later() -> None:
    """``MAX_ENDPOINT_FAILURES``: one action a round, each of which fails."""
    actions = [proposed_action("reason", f"read line {number}", 0.9, 0.5) for number in range(5)]
    result, _ = await run_search(
        Policy(forecasts="inline", batch=1, branching=5),
        scan=scan_reply(actions=actions),
        reason=httpx.ConnectError(""),
    )
    assert (result.stop_reason, result.rounds) == ("endpoint", 3)
    assert sum(note.code == "endpoint_failure" for note in result.notes) == 3


async def test_a_branch_that_cant_win_any_more_is_pruned_and_said_so() -> None:
    # The draft: u = 0.99 for its verdict, 0.25 · 80 + 10 = 30, a rate of 0.033. However many perfect thoughts follow
    # the other one, at 40 or more each they come to less than 1 / 40 = 0.025.
    cheap = ScriptedReply(verdict_reply(1.0, 0.98), prompt_tokens=80, completion_tokens=10)
    events, model = await collect_events(
        Policy(choice="gamma", forecasts="inline", satisfied_utility=1.0),
        scan=scan_reply(draft="From 9 to 5.", actions=[proposed_action("reason", "read", 0.9, 0.1)]),
        assess=assess_by_words({"From 9": cheap}, verdict_reply(1.0, -0.98)),
    )
    result = final_result(events)
    assert model.tasks() == ["scan", "assess thought", "reason", "assess thought"]
    assert [(p.kind, p.reason) for p in result.pruned] == [("reason", "can't beat the best path within what is left")]
    assert [p.reason for p in events_of_kind(events, "pruned")] == ["can't beat the best path within what is left"]
    assert (result.answer, result.stop_reason) == ("From 9 to 5.", "no_open_tip")
