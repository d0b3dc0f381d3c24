"""What one call asks for: our own prompts, taken apart again.

A prompt is recognised by the first line of its system message, ``Task: <name>``, and by a user message that opens with
a fence whose marker the system message names. Only what stands inside those fences is data; a fence imitated inside the
data carries another marker and stays text. Ours: the embedded model reads the same prompts as any hosted one.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

TASKS = (
    "scan", "plan", "propose", "simulate", "reason", "look", "fuse", "answer", "synthesize", "decline",
    "assess thought", "assess request",
)  # fmt: skip
"""Every task that a prompt of this package can name."""

Box = tuple[float, float, float, float]
"""left, top, right, bottom as fractions of a picture."""

_NUMBER = r"-?\d+(?:\.\d+)?"
_BOX = re.compile(rf"\[\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*\]")
_KIND = re.compile(r"^\s*(?:[-*]\s*)?\W?(reason|look|fuse|answer)\W?\s*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class SentPicture:
    """One picture as it came with the message.

    Attributes:
        data: the encoded file; None: the message names an address, which is never fetched, or holds no valid base64.
        detail: how closely a hosted model would look; decides what the picture costs.
    """

    data: bytes | None
    detail: Literal["low", "high"] = "high"


@dataclass(frozen=True, slots=True)
class Brief:
    """One call, taken apart.

    Attributes:
        task: one of ``TASKS``; None: not one of our prompts.
        system: the instructions; they hold nothing from outside.
        data: the content of each fence by its name; "(none)" reads as "".
        pictures: the pictures of the message, in order.
        text: all text of all messages, for counting tokens.
    """

    task: str | None
    system: str
    data: Mapping[str, str]
    pictures: tuple[SentPicture, ...]
    text: str

    def get(self, name: str) -> str:
        """The content of the fence ``name``; "" when there is none."""
        return self.data.get(name, "")

    def lines(self, name: str) -> list[str]:
        """The non-empty lines of the fence ``name``."""
        return [line.strip() for line in self.get(name).splitlines() if line.strip()]

    def number(self, pattern: str, default: int) -> int:
        """The whole number that the instructions name where ``pattern``'s first group matches, else ``default``."""
        found = re.search(pattern, self.system)
        return int(found.group(1)) if found else default

    @property
    def branching(self) -> int:
        """How many actions may be proposed."""
        return self.number(r'"actions": at most (\d+)', 3)

    @property
    def kinds(self) -> frozenset[str]:
        """Which kinds of actions may be proposed."""
        part = self.system.partition("Kinds:")[2].partition("\n\n")[0]
        return frozenset(_KIND.findall(part)) or frozenset({"reason", "look", "answer"})

    @property
    def draft_from(self) -> float | None:
        """The safety from which the scan may draft an answer; None: it may not."""
        rule = re.search(rf'"draft":.*\bsafety is at least ({_NUMBER})', self.system)
        return float(rule.group(1)) if rule else None

    @property
    def box(self) -> Box | None:
        """The part of the picture that a look shows, where the instructions say it."""
        found = boxes_in(self.system)
        return found[0] if found else None


def boxes_in(text: str) -> list[Box]:
    """All boxes of four fractions written in ``text``, such as ``[0.10, 0.20, 0.30, 0.40]``."""
    return [(float(a), float(b), float(c), float(d)) for a, b, c, d in _BOX.findall(text)]


def read_brief(messages: Sequence[BaseMessage]) -> Brief:
    """Take the messages of one call apart. Never raises: what is no prompt of ours has the task None."""
    texts: list[str] = []
    pictures: list[SentPicture] = []
    system = user = ""
    for message in messages:
        text = _collect(message.content, pictures)
        texts.append(text)
        if isinstance(message, SystemMessage) and not system:
            system = text
        elif isinstance(message, HumanMessage) and not user:
            user = text
    task = re.match(r"\s*Task: ([a-z ]+?)\s*(?:\n|$)", system)
    data = _fences(user, system)
    known = task is not None and task.group(1) in TASKS and bool(data)
    name = task.group(1) if task is not None and known else None
    return Brief(name, system, data, tuple(pictures), "\n".join(texts))


def _collect(content: str | list[Any], pictures: list[SentPicture]) -> str:
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


def _fences(user: str, system: str) -> dict[str, str]:
    opening = re.match(r"\s*<[a-z_]+ ([0-9A-Za-z]{4,32})>\n", user)
    if opening is None or (marker := opening.group(1)) not in system:
        return {}
    fence = re.compile(rf"<([a-z_]+) {marker}>\n(.*?)\n?</\1 {marker}>", re.DOTALL)
    return {name: "" if value.strip() == "(none)" else value.strip() for name, value in fence.findall(user)}
