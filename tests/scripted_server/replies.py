"""What the test server can answer: completions, and everything that goes wrong between a client and a model."""

import json
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Body = dict[str, Any]
"""A request's or a response's JSON object."""

Usage = Mapping[str, Any] | Literal["counted", "absent"]
"""``counted``: four characters a token; ``absent``: the server says nothing; else: exactly this, sane or not."""


@dataclass(frozen=True)
class Tool:
    """A function call; ``arguments`` is the raw string, broken or not."""

    name: str
    arguments: str


@dataclass(frozen=True)
class Completion:
    """A 200 with one choice."""

    content: str | None = None
    tools: Sequence[Tool] = ()
    finish: str | None = "stop"
    refusal: str | None = None
    usage: Usage = "counted"
    streams_usage: bool = True
    """Whether a streamed answer ends with its usage, when that is asked for."""

    def streamed(self, request: Body) -> str:
        """The response as OpenAI streams it: the text in two pieces, the reason, and the usage if it is asked for."""
        whole = self.body(request)
        usage, text = whole.pop("usage", None), self.content or ""
        head = whole | {"object": "chat.completion.chunk"}
        parts: list[Body] = [{"delta": {"role": "assistant", "content": text[: len(text) // 2]}, "finish_reason": None}]
        parts.append({"delta": {"content": text[len(text) // 2 :]}, "finish_reason": None})
        parts.append({"delta": {}, "finish_reason": self.finish})
        chunks: list[Body] = [head | {"choices": [{"index": 0, **part}]} for part in parts]
        if self.streams_usage and usage is not None and (request.get("stream_options") or {}).get("include_usage"):
            chunks.append(head | {"choices": [], "usage": usage})
        return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"

    def body(self, request: Body) -> Body:
        """The response as OpenAI words it."""
        message: Body = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        if self.tools:
            message["tool_calls"] = [
                {"id": f"call_{i}", "type": "function", "function": {"name": t.name, "arguments": t.arguments}}
                for i, t in enumerate(self.tools)
            ]
        body: Body = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request.get("model", "m"),
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}],
        }
        if self.usage == "counted":
            written = (self.content or "") + "".join(t.arguments for t in self.tools)
            body["usage"] = counted(request, written)
        elif self.usage != "absent":
            body["usage"] = self.usage
        return body


@dataclass(frozen=True)
class Status:
    """An HTTP error as OpenAI words it."""

    status: int
    message: str = "something went wrong"
    param: str | None = None
    code: str | None = None
    retry_after: str | None = None


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
    then: "Answer" = field(default_factory=Completion)
    alone: bool = False


@dataclass(frozen=True)
class Drip:
    """``then``, a byte at a time: the head at once, each byte of the body so many seconds after the last."""

    then: Completion
    seconds: float = 0.05


Answer = Completion | Status | Raw | Cut | Hang | Delayed | Drip

Answerer = Callable[[Body], Answer]


def counted(request: Body, written: str) -> Body:
    """Usage by four characters a token; a picture counts 85."""
    texts, images = [], 0
    for message in request.get("messages", []):
        content = message.get("content") or ""
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                images += 85
    prompt = math.ceil(len("".join(texts)) / 4) + images
    completion = math.ceil(len(written) / 4)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": images},
    }


def saying(text: str, **changes: Any) -> Answerer:
    """Always this text, whatever is asked and however."""
    completion = replace(Completion(text), **changes)
    return lambda _: completion


def structured(value: object, **changes: Any) -> Answerer:
    """``value`` in the form asked for: a function call where there is a tool, else JSON text."""
    written = json.dumps(value)

    def answer(request: Body) -> Answer:
        if request.get("tools"):
            tool = Tool(request["tools"][0]["function"]["name"], written)
            return replace(Completion(None, (tool,), "tool_calls"), **changes)
        return replace(Completion(written), **changes)

    return answer


def fenced(value: object) -> Completion:
    """JSON in a Markdown fence."""
    return Completion(f"```json\n{json.dumps(value)}\n```")


def refusal(text: str = "I can't help with that.") -> Completion:
    """The model's own refusal, in the field that OpenAI has for it."""
    return Completion(None, refusal=text)


def cut_off(text: str) -> Completion:
    """An answer that ends at the cap on completion tokens."""
    return Completion(text, finish="length")


def filtered() -> Completion:
    """An answer withheld by the provider's content filter."""
    return Completion("", finish="content_filter")


def empty_choices() -> Raw:
    """A 200 that is a chat completion without a choice."""
    return Raw(json.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": []}))


def rejecting(then: Answerer, *fields: str, status: int = 400, message: str | None = None) -> Answerer:
    """A 4xx for each request that carries one of ``fields``; ``field=value`` looks for a type, such as
    ``response_format=json_schema``. The message names the field unless one is given. ``then`` answers the others.
    """

    def answer(request: Body) -> Answer:
        for wanted in fields:
            name, _, kind = wanted.partition("=")
            if name in request and (not kind or request[name].get("type") == kind):
                said = f"Unsupported parameter: '{name}'" if message is None else message
                return Status(status, said, param=name if message is None else None)
        return then(request)

    return answer


def in_turn(*answers: Answer | Answerer) -> Answerer:
    """The first request gets the first answer, and so on; the last answer stands for all further ones."""
    lock, left = threading.Lock(), list(answers)

    def answer(request: Body) -> Answer:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        return now(request) if callable(now) else now

    return answer
