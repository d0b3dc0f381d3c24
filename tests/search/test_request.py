"""Reading the request: every form of message block, and nothing that would read files or make requests from here."""

import base64
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

from ecoalign_agent import EcoAlign
from ecoalign_agent.errors import UsageError
from ecoalign_agent.search.request import MAX_QUESTION, request_content, validate_question
from ecoalign_agent.testing import ScriptedModel
from tests.search.stage import picture

DATA = base64.b64encode(b"pixels").decode()
URL = f"data:image/png;base64,{DATA}"


def saying(*blocks: Any) -> dict[str, Any]:
    return {"messages": [HumanMessage(list(blocks))]}


def test_question_and_images_by_their_keys() -> None:
    assert request_content({"question": "  When?\n", "images": [b"pixels", URL]}) == ("When?", [b"pixels", URL])
    assert request_content({"question": "When?"}) == ("When?", [])


def test_the_key_counts_before_the_conversation() -> None:
    assert request_content({"question": "When?", "messages": [HumanMessage("Where?")]}) == ("When?", [])


def test_of_a_conversation_the_last_human_message_counts() -> None:
    messages = [SystemMessage("Be brief."), HumanMessage("Where?"), HumanMessage("When?"), AIMessage("Soon.")]
    assert request_content({"question": "", "messages": messages}) == ("When?", [])


@pytest.mark.parametrize(
    "block",
    [
        {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
        {"type": "image_url", "image_url": URL},
        {"type": "input_image", "image_url": URL},
        {"type": "image", "url": URL},
        {"type": "image", "base64": DATA, "mime_type": "image/png"},
        {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
        {"type": "image", "base64": DATA},
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    ],
    ids=["openai", "flat", "responses", "url", "langchain", "older langchain", "no mime type", "anthropic"],
)
def test_every_form_of_an_image_block_is_read(block: dict[str, Any]) -> None:
    assert request_content(saying({"type": "text", "text": "When?"}, block)) == ("When?", [URL])


def test_texts_are_joined_and_images_of_message_and_key_go_together() -> None:
    message = saying("When", {"type": "text", "text": "does it"}, {"type": "input_text", "text": "open?"})
    image = {"type": "image_url", "image_url": URL}
    assert request_content(message) == ("When\ndoes it\nopen?", [])
    assert request_content(saying("When?", image) | {"images": [b"more"]}) == ("When?", [URL, b"more"])


@pytest.mark.parametrize(
    "image", ["/etc/passwd", "notice.png", "file:///etc/passwd", "http://host/a.png", 7, None, ["x"]]
)
def test_paths_and_addresses_in_a_request_are_refused(image: Any) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "image_url", "image_url": {"url": image}},
        {"type": "image_url", "image_url": image},
        {"type": "image", "url": image},
        {"type": "image", "source": {"type": "url", "url": image}},
    ]
    for state in ({"question": "When?", "images": [image]}, *(saying("When?", block) for block in blocks)):
        with pytest.raises(UsageError) as error:
            request_content(state)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"messages": []},
        {"messages": [AIMessage("Soon.")]},
        {"question": ""},
        {"question": " \n\t"},
        {"question": 7},
        {"question": ["When?"]},
        saying({"type": "text", "text": " "}),
        saying({"type": "image_url", "image_url": URL}),
        saying("When?", {"type": "image_url"}),
        saying("When?", {"type": "image"}),
        saying("When?", {"type": "image", "base64": 7}),
        saying("When?", {"type": "image", "file_id": "f1"}),
        {"question": "When?", "images": URL},
        {"question": "When?", "images": {"url": URL}},
    ],
)
def test_what_is_no_request_is_refused_in_one_line(state: dict[str, Any]) -> None:
    with pytest.raises(UsageError) as error:
        request_content(state)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("kind", ["audio", "video", "file", "tool_use", None])
def test_what_is_neither_text_nor_image_is_refused_rather_than_passed_over(kind: str | None) -> None:
    with pytest.raises(UsageError, match="give text and images"):
        request_content(saying("What does the clip say?", {"type": kind, "data": DATA}))


def test_the_longest_question_fits_and_a_character_more_does_not() -> None:
    assert len(validate_question("x" * MAX_QUESTION)) == MAX_QUESTION
    assert validate_question(" " * 10 + "x" * MAX_QUESTION + "\n") == "x" * MAX_QUESTION
    with pytest.raises(UsageError, match="has 100,001 characters, the limit is 100,000"):
        validate_question("x" * (MAX_QUESTION + 1))


async def test_a_conversation_with_a_picture_is_answered_by_the_graph() -> None:
    url = "data:image/png;base64," + base64.b64encode(picture()).decode()
    model = ScriptedModel()
    content: list[Any] = [{"type": "text", "text": "When?"}, {"type": "image_url", "image_url": {"url": url}}]
    state = await EcoAlign(model).graph.ainvoke({"messages": [HumanMessage(content)]})
    assert state["status"] == "answered"
    assert state["messages"][-1].text == state["answer"] == "It is open from 9 to 5."
    assert [call.images for call in model.calls] == [1, 1, 1]


async def test_a_bad_request_to_the_graph_raises_and_asks_nobody() -> None:
    model = ScriptedModel()
    with pytest.raises(UsageError, match="bytes or a data URL"):
        await EcoAlign(model).graph.ainvoke({"question": "When?", "images": ["/etc/passwd"]})
    assert model.calls == []
