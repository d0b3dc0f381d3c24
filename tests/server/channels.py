"""One request through every channel: what each of them hands out, item by item, as JSON."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx
from langchain_core.messages import HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from ecoalign_agent import EcoAlign
from ecoalign_agent.search.node_base import HEARTBEAT_KEY
from tests.server.process import HANG_SECONDS
from tests.server.urls import app_of, remote, served

Item = dict[str, Any]
Channel = Callable[[EcoAlign, str, float], AsyncIterator[Item]]
"""Agent, question and seconds between heartbeats to what a listener gets; under ``event``, an event of the contract."""


def _config(heartbeat: float) -> Any:
    return {"configurable": {HEARTBEAT_KEY: heartbeat}}


async def facade(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """``EcoAlign.stream``."""
    async with aclosing(agent.stream(question, heartbeat=heartbeat)) as events:
        async for event in events:
            yield {"event": event.model_dump(mode="json")}


async def custom(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """The graph, ``stream_mode="custom"``."""
    async for chunk in agent.graph.astream({"question": question}, _config(heartbeat), stream_mode="custom"):
        yield {"event": dict(chunk)["ecoalign"]}


async def subgraph(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """The graph as a node of another one."""
    parent: Any = StateGraph(MessagesState)
    parent.add_node("inner", agent.graph)
    parent.add_edge(START, "inner")
    parent.add_edge("inner", END)
    request = {"messages": [HumanMessage(question)]}
    streaming = parent.compile().astream(request, _config(heartbeat), stream_mode="custom", subgraphs=True)
    async for namespace, chunk in streaming:
        assert namespace
        yield {"event": chunk["ecoalign"]}


async def langchain(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """LangChain's event stream, of which the custom events are the contract."""
    async for event in agent.graph.astream_events({"question": question}, _config(heartbeat), version="v2"):
        if event["event"] == "on_custom_event" and event["name"] == "ecoalign":
            yield {"event": dict(event["data"])["ecoalign"]}


async def sse(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """Server-sent events in our own contract."""
    async with (
        served(app_of(agent, heartbeat=heartbeat)) as url,
        httpx.AsyncClient(timeout=HANG_SECONDS) as client,
        client.stream("POST", f"{url}/v1/ecoalign/events", json={"question": question}) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        async for frame in frames(response):
            data = json.loads(frame["data"])
            assert (frame["id"], frame["event"]) == (str(data["number"]), data["kind"])
            yield {"event": data}


async def langserve_stream(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """LangServe's ``/stream``: the events, then the result."""
    async with served(app_of(agent, heartbeat=heartbeat)) as url, remote(url) as chain:
        async for chunk in chain.astream({"question": question}):
            yield chunk if "event" in chunk else {"result": dict(chunk)}


async def langserve_events(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """LangServe's ``/stream_events``: everything it sends, ours and LangServe's own."""
    async with served(app_of(agent, heartbeat=heartbeat)) as url, remote(url) as chain:
        async for event in chain.astream_events({"question": question}, version="v2"):
            ours = event["event"] == "on_custom_event" and event["name"] == "ecoalign"
            yield {"event": event["data"]["ecoalign"]} if ours else {"beside": event}


async def langserve_log(agent: EcoAlign, question: str, heartbeat: float) -> AsyncIterator[Item]:
    """LangServe's ``/stream_log``, which its playground reads: the result alone, no event."""
    async with (
        served(app_of(agent, heartbeat=heartbeat)) as url,
        httpx.AsyncClient(timeout=HANG_SECONDS) as client,
        client.stream(
            "POST", f"{url}/langserve/ecoalign/stream_log", json={"input": {"question": question}}
        ) as response,
    ):
        async for frame in frames(response):
            yield {"beside": frame}


CHANNELS: dict[str, Channel] = {
    "facade": facade,
    "custom": custom,
    "subgraph": subgraph,
    "astream_events": langchain,
    "server-sent events": sse,
    "LangServe stream": langserve_stream,
    "LangServe stream_events": langserve_events,
}
"""Every channel that carries the events of the contract."""


async def frames(response: httpx.Response) -> AsyncIterator[dict[str, str]]:
    """The frames of a stream of server-sent events."""
    frame: dict[str, str] = {}
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name:
            frame[name] = value
        elif frame:
            yield frame
            frame = {}
