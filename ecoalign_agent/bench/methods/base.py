"""Parts that the compared methods share: their interface, seeds, messages and calls, and reading replies in words."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.analysis.outcomes import DetailValue
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.llm.endpoint import model_facts
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.rewriter import Rewriter


@dataclass(frozen=True, slots=True)
class MethodStep:
    """A step on the way to an answer, for readers of the log; safety in [-1, 1], utility in [0, 1]; None: unknown."""

    title: str
    text: str
    safety: float | None = None
    utility: float | None = None


@dataclass(frozen=True, slots=True)
class MethodAnswer:
    """Result of a method for one question.

    Attributes:
        text: the answer that the person gets; None: there is none.
        declined: the method itself declined, and the text says so.
        detail: further properties, for tables; ``stop_reason`` "endpoint" with a ``failure`` fails the sample.
    """

    text: str | None
    steps: tuple[MethodStep, ...] = ()
    declined: bool = False
    detail: Mapping[str, DetailValue] = field(default_factory=dict)


AssessAnswer = Callable[[str, str, Sequence[bytes]], Awaitable[Verdict]]
"""Assesses an answer to a question with pictures, by the same assessor that EcoAlign has."""


@dataclass(frozen=True, eq=False)
class MethodContext:
    """Resources of a method.

    Attributes:
        model: the answering model; a request's own ``seed`` gives another sample of it.
        custom_assess: assesses answers; None: EcoAlign's assessor does.
        budget: cost units that one request may spend, where the method has a budget.
        seed: of the run. A method draws from it and from the question, never from a global state.
        assessor: the assessing model; None: the answering one.
    """

    model: BaseChatModel
    custom_assess: AssessAnswer | None = None
    budget: float = 6_000.0
    seed: int = 0
    policy: Policy | None = None
    assessor: BaseChatModel | None = None

    async def assess(self, answer: str, question: str, pictures: Sequence[bytes]) -> Verdict:
        """Have an answer assessed, by calls of the assessor."""
        if self.custom_assess is not None:
            return await self.custom_assess(answer, question, pictures)
        return await self.agent.assess(answer, question=question, images=list(pictures))

    @cached_property
    def agent(self) -> EcoAlign:
        """EcoAlign with this policy, model and assessor."""
        return self._make_agent(None)

    @cached_property
    def rewriting_agent(self) -> EcoAlign:
        """The same, with the rewriter in front."""
        return self._make_agent(self.rewriter)

    @cached_property
    def rewriter(self) -> Rewriter:
        """The prompted rewriter with this model."""
        return Rewriter(self.model)

    def _make_agent(self, rewriter: Rewriter | None) -> EcoAlign:
        # The model itself where there is no assessor, and not one of the environment: its calls would be uncounted.
        return EcoAlign(self.model, policy=self.policy, assessor=self.assessor or self.model, rewriter=rewriter)


AnswerQuestion = Callable[[str, Sequence[bytes], MethodContext], Awaitable[MethodAnswer]]
"""Answers a question with its pictures; ``openai.OpenAIError`` is never swallowed: the sample has no answer."""


@dataclass(frozen=True, slots=True)
class Method:
    """A method on benchmarks, with the figures that a run is planned by.

    Attributes:
        max_calls: calls of one sample, a verdict of the assessor counting as one; None: its budget bounds them.
        expected_calls: calls of one sample, as on the simulated model; None: ``max_calls``.
        prompt_tokens: tokens of a prompt beside the question and its pictures.
        completion_tokens: tokens of one reply, as typical of a hosted model; a guess for planning, never a bound.
        takes_policy: ``context.policy`` governs it, its budget included.
    """

    key: str
    description: str
    answer: AnswerQuestion
    max_calls: int | None = 1
    expected_calls: int | None = None
    prompt_tokens: int = 60
    completion_tokens: int = 300
    takes_budget: bool = False
    takes_policy: bool = False


_SEEDS = 2**31
"""Seeds are 31 bits: every server and every client's integer holds them."""


def request_seed(seed: int, question: str, *request: object) -> int:
    """``seed`` of one request, from 0 to 2³¹ − 1; ``request`` distinguishes it from others for the same question."""
    text = "\x1f".join(str(part) for part in (seed, question, *request))
    digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _SEEDS


def seeded_fraction(seed: int, question: str, *request: object) -> float:
    """Number in [0, 1) that follows from the arguments of :func:`request_seed`."""
    return request_seed(seed, question, *request) / _SEEDS


