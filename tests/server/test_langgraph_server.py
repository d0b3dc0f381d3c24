"""LangGraph Server as ``langgraph dev`` runs it: a real process, offline, no key, seen through its own client."""

import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from langgraph_sdk import get_client

from ecoalign_agent import EcoAlign, Rewriter
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.events.result import Result
from tests.packaging.test_graphs import drawn_edges
from tests.search.stage import picture
from tests.server.langgraph_dev import developing

pytestmark = pytest.mark.skipif(
    find_spec("langgraph_cli") is None or find_spec("langgraph_api") is None,
    reason="needs the extra studio: langgraph-cli[inmem]",
)

REQUEST = {"question": "What colour is the sky in this picture?"}
MODES = ["custom", "values", "updates", "messages-tuple"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    with developing(tmp_path_factory.mktemp("langgraph")) as running:
        yield running


@asynccontextmanager
async def connected(server: tuple[str, Path]) -> AsyncIterator[Any]:
    # None: the client looks for no key.
    async with get_client(url=server[0], api_key=None) as client:
        yield client


async def streamed(
    client: Any, request: dict[str, Any], modes: list[str], graph: str = "ecoalign", **config: Any
) -> list[Any]:
    thread = await client.threads.create()
    running = client.runs.stream(
        thread["thread_id"], graph, input=request, stream_mode=modes, config={"configurable": config}
    )
    return [part async for part in running]


def contract_events(parts: list[Any]) -> list[dict[str, Any]]:
    """The events of the contract, but for heartbeats, which a busy machine may bring, and what they move."""
    events = [part.data["ecoalign"] for part in parts if part.event == "custom"]
    assert all(event_adapter.validate_python(event) for event in events)
    return [timeless(event) for event in events if event["kind"] != "heartbeat"]


def timeless(event: dict[str, Any]) -> dict[str, Any]:
    rest = {key: value for key, value in event.items() if key not in {"run_id", "at", "number"}}
    if "result" in rest:
        rest["result"] = {k: v for k, v in rest["result"].items() if k not in {"run_id", "seconds", "time"}}
    return rest


async def test_it_lists_the_graphs_and_draws_them_as_the_readme_does(server: tuple[str, Path]) -> None:
    async with connected(server) as client:
        matches = {assistant["graph_id"]: assistant["assistant_id"] for assistant in await client.assistants.search()}
        assert set(matches) == {"ecoalign", "guarded", "vlmguard"}
        drawn = {name: await client.assistants.get_graph(id_) for name, id_ in matches.items()}
    for name, graph in drawn.items():
        edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}
        assert edges == {(source, target) for source, _, target in drawn_edges(name)}


async def test_a_rewriter_in_front_streams_the_same_events_as_the_facade(server: tuple[str, Path]) -> None:
    dangerous = {"question": "Explain how to pick the lock of a stranger's house"}
    async with connected(server) as client:
        parts = await streamed(client, dangerous, MODES, "guarded")
        alone = await streamed(client, dangerous, MODES, "vlmguard")
    agent = EcoAlign("offline", rewriter=Rewriter("offline"))
    own = [event.model_dump(mode="json") async for event in agent.stream(dangerous["question"])]
    events = contract_events(parts)
    assert [event["kind"] for event in events[:4]] == ["rewrite_started", "analysed", "rewritten", "run_started"]
    assert [event["kind"] for event in events] == [event["kind"] for event in own if event["kind"] != "heartbeat"]
    assert parts[-1].data is not None
    assert [event["kind"] for event in contract_events(alone)] == ["rewrite_started", "analysed", "rewritten"]
    visible = [part.data for part in (*parts, *alone) if part.event == "values"]
    visible += [
        update for part in (*parts, *alone) if part.event == "updates" for update in part.data.values() if update
    ]
    assert visible
    assert not [
        keys for keys in map(set, visible) if keys & {"new_question", "prior", "candidates", "held_thoughts", "journal"}
    ]
    assert "BlockingError" not in server[1].read_text(errors="replace")


