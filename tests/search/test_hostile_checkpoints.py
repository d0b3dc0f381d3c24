"""A checkpoint that somebody else has written into: nothing that it names is imported, called or unpickled."""

import logging
import os
import pickle
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import ormsgpack
import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events.result import Result
from ecoalign_agent.search.checkpointing import serializer, strict_checkpointer
from ecoalign_agent.search.state import CHECKPOINTED
from ecoalign_agent.testing import ScriptedModel
from tests.search.resuming import POLICY, plain, request, story, uninterrupted
from tests.search.stage import QUESTION

THREAD: Any = {"configurable": {"thread_id": "x"}}
SINGLE, POSITIONAL, KEYWORDS, METHOD, PYDANTIC_1, PYDANTIC_2, DELTA = 0, 1, 2, 3, 4, 5, 7
"""LangGraph's codes for what is to be built in which way."""

Typed = tuple[str, bytes]


def packed(code: int, *said: Any) -> ormsgpack.Ext:
    return ormsgpack.Ext(code, ormsgpack.packb(said))


class Unpickled:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> Any:
        return os.system, (self.command,)


def msgpack(ext: ormsgpack.Ext) -> Typed:
    return "msgpack", ormsgpack.packb(ext)


def payloads(canary: Path) -> dict[str, Typed]:
    """Each makes the canary's file where it is carried out."""
    touch = f"touch '{canary}'"
    runs = packed(POSITIONAL, "subprocess", "run", (["touch", str(canary)],))
    return {
        "one argument": msgpack(packed(SINGLE, "os", "system", touch)),
        "positions": msgpack(runs),
        "keywords": msgpack(packed(KEYWORDS, "subprocess", "run", {"args": touch, "shell": True})),
        "method": msgpack(packed(METHOD, "os", "path", touch, "os.system")),
        "method of a class": msgpack(packed(METHOD, "pathlib", "Path", str(canary), "touch")),
        "pydantic 1": msgpack(packed(PYDANTIC_1, "subprocess", "run", {"args": touch, "shell": True})),
        "pydantic 2": msgpack(packed(PYDANTIC_2, "subprocess", "run", {"args": touch, "shell": True}, "x")),
        "a module's import": msgpack(packed(SINGLE, "canary_on_import", "anything", 1)),
        "in a delta": msgpack(ormsgpack.Ext(DELTA, ormsgpack.packb(runs))),
        "in a list": ("msgpack", ormsgpack.packb([{"deep": [runs]}])),
        "in a type of ours": msgpack(
            ormsgpack.Ext(
                KEYWORDS,
                ormsgpack.packb(("ecoalign_agent.economics.budget", "Budget", {"total": runs})),
            )
        ),
        "pickle": ("pickle", pickle.dumps(Unpickled(touch))),
        "json": (
            "json",
            f'{{"lc": 2, "type": "constructor", "id": ["os", "system"], "args": ["{touch}"]}}'.encode(),
        ),
    }


NAMES = tuple(payloads(Path("x")))


@pytest.fixture
def canary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that must never appear; a module on the path writes it when it is imported."""
    path = tmp_path / "canary"
    (tmp_path / "canary_on_import.py").write_text(f"open({str(path)!r}, 'w').close()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return path


def loose() -> JsonPlusSerializer:
    """As dangerous as a caller can make it."""
    return JsonPlusSerializer(pickle_fallback=True, allowed_json_modules=True, allowed_msgpack_modules=True)


def untouched(canary: Path) -> None:
    assert not canary.exists()


class Turned:
    """A cipher that anybody can write for: each byte turned over."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "turned", bytes(byte ^ 0xFF for byte in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return bytes(byte ^ 0xFF for byte in ciphertext)


@pytest.mark.parametrize("name", NAMES)
def test_the_payloads_do_work_where_everything_is_let_through(name: str, canary: Path) -> None:
    # Else the tests below would prove nothing.
    if name.startswith("method"):
        pytest.skip("LangGraph itself lets no method through but one")
    loose().loads_typed(payloads(canary)[name])
    assert canary.exists()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "serde",
    [None, loose(), JsonPlusSerializer(), EncryptedSerializer(Turned(), loose())],
    ids=["none", "loose", "default", "encrypted"],
)
def test_a_saver_of_ours_carries_none_of_them_out(name: str, serde: Any, canary: Path) -> None:
    reader = strict_checkpointer(InMemorySaver(serde=serde)).serde
    if name == "pickle":
        with pytest.raises(NotImplementedError, match="Unknown serialization type"):
            reader.loads_typed(payloads(canary)[name])
    else:
        reader.loads_typed(payloads(canary)[name])
    untouched(canary)


Plant = Callable[[Typed], None]


def in_memory(saver: InMemorySaver, place: str) -> Plant:
    def plant(payload: Typed) -> None:
        if place == "blobs":
            for blob in saver.blobs:
                saver.blobs[blob] = payload
        elif place == "writes":
            for writes in saver.writes.values():
                for write, (task, channel, _, path) in list(writes.items()):
                    writes[write] = (task, channel, payload, path)
        else:
            for checkpoints in saver.storage["x"].values():
                for id_, (_, metadata, parent) in list(checkpoints.items()):
                    checkpoints[id_] = (payload, metadata, parent)

    return plant


def in_file(path: Path, place: str) -> Plant:
    statements = {
        "blobs": "UPDATE checkpoints SET type = ?, checkpoint = ?",
        "writes": "UPDATE writes SET type = ?, value = ?",
    }

    def plant(payload: Typed) -> None:
        connection = sqlite3.connect(path)
        with connection:
            assert connection.execute(statements[place], payload).rowcount > 0
        connection.close()

    return plant


