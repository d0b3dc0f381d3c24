"""The guard's check of what the agent says: before anybody sees it, and whoever wrote it."""

import base64
from typing import Any

import pytest
from langchain.agents.middleware import AgentMiddleware
from langchain.agents.structured_output import ToolStrategy
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from ecoalign_agent.integrations.messages import UNASSESSED_TEXT, UNSAFE_TEXT
from ecoalign_agent.testing import ScriptedCall
from tests.integrations.agents import BAD, Guarded, first_then, saying
from tests.search.stage import picture

ASK = HumanMessage("Is it open?")
MAIL = ("send_mail", {"to": "anna"})


def only(**options: Any) -> dict[str, Any]:
    return {"answer": False, "gate_tools": False, "check_final": False} | options


async def test_a_safe_answer_stands_as_it_was_said() -> None:
    guarded = Guarded(lambda _: saying("It is open."), **only(check_final=True))
    conversation = await guarded.ask(ASK)
    assert [message.text for message in conversation] == ["Is it open?", "It is open."]
    assert guarded.scripted.tasks() == ["assess thought"]
    assert guarded.scripted.calls[0]["candidate"] == "It is open."
    assert guarded.scripted.calls[0]["question"] == "Is it open?"


@pytest.mark.parametrize(
    ("words", "assess", "expected"),
    [(f"A bit of {BAD}.", None, UNSAFE_TEXT), ("It is open.", "certainly!", UNASSESSED_TEXT)],
    ids=["unsafe", "unknown"],
)
async def test_what_is_not_known_to_be_safe_is_replaced_under_its_id(words: str, assess: Any, expected: str) -> None:
    talk = lambda _: saying(words, id="m1")  # noqa: E731 - one line reads better here
    guarded = Guarded(talk, parts={"assess": assess} if assess else {}, **only(check_final=True))
    conversation = await guarded.ask(ASK)
    assert [(message.text, message.id) for message in conversation[1:]] == [(expected, "m1")]


async def test_a_person_who_asks_again_is_heard_out_in_the_same_thread() -> None:
    """The verdict is on this turn's answer, with the conversation as its context."""
    guarded = Guarded(lambda _: saying("At nine."), **only(check_final=True))
    await guarded.ask(HumanMessage("Is it open on Friday?"), AIMessage("Yes."), HumanMessage("When?"))
    call = guarded.scripted.calls[0]
    assert call["question"] == "When?"
    assert "person: Is it open on Friday?\nassistant: Yes." in call["context"]


@pytest.mark.parametrize("mode", ["messages", "updates", "values", "custom"])
@pytest.mark.parametrize("tools", [True, False])
async def test_no_stream_shows_an_unsafe_answer(mode: str, tools: bool) -> None:
    talk = first_then(saying("", MAIL), saying(f"Some {BAD} now.")) if tools else lambda _: saying(f"Some {BAD} now.")
    guarded = Guarded(talk, **only(check_final=True))
    chunks = [repr(chunk) async for chunk in guarded.agent.astream({"messages": [ASK]}, stream_mode=mode)]
    assert guarded.plain.asked
    assert not [chunk for chunk in chunks if BAD in chunk]
    assert mode == "custom" or any(UNSAFE_TEXT in chunk for chunk in chunks)


async def test_inner_calls_are_in_no_stream_of_messages() -> None:
    talk = first_then(saying("", MAIL), saying("It is open."))
    guarded = Guarded(talk, risk_threshold=0.9, parts={"request": {"hazards": [], "safety": 0.9}})
    seen = [
        message.text
        async for _, (message, _) in guarded.agent.astream({"messages": [ASK]}, stream_mode="messages", subgraphs=True)
    ]
    assert guarded.scripted.tasks() == ["assess request", "assess thought", "assess thought"]
    assert [text for text in seen if text] == ["sent to anna", "It is open."]


async def test_without_the_check_the_plain_model_streams_its_tokens() -> None:
    guarded = Guarded(lambda _: saying("It is open."), **only())
    seen = [m.text async for m, _ in guarded.agent.astream({"messages": [ASK]}, stream_mode="messages")]
    assert [text for text in seen if text] == ["It ", "is ", "open. "]
    assert guarded.scripted.calls == []


