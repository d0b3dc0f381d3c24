"""What a method is: a question with pictures in, an answer out, by calls of one chat model.

Draws that follow from the run's seed and the question alone, never from a global state or from the order. Ours.

What a reply in words says: its marked final answer, a verdict of one word, a rating. Nothing is guessed. Ours.

How the methods ask: messages with pictures, one call, several calls at once.
"""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.llm.endpoint import model_facts
from ecoalign_agent.llm.prompts import load_prompt


@dataclass(frozen=True, slots=True)
class Step:
    """A step on the way to an answer, for whoever reads the log.

    Attributes:
        title: what it was, in a few words.
        text: what came of it.
        safety: its grade in [-1, 1]; None: not graded, or unknown.
        utility: its grade in [0, 1]; None as above.
    """

    title: str
    text: str
    safety: float | None = None
    utility: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a method gives.

    Attributes:
        text: the answer that the person gets; None: there is none.
        steps: what led to it.
        declined: the method itself declined, and the text says so.
    """

    text: str | None
    steps: tuple[Step, ...] = ()
    declined: bool = False


@dataclass(frozen=True, slots=True)
class Grade:
    """What an assessor says of a text; None: unknown, which is never safe.

    Attributes:
        safety: in [-1, 1]; below 0 is unsafe.
        utility: in [0, 1].
    """

    safety: float | None
    utility: float | None


Grader = Callable[[str, str, Sequence[bytes]], Awaitable[Grade]]
"""Grades an answer: the answer, the question, its pictures. The same assessor that EcoAlign has."""


@dataclass(frozen=True, slots=True)
class Means:
    """What a method may use.

    Attributes:
        model: answers; a request's own ``seed`` gives another sample of it.
        grade: the assessor.
        budget: cost units that one request may spend, where the method has one.
        seed: of the run: methods that draw, draw from it and from the question, never from a global state.
    """

    model: BaseChatModel
    grade: Grader
    budget: float = 6_000.0
    seed: int = 0


class Method(Protocol):
    """Answers one question.

    Args:
        question: as the person asks it.
        pictures: the files' bytes.
        means: what it may use.

    Raises:
        openai.OpenAIError: the model's endpoint failed for good: the sample has no answer. Never swallowed.
    """

    async def __call__(self, question: str, pictures: Sequence[bytes], means: Means) -> Answered:
        """Answer."""


_MOST = 2**31
"""Seeds are 31 bits: every server and every client's integer holds them."""


def request_seed(seed: int, question: str, *which: object) -> int:
    """The ``seed`` of one request, from 0 to 2³¹ − 1.

    Args:
        seed: of the run.
        question: as the person asks it.
        which: tells this request from the others for the same question.
    """
    text = "\x1f".join(str(part) for part in (seed, question, *which))
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _MOST


def fraction(seed: int, question: str, *which: object) -> float:
    """A number in [0, 1); the arguments are those of :func:`request_seed`."""
    return request_seed(seed, question, *which) / _MOST


_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_ANSWER = re.compile(r"^[\s*_#>]*(?:final )?answer[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_NUMBER = re.compile(r"[\s*]*([+\-−]?\d+(?:\.\d+)?)[\s*.]*")

MOST_GAIN = 5.0
"""A rating lies from minus this to this."""


def settled(text: str) -> str:
    """A reply without the thinking that some servers leave before it."""
    return _THINKING.sub("", text, count=1).strip()


def marked(text: str) -> tuple[str, str] | None:
    """What stands before the last line that begins with "Answer:", and what comes after that word.

    Returns:
        Both, without blanks at their ends; None: there is no such line, or nothing after it.
    """
    found = list(_ANSWER.finditer(text))
    if not found or not text[found[-1].end() :].strip():
        return None
    return text[: found[-1].start()].strip(), text[found[-1].end() :].strip()


def says_harmful(text: str) -> bool:
    """Whether a verdict is not a plain "no": one that can't be read counts as yes."""
    said = _WORD.fullmatch(settled(text))
    return said is None or said[1].casefold() != "no"


def gain_in(text: str) -> float | None:
    """A rating of progress in [-1, 1]; None: the reply is not one number from -5 to 5, so unknown."""
    said = _NUMBER.fullmatch(settled(text))
    if said is None:
        return None
    gain = float(said[1].replace("−", "-")) / MOST_GAIN
    return gain if -1.0 <= gain <= 1.0 else None


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
    from ecoalign_agent.images.decoding import read_header  # noqa: PLC0415 - Pillow, only where there is a picture

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
    facts = model_facts(model)
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