async def interrupted(saver: BaseCheckpointSaver[str]) -> EcoAlign:
    """An agent whose run in the thread has come to its middle."""
    agent = EcoAlign(ScriptedModel(), policy=Policy(forecasts="inline"), checkpointer=saver)
    state: Any = {"question": QUESTION, "run_id": "x"}
    await agent.graph.ainvoke(state, THREAD, interrupt_after=["score"], durability="sync")
    return agent


async def read_and_go_on(agent: EcoAlign, canary: Path) -> None:
    """Everything that reads a thread; it may fail, and it may not carry anything out."""

    async def go_on() -> None:
        await agent.graph.ainvoke(None, THREAD)

    async def history() -> None:
        async for state in agent.graph.aget_state_history(THREAD):
            del state

    async def read() -> None:
        await agent.graph.aget_state(THREAD)

    async def ask() -> None:
        await agent.ask(QUESTION, run_id="x")

    for door in (read, history, go_on, ask):
        # What a spoilt state leads to is not promised: an error of any kind, or none.
        with suppress(Exception):
            await door()
        untouched(canary)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["blobs", "writes", "checkpoints"])
async def test_nothing_planted_in_memory_is_carried_out(name: str, place: str, canary: Path) -> None:
    saver = InMemorySaver(serde=loose())
    agent = await interrupted(saver)
    in_memory(saver, place)(payloads(canary)[name])
    await read_and_go_on(agent, canary)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", ["blobs", "writes"])
async def test_nothing_planted_in_a_file_is_carried_out(name: str, place: str, canary: Path, tmp_path: Path) -> None:
    path = tmp_path / "checkpoints.db"
    async with AsyncSqliteSaver.from_conn_string(str(path)) as saver:
        saver.serde = loose()
        agent = await interrupted(saver)
        in_file(path, place)(payloads(canary)[name])
        await read_and_go_on(agent, canary)


async def test_a_payload_in_one_channel_comes_back_as_what_it_was_made_of(canary: Path) -> None:
    saver = InMemorySaver()
    agent = await interrupted(saver)
    payload = payloads(canary)["one argument"]
    for key in saver.blobs:
        if key[2] == "stop":
            saver.blobs[key] = payload
    values = (await agent.graph.aget_state(THREAD)).values
    # The command is there, as a text that nobody carries out.
    assert values["stop"] == f"touch '{canary}'"
    assert isinstance(values["budget"], Budget)
    untouched(canary)


async def test_what_we_store_ourselves_comes_back_equal_and_unremarked(caplog: pytest.LogCaptureFixture) -> None:
    saver = InMemorySaver()
    agent = EcoAlign(story(), policy=POLICY, checkpointer=saver)
    asked: Any = request("x")
    with caplog.at_level(logging.WARNING):
        await agent.graph.ainvoke(asked, THREAD, durability="sync")
        read = await EcoAlign(story(), policy=POLICY, checkpointer=saver).graph.aget_state(THREAD)
    states, _ = await uninterrupted()
    assert plain(read.values) == states[-1]
    assert not [record for record in caplog.records if "deserializ" in record.getMessage().lower()]


def test_the_callers_saver_is_left_as_it_was_and_their_own_types_still_pass() -> None:
    own = JsonPlusSerializer(allowed_msgpack_modules=[("fractions", "Fraction")])
    payload = msgpack(packed(POSITIONAL, "fractions", "Fraction", (1, 2)))
    saver = InMemorySaver(serde=own)
    strict = strict_checkpointer(saver)
    assert saver.serde is own
    assert strict.serde.loads_typed(payload) == 0.5
    # Without their word it is data.
    assert strict_checkpointer(InMemorySaver()).serde.loads_typed(payload) == [1, 2]
    assert strict.serde.loads_typed(strict.serde.dumps_typed(Budget(7.0))) == Budget(7.0)
    assert ("ecoalign_agent.economics.budget", "Budget") in CHECKPOINTED


@dataclass(frozen=True)
class Ticket:
    number: int


class Parent(TypedDict, total=False):
    """The state of a graph that asks EcoAlign within a node."""

    result: Result
    ticket: Ticket


async def test_a_parent_graphs_saver_returns_our_state_through_our_serializer(caplog: pytest.LogCaptureFixture) -> None:
    saver = InMemorySaver(serde=serializer(Ticket))
    agent = EcoAlign(story(), policy=POLICY)

    async def ask(state: Parent) -> Parent:
        asked: Any = request("x")
        found = await agent.graph.ainvoke(asked)
        return Parent(result=found["result"], ticket=Ticket(7))

    parent = StateGraph(Parent)
    parent.add_node("ask", ask)
    parent.add_edge(START, "ask")
    graph = parent.compile(checkpointer=saver)
    made = await graph.ainvoke(Parent(), THREAD)
    with caplog.at_level(logging.WARNING):
        read = await graph.aget_state(THREAD)
    assert read.values == made
    assert isinstance(read.values["result"], Result)
    assert read.values["ticket"] == Ticket(7)
    assert not [record for record in caplog.records if "deserializ" in record.getMessage().lower()]


def test_our_serializer_builds_no_other_type_and_reads_no_pickle() -> None:
    strict = serializer()
    assert strict.loads_typed(msgpack(packed(POSITIONAL, "fractions", "Fraction", (1, 2)))) == [1, 2]
    thought = Thought("r", "root", "", (), 1, 0, 0)
    assert strict.loads_typed(strict.dumps_typed(thought)) == thought
    assert not strict.pickle_fallback