async def test_text_beside_a_tool_call_is_checked_too_and_the_tool_runs_all_the_same() -> None:
    guarded = Guarded(first_then(saying(f"With {BAD}:", MAIL), saying("Done.")), **only(check_final=True))
    conversation = await guarded.ask(ASK)
    assert [message.text for message in conversation] == ["Is it open?", "", "sent to anna", "Done."]
    assert guarded.sent == ["anna"]


async def test_what_another_middleware_put_in_the_end_is_checked_after_it() -> None:
    class Meddler(AgentMiddleware):
        async def aafter_agent(self, state: Any, runtime: Any) -> dict[str, Any]:
            return {"messages": [AIMessage(f"More {BAD}.", id=state["messages"][-1].id)]}

    guarded = Guarded(lambda _: saying("It is open.", id="m1"), others=[Meddler()], **only(check_final=True))
    conversation = await guarded.ask(ASK)
    assert [(message.text, message.id) for message in conversation[1:]] == [(UNSAFE_TEXT, "m1")]
    assert len(guarded.scripted.calls) == 2


async def test_an_unsafe_structured_answer_is_dropped_and_the_run_ends() -> None:
    class Hours(BaseModel):
        """Opening hours."""

        text: str

    guarded = Guarded(
        lambda _: saying("", ("Hours", {"text": f"{BAD} hours"})),
        tools=[],
        agent={"response_format": ToolStrategy(Hours)},
        **only(check_final=True),
    )
    state = await guarded.agent.ainvoke({"messages": [ASK]}, {"recursion_limit": 10})
    assert state.get("structured_response") is None
    assert state["messages"][-1].text == UNSAFE_TEXT
    assert len(guarded.plain.asked) == 1


async def test_a_safe_structured_answer_comes_through() -> None:
    class Hours(BaseModel):
        """Opening hours."""

        text: str

    guarded = Guarded(
        lambda _: saying("", ("Hours", {"text": "9 to 5"})),
        tools=[],
        agent={"response_format": ToolStrategy(Hours)},
        **only(check_final=True),
    )
    state = await guarded.agent.ainvoke({"messages": [ASK]}, {"recursion_limit": 10})
    assert state["structured_response"] == Hours(text="9 to 5")
    assert '{"text": "9 to 5"}' in guarded.scripted.calls[0]["candidate"]


@pytest.mark.parametrize(("words", "visible"), [("nine to five", "nine to five"), (f"much {BAD}", UNSAFE_TEXT)])
async def test_a_tools_result_that_is_the_last_word_is_checked_once(words: str, visible: str) -> None:
    @tool(return_direct=True)
    def hours() -> str:
        """Say the hours."""
        return words

    guarded = Guarded(lambda _: saying("", ("hours", {})), tools=[hours], **only(check_final=True))
    chunks = [m.text async for m, _ in guarded.agent.astream({"messages": [ASK]}, stream_mode="messages")]
    assert [chunk for chunk in chunks if chunk] == [visible]
    # A refusal needs no verdict, and what was found safe none again.
    assert guarded.scripted.tasks() == ["assess thought"]


@pytest.mark.parametrize("url", ["https://images.example/cat.png", "file:///etc/passwd", "/etc/passwd"])
async def test_an_answer_to_a_picture_that_can_not_be_read_can_not_be_checked(url: str) -> None:
    guarded = Guarded(lambda _: saying("A cat."), **only(check_final=True))
    blocks: list[Any] = [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": url}},
    ]
    conversation = await guarded.ask(HumanMessage(blocks))
    assert conversation[-1].text == UNASSESSED_TEXT
    assert guarded.scripted.calls == []


async def test_the_assessor_sees_the_pictures() -> None:
    def sees(call: ScriptedCall) -> Any:
        assert call.images == 1
        return {"hazards": [], "safety": 0.9, "utility": 0.9}

    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    guarded = Guarded(lambda _: saying("Blue."), parts={"assess": sees}, **only(check_final=True))
    blocks: list[Any] = [{"type": "text", "text": "Which colour?"}, {"type": "image_url", "image_url": {"url": url}}]
    assert (await guarded.ask(HumanMessage(blocks)))[-1].text == "Blue."
