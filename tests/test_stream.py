"""The stream: one contract in every channel, no text before its verdict, and nothing that nobody waits for."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from itertools import pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import BudgetTooSmallError, ImageError, UsageError
from ecoalign_agent.events.events import Event, Heartbeat, event_adapter
from ecoalign_agent.search.node_base import HEARTBEAT_KEY
from ecoalign_agent.search.state import CHECKPOINTED
from ecoalign_agent.testing import (
    ScriptedModel,
    imagined_step,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.gates import Gated, gated
from tests.packaging.test_graphs import ROOT, deployed
from tests.pictures import damaged
from tests.search.stage import QUESTION, assess_by_words
from tests.server.channels import CHANNELS, Channel, langserve_log

# LangServe reads its input's fields in a way that pydantic will not allow for ever.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_fields' attribute on the instance",
    "ignore:astream_log is deprecated",
)

LONG: dict[str, Any] = {
    "scan": scan_reply(
        safety=0.4, actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
    ),
    "reason": lambda call: {"text": "The shop opens at 9." if "left" in call["aim"] else "The shop opens at 9!"},
    "simulate": {
        "forecasts": [{"action": 1, "safety": 0.9, "utility": 0.3, "steps": [imagined_step("answer", 0.9, 0.9)]}]
    },
    "assess": lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
}
"""A run of 19 events and 13 calls: a strategy, a look ahead, two thoughts that merge, two rounds, a synthesis."""

HEARTBEAT, NEVER = 0.02, 10.0
"""Seconds: often enough for a test that waits for one; so seldom that none comes in a test that counts events."""

DRAFT = "CANARY-DRAFT: from nine to five"


def timeless(event: dict[str, Any]) -> dict[str, Any]:
    """An event without what differs from run to run: ids and times."""
    rest = {key: value for key, value in event.items() if key not in {"run_id", "at"}}
    if "result" in rest:
        rest["result"] = {k: v for k, v in rest["result"].items() if k not in {"run_id", "seconds", "time"}}
    return rest


@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
async def test_every_channel_tells_the_same_events(channel: Channel) -> None:
    listening = channel(EcoAlign(ScriptedModel(task_replies(**LONG))), QUESTION, NEVER)
    told = [timeless(item["event"]) async for item in listening if "event" in item]
    agent = EcoAlign(ScriptedModel(task_replies(**LONG)))
    own = [timeless(event.model_dump(mode="json")) async for event in agent.stream(QUESTION)]
    assert len(own) == 19
    assert told == own


class Heard:
    """What came through a channel so far."""

    def __init__(self) -> None:
        self.items: list[str] = []
        self.beats = 0
        self.news = asyncio.Condition()

    async def listen(self, channel: Channel, agent: EcoAlign) -> None:
        async for item in channel(agent, QUESTION, HEARTBEAT):
            async with self.news:
                self.items.append(json.dumps(item, default=str))
                self.beats += item.get("event", {}).get("kind") == "heartbeat"
                self.news.notify_all()

    async def until_beats(self, more: int) -> None:
        """Wait for so many further heartbeats: whatever was sent before them has arrived by then."""
        wanted = self.beats + more
        async with self.news:
            await self.news.wait_for(lambda: self.beats >= wanted)

    def tell(self, words: str) -> bool:
        return any(words in item for item in self.items)


WRITTEN: dict[str, dict[str, Any]] = {
    "draft": {"scan": scan_reply(draft=DRAFT, actions=[])},
    "answer": {"answer": {"text": DRAFT}},
    "plan": LONG | {"plan": {"text": DRAFT}},
    "reason": LONG | {"reason": {"text": DRAFT}},
    "synthesize": LONG | {"synthesize": {"text": DRAFT}},
    "decline": {"scan": scan_reply(safety=-0.9), "decline": {"text": DRAFT}},
}
"""Who writes the text whose verdict is long in coming."""


def withheld(where: str) -> Gated:
    """A model whose assessor hangs over the text."""
    return gated(task_replies(**WRITTEN[where]), lambda call: DRAFT in call.data.get("candidate", ""))


@pytest.mark.parametrize("where", WRITTEN)
@pytest.mark.parametrize("channel", CHANNELS.values(), ids=CHANNELS)
async def test_no_text_is_in_any_channel_before_its_verdict(channel: Channel, where: str) -> None:
    model, heard = withheld(where), Heard()
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        group.create_task(heard.listen(channel, EcoAlign(model)))
        await model.reached.wait()
        await heard.until_beats(2)
        assert not heard.tell("CANARY")
        model.gate.set()
    assert heard.tell(DRAFT)


async def test_the_log_that_the_playground_reads_holds_the_result_alone() -> None:
    model, heard = withheld("draft"), Heard()
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        group.create_task(heard.listen(langserve_log, EcoAlign(model)))
        await model.reached.wait()
        model.gate.set()
    holding = [item for item in heard.items if "CANARY" in item]
    assert holding
    assert all('\\"status\\":\\"answered\\"' in item for item in holding)


def modes(graph: Any, mode: str) -> Channel:
    """A mode of the graph's own stream, with the events beside it."""

    async def stream(agent: EcoAlign, question: str, heartbeat: float) -> Any:
        config: Any = {"configurable": {HEARTBEAT_KEY: heartbeat, "thread_id": "x"}}
        async for told, chunk in graph.astream({"question": question}, config, stream_mode=["custom", mode]):
            yield {"event": chunk["ecoalign"]} if told == "custom" else {"beside": repr(chunk)}

    return stream


