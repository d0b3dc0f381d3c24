"""Reading the request out of the state: the keys ``question`` and ``images``, or the last human message."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage

from ecoalign_agent.errors import UsageError

MAX_QUESTION = 100_000
"""Characters that a question may have; more would be spent on reading it than on answering."""

ImageSource = bytes | str


def checked_question(question: str) -> str:
    """The question, stripped.

    Raises:
        UsageError: it is empty, or longer than ``MAX_QUESTION`` characters.
    """
    question = question.strip()
    if not question:
        raise UsageError("the question is empty: say what you want to know")
    if len(question) > MAX_QUESTION:
        raise UsageError(f"the question has {len(question):,} characters, the limit is {MAX_QUESTION:,}: shorten it")
    return question


def request_of(state: Mapping[str, Any]) -> tuple[str, Sequence[ImageSource]]:
    """Question and encoded pictures of a request.

    Raises:
        UsageError: there is neither a question nor a human message, the question is empty or too long, or an image
            is no data URL.
    """
    if state.get("question"):
        return checked_question(state["question"]), [_image(image) for image in state.get("images", [])]
    messages: Sequence[AnyMessage] = state.get("messages", [])
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            texts, images = _parts(message)
            return checked_question("\n".join(texts)), [*images, *map(_image, state.get("images", []))]
    raise UsageError("nothing to answer: give `question`, or `messages` with a human message in it")


def _parts(message: HumanMessage) -> tuple[list[str], list[ImageSource]]:
    if isinstance(message.content, str):
        return [message.content], []
    texts: list[str] = []
    images: list[ImageSource] = []
    for block in message.content:
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") == "text":
            texts.append(str(block.get("text", "")))
        elif block.get("type") == "image_url":
            url = block["image_url"]
            images.append(_image(url["url"] if isinstance(url, Mapping) else url))
        elif block.get("type") == "image":
            images.append(_image(block.get("url") or _inline(block)))
    return texts, images


def _inline(block: Mapping[str, Any]) -> str:
    """LangChain's own image block as a data URL: base64 in ``base64`` or, as older versions wrote it, in ``data``."""
    data = block.get("base64") or block.get("data")
    if not isinstance(data, str):
        raise UsageError("an image block holds neither `url` nor `base64`")
    return f"data:{block.get('mime_type', 'image/png')};base64,{data}"


def _image(image: object) -> ImageSource:
    # A path or a URL in the state would let whoever sends JSON read files or make requests from here.
    if isinstance(image, bytes) or (isinstance(image, str) and image.startswith("data:")):
        return image
    raise UsageError(f"an image in a request is bytes or a data URL, not {str(image)[:40]!r}")
