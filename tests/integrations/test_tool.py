"""EcoAlign as a tool: the model decides, the pictures go along, the receipt is in the artifact."""

import base64
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from ecoalign_agent import EcoAlign, UsageError
from ecoalign_agent.errors import RejectedError
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.events.result import Result
from ecoalign_agent.testing import ScriptedModel, task_replies
from tests.integrations.agents import Guarded, first_then, saying
from tests.search.stage import picture

OFF: dict[str, Any] = {"answer": False, "gate_tools": False, "check_final": False}
SEARCHED = "It is open from 9 to 5."


def image(colour: tuple[int, int, int] = (10, 120, 200)) -> dict[str, Any]:
    url = "data:image/png;base64," + base64.b64encode(picture(colour=colour)).decode()
    return {"type": "image_url", "image_url": {"url": url}}


def calling(model: ScriptedModel, **more: Any) -> Guarded:
    """An agent whose model asks EcoAlign once."""
    talk = first_then(saying("", ("ecoalign", {"question": "When is it open?"})), saying("Done."))
    return Guarded(talk, tools=[EcoAlign(model).as_tool()], **(OFF | more))


def expected(messages: list[Any]) -> ToolMessage:
    (message,) = [m for m in messages if isinstance(m, ToolMessage)]
    return message


async def test_the_answer_is_the_content_and_the_receipt_the_artifact() -> None:
    message = expected(await calling(ScriptedModel()).ask(HumanMessage("When?")))
    assert (message.content, message.status, message.name) == (SEARCHED, "success", "ecoalign")
    assert isinstance(message.artifact, Result)
    assert message.artifact.answer == SEARCHED
    assert message.artifact.cost.calls == 3


async def test_the_pictures_come_from_the_conversation_the_latest_that_has_some() -> None:
    model = ScriptedModel()
    two: list[Any] = [{"type": "text", "text": "And these?"}, image(), image((9, 9, 9))]
    single: list[Any] = [{"type": "text", "text": "This?"}, image((1, 2, 3))]
    await calling(model).ask(HumanMessage(single), AIMessage("Yes."), HumanMessage(two), HumanMessage("When?"))
    assert model.calls[0].images == 2


async def test_a_refusal_is_content_and_no_error() -> None:
    harmful = {
        "caption": "",
        "seen_text": "",
        "regions": [],
        "hazard": "S2",
        "safety": -0.8,
        "draft": "",
        "actions": [],
    }
    message = expected(await calling(ScriptedModel(task_replies(scan=harmful))).ask(HumanMessage("When?")))
    assert message.status == "success"
    assert message.content == "I can't help with that, but I can tell you the opening hours."
    assert message.artifact.status == "declined"


async def test_a_run_that_failed_is_an_error_for_the_model_and_no_exception() -> None:
    conversation = await calling(ScriptedModel(task_replies(scan=RejectedError("out of order")))).ask(
        HumanMessage("When?")
    )
    message = expected(conversation)
    assert message.status == "error"
    assert message.text.startswith("The search failed: ")
    assert message.artifact.status == "failed"
    assert conversation[-1].text == "Done."


async def test_a_request_that_can_not_be_used_is_an_error_for_the_model_and_costs_nothing() -> None:
    model = ScriptedModel()
    blocks: list[Any] = [{"type": "text", "text": "When?"}, {"type": "image", "file_id": "f1"}]
    message = expected(await calling(model).ask(HumanMessage(blocks)))
    assert message.status == "error"
    assert "names a file by its id" in message.text
    assert model.calls == []


async def test_under_a_budget_the_search_gets_a_share_of_what_is_left() -> None:
    model = ScriptedModel()
    # A plain reply is reckoned with 300 tokens and its prompt: 400 units let it speak, and then too little is left.
    guarded = calling(model, budget=400)
    message = expected(await guarded.ask(HumanMessage("When?")))
    assert message.status == "error"
    assert "cost units" in message.text
    assert model.calls == []


async def test_it_works_outside_an_agent_too() -> None:
    tool = EcoAlign(ScriptedModel()).as_tool(name="look_closely", description="Looks.")
    assert (tool.name, tool.description) == ("look_closely", "Looks.")
    assert await tool.ainvoke({"question": "When?"}) == SEARCHED


def test_a_model_sees_one_argument_and_when_to_use_it() -> None:
    tool = EcoAlign(ScriptedModel()).as_tool()
    visible = convert_to_openai_tool(tool)["function"]
    assert visible["name"] == "ecoalign"
    assert list(visible["parameters"]["properties"]) == ["question"]
    assert visible["parameters"]["required"] == ["question"]
    assert "Use it for" in visible["description"]
    assert "Not for" in visible["description"]


def test_a_synchronous_caller_is_told_what_to_call() -> None:
    tool = EcoAlign(ScriptedModel()).as_tool()
    with pytest.raises(UsageError, match="call ainvoke or astream instead of invoke"):
        tool.invoke({"question": "When?"})


async def test_its_events_surface_and_its_inner_words_do_not() -> None:
    guarded = calling(ScriptedModel())
    request = {"messages": [HumanMessage("When?")]}
    kinds, texts = [], []
    async for _, mode, chunk in guarded.agent.astream(request, stream_mode=["custom", "messages"], subgraphs=True):
        if mode == "custom":
            kinds.append(event_adapter.validate_python(chunk["ecoalign"]).kind)
        elif chunk[0].text.strip():
            texts.append(chunk[0].text.strip())
    assert (kinds[0], kinds[-1]) == ("run_started", "answered")
    # The answer is the message of the inner graph's last node and the tool's result; thoughts and verdicts are neither.
    assert set(texts) == {SEARCHED, "Done."}
