"""How the methods ask: messages with pictures, one call, several calls at once."""

import asyncio
import base64
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.llm.chat_models import facts_of
from ecoalign_agent.llm.prompts import load_prompt

T = TypeVar("T")

ANSWER_TOKENS = 4_096
"""Completion tokens that an answer may have: a plain one is never cut, and a model that reasons by itself has room."""

THOUGHT_TOKENS = 12_288
"""The same for an answer that is thought out in words first: published chains of thought run to over 8 000."""

VERDICT_TOKENS = 1_024
"""The same for one word or one number: all but a few are for models that reason before they say it."""

_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A picture as it is sent: the file as it came, with no word on how closely to look, so the provider decides.

    Attributes:
        block: the content block of a message.
        width: pixels across.
        height: pixels down.
    """

    block: dict[str, Any]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of one call.

    Attributes:
        text: what was said; a refusal that the provider reports beside the text counts as said; "": nothing was.
        cut: it ended because no more tokens were allowed.
        message: as it came.
    """

    text: str
    cut: bool
    message: AIMessage


async def shown(pictures: Sequence[bytes]) -> tuple[Shown, ...]:
    """The pictures as blocks, each with the type that its first bytes tell, whatever the file was called.

    Raises:
        ImageError: a file is no picture, its header is damaged, or it is larger than allowed.
    """
    return await asyncio.to_thread(lambda: tuple(_shown(data, at) for at, data in enumerate(pictures, 1)))


def _shown(data: bytes, at: int) -> Shown:
    from ecoalign_agent.llm.pixels import read_header  # noqa: PLC0415 - Pillow, only where there is a picture

    header, mime = read_header(data, f"picture {at} of the question")
    url = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return Shown({"type": "image_url", "image_url": {"url": url}}, *header.size)


def plain(question: str, pictures: Sequence[Shown]) -> list[BaseMessage]:
    """The question with its pictures, and nothing else."""
    return _messages("", question, pictures)


def prompted(name: str, pictures: Sequence[Shown] = (), **inputs: str) -> list[BaseMessage]:
    """A prompt of ``prompts/baselines`` with its inputs in place, and pictures after it."""
    rendered = load_prompt(f"baselines/{name}").render(**inputs)
    return _messages(rendered.system.strip(), rendered.user.strip(), pictures)


def _messages(system: str, user: str, pictures: Sequence[Shown]) -> list[BaseMessage]:
    content: str | list[Any] = [{"type": "text", "text": user}, *(one.block for one in pictures)] if pictures else user
    return [*([SystemMessage(system)] if system else []), HumanMessage(content)]


async def ask(model: BaseChatModel, messages: Sequence[BaseMessage], *, most: int, seed: int | None = None) -> Reply:
    """One call; whatever the model raises is raised.

    Args:
        model: is asked.
        messages: what it is asked.
        most: completion tokens at the most; a cap that the model was built with holds where it is lower.
        seed: another one is another sample of the model; None: none is sent, because not every provider takes one.
    """
    facts = facts_of(model)
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    if facts.max_tokens_field is not None:
        options[facts.max_tokens_field] = min(most, facts.ceiling or most)
    message = await model.ainvoke(list(messages), **options)
    refusal = message.additional_kwargs.get("refusal")
    text = str(message.text) or (refusal if isinstance(refusal, str) else "")
    told = message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason")
    return Reply(text.strip(), str(told).casefold() in _CUT, message)


async def together(*calls: Coroutine[Any, Any, T]) -> list[T]:
    """Several calls at once, in their order; when one fails the others are cancelled and its own error is raised."""
    failed: Exception | None = None
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as several:
        failed = several.exceptions[0]
    if failed is not None:
        # Callers wait for the model's own error, not for a group of them.
        raise failed
    return [task.result() for task in tasks]
