"""Messages taken apart again: their words, their pictures, and the fenced data of our own prompts.

The other side of :mod:`ecoalign_agent.llm.prompts`, for models of ours that read those prompts. Ours.
"""

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_OPENING = re.compile(r"\s*<[a-z_]+ ([0-9A-Za-z]{4,32})>\n")


@dataclass(frozen=True, slots=True)
class SentPicture:
    """One picture as it came with the message.

    Attributes:
        data: the encoded file; None: the message names an address, which is never fetched, or holds no valid base64.
        detail: how closely a hosted model would look; decides what the picture costs.
    """

    data: bytes | None
    detail: Literal["low", "high"] = "high"


def words_of(content: str | list[Any], pictures: list[SentPicture]) -> str:
    """The words of a message's content, its blocks a line each; its pictures are added to ``pictures``."""
    if isinstance(content, str):
        return content
    texts = []
    for block in content:
        if isinstance(block, str):
            texts.append(block)
        elif block.get("type") == "text":
            texts.append(str(block.get("text", "")))
        elif block.get("type") == "image_url":
            pictures.append(_from_url(block["image_url"]))
        elif block.get("type") == "image":
            pictures.append(SentPicture(_decoded(str(block.get("base64", "")))))
    return "\n".join(texts)


def marker_of(user: str, system: str) -> str | None:
    """The marker of the fence that a user message opens with; None: the system message names no such marker."""
    opening = _OPENING.match(user)
    return opening.group(1) if opening is not None and opening.group(1) in system else None


def fenced(user: str, system: str) -> dict[str, str]:
    """The content of each fence of a user message by its name; "(none)" reads as "".

    Only fences with the marker that the system message names count: one imitated inside the data stays text.
    """
    marker = marker_of(user, system)
    if marker is None:
        return {}
    fence = re.compile(rf"<([a-z_]+) {marker}>\n(.*?)\n?</\1 {marker}>", re.DOTALL)
    return {name: "" if value.strip() == "(none)" else value.strip() for name, value in fence.findall(user)}


def _from_url(value: str | Mapping[str, Any]) -> SentPicture:
    url, detail = (value, None) if isinstance(value, str) else (str(value.get("url", "")), value.get("detail"))
    head, comma, body = url.partition(",")
    data = _decoded(body) if head.startswith("data:") and head.endswith(";base64") and comma else None
    return SentPicture(data, "low" if detail == "low" else "high")


def _decoded(body: str) -> bytes | None:
    try:
        return base64.b64decode(body, validate=True) or None
    except (binascii.Error, ValueError):
        return None
