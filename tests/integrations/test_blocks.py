"""Pictures in a conversation: every form in which LangChain's messages hold them reaches the model."""

import base64
from typing import Annotated, Any

import pytest
from langchain_core.messages import AnyMessage, HumanMessage
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent import EcoAlign
from ecoalign_agent.errors import UsageError
from ecoalign_agent.images.message_content import MessageImage, holds_image, read_content
from ecoalign_agent.testing import ScriptedModel
from tests.search.stage import picture

FILE = picture()
DATA = base64.b64encode(FILE).decode()
URL = f"data:image/png;base64,{DATA}"

FORMS: dict[str, dict[str, Any]] = {
    "image_url, a mapping": {"type": "image_url", "image_url": {"url": URL, "detail": "low"}},
    "image_url, a string": {"type": "image_url", "image_url": URL},
    "OpenAI responses": {"type": "input_image", "image_url": URL, "detail": "low"},
    "v1 by base64": {"type": "image", "base64": DATA, "mime_type": "image/png"},
    "v1 by base64, with a block id": {"type": "image", "id": "lc_1", "base64": DATA, "mime_type": "image/png"},
    "v1 by base64 that is a data URL": {"type": "image", "base64": URL, "mime_type": "image/png"},
    "v1 by data": {"type": "image", "data": DATA, "mime_type": "image/png"},
    "v1 by url": {"type": "image", "url": URL},
    "v0 by base64": {"type": "image", "source_type": "base64", "data": DATA, "mime_type": "image/png"},
    "v0 by url": {"type": "image", "source_type": "url", "url": URL},
    "Anthropic by base64": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": DATA}},
    "Anthropic by url": {"type": "image", "source": {"type": "url", "url": URL}},
    "Google media": {"type": "media", "mime_type": "image/png", "data": DATA},
    "Google media, bytes": {"type": "media", "mime_type": "image/png", "data": FILE},
    "Bedrock": {"image": {"format": "png", "source": {"bytes": FILE}}},
    "a file that is a picture": {"type": "file", "mime_type": "image/png", "base64": DATA},
    "a data URL in capitals": {"type": "image", "url": f"DATA:image/png;base64,{DATA}"},
}


class Chat(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


@pytest.mark.parametrize("block", FORMS.values(), ids=FORMS.keys())
async def test_a_picture_in_a_parents_messages_reaches_the_model(block: dict[str, Any]) -> None:
    model = ScriptedModel()
    graph = StateGraph(Chat)
    graph.add_node("ecoalign", EcoAlign(model).graph)
    graph.add_edge(START, "ecoalign")
    graph.add_edge("ecoalign", END)
    content: list[Any] = [{"type": "text", "text": "When?"}, block]
    state = await graph.compile().ainvoke({"messages": [HumanMessage(content)]})
    assert state["messages"][-1].text == "It is open from 9 to 5."
    assert [call.images for call in model.calls] == [1, 1, 1]
    assert holds_image(block)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        ({"type": "image", "file_id": "file-1"}, "names a file by its id"),
        ({"type": "image", "source_type": "id", "id": "file-1"}, "names a file by its id"),
        ({"type": "image", "source": {"type": "file", "file_id": "file-1"}}, "names a file by its id"),
        ({"type": "input_image", "file_id": "file-1"}, "names a file by its id"),
        ({"type": "image"}, "neither `url` nor `base64`"),
        ({"type": "image", "source_type": "base64"}, "neither `url` nor `base64`"),
        ({"type": "image_url"}, "bytes or a data URL"),
        ({"type": "image_url", "image_url": {}}, "bytes or a data URL"),
        ({"type": "image_url", "image_url": {"url": "notice.png"}}, "bytes or a data URL"),
        ({"type": "image", "url": "/etc/passwd"}, "bytes or a data URL"),
        ({"type": "media", "mime_type": "image/png", "file_uri": "gs://x/y"}, "neither `url` nor `base64`"),
        ({"image": {"format": "png", "source": {"s3Location": {"uri": "s3://x/y"}}}}, "nor `bytes`"),
        ({"type": "media", "mime_type": "audio/wav", "data": DATA}, "type 'media' can't be answered"),
        ({"type": "file", "mime_type": "application/pdf", "base64": DATA}, "type 'file' can't be answered"),
        ({"type": "text", "text": None}, "type 'text' can't be answered"),
        ({"image": {"format": "png", "source": {"bytes": None}}}, "nor `bytes`"),
        ({"image": {"format": "png", "source": {"bytes": 5}}}, "nor `bytes`"),
        ({"type": "file", "mime_type": "image/png", "file": {"file_data": URL}}, "neither `url` nor `base64`"),
    ],
)
def test_what_can_not_be_used_is_told_in_one_line(block: dict[str, Any], expected: str) -> None:
    with pytest.raises(UsageError, match=expected) as error:
        read_content([block])
    assert "\n" not in str(error.value)


def test_texts_and_pictures_keep_their_order() -> None:
    other = "data:image/png;base64,AAAA"
    blocks: list[Any] = [
        "First",
        {"type": "image", "url": URL},
        {"type": "text", "text": "then"},
        {"type": "image", "url": other},
        {"type": "text-plain", "text": "the rest"},
    ]
    assert read_content(blocks) == (["First", "then", "the rest"], [MessageImage(URL), MessageImage(other)])


@pytest.mark.parametrize(
    ("block", "source"),
    [
        ({"type": "image", "source": {"type": "base64", "data": DATA}}, f"data:image/png;base64,{DATA}"),
        ({"type": "image", "source": {"data": DATA, "media_type": "image/gif"}}, f"data:image/gif;base64,{DATA}"),
        ({"type": "image", "source": {"url": URL}}, URL),
        ({"image": {"source": {"bytes": b"abc"}}}, b"abc"),
    ],
)
def test_forms_without_their_type_or_format_are_read_too(block: dict[str, Any], source: str | bytes) -> None:
    assert read_content([block])[1] == [MessageImage(source)]
