"""Content blocks of a message as texts and pictures, in every form that LangChain's messages hold them in.

Read are, for pictures: ``image_url`` with a string or a mapping, OpenAI's ``input_image``, LangChain's ``image`` with
``url``, ``base64`` or ``data`` (its older form by ``source_type`` too), Anthropic's ``source``, Google's ``media``,
Bedrock's ``image`` without a type, and a ``file`` that says it is a picture. Ours.
"""

from collections.abc import Mapping
from typing import Any

from langchain_core.messages import BaseMessage

from ecoalign_agent.errors import UsageError
from ecoalign_agent.llm.images import looks_like_address

ImageSource = bytes | str

_TEXTS = frozenset({"text", "input_text", "text-plain"})


def parts_of(message: BaseMessage) -> tuple[list[str], list[ImageSource]]:
    """Texts and pictures of a message, each in order.

    Raises:
        UsageError: an image can't be used, or a block is neither text nor image: an answer that passed over it would
            look like one to it.
    """
    texts: list[str] = []
    images: list[ImageSource] = []
    for block in [message.content] if isinstance(message.content, str) else message.content:
        if isinstance(block, str):
            texts.append(block)
        elif holds_image(block):
            images.append(_picture(block))
        elif block.get("type") in _TEXTS and isinstance(block.get("text", ""), str):
            texts.append(block.get("text", ""))
        else:
            raise UsageError(f"a message block of type {block.get('type')!r} can't be answered: give text and images")
    return texts, images


def holds_image(block: object) -> bool:
    """Whether a content block holds a picture, usable or not."""
    if not isinstance(block, Mapping):
        return False
    kind = block.get("type")
    if kind in {"image_url", "input_image", "image"}:
        return True
    if kind in {"media", "file"}:
        return str(block.get("mime_type")).startswith("image/")
    return kind is None and isinstance(block.get("image"), Mapping)


def image_of(image: object) -> ImageSource:
    """A picture as a request may name it.

    Raises:
        UsageError: it is neither bytes nor a data URL nor an address.
    """
    # A path in the state would let whoever sends JSON read files from here; a URL goes through the fetcher's door only.
    if isinstance(image, bytes) or (isinstance(image, str) and (image[:5].lower() == "data:" or is_address(image))):
        return image
    raise UsageError(f"an image in a request is bytes or a data URL, not {str(image)[:40]!r}")


def is_address(image: ImageSource) -> bool:
    """Whether a picture is named by its URL."""
    return isinstance(image, str) and looks_like_address(image)


def _picture(block: Mapping[str, Any]) -> ImageSource:
    if block.get("type") in {"image_url", "input_image"}:
        url = block.get("image_url")
        named = url.get("url") if isinstance(url, Mapping) else url
        return image_of(named if named is not None or not _by_id(block) else _no_id())
    if block.get("type") is None:
        return _bedrock(block["image"])
    source = block.get("source")
    # Anthropic's; everything else stands in the block itself.
    held = source if isinstance(source, Mapping) else block
    if (url := held.get("url")) is not None:
        return image_of(url)
    data = held.get("base64") or held.get("data")
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        if _by_id(held):
            _no_id()
        raise UsageError("an image block holds neither `url` nor `base64`")
    return _data_url(data, held.get("mime_type") or held.get("media_type"))


def _bedrock(image: Mapping[str, Any]) -> ImageSource:
    source = image.get("source")
    data = source.get("bytes") if isinstance(source, Mapping) else None
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return _data_url(data, f"image/{image.get('format') or 'png'}")
    raise UsageError("an image block holds no `bytes`: give them, or a data URL")


def _data_url(data: str, mime: object) -> str:
    # Some hand a whole data URL over where its data is asked for.
    return data if data[:5].lower() == "data:" else f"data:{mime or 'image/png'};base64,{data}"


def _by_id(block: Mapping[str, Any]) -> bool:
    return any(block.get(key) for key in ("file_id", "id")) and block.get("source_type", "id") == "id"


def _no_id() -> str:
    raise UsageError("an image block names a file by its id, which only its provider can open: give `base64` or `url`")
