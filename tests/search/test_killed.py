"""A run killed with -9 goes on under its name and pays for no call twice; ``kill_often.py`` kills more often."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, MessagesState, StateGraph
from pydantic import SecretStr

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import ModelTimeoutError, UsageError
from ecoalign_agent.events.events import Answered
from ecoalign_agent.llm.call import ChatCall, attempt_call
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint, OutputMode
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.meter import CallJournal, Meter, dump_message, load_message, request_digest
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.structured_output import StructuredPrompt
from ecoalign_agent.search.checkpointing import CALL_CHANNEL
from ecoalign_agent.search.schemas import TextReply
from ecoalign_agent.search.state import CHECKPOINTED
from ecoalign_agent.testing import (
    CompletionReply,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.scripted_server import ChatServer, Hang, in_turn
from tests.scripted_server.moderations import ModerationServer, moderation
from tests.search.kill_often import kill_often
from tests.search.stage import QUESTION, picture

pytestmark = pytest.mark.slow


async def test_killed_six_times_it_pays_for_no_call_twice(tmp_path: Path) -> None:
    tally = await kill_often(tmp_path, 6, seed=7, a_run=6)
    assert len(tally.kills) == 6
    assert tally.equal
    assert tally.paid_twice == 0
    # Something was at stake.
    assert max(kill.kept for kill in tally.kills) > 3


TWO = scan_reply(actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)])
POLICY = Policy(forecasts="inline", max_rounds=1)


def two_thoughts(*, hangs: bool) -> ScriptedModel:
    """Two thoughts at once, each graded otherwise, so that a verdict given to the other would be seen.

    ``hangs``: the right one's verdict never comes.
    """

    def grade(call: ScriptedCall) -> Any:
        right = "right" in call["candidate"]
        found = verdict_reply(0.6 if right else 0.7 if "left" in call["candidate"] else 0.9, 0.3)
        return ScriptedReply(found, delay=1e6) if right and hangs else found

    def reason(call: ScriptedCall) -> Any:
        return {"text": f"To the {'left' if 'left' in call['aim'] else 'right'} it says nine."}

    return ScriptedModel(task_replies(scan=TWO, reason=reason, assess=grade))


def kept_in(saver: InMemorySaver) -> int:
    """Calls that were written beside checkpoints."""
    return sum(write[1] == CALL_CHANNEL for kept in saver.writes.values() for write in kept.values())


async def broken_off(run: Coroutine[Any, Any, Any], holds: Callable[[], bool]) -> None:
    """Carry ``run`` out until something holds, and end it there."""
    task = asyncio.create_task(run)
    async with asyncio.timeout(300):
        while not holds():  # noqa: ASYNC110 - the store tells nobody when it was written
            await asyncio.sleep(0.005)
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_what_a_broken_step_was_told_is_not_asked_again_and_each_verdict_stays_with_its_thought() -> None:
    saver, model = InMemorySaver(), two_thoughts(hangs=True)
    agent = EcoAlign(model, policy=POLICY, checkpointer=saver)
    # The scan, both texts, and the left one's verdict.
    await broken_off(agent.ask(QUESTION, run_id="x"), lambda: kept_in(saver) == 4)
    again = two_thoughts(hangs=False)
    result = await EcoAlign(again, policy=POLICY, checkpointer=saver).ask(QUESTION, run_id="x", resume=True)
    # The right one's verdict is all that the step asks for again.
    assert again.tasks()[0] == "assess thought"
    assert again.calls[0]["candidate"] == "To the right it says nine."
    assert not {"scan", "reason"} & set(again.tasks())
    whole = await EcoAlign(two_thoughts(hangs=False), policy=POLICY).ask(QUESTION, run_id="x")
    clocks = {"seconds", "time"}
    assert result.model_dump(exclude=clocks) == whole.model_dump(exclude=clocks)


async def test_an_interrupted_run_goes_on_one_that_ended_is_told_again_and_another_question_is_refused() -> None:
    saver, model = InMemorySaver(), ScriptedModel()
    agent = EcoAlign(model, checkpointer=saver)
    state: Any = {"question": QUESTION, "images": [picture()], "run_id": "x"}
    thread: Any = {"configurable": {"thread_id": "x"}}
    await agent.graph.ainvoke(state, thread, interrupt_after=["score"], durability="sync")
    asked = model.tasks()
    for other in ("When does it close?", ""):
        with pytest.raises(UsageError, match="another question or other pictures" if other else "empty"):
            await agent.ask(other, [picture()], run_id="x", resume=True)
    with pytest.raises(UsageError, match="another question or other pictures"):
        await agent.ask(QUESTION, run_id="x", resume=True)
    with pytest.raises(UsageError, match="under another policy: it stays as it is"):
        await agent.with_policy(Policy(budget=5_000)).ask(QUESTION, [picture()], run_id="x", resume=True)
    assert model.tasks() == asked
    result = await agent.ask(QUESTION, [picture()], run_id="x", resume=True)
    assert (result.status, model.tasks().count("scan")) == ("answered", 1)
    calls = len(model.calls)
    events = [event async for event in agent.stream(QUESTION, [picture()], run_id="x", resume=True)]
    assert [type(event) for event in events] == [Answered]
    assert await agent.ask(QUESTION, [picture()], run_id="x", resume=True) == result
    assert len(model.calls) == calls
    with pytest.raises(UsageError, match="another question"):
        await agent.ask("When does it close?", [picture()], run_id="x", resume=True)


@pytest.mark.parametrize("gone", [1, 2, 3, 6])
async def test_a_process_that_died_between_a_node_and_the_checkpoint_after_it_is_gone_on_from(gone: int) -> None:
    saver, model = InMemorySaver(), ScriptedModel()
    first = await EcoAlign(model, checkpointer=saver).ask(QUESTION, run_id="x")
    kept = saver.storage["x"][""]
    for checkpoint in sorted(kept)[-gone:]:
        del kept[checkpoint]
    again = ScriptedModel()
    result = await EcoAlign(again, checkpointer=saver).ask(QUESTION, run_id="x", resume=True)
    assert (result.answer, result.cost) == (first.answer, first.cost)
    assert "scan" not in again.tasks()


async def test_without_a_name_the_same_request_is_the_same_run() -> None:
    model = ScriptedModel()
    agent = EcoAlign(model, checkpointer=InMemorySaver())
    first = await agent.ask(QUESTION, resume=True)
    calls = len(model.calls)
    assert await agent.ask(QUESTION, resume=True) == first
    assert len(model.calls) == calls
    assert (await agent.ask("Monday?", resume=True)).run_id != first.run_id
    # And a run without resume is one of its own, as ever.
    assert (await agent.ask(QUESTION)).run_id != first.run_id


async def test_a_run_that_failed_is_tried_anew() -> None:
    replies: Any = iter(["unreadable", scan_reply()])
    agent = EcoAlign(ScriptedModel(task_replies(scan=lambda call: next(replies))), checkpointer=InMemorySaver())
    assert (await agent.ask(QUESTION, resume=True)).status == "failed"
    assert (await agent.ask(QUESTION, resume=True)).status == "answered"


async def test_resume_without_a_checkpointer_is_the_callers_mistake() -> None:
    with pytest.raises(UsageError, match="give a checkpointer"):
        await EcoAlign(ScriptedModel()).ask(QUESTION, resume=True)


class Kept:
    """A store of calls in a list."""

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self.stored = list(entries)

    async def entries(self) -> Sequence[str]:
        return list(self.stored)

    async def append(self, entry: str) -> None:
        self.stored.append(entry)


class Calls:
    """Makes one request again and again, each time as a process that starts anew would."""

    def __init__(
        self,
        model: Any,
        store: Kept,
        *,
        budget: float = 10_000.0,
        timeout: float = 60.0,
        inputs: dict[str, str] | None = None,
        mode: OutputMode = "plain",
    ) -> None:
        given = {"question": QUESTION} | (inputs or {})
        prompt = load_prompt("alignment/decline").render(**{k: given.get(k, "-") for k in _INPUTS})
        self.endpoint = Endpoint(model, name="m", timeout=timeout)
        self.meter = Meter(Budget(budget), Tariff(), journal=CallJournal(store))
        self.request = StructuredPrompt(prompt, TextReply, (), 200, 16).request(mode)

    async def outcome(self) -> AIMessage | Failure:
        return await attempt_call(ChatCall(self.endpoint, self.request, self.meter, "decline"))

    async def reply(self) -> AIMessage:
        message = await self.outcome()
        assert isinstance(message, AIMessage)
        return message


_INPUTS = load_prompt("alignment/decline").inputs


async def test_a_kept_answer_is_booked_as_it_was_and_taken_once() -> None:
    model, store = ScriptedModel(lambda call: ScriptedReply({"text": f"number {len(model.calls)}"})), Kept()
    first = Calls(model, store)
    said = [await first.reply(), await first.reply()]
    # The marker of the fences is another one, and so is what is left of the budget: it is the same question.
    second = Calls(model, store, budget=500.0)
    again = [await second.reply(), await second.reply()]
    assert len(model.calls) == 2
    assert [message.text for message in again] == [message.text for message in said]
    # 400 prompt and 40 completion tokens each, at 0.25 and 1: 140 cost units a call.
    assert (second.meter.ledger.calls, second.meter.budget.spent) == (2, 280.0)
    assert first.meter.ledger.by_phase == second.meter.ledger.by_phase
    await second.reply()
    assert len(model.calls) == 3


async def test_another_question_another_way_of_asking_or_another_turn_takes_nothing_of_it() -> None:
    model, store = ScriptedModel(lambda call: {"text": "a"}), Kept()
    await Calls(model, store).reply()
    name = next(iter(_INPUTS))
    await Calls(model, store, inputs={name: "something else"}).reply()
    await Calls(model, store, mode="json_mode").reply()
    assert len(model.calls) == 3


def test_a_guards_conversation_is_told_by_every_turn_of_it() -> None:
    endpoint = Endpoint(ScriptedModel(), name="m")
    turns: list[list[BaseMessage]] = [
        [HumanMessage("How?")],
        *([HumanMessage("How?"), AIMessage(text)] for text in ("Like this.", "Like that.")),
    ]
    meter = Meter(Budget(1.0), Tariff())
    digests = {ChatCall(endpoint, ChatRequest(each, 9, (), 9, 1), meter, "assess").digest() for each in turns}
    assert len(digests) == 3


async def test_what_was_paid_for_a_call_that_failed_stays_booked() -> None:
    store = Kept()
    with ChatServer(in_turn(Hang(), CompletionReply('{"text": "at nine"}'))) as server:
        model = ChatOpenAI(model="m", base_url=server.url, api_key=SecretStr("none"), max_retries=0)
        failure = await Calls(model, store, timeout=0.1).outcome()
        assert isinstance(failure, Failure)
        assert isinstance(failure.error, ModelTimeoutError)
        after = Calls(model, store)
        assert (await after.reply()).text
        await after.endpoint.aclose()
    # The time-out may have cost all that was reserved for it: that is in the books of the process that goes on, too.
    assert after.meter.ledger.calls == 2
    assert after.meter.ledger.estimated_calls == 1
    assert after.meter.budget.spent > 200


async def test_a_moderation_endpoint_is_not_asked_again_either() -> None:
    store = Kept()
    with ModerationServer(moderation("violence")) as server:
        endpoint = ModerationEndpoint("omni-moderation-latest", api_key=SecretStr("none"), base_url=server.url)

        async def moderated(text: str) -> tuple[str, float, float]:
            meter = Meter(Budget(10_000.0), Tariff(), journal=CallJournal(store))
            done = await endpoint.moderate(text, None, meter=meter, phase="assess")
            return done.body, done.cost, meter.budget.spent

        first = await moderated("a text")
        assert first[1] == first[2] > 0
        assert await moderated("a text") == first
        assert len(server.requests) == 1
        await moderated("another text")
        assert len(server.requests) == 2
        await endpoint.aclose()


async def test_entries_that_are_not_whole_are_as_good_as_none() -> None:
    model, store = ScriptedModel(lambda call: {"text": "a"}), Kept()
    await Calls(model, store).reply()
    whole = json.loads(store.stored[0])
    spoilt = [
        "",
        "[]",
        json.dumps(whole | {"usage": whole["usage"] | {"text": -5}}),
        json.dumps(whole | {"seconds": float("nan")}),
        json.dumps(whole | {"answer": "{"}),
        json.dumps(whole | {"answer": '{"content": 3}'}),
    ]
    for entry in spoilt:
        fresh = Calls(model, Kept([entry]))
        calls = len(model.calls)
        assert (await fresh.reply()).text
        assert len(model.calls) == calls + 1


def test_a_reply_comes_back_with_all_that_is_read_of_it_whatever_its_metadata_holds() -> None:
    usage = {"input_tokens": 3, "output_tokens": 2, "total_tokens": 5}
    message = AIMessage(
        "nine",
        additional_kwargs={"refusal": "no"},
        response_metadata={"finish_reason": "stop", "odd": {1, 2}, "token_usage": {"prompt_tokens": 3}},
        usage_metadata=usage,
        tool_calls=[{"name": "f", "args": {"a": 1}, "id": "1"}],
    )
    back = load_message(dump_message(message))
    assert back is not None
    assert (back.content, back.tool_calls, back.usage_metadata) == (
        message.content,
        message.tool_calls,
        message.usage_metadata,
    )
    assert back.additional_kwargs == message.additional_kwargs
    assert back.response_metadata["token_usage"] == {"prompt_tokens": 3}
    assert load_message(dump_message(AIMessage([{"type": "text", "text": "x"}]))) == AIMessage(
        [{"type": "text", "text": "x"}]
    )


def test_parts_of_a_digest_can_not_be_moved_into_their_neighbours() -> None:
    assert request_digest(["ab", "c"]) != request_digest(["a", "bc"])
    assert request_digest(["ab"]) != request_digest(["ab", ""])
    assert request_digest(["\ud800"]) != request_digest(["?"])


async def test_parallel_calls_take_each_kept_answer_once() -> None:
    model, store = ScriptedModel(lambda call: ScriptedReply({"text": f"n{len(model.calls)}"})), Kept()
    first = Calls(model, store)
    said = {(await first.reply()).text for _ in range(3)}
    second = Calls(model, store)
    again = await asyncio.gather(*(second.reply() for _ in range(4)))
    assert said < {message.text for message in again}
    assert len(model.calls) == 4


async def test_in_a_parents_thread_the_calls_of_an_inner_step_are_kept_too() -> None:
    saver = InMemorySaver()

    def parent(model: ScriptedModel) -> Any:
        graph = StateGraph(MessagesState)
        graph.add_node("answer", EcoAlign(model, policy=POLICY).graph)
        graph.add_edge(START, "answer")
        graph.add_edge("answer", END)
        return graph.compile(checkpointer=saver.with_allowlist(CHECKPOINTED))

    thread: Any = {"configurable": {"thread_id": "p"}}
    first = parent(two_thoughts(hangs=True)).ainvoke({"messages": [HumanMessage(QUESTION)]}, thread, durability="sync")
    await broken_off(first, lambda: kept_in(saver) == 4)
    again = two_thoughts(hangs=False)
    done = await parent(again).ainvoke(None, thread)
    assert done["messages"][-1].text == "Open from 9 to 5."
    assert not {"scan", "reason"} & set(again.tasks())
