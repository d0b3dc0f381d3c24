"""Synchronous callers get one clear sentence, chains of LangChain's a runnable."""

from operator import itemgetter
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langchain_core.prompts import ChatPromptTemplate
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent import EcoAlign, UsageError
from ecoalign_agent.testing import ScriptedModel
from tests.integrations.agents import Guarded, saying

SEARCHED = "It is open from 9 to 5."


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


def in_a_parent(agent: EcoAlign) -> Any:
    graph = StateGraph(Chat)
    graph.add_node("ecoalign", agent.graph)
    graph.add_edge(START, "ecoalign")
    graph.add_edge("ecoalign", END)
    return graph.compile()


def test_every_synchronous_way_in_names_the_asynchronous_one_and_asks_nobody() -> None:
    model = ScriptedModel()
    agent = EcoAlign(model)
    request = {"messages": [HumanMessage("When?")]}
    guarded = Guarded(lambda _: saying("At nine."))
    ways: list[Any] = [
        lambda: agent.graph.invoke({"question": "When?"}),
        lambda: list(agent.graph.stream({"question": "When?"})),
        lambda: agent.graph.batch([{"question": "When?"}]),
        lambda: in_a_parent(agent).invoke(request),
        lambda: agent.as_tool().invoke({"question": "When?"}),
        lambda: guarded.agent.invoke(request),
        lambda: list(guarded.agent.stream(request)),
    ]
    for way in ways:
        with pytest.raises(UsageError, match=r"works asynchronously: call .*ainvoke or astream instead of") as error:
            way()
        assert "\n" not in str(error.value)
    assert model.calls == []
    assert guarded.plain.asked == []


async def test_the_sentence_is_the_same_under_a_running_loop() -> None:
    with pytest.raises(UsageError, match="works asynchronously"):
        EcoAlign(ScriptedModel()).graph.invoke({"question": "When?"})


async def test_the_graph_is_a_link_of_a_chain() -> None:
    prompt = ChatPromptTemplate.from_messages([("human", "When does the {place} open?")])
    model = ScriptedModel()
    graph: Any = EcoAlign(model).graph
    chain: Any = prompt | (lambda value: {"messages": value.to_messages()}) | graph | itemgetter("answer")
    assert await chain.ainvoke({"place": "museum"}) == SEARCHED
    assert model.calls[0]["question"] == "When does the museum open?"
    answers = await chain.abatch([{"place": "museum"}, {"place": "library"}])
    assert answers == [SEARCHED, SEARCHED]
