"""OpenAI's chat completions: the schema of a request, and the objects of a response.

Requests are read by pydantic's JSON reader, which refuses deep nesting. Fields that can't be honoured and would change
the answer are refused; those that only tune a sampler are accepted and named in the receipt.
"""

import difflib
import time
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecoalign_agent.server.errors import ApiError, invalid_body_error

MAX_MESSAGES = 1_000
MAX_STRUCTURE = 400_000
"""Brackets and commas of a body: pictures have none, and no conversation has more."""

MIN_ANSWER_TOKENS = 16
"""Completion tokens that an answer must be allowed: fewer don't hold a refusal."""

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "n": (1,),
    "tools": ([],),
    "functions": ([],),
    "tool_choice": ("none", "auto"),
    "function_call": ("none", "auto"),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "stop": ([], ""),
    "audio": (),
    "prediction": (),
    "web_search_options": (),
}
"""Fields that would change the answer, with the values under which they don't; null never does."""


class _Shape(BaseModel):
    model_config = ConfigDict(extra="allow", strict=True)


class ContentPart(_Shape):
    """One content part of a message."""

    type: str
    text: str | None = None
    image_url: Any = None


class ChatMessage(_Shape):
    """One turn of the conversation."""

    role: str
    content: str | list[ContentPart] | None = None
    refusal: str | None = None


class StreamOptions(_Shape):
    """Options of a stream."""

    include_usage: bool | None = None


class ChatCompletionRequest(_Shape):
    """The body of a request; further fields stand in ``model_extra``."""

    model: str
    messages: list[ChatMessage] = Field(min_length=1, max_length=MAX_MESSAGES)
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    ecoalign: dict[str, Any] | None = None

    @property
    def max_answer_tokens(self) -> int | None:
        """Completion tokens that the answer may have; None: not limited; ``ApiError`` where a limit is too small."""
        limits = {"max_completion_tokens": self.max_completion_tokens, "max_tokens": self.max_tokens}
        for field, limit in limits.items():
            if limit is not None and limit < MIN_ANSWER_TOKENS:
                text = f"{field} is {limit:d}" if abs(limit) < 10**9 else f"{field} is out of range"
                raise ApiError(
                    400, f"{text}, at least {MIN_ANSWER_TOKENS}", param=field, code="integer_below_min_value"
                )
        return min((limit for limit in limits.values() if limit is not None), default=None)


def parse_chat_request(body: bytes) -> tuple[ChatCompletionRequest, list[str]]:
    """A request, and the names of its fields that have no effect; an ``ApiError`` repeats nothing but field names."""
    structure = sum(body.count(mark) for mark in (b"[", b"{", b","))
    if structure > MAX_STRUCTURE:
        raise ApiError(400, f"the body has {structure:,} brackets and commas, at most {MAX_STRUCTURE:,} are read")
    try:
        request = ChatCompletionRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        if first["type"] == "json_invalid":
            text = f"the body is no JSON that can be read: {first['msg']}"
            raise ApiError(400, text, code="invalid_json") from None
        raise invalid_body_error(error) from None
    return request, _ignored_fields(request)


def _ignored_fields(request: ChatCompletionRequest) -> list[str]:
    ignored = []
    for name, value in (request.model_extra or {}).items():
        if value is None:
            continue
        if name in _NEUTRAL:
            # 1 == True: the type must fit, too.
            if not any(type(value) is type(neutral) and value == neutral for neutral in _NEUTRAL[name]):
                raise ApiError(
                    400, f"{name} is not supported here; leave it out", param=name, code="unsupported_parameter"
                )
        elif name != "ecoalign" and difflib.get_close_matches(name, ["ecoalign"], cutoff=0.75):
            # Limits in a misspelt field would be ignored without notice.
            raise ApiError(400, f"there is no field {name[:40]!r}; write 'ecoalign'", code="unknown_parameter")
        else:
            ignored.append(name[:40] if name.isprintable() else ascii(name)[:40])
    return sorted(ignored)[:40]


def chat_completion(run_id: str, model: str, message: dict[str, Any], finish: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """The object of a whole answer."""
    return _envelope(run_id, model, "chat.completion", {"message": message}, finish) | more


def chat_completion_chunk(
    run_id: str,
    model: str,
    delta: dict[str, Any] | None,
    finish: str | None = None,
    **more: Any,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    """One object of a streamed answer; without a delta it has no choice, as the one with the usage."""
    content = None if delta is None else {"delta": delta}
    return _envelope(run_id, model, "chat.completion.chunk", content, finish) | more


def _envelope(run_id: str, model: str, kind: str, content: dict[str, Any] | None, finish: str | None) -> dict[str, Any]:
    choices = [] if content is None else [{"index": 0, **content, "logprobs": None, "finish_reason": finish}]
    return {
        "id": f"chatcmpl-{run_id}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "choices": choices,
        "system_fingerprint": None,
    }
