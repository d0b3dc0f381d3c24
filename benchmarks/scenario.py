"""The fixed scenario: a scripted model, a search of six rounds on it, and bare programs that make the very same calls.

The model is leaner than ``ScriptedModel`` of ``ecoalign_agent.testing``: it keeps no record unless asked, so that
little of what is measured is its own. It stands on both sides of every comparison.
"""

import asyncio
import io
import json
import random
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from PIL import Image

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.testing import AsyncChatModel

QUESTION = "When is the door open, and who has the key?"

ROUNDS = 6

POLICY = Policy(
    # More than the scenario can spend: every run makes the same calls.
    budget=1_000_000,
    max_rounds=ROUNDS,
    batch=2,
    forecasts="auto",
)
"""Answers stay below what satisfies, so the search goes on for all its rounds; look-ahead is bought now and then."""

_WORDS = re.findall(
    r"\w+",
    """
    door key notice baker hours morning evening street corner window sign paper letter handle lock wall
    wood paint brass bell step shade light lamp chalk board shop market visit guest keeper owner lane
    garden bench fence
    """,
)

_TIP = re.compile(r"\[(\w+) \w+\][^\n]*\n</path ")
_AIM = re.compile(r"<aim \w+>\n(.*?)\n</aim ", re.DOTALL)
_USAGE = {"prompt_tokens": 400, "completion_tokens": 40}


class FixedModel(AsyncChatModel):
    """Says what the script says after ``delay`` seconds, and counts. With ``record`` it keeps what it was asked."""

    delay: float = 0.0
    calls: int = 0
    record: list[list[BaseMessage]] | None = None

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.calls += 1
        if self.record is not None:
            self.record.append(messages)
        await asyncio.sleep(self.delay)
        message = AIMessage(reply_to(messages), response_metadata={"finish_reason": "stop", "token_usage": _USAGE})
        return ChatResult(generations=[ChatGeneration(message=message)])


def wording(seed: str) -> str:
    """Twelve words, other ones for every seed: no two thoughts say the same, and no number tells them apart."""
    return " ".join(random.Random(seed).choices(_WORDS, k=12))


def task_of(messages: Sequence[BaseMessage]) -> str:
    """What is asked for: the first line of the system message."""
    system = messages[0].content
    assert isinstance(system, str)
    return system[: system.index("\n")].removeprefix("Task: ")


def reply_to(messages: Sequence[BaseMessage]) -> str:
    """The script: what is said depends on the task, and on the tip or the aim that the prompt names."""
    task = task_of(messages)
    match task:
        case "propose":
            tip = _TIP.search(_user(messages))
            return _proposals(tip.group(1) if tip else "root")
        case "reason" | "answer" | "fuse" | "look":
            aim = _AIM.search(_user(messages))
            return _thought(task, aim.group(1) if aim else "")
        case _:
            return _FIXED[task]


def _user(messages: Sequence[BaseMessage]) -> str:
    content = messages[-1].content
    if isinstance(content, str):
        return content
    first = content[0]
    assert isinstance(first, dict)
    return str(first["text"])


@lru_cache(maxsize=4096)
def _proposals(tip: str) -> str:
    """Two thoughts and an answer. From every third tip the two promise nearly the same: the choice is contested."""
    close = sum(map(ord, tip)) % 3 == 0
    utilities = (0.8, 0.76, 0.1) if close else (0.8, 0.0, -0.6)
    kinds = ("reason", "reason", "answer")
    actions = [
        {
            "kind": kind,
            "aim": f"settle from {tip} whether {wording(f'{tip} {number}')}",
            "picture": 0,
            "box": None,
            "parents": [],
            "safety": 0.9,
            "utility": utility,
            "next": [{"kind": "answer", "safety": 0.9, "utility": utility}],
        }
        for number, (kind, utility) in enumerate(zip(kinds, utilities, strict=True), 1)
    ]
    return json.dumps({"actions": actions, "merge": [], "prune": []})


@lru_cache(maxsize=4096)
def _thought(task: str, aim: str) -> str:
    return json.dumps({"text": f"The notice says that {wording(f'{task} {aim}')}."})


_FIXED = {
    "scan": json.dumps(
        {
            "caption": "a notice on a wooden door",
            "seen_text": "Open 9 to 5\nKey at the bakery",
            "regions": [{"picture": 0, "what": "the notice", "box": [0.2, 0.2, 0.8, 0.7]}],
            "hazard": "none",
            "safety": 0.9,
            "draft": "",
            "actions": [],
        }
    ),
    "simulate": json.dumps(
        {
            "forecasts": [
                {
                    "action": number,
                    "safety": 0.9,
                    "utility": 0.6,
                    "steps": [{"kind": "answer", "safety": 0.9, "utility": 0.5}],
                }
                for number in (1, 2, 3)
            ]
        }
    ),
    "synthesize": json.dumps({"text": "It is open from nine to five; the bakery has the key."}),
    "assess thought": json.dumps({"hazards": [], "safety": 0.9, "utility": 0.3}),
}


def notice() -> bytes:
    """A small picture that goes along with the calls, always the same: 640 × 480 pixels of soft colours, as JPEG."""
    corners = Image.frombytes("RGB", (2, 2), bytes([200, 190, 170, 90, 110, 140, 60, 80, 60, 230, 220, 210]))
    out = io.BytesIO()
    corners.resize((640, 480), Image.Resampling.BICUBIC).save(out, "JPEG", quality=85)
    return out.getvalue()
