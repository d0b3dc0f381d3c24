"""EcoAlign inside another graph: the same events, and no inner word in anybody's stream of messages."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, AIMessageChunk, AnyMessage, BaseMessage, HumanMessage
from langchain_core.outputs import ChatGenerationChunk
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent import EcoAlign
from ecoalign_agent.trace.events import event_adapter
from tests.alignment.stage import QUESTION, told
from tests.fakes import ScriptedModel, plays


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


def as_a_node(agent: EcoAlign) -> Any:
    graph = StateGraph(Chat)
    graph.add_node("ecoalign", agent.graph)
    graph.add_edge(START, "ecoalign")
    graph.add_edge("ecoalign", END)
    return graph.compile()


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
    alone, _ = await told()
    for parent in (as_a_node(EcoAlign(ScriptedModel(plays()))), called_by_a_node(EcoAlign(ScriptedModel(plays())))):
        seen = []
        async for namespace, chunk in parent.astream(REQUEST, stream_mode="custom", subgraphs=True):
            assert namespace
            seen.append(event_adapter.validate_python(chunk["ecoalign"]))
        assert [event.kind for event in seen] == [event.kind for event in alone]
        assert [event.number for event in seen] == list(range(len(seen)))


async def test_as_a_node_it_adds_its_answer_to_the_conversation() -> None:
    state = await as_a_node(EcoAlign(ScriptedModel(plays()))).ainvoke(REQUEST)
    assert [message.text for message in state["messages"]] == [QUESTION, "It is open from 9 to 5."]
    assert state["messages"][-1].name == "ecoalign"


async def test_a_node_may_call_it_with_other_keys() -> None:
    state = await called_by_a_node(EcoAlign(ScriptedModel(plays()))).ainvoke(REQUEST)
    assert state["verdict"] == "answered"


async def test_inner_calls_are_in_no_stream_of_messages() -> None:
    for build in (as_a_node, called_by_a_node):
        for model in (ScriptedModel(plays()), Streaming(script=plays())):
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
    model = Streaming(script=plays())
    tokens = [
        event
        async for event in EcoAlign(model).graph.astream_events({"question": QUESTION}, version="v2")
        if event["event"] == "on_chat_model_stream"
    ]
    assert tokens == []
