"""Parsing of a reply: its text or function call → a validated value, or the reason why there is none.

``exact`` replies, verdicts, are read strictly: the whole reply is one JSON object, or it is unknown. The candidate that
a verdict is about may hold JSON that grades itself; so a verdict is never taken out of prose that can echo it. Source:
ours.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ValidationError

from ecoalign_agent.llm.endpoint import OutputMode

T = TypeVar("T", bound=BaseModel)

ReplyKind = Literal["value", "silent", "mismatch", "final"]
"""Read; no JSON at all; JSON that is broken or does not fit; an end that asking in another form can't change."""

CUT_OFF_REASONS = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})
"""How providers say that a reply was cut off at its cap on completion tokens."""

_FILTERED = frozenset(
    {"content_filter", "safety", "refusal", "recitation", "blocklist", "prohibited_content", "spii", "image_safety"}
)
_CODE_BLOCK = re.compile(r"\A```(?:json|JSON)?[ \t]*\r?\n(.*?)\r?\n?```\Z", re.DOTALL)
_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)

_MAX_REPAIRED = 16_000
"""Characters beyond which a broken reply is not repaired: repairing takes quadratic time on hostile text."""

_MAX_OPENED = 400
"""Braces and brackets beyond which it is not, for the same reason."""

_MAX_STARTS = 50
"""Opening braces at which an object is looked for in prose, likewise."""


@dataclass(frozen=True, slots=True)
class ParsedReply(Generic[T]):
    """A reply as far as it could be read: a value where ``kind`` is ``value``, else the reason, in one line."""

    kind: ReplyKind
    value: T | None = None
    reason: str | None = None


class _Unreadable(Exception):  # noqa: N818 - never leaves this module: control flow, not an error
    def __init__(self, kind: ReplyKind, reason: str) -> None:
        super().__init__(reason)
        self.kind = kind
        self.reason = reason


def parse_reply(message: AIMessage, mode: OutputMode, schema: type[T], *, exact: bool) -> ParsedReply[T]:
    """Read one reply, asked for in ``mode``: function calls are read in their mode only.

    An ``exact`` reply must be one JSON object as a whole, without repair, repeated keys or numbers that are not finite.
    """
    try:
        _require_whole(message)
        parsed = _from_call(message, exact=exact) if mode == "function_calling" else None
        if parsed is None:
            text = reply_text(message)
            parsed = _strictly(text) if exact else _leniently(text, repair=mode == "plain")
        return ParsedReply("value", _validated(parsed, schema, exact=exact))
    except _Unreadable as unreadable:
        return ParsedReply(unreadable.kind, reason=unreadable.reason)


def reply_text(message: AIMessage) -> str:
    """The text blocks of a reply, joined; reasoning and function calls are no text."""
    return message.content if isinstance(message.content, str) else str(message.text)


def visible_output(message: AIMessage) -> str:
    """Everything the model visibly wrote, for an estimate of its tokens: text and the arguments of calls."""
    calls = [json.dumps(call["args"]) for call in message.tool_calls]
    broken = [str(call.get("args") or "") for call in message.invalid_tool_calls]
    return "".join([reply_text(message), *calls, *broken])


def finish_reason(message: AIMessage) -> str | None:
    """The provider's word for why the model stopped; None: not reported."""
    metadata = message.response_metadata
    incomplete = metadata.get("incomplete_details")
    candidates = [incomplete.get("reason") if isinstance(incomplete, dict) else None]
    candidates += [metadata.get(key) for key in ("finish_reason", "stop_reason", "done_reason")]
    return next((reason for reason in candidates if isinstance(reason, str)), None)


def _require_whole(message: AIMessage) -> None:
    reason = (finish_reason(message) or "").lower()
    if reason in CUT_OFF_REASONS:
        raise _Unreadable("final", f"cut off at the cap on completion tokens (finish reason {reason})")
    if reason in _FILTERED:
        raise _Unreadable("final", f"withheld by the provider (finish reason {reason})")
    blocks = message.content if isinstance(message.content, list) else []
    refused = any(isinstance(block, dict) and block.get("type") == "refusal" for block in blocks)
    if refused or message.additional_kwargs.get("refusal"):
        raise _Unreadable("final", "the model refused to reply")