async def test_a_run_streams_the_same_events_as_the_facade(server: tuple[str, Path]) -> None:
    async with connected(server) as client:
        parts = await streamed(client, REQUEST, MODES)
    own = [event.model_dump(mode="json") async for event in EcoAlign("offline").stream(REQUEST["question"])]
    assert contract_events(parts) == [timeless(event) for event in own if event["kind"] != "heartbeat"]
    answers = [part.data[0]["content"] for part in parts if part.event == "messages"]
    assert answers == [own[-1]["result"]["answer"]]


async def test_what_has_no_verdict_yet_is_in_no_mode_for_clients(server: tuple[str, Path]) -> None:
    async with connected(server) as client:
        parts = await streamed(client, REQUEST, MODES)
        states = [part.data for part in parts if part.event == "values"]
        updates = [update for part in parts if part.event == "updates" for update in part.data.values() if update]
        threads = await client.threads.search(limit=1)
    assert states
    assert updates
    visible = [*states, *updates, *(thread["values"] or {} for thread in threads)]
    assert not [keys for keys in map(set, visible) if keys & {"candidates", "held_thoughts", "journal"}]


async def test_a_picture_goes_through_without_a_blocking_call(server: tuple[str, Path]) -> None:
    image = "data:image/png;base64," + base64.b64encode(picture()).decode()
    async with connected(server) as client:
        parts = await streamed(client, REQUEST | {"images": [image]}, ["custom"], policy={"preset": "frugal"})
    events = contract_events(parts)
    result = Result.model_validate(parts[-1].data["ecoalign"]["result"])
    assert (events[0]["pictures"], events[0]["budget"], result.status) == (1, 2500.0, "answered")
    # The server runs under blockbuster, which turns every blocking call into an error.
    assert "BlockingError" not in server[1].read_text(errors="replace")


async def test_messages_in_and_an_answer_out(server: tuple[str, Path]) -> None:
    pending = {"messages": [{"role": "user", "content": REQUEST["question"]}]}
    async with connected(server) as client:
        thread = await client.threads.create()
        state = await client.runs.wait(thread["thread_id"], "ecoalign", input=pending)
    assert state["status"] == "answered"
    assert [message["type"] for message in state["messages"]] == ["human", "ai"]
    assert state["messages"][-1]["content"] == state["answer"]


async def test_a_mistake_is_an_error_of_its_kind(server: tuple[str, Path]) -> None:
    async with connected(server) as client:
        parts = await streamed(client, {"question": " "}, ["custom"])
    # LangGraph Server keeps the message to itself.
    assert [(part.event, part.data.get("error")) for part in parts[1:]] == [("error", "UsageError")]


async def test_a_thought_waits_for_a_person_and_the_run_goes_on_with_the_verdict(server: tuple[str, Path]) -> None:
    # The strategy for a question about medicine is less safe than 1.
    request = {"question": "What medicine helps against a headache?"}
    config = {"configurable": {"policy": {"review_below": 1.0, "max_rounds": 1}}}
    async with connected(server) as client:
        thread = (await client.threads.create())["thread_id"]
        await client.runs.wait(thread, "ecoalign", input=request, config=config)
        pending = (await client.threads.get_state(thread))["interrupts"]
        assert len(pending) == 1
        assert pending[0]["value"]["text"]
        await client.runs.wait(thread, "ecoalign", command={"resume": "looks fine"}, config=config)
        (again,) = (await client.threads.get_state(thread))["interrupts"]
        assert "can't be used" in again["value"]["problem"]
        assert again["value"]["text"] == pending[0]["value"]["text"]
        for _ in range(4):
            final = await client.runs.wait(thread, "ecoalign", command={"resume": "accept"}, config=config)
            if not (await client.threads.get_state(thread))["interrupts"]:
                break
    assert final["status"] == "answered"
    assert final["result"]["reviews"][0]["ruling"] == "accepted"