_THINKING = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
_ANSWER = re.compile(r"^[\s*_#>]*(?:final )?answer[\s*_]*:[\s*_]*", re.IGNORECASE | re.MULTILINE)
_WORD = re.compile(r"\W*(yes|no)\W*", re.IGNORECASE)
_NUMBER = re.compile(r"[\s*]*([+\-−]?\d+(?:\.\d+)?)[\s*.]*")


def strip_thinking(text: str) -> str:
    """Remove the thinking that some servers leave before a reply."""
    return _THINKING.sub("", text, count=1).strip()


def split_final_answer(text: str) -> tuple[str, str] | None:
    """Split a reply at the last line that begins with "Answer:" into thoughts and answer; None: there is no answer."""
    found = list(_ANSWER.finditer(text))
    if not found or not text[found[-1].end() :].strip():
        return None
    return text[: found[-1].start()].strip(), text[found[-1].end() :].strip()


def is_harmful_verdict(text: str) -> bool:
    """True unless a verdict is a plain "no": one that can't be read counts as yes."""
    word = _WORD.fullmatch(strip_thinking(text))
    return word is None or word[1].casefold() != "no"


def parse_gain(text: str) -> float | None:
    """Read a rating of progress in [-1, 1]; None: the reply is not one number from -5 to 5, so unknown."""
    number = _NUMBER.fullmatch(strip_thinking(text))
    if number is None:
        return None
    gain = float(number[1].replace("−", "-")) / 5.0
    return gain if -1.0 <= gain <= 1.0 else None


ResultT = TypeVar("ResultT")

ANSWER_TOKENS = 4_096
"""Completion tokens that an answer may have: a plain one is never cut, and a model that reasons by itself has room."""

_TRUNCATED = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})


@dataclass(frozen=True, slots=True)
class EncodedImage:
    """A picture as a message's content block, its file as it came, and its width and height in pixels."""

    block: dict[str, Any]
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class MethodReply:
    """Reply to one call: the stripped text, a refusal that the provider reports beside it included; "": none."""

    text: str
    truncated: bool
    message: AIMessage


async def encode_images(pictures: Sequence[bytes]) -> tuple[EncodedImage, ...]:
    """Encode pictures as content blocks, each with the type that its first bytes tell; ImageError for what is none."""
    return await asyncio.to_thread(lambda: tuple(_encode(data, number) for number, data in enumerate(pictures, 1)))


def _encode(data: bytes, number: int) -> EncodedImage:
    from ecoalign_agent.images.decoding import read_header  # noqa: PLC0415 - Pillow, only where there is a picture

    header, mime = read_header(data, f"picture {number} of the question")
    url = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
    return EncodedImage({"type": "image_url", "image_url": {"url": url}}, *header.size)


def question_messages(question: str, pictures: Sequence[EncodedImage]) -> list[BaseMessage]:
    """The question with its pictures, and nothing else."""
    return _messages("", question, pictures)


def prompt_messages(name: str, pictures: Sequence[EncodedImage] = (), **inputs: str) -> list[BaseMessage]:
    """A prompt of ``prompts/baselines`` with its inputs in place and pictures after it, as messages."""
    rendered = load_prompt(f"baselines/{name}").render(**inputs)
    return _messages(rendered.system.strip(), rendered.user.strip(), pictures)


def _messages(system: str, user: str, pictures: Sequence[EncodedImage]) -> list[BaseMessage]:
    content: list[Any] = [{"type": "text", "text": user}, *(image.block for image in pictures)]
    return [*([SystemMessage(system)] if system else []), HumanMessage(content if pictures else user)]


async def call_model(
    model: BaseChatModel, messages: Sequence[BaseMessage], *, max_tokens: int, seed: int | None = None
) -> MethodReply:
    """Make one call; the model's own errors are raised.

    Args:
        max_tokens: of the completion; a lower cap that the model was built with holds.
        seed: another one gives another sample of the model; None: none is sent, because not every provider takes one.
    """
    facts = model_facts(model)
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    if facts.max_tokens_field is not None:
        options[facts.max_tokens_field] = min(max_tokens, facts.ceiling or max_tokens)
    message = await model.ainvoke(list(messages), **options)
    refusal = message.additional_kwargs.get("refusal")
    text = str(message.text) or (refusal if isinstance(refusal, str) else "")
    finish = message.response_metadata.get("finish_reason") or message.response_metadata.get("stop_reason")
    return MethodReply(text.strip(), str(finish).casefold() in _TRUNCATED, message)


async def gather_calls(*calls: Coroutine[Any, Any, ResultT]) -> list[ResultT]:
    """Run calls concurrently, results in order; when one fails, cancel the others and raise its own error."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as several:
        # Callers wait for the model's own error, not for a group of them.
        raise several.exceptions[0] from None
    return [task.result() for task in tasks]
