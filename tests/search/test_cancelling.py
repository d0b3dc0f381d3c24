"""Whoever leaves stops the calls: within a second none is left open at the server, whichever way was taken."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator
from contextlib import aclosing, nullcontext
from dataclasses import dataclass
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.testing import (
    CompletionReply,
    ErrorReply,
    JsonObject,
    Script,
    proposed_action,
    scan_reply,
    scripted_call,
    task_replies,
)
from tests.scripted_server import Answer, ChatServer, Delayed, Hang
from tests.search.stage import QUESTION

REQUEST: Any = {"question": QUESTION}
SOON = 120.0
"""Seconds after which no call may be open any more."""


@dataclass(frozen=True)
class Phase:
    """A moment of the search: which tasks hang, how many calls are open then, and the event before they are made."""

    hangs: frozenset[str]
    open: int
    after: str


PHASES = {
    "the first look": Phase(frozenset({"scan"}), 1, "run_started"),
    "the actions of a batch": Phase(frozenset({"reason"}), 2, "scored"),
    "the verdicts on a batch": Phase(frozenset({"assess thought"}), 2, "scored"),
}


@pytest.fixture(scope="module")
def loopback() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture(params=[pytest.param(phase, id=name) for name, phase in PHASES.items()])
def phase(request: pytest.FixtureRequest) -> Phase:
    found: Phase = request.param
    return found


@pytest.fixture
def server(loopback: ChatServer, phase: Phase) -> ChatServer:
    return loopback.reset(served(STORY, phase.hangs))


STORY = task_replies(
    scan=scan_reply(actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)])
)


def served(script: Script, hanging: frozenset[str]) -> Callable[[JsonObject], Answer]:
    """The script's replies, where nothing hangs."""

    def answer(body: JsonObject) -> Answer:
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        call = scripted_call([SystemMessage(system), HumanMessage(user)])
        said = script(call)
        assert isinstance(said, dict)
        return Hang() if call.task in hanging else CompletionReply(json.dumps(said))

    return answer


def agent_at(server: ChatServer, **policy: Any) -> EcoAlign:
    settings = {"forecasts": "inline"} | policy
    return EcoAlign("openai:m", base_url=server.url, api_key="none", policy=Policy.from_mapping(settings))


async def all_open(server: ChatServer, phase: Phase) -> None:
    await server.until(lambda: server.open_requests == phase.open)


async def all_left(server: ChatServer, phase: Phase) -> None:
    """Within a second the server sees that each was left, and no task goes on here."""
    await server.until(lambda: server.open_requests == 0, within=SOON)
    assert server.abandoned_requests == phase.open
    # A generator that was dropped is closed by a task of the event loop's own.
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        _, going_on = await asyncio.wait(others, timeout=SOON)
        assert not going_on


Run = Callable[[EcoAlign], Awaitable[object]]


async def through_ask(agent: EcoAlign) -> None:
    await agent.ask(QUESTION)


async def through_the_graph(agent: EcoAlign) -> None:
    await agent.graph.ainvoke(REQUEST)


async def through_stream(agent: EcoAlign) -> None:
    async for _ in agent.stream(QUESTION):
        pass


async def through_updates(agent: EcoAlign) -> None:
    async for _ in agent.graph.astream(REQUEST, stream_mode="updates"):
        pass


async def through_events(agent: EcoAlign) -> None:
    async for _ in agent.graph.astream_events(REQUEST, version="v2"):
        pass


DOORS = [through_ask, through_the_graph, through_stream, through_updates, through_events]


@pytest.mark.parametrize("run", DOORS)
async def test_a_cancelled_task_leaves_no_call_open(run: Run, server: ChatServer, phase: Phase) -> None:
    async with agent_at(server) as agent:
        running = asyncio.ensure_future(run(agent))
        await all_open(server, phase)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await all_left(server, phase)


@pytest.mark.parametrize("run", DOORS)
async def test_nor_does_a_time_limit_around_it(run: Run, server: ChatServer, phase: Phase) -> None:
    async with agent_at(server) as agent:
        with pytest.raises(TimeoutError):
            await _limited(run(agent), server, phase)
        await all_left(server, phase)


async def _limited(run: Awaitable[object], server: ChatServer, phase: Phase) -> None:
    async def end() -> None:
        await all_open(server, phase)
        limit.reschedule(asyncio.get_running_loop().time())

    async with asyncio.timeout(None) as limit:
        ending = asyncio.ensure_future(end())
        await run
    await ending


@pytest.mark.parametrize("run", DOORS)
async def test_nor_does_a_sibling_that_fails(run: Run, server: ChatServer, phase: Phase) -> None:
    async with agent_at(server) as agent:
        with pytest.raises(ExceptionGroup):
            await _beside_a_failure(run(agent), server, phase)
        await all_left(server, phase)


async def _beside_a_failure(run: Awaitable[object], server: ChatServer, phase: Phase) -> None:
    async def failing() -> None:
        await all_open(server, phase)
        raise LookupError("another task of the group")

    async def running() -> None:
        await run

    async with asyncio.TaskGroup() as group:
        group.create_task(failing())
        group.create_task(running())


FIRST = PHASES["the first look"]


