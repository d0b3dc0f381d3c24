"""What the test server can answer: completions, and everything that goes wrong between a client and a model."""

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from ecoalign_agent.testing import CompletionReply, ErrorReply, ToolCallReply

JsonObject = dict[str, Any]


@dataclass(frozen=True)
class Raw:
    """Any body under any type."""

    content: str
    status: int = 200
    mime: str = "application/json"


@dataclass(frozen=True)
class Page(Raw):
    """A web page where JSON is due, as proxies and wrong base URLs give it."""

    content: str = "<!doctype html><html><body><h1>It works!</h1></body></html>"
    mime: str = "text/html"


@dataclass(frozen=True)
class Cut:
    """The connection breaks: before the answer, or after ``sent`` bytes of a well-begun one."""

    sent: bytes = b""


@dataclass(frozen=True)
class Hang:
    """No answer, until the client leaves or the server is reset."""


@dataclass(frozen=True)
class Delayed:
    """``then``, after so many seconds; sooner when the client leaves. ``alone``: others of that kind wait meanwhile."""

    seconds: float
    then: "Answer" = field(default_factory=CompletionReply)
    alone: bool = False


@dataclass(frozen=True)
class Drip:
    """``then``, a byte at a time: the head at once, each byte of the body so many seconds after the last."""

    then: CompletionReply
    seconds: float = 0.05


Answer = CompletionReply | ErrorReply | Raw | Cut | Hang | Delayed | Drip

Answerer = Callable[[JsonObject], Answer]


def saying(text: str, **changes: Any) -> Answerer:
    """Always this text, whatever is asked and however."""
    completion = replace(CompletionReply(text), **changes)
    return lambda _: completion


def structured(value: object, **changes: Any) -> Answerer:
    """``value`` in the form asked for: a function call where there is a tool, else JSON text."""
    written = json.dumps(value)

    def answer(request: JsonObject) -> Answer:
        if request.get("tools"):
            tool = ToolCallReply(request["tools"][0]["function"]["name"], written)
            return replace(CompletionReply(None, (tool,), "tool_calls"), **changes)
        return replace(CompletionReply(written), **changes)

    return answer


def fenced(value: object) -> CompletionReply:
    """JSON in a Markdown fence."""
    return CompletionReply(f"```json\n{json.dumps(value)}\n```")


def refusal(text: str = "I can't help with that.") -> CompletionReply:
    """The model's own refusal, in the field that OpenAI has for it."""
    return CompletionReply(None, refusal=text)


def cut_off(text: str) -> CompletionReply:
    """An answer that ends at the cap on completion tokens."""
    return CompletionReply(text, finish="length")


def filtered() -> CompletionReply:
    """An answer withheld by the provider's content filter."""
    return CompletionReply("", finish="content_filter")


def empty_choices() -> Raw:
    """A 200 that is a chat completion without a choice."""
    return Raw(json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}))


def rejecting(then: Answerer, *fields: str, status: int = 400, message: str | None = None) -> Answerer:
    """A 4xx for each request that carries one of ``fields``; ``field=value`` looks for a type, such as
    ``response_format=json_schema``. The message names the field unless one is given. ``then`` answers the others.
    """

    def answer(request: JsonObject) -> Answer:
        for wanted in fields:
            name, _, kind = wanted.partition("=")
            if name in request and (not kind or request[name].get("type") == kind):
                said = f"Unsupported parameter: '{name}'" if message is None else message
                return ErrorReply(status, said, param=name if message is None else None)
        return then(request)

    return answer


def in_turn(*answers: Answer | Answerer) -> Answerer:
    """The first request gets the first answer, and so on; the last answer stands for all further ones."""
    lock, left = threading.Lock(), list(answers)

    def answer(request: JsonObject) -> Answer:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        return now(request) if callable(now) else now

    return answer