SEARCH = ROOT / "graphs" / "ecoalign.py"


def kept(graph: Any) -> Any:
    """A deployed graph as LangGraph Server has it, which brings its own checkpointer."""
    serde = JsonPlusSerializer(allowed_msgpack_modules=list(CHECKPOINTED))
    return graph.copy(update={"checkpointer": InMemorySaver(serde=serde)})


@pytest.mark.parametrize("where", ["draft", "answer", "reason", "synthesize"])
@pytest.mark.parametrize("mode", ["messages", "values", "updates", "checkpoints"])
async def test_the_deployed_graph_shows_no_ungraded_text_in_any_mode_for_clients(mode: str, where: str) -> None:
    model, heard = withheld(where), Heard()
    async with asyncio.timeout(15), deployed(SEARCH, model=model) as graph, asyncio.TaskGroup() as group:
        group.create_task(heard.listen(modes(kept(graph), mode), EcoAlign(model)))
        await model.reached.wait()
        await heard.until_beats(2)
        assert not heard.tell("CANARY")
        model.gate.set()
    assert heard.tell(DRAFT)


@pytest.mark.parametrize("mode", ["messages", "values", "updates", "checkpoints"])
async def test_the_deployed_graph_never_shows_what_was_found_unsafe(mode: str) -> None:
    unsafe = {"assess": assess_by_words({DRAFT: verdict_reply(-0.7)})}
    for parts in (WRITTEN["draft"], WRITTEN["reason"], WRITTEN["synthesize"]):
        model, heard = ScriptedModel(task_replies(**(parts | unsafe))), Heard()
        async with deployed(SEARCH, model=model) as graph:
            await heard.listen(modes(kept(graph), mode), EcoAlign(model))
        assert DRAFT in [call["candidate"] for call in model.calls if call.task == "assess thought"]
        assert not heard.tell("CANARY")


async def test_the_stream_of_messages_holds_the_answer_alone() -> None:
    model, heard = withheld("synthesize"), Heard()
    async with asyncio.timeout(15), asyncio.TaskGroup() as group:
        group.create_task(heard.listen(modes(EcoAlign(model).graph, "messages"), EcoAlign(model)))
        await model.reached.wait()
        await heard.until_beats(2)
        assert not [item for item in heard.items if "beside" in json.loads(item)]
        model.gate.set()
    beside = [item for item in heard.items if "beside" in json.loads(item)]
    assert len(beside) == 1
    assert DRAFT in beside[0]


async def test_a_run_that_waits_says_so_and_for_what() -> None:
    model = gated(task_replies(scan=scan_reply(draft=DRAFT, actions=[])), lambda call: call.task == "assess thought")
    beats: list[Heartbeat] = []
    async with asyncio.timeout(120), aclosing(EcoAlign(model).stream(QUESTION, heartbeat=HEARTBEAT)) as events:
        told: list[Event] = []
        async for event in events:
            told.append(event)
            # On a busy machine the first look may have taken long enough for a heartbeat of its own.
            if isinstance(event, Heartbeat) and event.waiting_for != "scan":
                beats.append(event)
                if len(beats) == 3:
                    model.gate.set()
    # The scan is paid: 140 units. The draft was bought by `execute`, and its verdict is the one call under way.
    assert {(beat.waiting_for, beat.open_calls, beat.spent) for beat in beats} == {("execute", 1, 140.0)}
    elapsed = [beat.elapsed for beat in beats]
    assert elapsed == sorted(elapsed)
    assert all(later - earlier >= 0.9 * HEARTBEAT for earlier, later in pairwise(elapsed))
    assert [event.number for event in told] == list(range(len(told)))
    assert all(event_adapter.validate_json(event.model_dump_json()) == event for event in told)


async def test_while_the_first_look_is_under_way_there_are_heartbeats_too() -> None:
    model = gated(task_replies(), lambda call: call.task == "scan")
    async with asyncio.timeout(120), aclosing(EcoAlign(model).stream(QUESTION, heartbeat=HEARTBEAT)) as events:
        kinds = [(await anext(events)).kind for _ in range(3)]
    assert kinds == ["run_started", "heartbeat", "heartbeat"]


async def test_parallel_calls_beat_once() -> None:
    model = gated(task_replies(**LONG), lambda call: call.task == "reason")
    async with asyncio.timeout(120), aclosing(EcoAlign(model).stream(QUESTION, heartbeat=0.05)) as events:
        beats: list[Heartbeat] = []
        async for event in events:
            beats += [event] if isinstance(event, Heartbeat) and model.tasks().count("reason") == 2 else []
            if len(beats) == 4:
                break
    assert {beat.open_calls for beat in beats} == {2}
    assert all(later.elapsed - earlier.elapsed >= 0.045 for earlier, later in pairwise(beats))