def _from_call(message: AIMessage, *, exact: bool) -> dict[str, Any] | None:
    """The arguments of the one call; None: there is no call, so the text may hold the reply."""
    calls, broken = message.tool_calls, message.invalid_tool_calls
    if not calls and not broken:
        return None
    if broken:
        raise _Unreadable("mismatch", "a function call whose arguments are not JSON")
    if any(call["name"] != calls[0]["name"] or call["args"] != calls[0]["args"] for call in calls):
        raise _Unreadable("mismatch", f"{len(calls)} function calls that differ")
    if exact and (len(calls) > 1 or reply_text(message).strip()):
        # Text beside a verdict's call is a second place where a verdict could stand.
        raise _Unreadable("mismatch", f"{len(calls)} function calls and text where one call is due")
    raw = message.additional_kwargs.get("tool_calls")
    if exact and isinstance(raw, list) and len(raw) == 1 and isinstance(raw[0], dict):
        arguments = (raw[0].get("function") or {}).get("arguments")
        if isinstance(arguments, str):
            return _object(arguments)
    return calls[0]["args"]


def _strictly(text: str) -> dict[str, Any]:
    text = text.strip()
    block = _CODE_BLOCK.match(text)
    return _object(block.group(1) if block else text)


def _leniently(text: str, *, repair: bool) -> dict[str, Any]:
    text = _THINKING.sub("", text).strip()
    try:
        return _strictly(text)
    except _Unreadable:
        pass
    objects = _objects_in(text)
    if any(each != objects[0] for each in objects):
        raise _Unreadable("mismatch", f"{len(objects)} different JSON objects where one is due")
    if objects:
        return objects[0]
    if "{" not in text:
        raise _Unreadable("silent", "no JSON in the reply")
    if not repair or len(text) > _MAX_REPAIRED or text.count("{") + text.count("[") > _MAX_OPENED:
        raise _Unreadable("mismatch", "broken JSON")
    return _repaired(text)


def _repaired(text: str) -> dict[str, Any]:
    import json_repair  # noqa: PLC0415 - needed for broken replies only

    try:
        parsed = json_repair.loads(text[text.index("{") :])
    except (ValueError, RecursionError) as error:
        raise _Unreadable("mismatch", "broken JSON that can't be repaired") from error
    if not isinstance(parsed, dict) or not parsed:
        raise _Unreadable("mismatch", "broken JSON that can't be repaired")
    return parsed


def _objects_in(text: str) -> list[dict[str, Any]]:
    """Complete JSON objects in prose; none when the first is broken: what stands inside it is a part of it."""
    objects: list[dict[str, Any]] = []
    start = text.find("{")
    for _ in range(_MAX_STARTS):
        if start < 0:
            break
        try:
            parsed, end = _DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            if not objects:
                break
            end = start + 1
        else:
            objects.append(parsed)
        start = text.find("{", end)
    return objects


def _object(text: str) -> dict[str, Any]:
    if "{" not in text:
        raise _Unreadable("silent", "no JSON in the reply")
    try:
        parsed = _DECODER.decode(text)
    except RecursionError as error:
        raise _Unreadable("mismatch", "JSON nested too deeply") from error
    except ValueError as error:
        raise _Unreadable("mismatch", f"not one JSON object: {_one_line(str(error))}") from error
    if not isinstance(parsed, dict):
        raise _Unreadable("mismatch", f"a JSON {type(parsed).__name__} where an object is due")
    return parsed


def _validated(parsed: dict[str, Any], schema: type[T], *, exact: bool) -> T:
    # Validated as JSON, so that a strict schema takes a list for a tuple; from what was read here, so that no second
    # reader can see another value in the same text. NaN and numbers beyond floats end here, wherever they came from.
    try:
        return schema.model_validate_json(json.dumps(parsed, allow_nan=False), strict=True if exact else None)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the reply"
        raise _Unreadable("mismatch", _one_line(f"does not fit {schema.__name__}: {place}: {first['msg']}")) from error
    except (ValueError, RecursionError) as error:
        raise _Unreadable("mismatch", "a number that is not finite, or JSON nested too deeply") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) != len(pairs):
        raise ValueError("a key stands twice")
    return parsed


_DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)


def _one_line(text: str) -> str:
    return " ".join(text.split())[:200]
