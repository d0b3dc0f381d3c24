"""A chat model whose replies depend on what it is asked, never on the order of calls.

A script is a function from a ``Call`` (the task, and the fenced data by name) to a reply. ``plays`` builds one from a
reply or a function for each task, with harmless defaults for the rest.
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent.llm.tokens import PER_MESSAGE, text_tokens
from tests.chat import AsyncChatModel

PROMPT_TOKENS = 400
COMPLETION_TOKENS = 40
CALL_COST = 0.25 * PROMPT_TOKENS + COMPLETION_TOKENS  # 140 cost units by the default tariff
"""What one scripted call costs unless its reply says otherwise."""

_FENCE = re.compile(r"<(\w+) ([0-9a-f]{8})>\n(.*?)\n</\1 \2>", re.DOTALL)


@dataclass(frozen=True)
class Call:
    """What the model was asked."""

    task: str
    data: Mapping[str, str]
    system: str
    images: int
    max_tokens: int | None = None
    prompt_tokens: int = 0
    """What the text of the prompt is reckoned as: an honest provider counts no more than this and the pictures."""

    def __getitem__(self, name: str) -> str:
        return self.data[name]


@dataclass(frozen=True)
class Say:
    """A reply with its circumstances."""

    reply: Mapping[str, Any] | str
    prompt_tokens: int | None = PROMPT_TOKENS
    completion_tokens: int = COMPLETION_TOKENS
    finish_reason: str = "stop"
    delay: float | None = None


Answer = Mapping[str, Any] | str | Say | Exception
Script = Callable[[Call], Answer]


class ScriptedModel(AsyncChatModel):
    """Replies by its script; counts calls, and how many were open at once."""

    script: Callable[[Call], Any]
    delay: float = 0.0
    calls: list[Call] = field(default_factory=list)
    open: int = 0
    most_open: int = 0
    cancelled: int = 0

    def __init__(self, script: Script, *, delay: float = 0.0) -> None:
        super().__init__(script=script, delay=delay, calls=[], open=0, most_open=0, cancelled=0)

    def tasks(self) -> list[str]:
        """The tasks asked for, in order."""
        return [call.task for call in self.calls]

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = asked_with(messages, kwargs.get("max_tokens"))
        self.calls.append(call)
        said = self.script(call)
        if isinstance(said, Exception):
            raise said
        said = said if isinstance(said, Say) else Say(said)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.delay if said.delay is None else said.delay)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.open -= 1
        return ChatResult(generations=[ChatGeneration(message=_message(said))])


class Named(ScriptedModel):
    """A scripted model with a provider's name for it."""

    model_name: str = ""


def named(name: str) -> Named:
    """A model of the default script that goes by ``name``."""
    model = Named(script=plays())
    model.model_name = name
    return model


def _message(said: Say) -> AIMessage:
    text = said.reply if isinstance(said.reply, str) else json.dumps(said.reply)
    metadata: dict[str, Any] = {"finish_reason": said.finish_reason}
    if said.prompt_tokens is not None:
        metadata["token_usage"] = {"prompt_tokens": said.prompt_tokens, "completion_tokens": said.completion_tokens}
    return AIMessage(text, response_metadata=metadata)


def asked_with(messages: list[BaseMessage], max_tokens: int | None = None) -> Call:
    """What these messages ask, as a script sees it."""
    system, user = messages[0].text, messages[-1]
    blocks = user.content if isinstance(user.content, list) else []
    images = sum(isinstance(block, dict) and block.get("type") == "image_url" for block in blocks)
    task = system.split("\n", 1)[0].removeprefix("Task: ")
    data = {name: value for name, _, value in _FENCE.findall(user.text)}
    reckoned = sum(text_tokens(message.text) + PER_MESSAGE for message in messages)
    return Call(task, data, system, images, max_tokens, reckoned)


def scan(**changes: Any) -> dict[str, Any]:
    """A first look at a harmless request: no draft, one answer action."""
    reply: dict[str, Any] = {
        "caption": "a notice on a door",
        "seen_text": "Open 9 to 5",
        "regions": [],
        "hazard": "none",
        "safety": 0.9,
        "draft": "",
        "actions": [action("answer", "say the hours")],
    }
    return reply | changes


def action(kind: str, aim: str, safety: float = 0.9, utility: float = 0.8, **more: Any) -> dict[str, Any]:
    """A proposed action."""
    return {
        "kind": kind,
        "aim": aim,
        "picture": 0,
        "box": None,
        "parents": [],
        "safety": safety,
        "utility": utility,
        "next": [],
    } | more


def step(kind: str, safety: float, utility: float) -> dict[str, Any]:
    """An imagined step."""
    return {"kind": kind, "safety": safety, "utility": utility}


def verdict(safety: float = 0.9, utility: float = 0.9, hazards: list[str] | None = None) -> dict[str, Any]:
    """A thought's grade; utility is raw, in [-1, 1]."""
    return {"hazards": hazards or [], "safety": safety, "utility": utility}


def plays(**parts: Answer | Callable[[Call], Answer]) -> Script:
    """A script from one part for each task; "assess thought" is ``assess``, "assess request" is ``request``."""
    defaults: dict[str, Answer | Callable[[Call], Answer]] = {
        "scan": scan(),
        "plan": {"text": "Tell the hours only."},
        "propose": {"actions": [action("answer", "answer now")], "merge": [], "prune": []},
        "simulate": {"forecasts": []},
        "reason": {"text": "The notice says nine to five."},
        "look": {"text": "It reads: Open 9 to 5."},
        "fuse": {"text": "Together: nine to five."},
        "answer": {"text": "It is open from 9 to 5."},
        "synthesize": {"text": "Open from 9 to 5."},
        "decline": {"text": "I can't help with that, but I can tell you the opening hours."},
        "assess": verdict(),
        "request": {"hazards": ["S2"], "safety": -0.8},
    }
    names = {"assess thought": "assess", "assess request": "request"}
    script = defaults | parts

    def play(call: Call) -> Answer:
        part = script[names.get(call.task, call.task)]
        return part(call) if callable(part) else part

    return play
