"""Texts and pictures in the content of a chat message.

LangChain's ``content_blocks`` brings the forms of most providers into one. Read besides: ``image_url`` as a bare
string, OpenAI's ``input_image``, Google's ``media``, and a ``file`` whose mime type is a picture's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import HumanMessage

from ecoalign_agent.errors import ImageError, UsageError
from ecoalign_agent.images.image_tokens import Detail
from ecoalign_agent.images.sources import read_source
from ecoalign_agent.images.url_policy import looks_like_url

ImageSource = bytes | str
"""A picture as a request names it: a file's content, a data URL or an address."""

_TEXT_TYPES = frozenset({"text", "input_text", "text-plain"})


@dataclass(frozen=True, slots=True)
class MessageImage:
    """One picture of a message; ``detail``: how closely a hosted model looks."""

    source: ImageSource
    detail: Detail = "high"

    @property
    def data(self) -> bytes | None:
        """The file's content; None: an address, which is not fetched, an empty file or broken base64."""
        try:
            return read_source(self.source).data or None
        except ImageError:
            return None


def read_content(content: str | Sequence[str | Mapping[str, Any]]) -> tuple[list[str], list[MessageImage]]:
    """Texts and pictures of a message's content, each in order."""
    parts = [content] if isinstance(content, str) else [read_block(block) for block in content]
    return [part for part in parts if isinstance(part, str)], [part for part in parts if isinstance(part, MessageImage)]


def read_block(block: str | Mapping[str, Any]) -> str | MessageImage:
    """One content block as text or picture."""
    if isinstance(block, str):
        return block
    if holds_image(block):
        return _image(block)
    text = block.get("text", "")
    if block.get("type") in _TEXT_TYPES and isinstance(text, str):
        return text
    raise UsageError(f"a message block of type {block.get('type')!r} can't be answered: give text and images")


def holds_image(block: object) -> bool:
    """Whether a content block holds a picture, usable or not."""
    if not isinstance(block, Mapping):
        return False
    kind = block.get("type")
    if kind in {"media", "file"}:
        return str(block.get("mime_type")).startswith("image/")
    return kind in {"image_url", "input_image", "image"} or (kind is None and isinstance(block.get("image"), Mapping))


def checked_image_source(image: object) -> ImageSource:
    """``image`` as it is, where a request may name a picture so: bytes, a data URL or an address."""
    # A path would let whoever sends JSON read files from here; an address goes through the fetcher's checks.
    if isinstance(image, bytes) or (isinstance(image, str) and (image[:5].lower() == "data:" or is_url(image))):
        return image
    raise UsageError(f"an image in a request is bytes or a data URL, not {str(image)[:40]!r}")


def is_url(image: object) -> bool:
    """Whether a picture is named by its URL."""
    return isinstance(image, str) and looks_like_url(image)


def _image(block: Mapping[str, Any]) -> MessageImage:
    if block.get("type") not in {"image_url", "input_image"}:
        return MessageImage(_standard_source(block))
    named = block.get("image_url")
    holder = named if isinstance(named, Mapping) else {"url": named, "detail": block.get("detail")}
    if holder.get("url") is None:
        _refuse_file_id(block)
    source = checked_image_source(holder.get("url"))
    return MessageImage(source, "low" if holder.get("detail") == "low" else "high")


def _standard_source(block: Mapping[str, Any]) -> ImageSource:
    try:
        standard: Mapping[str, Any] = {**HumanMessage([dict(block)]).content_blocks[0]}
    except (
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
        IndexError,
    ):  # translators of LangChain, given a broken block
        standard = block
    fields = standard["value"] if standard.get("type") == "non_standard" else standard
    inner = block.get("image")
    # Anthropic's and Bedrock's forms without their type or format, which LangChain leaves as they are.
    nested = (block.get("source"), inner.get("source") if isinstance(inner, Mapping) else None)
    holders = [holder for holder in (fields, *nested) if isinstance(holder, Mapping)]
    for holder in holders:
        if (url := holder.get("url")) is not None:
            return checked_image_source(url)
        data = holder.get("base64") or holder.get("data") or holder.get("bytes")
        if isinstance(data, bytes):
            return data
        if isinstance(data, str):
            # Some integrations put a whole data URL where base64 is due.
            mime = holder.get("mime_type") or holder.get("media_type") or "image/png"
            return data if data[:5].lower() == "data:" else f"data:{mime};base64,{data}"
    for holder in holders:
        _refuse_file_id(holder)
    raise UsageError("an image block holds neither `url` nor `base64` nor `bytes`: give one of them")


def _refuse_file_id(block: Mapping[str, Any]) -> None:
    if block.get("file_id") or block.get("id"):
        remedy = "give `base64` or `url`"
        raise UsageError(f"an image block names a file by its id, which only its provider can open: {remedy}")
