"""An endpoint that fails: at the first look the run fails in one line; later it costs what the call was for."""

from typing import Any

import httpx
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.stage import collect_events, events_of_kind, final_result, run_search

LOW = verdict_reply(0.9, 0.1)
DOWN = httpx.ConnectError("All connection attempts failed")


class StatusError(Exception):
    """As integrations raise it: a message, and the status as an attribute."""

    def __init__(self, status: int, message: str = "no") -> None:
        super().__init__(message)
        self.status_code = status


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (DOWN, "nothing answers"),
        (StatusError(401, "Incorrect API key provided: sk-secret-1234567890"), "401"),
        (StatusError(403), "may not do this"),
        (StatusError(404, "model not found"), "no such model"),
        (StatusError(400, "context length exceeded"), "400"),
        (httpx.ReadTimeout("slow"), "no answer in time"),
        (RuntimeError("boom\nsecond line"), "RuntimeError"),
    ],
    ids=["down", "401", "403", "404", "400", "time-out", "whatever"],
)
async def test_at_the_first_look_the_run_fails_with_one_line(error: Exception, says: str) -> None:
    result, model = await run_search(scan=error)
    assert model.tasks() == ["scan"]
    assert (result.status, result.stop_reason, result.answer) == ("failed", "endpoint", None)
    assert result.failure is not None
    assert result.failure.startswith("ScriptedModel: ")
    assert says in result.failure
    assert "\n" not in result.failure
    assert "sk-secret" not in result.model_dump_json()


async def test_a_server_error_is_retried_and_fails_only_when_it_stays() -> None:
    replies: list[Any] = [StatusError(500), scan_reply(draft="From 9 to 5.", actions=[])]
    result, model = await run_search(scan=lambda call: replies.pop(0))
    assert model.tasks() == ["scan", "scan", "assess thought"]
    assert result.status == "answered"
    # The failed attempt is counted and cost nothing.
    assert (result.cost.calls, result.cost.spent) == (3, 280.0)


async def test_a_refused_call_costs_nothing_and_one_that_broke_off_may_have() -> None:
    refused, _ = await run_search(scan=StatusError(404))
    timed_out, _ = await run_search(scan=httpx.ReadTimeout("slow"))
    assert refused.cost.spent == 0.0
    assert timed_out.cost.spent > 0.0
    assert timed_out.cost.estimated == 1


async def test_a_proposer_that_is_down_costs_the_rounds_and_the_answer_comes_from_what_is_there() -> None:
    result, model = await run_search(scan=scan_reply(draft="From 9 to 5.", actions=[]), assess=LOW, propose=DOWN)
    assert (result.status, result.answer) == ("answered", "From 9 to 5.")
    assert model.tasks().count("propose") >= 1
    assert result.has_note("endpoint_failure")


async def test_a_simulator_that_is_down_costs_only_its_forecasts() -> None:
    result, model = await run_search(Policy(forecasts="simulated"), simulate=DOWN)
    assert model.tasks() == ["scan", "simulate", "answer", "assess thought"]
    assert (result.status, result.stop_reason) == ("answered", "satisfied")


async def test_an_action_that_fails_is_lost_and_the_other_of_the_batch_is_not() -> None:
    def reason(call: ScriptedCall) -> Any:
        return DOWN if "left" in call["aim"] else {"text": "Somebody painted a tram."}

    events, _ = await collect_events(
        Policy(forecasts="inline", max_rounds=1),
        scan=scan_reply(
            actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
        ),
        reason=reason,
        assess=LOW,
    )
    assert [t.id for t in events_of_kind(events, "thought")] == ["t2", "answer0"]
    assert final_result(events).status == "answered"


async def test_a_planner_that_is_down_is_done_without() -> None:
    result, _ = await run_search(scan=scan_reply(safety=0.3), plan=DOWN)
    assert result.status == "answered"
    assert result.has_note("no_strategy")


async def test_a_synthesizer_that_is_down_leaves_the_paths_own_answer() -> None:
    result, _ = await run_search(
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        assess=lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
        synthesize=DOWN,
    )
    assert (result.status, result.answer) == ("answered", "It is open from 9 to 5.")


@pytest.mark.parametrize("draft", ["", "From 9 to 5."])
async def test_an_assessor_that_is_down_makes_the_run_fail_not_decline(draft: str) -> None:
    result, _ = await run_search(scan=scan_reply(draft=draft), assess=DOWN)
    assert (result.status, result.stop_reason, result.answer) == ("failed", "endpoint", None)
    assert result.failure is not None
    assert result.failure.startswith("ScriptedModel: nothing answers")


async def test_a_confirmation_that_cant_be_had_counts_as_harmful() -> None:
    result, _ = await run_search(scan=scan_reply(safety=-0.5), request=DOWN)
    assert (result.status, result.stop_reason) == ("declined", "unsafe_request")
    assert result.has_note("endpoint_failure")


async def test_where_harm_was_found_a_failing_decliner_leaves_a_fixed_refusal() -> None:
    result, _ = await run_search(scan=scan_reply(safety=-0.5), decline=DOWN)
    assert result.status == "declined"
    assert (result.answer or "").startswith("I can't help with this request.")
    result, _ = await run_search(assess=verdict_reply(-0.9), decline=DOWN)
    assert (result.status, result.stop_reason) == ("declined", "no_open_tip")


async def test_all_down_after_the_first_look_stops_after_few_calls() -> None:
    down: dict[str, Any] = dict.fromkeys(
        ["plan", "propose", "simulate", "reason", "answer", "synthesize", "decline", "assess"], DOWN
    )
    result, model = await run_search(
        scan=scan_reply(actions=[proposed_action("reason", f"step {n}") for n in range(3)]), **down
    )
    assert (result.status, result.stop_reason) == ("failed", "endpoint")
    assert len(model.calls) < 12
    assert result.cost.spent == 140.0


async def test_trouble_in_one_run_is_none_of_the_next() -> None:
    def answer(call: ScriptedCall) -> Any:
        return DOWN if "Monday" in call["question"] else {"text": "It is open from 9 to 5."}

    agent = EcoAlign(ScriptedModel(task_replies(answer=answer)), checkpointer=InMemorySaver())
    first, second = [await agent.ask(question, run_id="x") for question in ("Monday?", "Tuesday?")]
    assert first.has_note("endpoint_failure")
    assert not second.has_note("endpoint_failure")
    assert second.answer == "It is open from 9 to 5."
