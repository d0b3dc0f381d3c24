"""EcoAlign inside another graph: the same events, and no inner word in anybody's stream of messages."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent import EcoAlign
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.search.checkpointing import serializer
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
from tests.search.stage import QUESTION, collect_events


class Chat(TypedDict, total=False):
    messages: Annotated[list[AnyMessage], add_messages]
    verdict: str


class Streaming(ScriptedModel):
    """The same, and it can stream: what it is asked to stream would be seen."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        done = await self._agenerate(messages, stop, None, **kwargs)
        message = done.generations[0].message
        chunk = ChatGenerationChunk(
            message=AIMessageChunk(content=message.text, response_metadata=message.response_metadata)
        )
        if run_manager is not None:
            await run_manager.on_llm_new_token(message.text, chunk=chunk)
        yield chunk


def as_a_node(agent: EcoAlign, checkpointer: InMemorySaver | None = None) -> Any:
    graph = StateGraph(Chat)
    graph.add_node("ecoalign", agent.graph)
    graph.add_edge(START, "ecoalign")
    graph.add_edge("ecoalign", END)
    return graph.compile(checkpointer=checkpointer)


def called_by_a_node(agent: EcoAlign) -> Any:
    async def guard(state: Chat) -> dict[str, Any]:
        done = await agent.graph.ainvoke({"question": state["messages"][-1].text})
        return {"verdict": done["status"], "messages": [AIMessage(done["answer"])]}

    graph = StateGraph(Chat)
    graph.add_node("guard", guard)
    graph.add_edge(START, "guard")
    graph.add_edge("guard", END)
    return graph.compile()


REQUEST = {"messages": [HumanMessage(QUESTION)]}


async def test_as_a_subgraph_it_tells_the_same_events() -> None:
    alone, _ = await collect_events()
    for parent in (as_a_node(EcoAlign(ScriptedModel())), called_by_a_node(EcoAlign(ScriptedModel()))):
        seen = []
        async for namespace, chunk in parent.astream(REQUEST, stream_mode="custom", subgraphs=True):
            assert namespace
            seen.append(event_adapter.validate_python(chunk["ecoalign"]))
        assert [event.kind for event in seen] == [event.kind for event in alone]
        assert [event.number for event in seen] == list(range(len(seen)))


async def test_as_a_node_it_adds_its_answer_to_the_conversation() -> None:
    state = await as_a_node(EcoAlign(ScriptedModel())).ainvoke(REQUEST)
    assert [message.text for message in state["messages"]] == [QUESTION, "It is open from 9 to 5."]
    assert state["messages"][-1].name == "ecoalign"


async def test_a_node_may_call_it_with_other_keys() -> None:
    state = await called_by_a_node(EcoAlign(ScriptedModel())).ainvoke(REQUEST)
    assert state["verdict"] == "answered"


async def test_inner_calls_are_in_no_stream_of_messages() -> None:
    for build in (as_a_node, called_by_a_node):
        for model in (ScriptedModel(), Streaming(script=task_replies())):
            words = [
                message.text
                async for _, (message, _) in build(EcoAlign(model)).astream(
                    REQUEST, stream_mode="messages", subgraphs=True
                )
            ]
            # The answer is a message of the conversation; drafts, verdicts and thoughts are not.
            assert set(words) <= {QUESTION, "It is open from 9 to 5."}
            assert words.count("It is open from 9 to 5.") >= 1


async def test_a_model_that_can_stream_is_never_asked_to() -> None:
    model = Streaming(script=task_replies())
    tokens = [
        event
        async for event in EcoAlign(model).graph.astream_events({"question": QUESTION}, version="v2")
        if event["event"] == "on_chat_model_stream"
    ]
    assert tokens == []


async def test_taken_up_in_the_middle_by_the_parents_checkpoint_it_goes_on_where_it_was() -> None:
    def script(call: ScriptedCall) -> AnyReply:
        said = task_replies(scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]), assess=grades)(call)
        return ScriptedReply(said, delay=60.0) if call.task == "propose" and cut else said  # type: ignore[arg-type] # no Say in it

    def grades(call: ScriptedCall) -> AnyReply:
        return verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1)

    cut = True
    model = ScriptedModel(script)
    # Only known types may be read back.
    saver = InMemorySaver(serde=serializer())
    parent = as_a_node(EcoAlign(model), saver)
    config = {"configurable": {"thread_id": "x"}}
    running = asyncio.create_task(parent.ainvoke(REQUEST, config, durability="sync"))
    async with asyncio.timeout(120):
        while "propose" not in model.tasks():  # noqa: ASYNC110 - the model counts, it does not signal
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    cut = False
    state = await parent.ainvoke(None, config)
    assert state["messages"][-1].text == "Open from 9 to 5."
    # The call that was cut off is made again, and none that was paid for.
    assert [model.tasks().count(task) for task in ("scan", "reason", "propose", "answer")] == [1, 1, 2, 1]
