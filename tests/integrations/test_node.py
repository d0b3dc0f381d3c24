"""EcoAlign as a node of a graph with keys of its own."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.graph import END, START, StateGraph
from pydantic import BaseModel
from typing_extensions import TypedDict

from ecoalign_agent import EcoAlign, UsageError
from ecoalign_agent.errors import RejectedError
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.events.result import Result
from ecoalign_agent.integrations.node import as_node
from ecoalign_agent.search.state import CHECKPOINTED
from ecoalign_agent.testing import (
    AnyReply,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import picture

SEARCHED = "It is open from 9 to 5."


class Ticket(TypedDict, total=False):
    text: str
    photos: list[bytes | str]
    reply: str | None
    outcome: str
    receipt: dict[str, Any]
    question: str


def parent(node: Any, schema: Any = Ticket, checkpointer: Any = None) -> Any:
    graph = StateGraph(schema)
    graph.add_node("ecoalign", node)
    graph.add_edge(START, "ecoalign")
    graph.add_edge("ecoalign", END)
    return graph.compile(checkpointer=checkpointer)


async def test_keys_are_mapped_both_ways() -> None:
    model = ScriptedModel()
    node = as_node(
        EcoAlign(model), question="text", images="photos", answer="reply", status="outcome", result="receipt"
    )
    state = await parent(node).ainvoke({"text": "When?", "photos": [picture()]})
    assert (state["reply"], state["outcome"]) == (SEARCHED, "answered")
    assert Result.model_validate(state["receipt"]).cost.calls == 3
    assert model.calls[0].images == 1


async def test_only_the_answer_is_written_where_nothing_else_is_asked_for() -> None:
    node = as_node(EcoAlign(ScriptedModel()), question="text", images="photos", answer="reply")
    assert await parent(node).ainvoke({"text": "When?"}) == {"text": "When?", "reply": SEARCHED}


async def test_states_of_every_make_are_read() -> None:
    @dataclass
    class Plain:
        question: str = ""
        images: list[bytes] = field(default_factory=list)
        answer: str | None = None

    class Strict(BaseModel):
        question: str = ""
        answer: str | None = None

    for schema in (Plain, Strict):
        state = await parent(as_node(EcoAlign(ScriptedModel())), schema).ainvoke({"question": "When?"})
        assert state["answer"] == SEARCHED


async def test_a_failed_run_leaves_no_answer_and_says_so() -> None:
    model = ScriptedModel(task_replies(scan=RejectedError("out of order")))
    node = as_node(EcoAlign(model), question="text", answer="reply", status="outcome")
    state = await parent(node).ainvoke({"text": "When?"})
    assert (state["reply"], state["outcome"]) == (None, "failed")


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"text": ""}, "'text' of the state is empty"),
        ({"outcome": "x"}, "the state has no key 'text'"),
        ({"text": "When?", "photos": ["/etc/passwd"]}, "bytes or a data URL"),
        ({"text": 7}, "the question is of type int"),
    ],
)
async def test_a_state_that_can_not_be_used_is_told_and_nobody_is_asked(state: Any, message: str) -> None:
    model = ScriptedModel()
    with pytest.raises(UsageError, match=message):
        await parent(as_node(EcoAlign(model), question="text", images="photos", answer="reply")).ainvoke(state)
    assert model.calls == []


@pytest.mark.parametrize("keys", [{"answer": None}, {"status": "answer"}, {"answer": "x", "result": "x"}])
def test_a_mapping_that_writes_nothing_or_twice_to_one_key_is_refused(keys: Any) -> None:
    with pytest.raises(UsageError, match="as_node writes to"):
        as_node(EcoAlign(ScriptedModel()), **keys)


async def test_its_events_surface_from_the_parent() -> None:
    graph = parent(as_node(EcoAlign(ScriptedModel()), question="text", answer="reply"))
    events = [
        event_adapter.validate_python(chunk["ecoalign"])
        async for _, chunk in graph.astream({"text": "When?"}, stream_mode="custom", subgraphs=True)
    ]
    assert [event.number for event in events] == list(range(len(events)))
    assert events[-1].kind == "answered"


async def test_a_parent_that_checkpoints_keeps_its_keys_and_asks_anew_in_every_turn() -> None:
    model = ScriptedModel()
    node = as_node(EcoAlign(model), question="text", answer="reply", result="receipt")
    graph = parent(node, checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "x"}}
    first = await graph.ainvoke({"text": "When?"}, config)
    second = await graph.ainvoke({"text": "And when does it close?"}, config)
    assert first["reply"] == second["reply"] == SEARCHED
    assert first["receipt"]["run_id"] != second["receipt"]["run_id"]
    assert [call["question"] for call in model.calls if call.task == "scan"] == ["When?", "And when does it close?"]
    assert (await graph.aget_state(config)).values["receipt"] == second["receipt"]


async def test_cut_off_in_a_parent_that_checkpoints_it_goes_on_where_it_was() -> None:
    def script(call: ScriptedCall) -> AnyReply:
        answer_text = task_replies(
            scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]), assess=grades
        )(call)
        return ScriptedReply(answer_text, delay=60.0) if call.task == "propose" and cut else answer_text  # type: ignore[arg-type] # no Say in it

    def grades(call: ScriptedCall) -> AnyReply:
        return verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1)

    cut = True
    model = ScriptedModel(script)
    saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=list(CHECKPOINTED)))
    graph = parent(as_node(EcoAlign(model), question="text", answer="reply", result="receipt"), checkpointer=saver)
    config = {"configurable": {"thread_id": "x"}}
    running = asyncio.create_task(graph.ainvoke({"text": "When?"}, config, durability="sync"))
    async with asyncio.timeout(120):
        while "propose" not in model.tasks():  # noqa: ASYNC110 - the model counts, it does not signal
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    cut = False
    state = await graph.ainvoke(None, config)
    assert state["reply"] == "Open from 9 to 5."
    # The call that was cut off is made again, and none that was paid for.
    assert [model.tasks().count(task) for task in ("scan", "reason", "propose", "answer")] == [1, 1, 2, 1]