class ListenerError(Exception):
    """Whoever listens fails."""


def refuse(event: object) -> None:
    raise ListenerError(f"has no use for {event}")


async def closed(agent: EcoAlign, server: ChatServer) -> None:
    async with aclosing(agent.stream(QUESTION)) as events:
        async for _ in events:
            await all_open(server, FIRST)
            break


async def broken_off(agent: EcoAlign, server: ChatServer) -> None:
    # Not closed: the generator is dropped, and the event loop closes it.
    async for _ in agent.stream(QUESTION):
        await all_open(server, FIRST)
        break


async def closed_by_hand(agent: EcoAlign, server: ChatServer) -> None:
    events = agent.stream(QUESTION)
    await anext(events)
    await all_open(server, FIRST)
    await events.aclose()


async def failed(agent: EcoAlign, server: ChatServer) -> None:
    async with aclosing(agent.stream(QUESTION)) as events:
        async for event in events:
            await all_open(server, FIRST)
            refuse(event)


async def failed_without_closing(agent: EcoAlign, server: ChatServer) -> None:
    async for event in agent.stream(QUESTION):
        await all_open(server, FIRST)
        refuse(event)


async def thrown_in(agent: EcoAlign, server: ChatServer) -> None:
    events = agent.stream(QUESTION)
    await anext(events)
    await all_open(server, FIRST)
    await events.athrow(ListenerError("from outside"))


async def graph_stream(agent: EcoAlign, server: ChatServer) -> None:
    told: Any = agent.graph.astream(REQUEST, stream_mode="custom")
    async with aclosing(told) as chunks:
        async for _ in chunks:
            await all_open(server, FIRST)
            break


WAYS = [closed, broken_off, closed_by_hand, failed, failed_without_closing, thrown_in, graph_stream]


@pytest.mark.parametrize("leave", WAYS)
async def test_a_stream_that_is_left_leaves_no_call_open(leave: Any, loopback: ChatServer) -> None:
    server = loopback.reset(served(STORY, FIRST.hangs))
    async with agent_at(server) as agent:
        # The error of whoever listens comes through.
        with pytest.raises(ListenerError) if leave in {failed, failed_without_closing, thrown_in} else nullcontext():
            await leave(agent, server)
        await all_left(server, FIRST)


async def test_nor_does_one_whose_next_event_is_not_waited_for(server: ChatServer, phase: Phase) -> None:
    async with agent_at(server) as agent, aclosing(agent.stream(QUESTION)) as events:
        next_one: asyncio.Future[Any] = asyncio.ensure_future(anext(events))
        while (await next_one).kind != phase.after:
            next_one = asyncio.ensure_future(anext(events))
        next_one = asyncio.ensure_future(anext(events))
        await all_open(server, phase)
        next_one.cancel()
        with pytest.raises(asyncio.CancelledError):
            await next_one
        await all_left(server, phase)


async def test_langgraphs_own_events_can_be_left_at_any_time(server: ChatServer, phase: Phase) -> None:
    async with agent_at(server) as agent:
        told: Any = agent.graph.astream_events(REQUEST, version="v2")
        async with aclosing(told) as events:
            async for event in events:
                if event["event"] == "on_custom_event" and event["data"]["ecoalign"]["kind"] == phase.after:
                    await all_open(server, phase)
                    break
        await all_left(server, phase)


async def test_who_leaves_while_a_retry_is_waited_for_is_not_asked_for_again(loopback: ChatServer) -> None:
    server = loopback.reset(ErrorReply(503, "busy", retry_after="15"))
    async with agent_at(server) as agent:
        running = asyncio.create_task(agent.ask(QUESTION))
        await server.until(lambda: len(server.bodies) == 1 and server.open_requests == 0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        # Nothing of ours is left that could ask.
        assert asyncio.all_tasks() == {asyncio.current_task()}
    assert len(server.bodies) == 1


async def test_who_leaves_while_waiting_for_a_place_never_gets_one(
    loopback: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOALIGN_CONCURRENCY", "1")
    server = loopback.reset(served(STORY, frozenset({"reason"})))
    async with agent_at(server) as agent:
        running = asyncio.create_task(agent.ask(QUESTION))
        await server.until(lambda: server.open_requests == 1 and len(server.bodies) == 2)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await server.until(lambda: server.open_requests == 0, within=SOON)
        assert (server.abandoned_requests, len(server.bodies)) == (1, 2)
        # The place is free again: another run gets it.
        server.answering(served(task_replies(), frozenset()))
        assert (await agent.ask(QUESTION)).status == "answered"


async def test_of_two_runs_only_the_one_that_is_left_stops(loopback: ChatServer) -> None:
    def answer(body: JsonObject) -> Answer:
        slow = "Monday" in json.dumps(body)
        return Hang() if slow else Delayed(0.02, served(task_replies(), frozenset())(body))

    server = loopback.reset(answer)
    async with agent_at(server) as agent:
        leaving, staying = (asyncio.create_task(agent.ask(day)) for day in ("Monday?", "Tuesday?"))
        await server.until(lambda: server.open_requests == 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
        assert (await staying).status == "answered"
        assert server.abandoned_requests == 1