@pytest.mark.parametrize("seconds", [0, -1, 0.001, 10.5, float("nan"), "5", True])
async def test_an_interval_that_is_none_is_refused(seconds: Any) -> None:
    model = ScriptedModel()
    with pytest.raises(UsageError, match=r"heartbeat is .* from 0.01 to 10"):
        await anext(EcoAlign(model).stream(QUESTION, heartbeat=seconds))
    with pytest.raises(UsageError, match=r"heartbeat is"):
        await EcoAlign(model).graph.ainvoke({"question": QUESTION}, {"configurable": {HEARTBEAT_KEY: seconds}})
    assert model.calls == []


async def settled(model: ScriptedModel) -> int:
    """The calls begun once nothing goes on by itself any more: a model without delay needs no clock, only turns."""
    before = -1
    while before != len(model.calls):
        before = len(model.calls)
        for _ in range(300):
            await asyncio.sleep(0)
    return before


@pytest.mark.parametrize("taken", range(1, 20))
async def test_a_consumer_that_stops_reading_stops_the_search(taken: int) -> None:
    model = ScriptedModel(task_replies(**LONG))
    async with aclosing(EcoAlign(model).stream(QUESTION, heartbeat=NEVER)) as events:
        for _ in range(taken):
            await anext(events)
        begun = len(model.calls)
        after = await settled(model)
        # The node under way ends, and no other begins: at the most two thoughts at once, each with its verdict.
        assert after - begun <= 4
        assert await settled(model) == after
        rest = [event async for event in events]
    assert taken + len(rest) == 19
    assert len(model.calls) == 13


async def test_a_consumer_that_reads_one_event_pays_for_the_first_look_alone() -> None:
    model = ScriptedModel(task_replies(**LONG))
    async with aclosing(EcoAlign(model).stream(QUESTION)) as events:
        await anext(events)
        await settled(model)
    assert model.tasks() == ["scan"]


async def asking(agent: EcoAlign) -> None:
    await agent.ask(QUESTION)


async def following(agent: EcoAlign) -> None:
    async with aclosing(agent.stream(QUESTION)) as events:
        async for _ in events:
            pass


@pytest.mark.parametrize("run", [asking, following])
async def test_under_anyio_which_cancels_again_and_again_no_call_is_left_behind(
    run: Callable[[EcoAlign], Coroutine[Any, Any, None]],
) -> None:
    model = gated(task_replies(), lambda call: call.task == "answer")
    async with asyncio.timeout(120), anyio.create_task_group() as group:
        group.start_soon(run, EcoAlign(model))
        await model.reached.wait()
        group.cancel_scope.cancel()
    assert model.let_go.is_set()
    assert model.tasks() == ["scan", "answer"]


@pytest.mark.parametrize("task", ["scan", "plan", "reason", "assess thought", "synthesize"])
async def test_a_consumer_that_leaves_ends_the_calls_under_way(task: str) -> None:
    model = gated(task_replies(**LONG), lambda call: call.task == task)
    async with asyncio.timeout(120), aclosing(EcoAlign(model).stream(QUESTION, heartbeat=HEARTBEAT)) as events:
        async for event in events:
            if event.kind == "heartbeat" and model.reached.is_set():
                break
        begun = len(model.calls)
        assert not model.let_go.is_set()
    async with asyncio.timeout(120):
        await model.let_go.wait()
    assert await settled(model) == begun


async def test_the_first_event_comes_before_any_call_and_before_the_picture_is_decoded() -> None:
    model = ScriptedModel()
    async with aclosing(EcoAlign(model).stream(QUESTION, [damaged()])) as events:
        first = await anext(events)
        assert (first.kind, first.number) == ("run_started", 0)
        with pytest.raises(ImageError, match="the bytes given"):
            await anext(events)
    assert model.calls == []


async def test_a_damaged_picture_goes_by_the_name_that_it_came_by(tmp_path: Path) -> None:
    path = tmp_path / "notice.png"
    path.write_bytes(damaged())
    agent = EcoAlign(ScriptedModel())
    with pytest.raises(ImageError, match=r"notice\.png"):
        await agent.ask(QUESTION, [path])
    with pytest.raises(ImageError, match=r"notice\.png"):
        _ = [event async for event in agent.stream(QUESTION, [path])]


async def test_a_mistake_that_needs_no_look_shows_before_the_first_event() -> None:
    model = ScriptedModel()
    for question, images in (("", []), (QUESTION, [b"no picture"]), (QUESTION, ["/nowhere.png"])):
        with pytest.raises(UsageError):
            await anext(EcoAlign(model).stream(question, images))
    with pytest.raises(BudgetTooSmallError):
        await anext(EcoAlign(model, policy=Policy(budget=1)).stream(QUESTION))
    assert model.calls == []
