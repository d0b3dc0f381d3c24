"""Every way in which a server breaks an answer, by name: what it sends where a good reply is due.

A fault takes the request and the text of the good reply, so that it breaks what was asked for, in the form asked for.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ecoalign_agent.testing import CompletionReply, ErrorReply, JsonObject, ToolCallReply, counted_usage
from tests.scripted_server.replies import Answer, Cut, Drip, Hang, Page, empty_choices, filtered, refusal

Fault = Callable[[JsonObject, str], Answer]

ABSURD = 10**8
"""Tokens: more than any count that can be meant."""


def given(request: JsonObject, written: str) -> CompletionReply:
    """A reply in the form asked for: a function call where there is a tool, else text."""
    if request.get("tools"):
        return CompletionReply(None, (ToolCallReply(request["tools"][0]["function"]["name"], written),), "tool_calls")
    return CompletionReply(written)


def _half(written: str) -> str:
    return written[: len(written) // 2]


def _cut_off(request: JsonObject, written: str) -> CompletionReply:
    return replace(given(request, _half(written)), finish="length")


def _fenced(request: JsonObject, written: str) -> CompletionReply:
    """As models do that take a schema for a suggestion: text, also where a function call was asked for."""
    return CompletionReply(f"```json\n{written}\n```")


def mistyped(written: str) -> str:
    """The same keys, each with a value of another type."""
    wrong: dict[type, Any] = {str: 10, int: "many", float: "many", list: "none", dict: [], type(None): 10}
    return json.dumps({key: wrong[type(value)] for key, value in json.loads(written).items()})


def _absurd(request: JsonObject, written: str) -> CompletionReply:
    usage = {"prompt_tokens": ABSURD, "completion_tokens": ABSURD, "total_tokens": 2 * ABSURD}
    return replace(given(request, written), usage=usage)


def _broken_off(request: JsonObject, written: str) -> Cut:
    return Cut(_half(json.dumps(given(request, written).body(request))).encode())


FAULTS: dict[str, Fault] = {
    "401": lambda request, written: ErrorReply(401),
    "404": lambda request, written: ErrorReply(404),
    "429": lambda request, written: ErrorReply(429, "slow down", retry_after="0.05"),
    "500": lambda request, written: ErrorReply(500),
    "503": lambda request, written: ErrorReply(503),
    "HTML": lambda request, written: Page(),
    "empty choices": lambda request, written: empty_choices(),
    "refusal": lambda request, written: refusal(),
    "length": _cut_off,
    "content filter": lambda request, written: filtered(),
    "fenced JSON": _fenced,
    "broken JSON": lambda request, written: given(request, _half(written)),
    "wrong types": lambda request, written: given(request, mistyped(written)),
    "no usage": lambda request, written: replace(given(request, written), usage="absent"),
    "absurd usage": _absurd,
    "slow drip": lambda request, written: Drip(given(request, written)),
    "cut connection": _broken_off,
    "hang": lambda request, written: Hang(),
}
"""By name. All of them are single answers: a server may give them always, at random, or once."""


def exaggerated(request: JsonObject, written: str) -> CompletionReply:
    """A reply by a server that counts fifty times what it used: a count that can be meant, and is not honest."""
    honest = counted_usage(request, written)
    usage = {name: 50 * honest[name] for name in ("prompt_tokens", "completion_tokens", "total_tokens")}
    return replace(given(request, written), usage=usage)
