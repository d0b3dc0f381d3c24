"""A model on the test server that is as able as a test says: it sees, follows forms, keeps to its cap, or does not."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from ecoalign_agent.llm.probe_calls import NUMBERS, number_image
from ecoalign_agent.testing import CompletionReply, ErrorReply, JsonObject, ReportedUsage, ToolCallReply
from tests.scripted_server.replies import Answer, Delayed

BALLS = {"commoner_colour": "blue", "balls_in_the_box": 7}
SIXTY = " ".join(["twenty-two"] * 60)
"""Long enough for any cap."""

PICTURE = 300
"""Tokens that this model counts for a picture."""


@dataclass
class Able:
    """Answers the examination. Every field is one thing that it can or can't do.

    Attributes:
        sees: the pictures; ``refuses``: a 400; ``blind``: takes them and sees nothing; ``misreads``: another number.
        forms: fields of the request that are refused with a 400, such as ``response_format=json_schema``.
        ignores: rungs that are taken and not followed: ``schema``, ``tools``, ``json``.
        cap: names of the cap that are heeded; others are refused, or ignored where ``lenient``.
        usage: as ``Completion`` has it, or ``true``: honest, a picture counts ``PICTURE``.
        streams_usage: also at the end of a stream.
        seconds: each call takes.
        serial: one call after the other.
    """

    sees: Literal["yes", "refuses", "blind", "misreads"] = "yes"
    refuses: tuple[str, ...] = ()
    ignores: tuple[str, ...] = ()
    cap: tuple[str, ...] = ("max_tokens", "max_completion_tokens")
    lenient: bool = False
    usage: ReportedUsage | Literal["true"] = "true"
    streams_usage: bool = True
    seconds: float = 0.0
    serial: bool = False
    instead: Callable[[int, JsonObject], Answer | None] = field(default=lambda number, body: None)
    """An answer for the call of that number, from 1 on, in place of the model's own."""
    number: int = 0

    def __call__(self, body: JsonObject) -> Answer:
        self.number += 1
        if (other := self.instead(self.number, body)) is not None:
            return other
        answer = self._answer(body)
        return Delayed(self.seconds, answer, alone=self.serial) if self.seconds else answer

    def _answer(self, body: JsonObject) -> Answer:
        for wanted in self.refuses:
            name, _, kind = wanted.partition("=")
            if name in body and (not kind or body[name].get("type") == kind):
                return ErrorReply(400, f"Unsupported parameter: '{name}'", param=name)
        caps = {name: body[name] for name in ("max_tokens", "max_completion_tokens") if name in body}
        unknown = [name for name in caps if name not in self.cap]
        if unknown and not self.lenient:
            return ErrorReply(400, f"Unsupported parameter: '{unknown[0]}'", param=unknown[0])
        most = next((value for name, value in caps.items() if name in self.cap), None)
        pictures = pictures_in(body)
        if pictures and self.sees == "refuses":
            return ErrorReply(400, "this model does not take image input")
        return self._written(body, most, pictures)

    def _written(self, body: JsonObject, most: int | None, pictures: list[str]) -> CompletionReply:
        kind = (body.get("response_format") or {}).get("type")
        text, tools = "Blue; there are seven.", ()
        if body.get("tools") and "tools" not in self.ignores:
            return self._said(
                body, None, (ToolCallReply(body["tools"][0]["function"]["name"], json.dumps(BALLS)),), "tool_calls"
            )
        task = re.search(r"Task: doctor (\w+)", body["messages"][0]["content"])
        match task[1] if task else "":
            case "look":
                text = json.dumps({"number": self._read(pictures)})
            case "form":
                if kind == "json_schema" and "schema" not in self.ignores:
                    text = json.dumps(BALLS)
                elif kind == "json_object" and "json" not in self.ignores:
                    text = json.dumps({"answer": "blue", "balls": 7})
            case "count":
                text = SIXTY
        # Four characters a token, as everywhere on this server.
        if most is not None and len(text) > 4 * most:
            return self._said(body, text[: 4 * most], tools, "length")
        return self._said(body, text, tools, "stop")

    def _read(self, pictures: list[str]) -> int | None:
        if not pictures or self.sees == "blind":
            return None
        return seen_in(pictures[0]) + (1 if self.sees == "misreads" else 0)

    def _said(
        self, body: JsonObject, text: str | None, tools: tuple[ToolCallReply, ...], finish: str
    ) -> CompletionReply:
        usage: ReportedUsage = (
            _true(body, (text or "") + "".join(t.arguments for t in tools)) if self.usage == "true" else self.usage
        )
        return CompletionReply(text, tools, finish, usage=usage, streams_usage=self.streams_usage)


def pictures_in(body: JsonObject) -> list[str]:
    """The URLs of a request's pictures."""
    parts = [part for m in body["messages"] if isinstance(m.get("content"), list) for part in m["content"]]
    return [part["image_url"]["url"] for part in parts if part["type"] == "image_url"]


def seen_in(url: str) -> int:
    """The number that a picture shows."""
    return _numbers()[url]


@cache
def _numbers() -> dict[str, int]:
    return {number_image(number).block()["image_url"]["url"]: number for number in NUMBERS}


def _true(body: JsonObject, written: str) -> dict[str, Any]:
    texts = [m["content"] if isinstance(m["content"], str) else m["content"][0]["text"] for m in body["messages"]]
    prompt = math.ceil(len("".join(texts)) / 4) + PICTURE * len(pictures_in(body))
    completion = math.ceil(len(written) / 4)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
