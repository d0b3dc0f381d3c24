"""Two hundred requests at once share a process and one agent, and nothing of one is seen in another.

Each carries its own mark in the question, in the colour of its picture and in its run's id. The marks are looked for in
every prompt, picture, event, result and checkpoint.
"""

import asyncio
import base64
import io
import re
from collections import defaultdict
from typing import Any

import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from langgraph.checkpoint.memory import InMemorySaver
from PIL import Image

from ecoalign_agent import EcoAlign, Policy, Result
from ecoalign_agent.events.events import Event
from ecoalign_agent.testing import (
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import final_result, picture

pytestmark = pytest.mark.slow

REQUESTS = 200
MARK = re.compile(r"canary-(\d{3})")
MARK_IN_BYTES = re.compile(rb"canary-(\d{3})")


def mark(number: int) -> str:
    return f"canary-{number:03}"


def painted(number: int) -> bytes:
    """A picture whose colour is its number, in base 6, wide enough apart to outlive any compression."""
    return picture(colour=(_level(number), _level(number // 6), _level(number // 36)))


def _level(digit: int) -> int:
    return digit % 6 * 45 + 10


def number_of(colour: tuple[int, int, int]) -> int:
    low, middle, high = (round((channel - 10) / 45) for channel in colour)
    return low + 6 * middle + 36 * high


class Listening(ScriptedModel):
    """Also hears the whole of every prompt: the marks in its words, and those of its pictures."""

    heard: list[set[int]] = []  # noqa: RUF012 - pydantic copies it for each model

    async def _agenerate(
        self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        seen = {int(found) for message in messages for found in MARK.findall(message.text)}
        for block in messages[-1].content if isinstance(messages[-1].content, list) else []:
            if isinstance(block, dict) and block.get("type") == "image_url":
                seen.add(_painted_in(block["image_url"]["url"]))
        self.heard.append(seen)
        return await super()._agenerate(messages, stop, run_manager, **kwargs)


def _painted_in(url: str) -> int:
    with Image.open(io.BytesIO(base64.b64decode(url.partition(",")[2]))) as image:
        colour = image.convert("RGB").getpixel((5, 5))
    assert isinstance(colour, tuple)
    red, green, blue = colour[:3]
    return number_of((int(red), int(green), int(blue)))


def own(call: ScriptedCall) -> str:
    (found,) = set(MARK.findall(call["question"]))
    return f"canary-{found}"


def slowly(reply: Any, call: ScriptedCall) -> ScriptedReply:
    """Each takes its own time, so that the requests overtake each other."""
    return ScriptedReply(reply, delay=0.001 * (int(own(call)[-3:]) % 7))


STORY = task_replies(
    scan=lambda call: slowly(
        scan_reply(
            caption=f"a sign of {own(call)}",
            seen_text=f"{own(call)}: nine to five",
            actions=[proposed_action("look", f"at {own(call)}", 0.9, 0.2)],
        ),
        call,
    ),
    look=lambda call: slowly({"text": f"Written below by {own(call)}: closed on Mondays!"}, call),
    propose=lambda call: slowly({"actions": [proposed_action("answer", own(call))], "merge": [], "prune": []}, call),
    answer=lambda call: slowly({"text": f"{own(call)} is open from nine to five."}, call),
    synthesize=lambda call: slowly({"text": f"{own(call)}: from nine to five, not on Mondays."}, call),
    assess=lambda call: slowly(verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1), call),
)


async def streamed(agent: EcoAlign, question: str, picture_: bytes, run_id: str) -> list[Event]:
    return [event async for event in agent.stream(question, [picture_], run_id=run_id)]


async def test_of_two_hundred_requests_at_once_none_sees_anything_of_another() -> None:
    model, saver = Listening(script=STORY), InMemorySaver()
    agent = EcoAlign(model, policy=Policy(forecasts="inline"), checkpointer=saver)
    requests = [(f"When does {mark(n)} open?", painted(n), f"run-{mark(n)}") for n in range(REQUESTS)]
    async with asyncio.TaskGroup() as group:
        # Half are asked, half are listened to.
        asked = [group.create_task(agent.ask(q, [p], run_id=i)) for q, p, i in requests[::2]]
        told = [group.create_task(streamed(agent, q, p, i)) for q, p, i in requests[1::2]]
    # They did run at the same time.
    assert model.max_open_calls > 10
    results: dict[int, Result] = {2 * n: task.result() for n, task in enumerate(asked)}
    results |= {2 * n + 1: final_result(task.result()) for n, task in enumerate(told)}
    for number, result in results.items():
        assert result.status == "answered"
        assert result.run_id == f"run-{mark(number)}"
        assert marks_in(result.model_dump_json()) == {number}
        # Scan; a look and its verdict; a proposal, an answer and its verdict; the synthesis and its verdict.
        assert result.cost.calls == 8
    for number, task in enumerate(told):
        events = task.result()
        assert {event.run_id for event in events} == {f"run-{mark(2 * number + 1)}"}
        for event in events:
            assert marks_in(event.model_dump_json()) == {2 * number + 1}
        assert [event.number for event in events] == list(range(len(events)))
    # Words and pictures of every prompt are of one request, and each request was heard equally often.
    assert all(len(seen) == 1 for seen in model.heard)
    assert len(model.heard) == sum(result.cost.calls for result in results.values())
    assert stored_in(saver) == {f"run-{mark(n)}": {n} for n in range(REQUESTS)}


def marks_in(text: str) -> set[int]:
    return {int(found) for found in MARK.findall(text)}


def stored_in(saver: InMemorySaver) -> dict[str, set[int]]:
    """The marks that stand in each thread's checkpoints, as they are stored."""
    found: dict[str, set[int]] = defaultdict(set)
    stored = [(key[0], typed) for key, typed in saver.blobs.items()]
    stored += [(key[0], typed) for key, writes in saver.writes.items() for _, _, typed, _ in writes.values()]
    stored += [
        (thread, typed)
        for thread, spaces in saver.storage.items()
        for checkpoints in spaces.values()
        for checkpoint, metadata, _ in checkpoints.values()
        for typed in (checkpoint, metadata)
    ]
    for thread, (_, data) in stored:
        found[thread] |= {int(number) for number in MARK_IN_BYTES.findall(data)}
    return dict(found)


def test_the_colours_can_be_told_apart() -> None:
    assert [number_of((_level(n), _level(n // 6), _level(n // 36))) for n in range(REQUESTS)] == list(range(REQUESTS))
