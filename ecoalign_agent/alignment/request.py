"""Reading the request out of the state: the keys ``question`` and ``images``, or the last human message."""

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, HumanMessage

from ecoalign_agent.errors import UsageError

MAX_QUESTION = 100_000
"""Characters that a question may have; more would be spent on reading it than on answering."""

ImageSource = bytes | str


def checked_question(question: object) -> str:
    """The question, stripped.

    Raises:
        UsageError: it is no text, empty, or longer than ``MAX_QUESTION`` characters.
    """
    if not isinstance(question, str):
        raise UsageError(f"the question is of type {type(question).__name__}: give it as text")
    question = question.strip()
    if not question:
        raise UsageError("the question is empty: say what you want to know")
    if len(question) > MAX_QUESTION:
        raise UsageError(f"the question has {len(question):,} characters, the limit is {MAX_QUESTION:,}: shorten it")
    return question


def request_of(state: Mapping[str, Any]) -> tuple[str, Sequence[ImageSource]]:
    """Question and encoded pictures of a request.

    Raises:
        UsageError: there is neither a question nor a human message, the question is empty or too long, an image is no
            data URL, or a message holds something that is neither text nor image.
    """
    beside = state.get("images") or []
    if not isinstance(beside, list | tuple):
        raise UsageError(f"images is of type {type(beside).__name__}: give a list of bytes or data URLs")
    if state.get("question"):
        return checked_question(state["question"]), [_image(image) for image in beside]
    messages: Sequence[AnyMessage] = state.get("messages", [])
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            texts, images = _parts(message)
            return checked_question("\n".join(texts)), [*images, *map(_image, beside)]
    raise UsageError("nothing to answer: give `question`, or `messages` with a human message in it")


def _parts(message: HumanMessage) -> tuple[list[str], list[ImageSource]]:
    """Texts and pictures. What is neither is refused: an answer that passed over it would look like one to it."""
    texts: list[str] = []
    images: list[ImageSource] = []
    for block in [message.content] if isinstance(message.content, str) else message.content:
        kind = "text" if isinstance(block, str) else block.get("type")
        if isinstance(block, str):
            texts.append(block)
        elif kind in {"text", "input_text"}:
            texts.append(str(block.get("text", "")))
        elif kind in {"image_url", "input_image"}:
            url = block.get("image_url")
            images.append(_image(url.get("url") if isinstance(url, Mapping) else url))
        elif kind == "image":
            images.append(_image(block.get("url") or _inline(block)))
        else:
            raise UsageError(f"a message block of type {kind!r} can't be answered: give text and images")
    return texts, images


def _inline(block: Mapping[str, Any]) -> str:
    """An image block as a data URL: LangChain's own, in its older form too, and Anthropic's."""
    source = block.get("source")
    if isinstance(source, Mapping):
        return str(source.get("url") or _data_url(source.get("data"), source.get("media_type")))
    return _data_url(block.get("base64") or block.get("data"), block.get("mime_type"))


def _data_url(data: object, mime: object) -> str:
    if not isinstance(data, str):
        raise UsageError("an image block holds neither `url` nor `base64`")
    return f"data:{mime or 'image/png'};base64,{data}"


def _image(image: object) -> ImageSource:
    # A path or a URL in the state would let whoever sends JSON read files or make requests from here.
    if isinstance(image, bytes) or (isinstance(image, str) and image.startswith("data:")):
        return image
    raise UsageError(f"an image in a request is bytes or a data URL, not {str(image)[:40]!r}")
