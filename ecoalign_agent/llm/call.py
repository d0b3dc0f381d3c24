"""The places of an endpoint: how many calls may be open there at once, and how often one may be begun.

One attempt at one question: a place among the endpoint's calls, a reservation, a time limit, the call, the booking.

Whatever happens, an attempt that was begun is booked: by the reported usage, by nothing where the server refused it,
and by all that was reserved where it is not known what it cost. Source: ours ("The budget is hard", "Anytime").

``converse``: a conversation in plain turns to a model that answers in a few words, metered like every call.

Guard models bring their own prompt in their chat template: they take what the person and the assistant said as turns,
and no system message. Source: ours.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Generic, NamedTuple, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, ModelTimeoutError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import Endpoint, OutputMode
from ecoalign_agent.llm.failures import AttemptError, Failure, classify_failure
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.meter import Meter, dump_message, load_message, request_digest
from ecoalign_agent.llm.parsing import visible_output
from ecoalign_agent.llm.prompts import RenderedPrompt
from ecoalign_agent.llm.rate_limit import RateLimiter, retrying
from ecoalign_agent.llm.tokens import estimate_text_tokens, reported_prompt, reported_usage


@asynccontextmanager
async def place(name: str, places: asyncio.Semaphore, rate: RateLimiter, meter: Meter) -> AsyncIterator[None]:
    """Hold one of the places, when a request may be made; waiting for it costs nothing, and ends at the deadline.

    Args:
        name: of the endpoint, for the error.
        places: the endpoint's, on the running event loop.
        rate: the endpoint's.
        meter: whose deadline counts.

    Raises:
        ModelTimeoutError: the deadline passed before a place was free; the call was not made.
        RateLimitError: the rate allows no request before the deadline; the call was not made.
    """
    left = meter.seconds_left()
    late = ModelTimeoutError(f"{name}: the deadline has passed; the call was not made")
    if left == 0:
        raise late
    try:
        async with asyncio.timeout(left):
            await places.acquire()
    except TimeoutError:
        raise late from None
    try:
        # With a place in hand: a turn that then waits for a place would not be used when it was given.
        await rate.turn(name, meter)
        yield
    finally:
        places.release()


T = TypeVar("T", bound=BaseModel)

_JSON_PLEASE = "\nReply with one JSON object and nothing else.\n"


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked, of nobody in particular. The parameters are those of ``ask``."""

    prompt: RenderedPrompt
    schema: type[T]
    images: Sequence[ImageView]
    most: int
    least: int
    exact: bool

    def system(self, rung: OutputMode) -> str:
        """The system message. Servers refuse JSON mode for prompts that don't ask for JSON: there it is made to."""
        if rung == "json_mode" and "json" not in (self.prompt.system + self.prompt.user).lower():
            return self.prompt.system + _JSON_PLEASE
        return self.prompt.system

    def messages(self, rung: OutputMode) -> list[BaseMessage]:
        """The prompt as chat messages."""
        user = HumanMessage(self.prompt.user)
        if self.images:
            user = HumanMessage([{"type": "text", "text": self.prompt.user}, *(view.block() for view in self.images)])
        return [SystemMessage(self.system(rung)), user]

    def words(self, rung: OutputMode) -> int:
        """Tokens of the prompt's text, by our estimate."""
        travels = sent_schema(self.schema).tokens if rung in {"json_schema", "function_calling"} else 0
        return estimate_text_tokens([self.system(rung), self.prompt.user], schema_tokens=travels)

    def estimate(self, endpoint: Endpoint, rung: OutputMode) -> Usage:
        """What the prompt will use at ``endpoint``, in tokens, corrected by what was learnt of it."""
        return endpoint.gauge.estimate(self.words(rung), self.images)

    def digest(self, endpoint: Endpoint, rung: OutputMode) -> str:
        """Of the messages as they are sent, without what is drawn for this call alone, and of how they are asked."""
        sent = [f"{message.type} {self.prompt.unmarked(message.content)}" for message in self.messages(rung)]
        travels = repr(sent_schema(self.schema)) if rung in {"json_schema", "function_calling"} else ""
        return request_digest([endpoint.name, rung, travels, *sent])


@dataclass(slots=True)
class Tally:
    """What the attempts at one question came to.

    Attributes:
        usage: tokens, in parts.
        cost: in cost units.
        seconds: spent waiting for the model.
        calls: attempts made.
        failure: of the last attempt, when it failed.
        last: tokens and seconds of the last attempt.
    """

    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    failure: Failure | None = None
    last: tuple[Usage, float] = field(default_factory=lambda: (Usage(), 0.0))

    def add(self, usage: Usage, cost: float, seconds: float) -> None:
        """Enter one attempt."""
        self.last = (usage, seconds)
        self.usage += usage
        self.cost += cost
        self.seconds += seconds
        self.calls += 1


@dataclass(frozen=True, slots=True)
class Asking(Generic[T]):
    """A question on its way to an endpoint.

    Attributes:
        endpoint: whom it is for.
        question: what is asked.
        meter: pays.
        phase: what the attempts are booked under.
        tally: what they came to.
    """

    endpoint: Endpoint
    question: Question[T]
    meter: Meter
    phase: Phase
    tally: Tally = field(default_factory=Tally)


async def attempt(asking: Asking[T], rung: OutputMode) -> AIMessage:
    """Make one request and book it; one that this step made before its process ended is booked, and not made again.

    Raises:
        As :func:`_made` does.
    """
    journal, tally = asking.meter.journal, asking.tally
    if journal is None:
        return await _made(asking, rung)
    digest = asking.question.digest(asking.endpoint, rung)
    for kept in await journal.recall(digest):
        _book(asking, kept.usage, kept.seconds, reserved=0.0)
        message = None if kept.answer is None else load_message(kept.answer)
        if message is not None:
            tally.failure = None
            _learn(asking, rung, message)
            return message
    try:
        message = await _made(asking, rung)
    except AttemptError as failed:
        if failed.failure.billed:
            await journal.keep(digest, None, *tally.last)
        raise
    await journal.keep(digest, dump_message(message), *tally.last)
    return message


async def _made(asking: Asking[T], rung: OutputMode) -> AIMessage:
    """Make one request and book it.

    Raises:
        BudgetError: it does not fit into what is free; it was not made.
        ModelTimeoutError: the deadline passed before it could be made.
        RateLimitError: the endpoint's rate allows none before the deadline; it was not made.
        AttemptError: it failed.
    """
    endpoint, question, meter, tally = asking.endpoint, asking.question, asking.meter, asking.tally
    async with place(endpoint.name, endpoint.turn(), endpoint.rate, meter):
        # From here to the reservation nothing is awaited: parallel calls can't be promised the same units.
        prompt = question.estimate(endpoint, rung)
        cap = _affordable(asking, prompt)
        reserved = meter.reserve(Usage(prompt.text, prompt.image, prompt.cached, cap), at=endpoint.name)
        # Until it is known what the call used, it used everything.
        used = Usage(prompt.text, prompt.image, prompt.cached, cap, estimated=True)
        limit = min(endpoint.timeout, math.inf if (left := meter.seconds_left()) is None else left)
        tally.failure = None
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                message = await endpoint.call(question.messages(rung), rung, question.schema, most=cap)
            used = reported_usage(message, prompt, visible_output(message))
            _learn(asking, rung, message)
            if used.estimated:
                # Our own estimate is on the high side; the server was told to write no more than this.
                used = Usage(used.text, used.image, used.cached, min(used.completion, cap), estimated=True)
        except Exception as error:  # noqa: BLE001 - whatever an integration raises; it goes on as an AttemptError below
            tally.failure = _failure(error, endpoint, limit)
            endpoint.rate.heed(tally.failure)
            if not tally.failure.billed:
                used = Usage()
        finally:
            _book(asking, used, time.perf_counter() - begun, reserved=reserved)
    if tally.failure is not None:
        raise AttemptError(tally.failure)
    return message


def _book(asking: Asking[T], used: Usage, seconds: float, *, reserved: float) -> None:
    """Book one attempt, and release what was reserved for it."""
    endpoint = asking.endpoint
    formula = endpoint.images.formula(asking.question.images) if used.total else 0
    cost = asking.meter.settle(reserved, used, asking.phase, seconds, at=endpoint.name, image_estimated=formula)
    asking.tally.add(used, cost, seconds)


def _learn(asking: Asking[T], rung: OutputMode, message: AIMessage) -> None:
    """Let the endpoint remember what it reported for this prompt."""
    told = reported_prompt(message)
    if told is not None:
        question = asking.question
        asking.endpoint.gauge.learn(question.words(rung), question.images, prompt=told[0], image=told[1])


def _affordable(asking: Asking[T], prompt: Usage) -> int:
    question, meter, ceiling = asking.question, asking.meter, asking.endpoint.facts.ceiling
    most = question.most if ceiling is None else min(question.most, ceiling)
    least = min(question.least, most)
    cap = meter.affordable(prompt, most=most, least=least, at=asking.endpoint.name)
    if cap is None:
        needed = meter.tariff_at(asking.endpoint.name).cost(replace(prompt, completion=least))
        raise BudgetError(
            f"{asking.endpoint.name}, {asking.phase}: {prompt.prompt} prompt and {least} completion tokens need "
            f"{needed:g} cost units, {meter.budget.free:g} are free; raise the budget"
        )
    return cap


def _failure(error: Exception, endpoint: Endpoint, limit: float) -> Failure:
    if type(error) is TimeoutError:
        message = f"{endpoint.name}: no answer within {limit:.3g} s; try again, or raise the time-out or the deadline"
        return Failure(ModelTimeoutError(message), cause=error)
    return classify_failure(
        error,
        name=endpoint.name,
        address=endpoint.facts.address,
        secrets=endpoint.facts.secrets,
        compatible=endpoint.facts.compatible,
    )


class Said(NamedTuple):
    """What came of a conversation: the reply, and what all attempts cost, in cost units."""

    message: AIMessage
    cost: float


@dataclass(frozen=True, slots=True)
class _Conversation(Question[BaseModel]):
    """A question that goes out as turns; the first is the prompt's user text."""

    answered: str | None

    def messages(self, rung: OutputMode) -> list[BaseMessage]:
        """The turns as chat messages."""
        del rung
        person = HumanMessage(self.prompt.user)
        if self.images:
            person = HumanMessage([{"type": "text", "text": self.prompt.user}, *(view.block() for view in self.images)])
        return [person] if self.answered is None else [person, AIMessage(self.answered)]

    def words(self, rung: OutputMode) -> int:
        """Tokens of the turns' text, by our estimate; the template's own text comes on top."""
        del rung
        texts = [self.prompt.user] if self.answered is None else [self.prompt.user, self.answered]
        return estimate_text_tokens(texts, schema_tokens=TEMPLATE_TOKENS)


TEMPLATE_TOKENS = 700
"""Tokens that a guard's own template adds: the taxonomy with its descriptions."""


async def converse(
    endpoint: Endpoint,
    person: str,
    answered: str | None,
    *,
    images: Sequence[ImageView] = (),
    meter: Meter,
    phase: Phase,
    most: int,
    least: int,
) -> Said:
    """Hand over a conversation and take one reply.

    Args:
        endpoint: whom to ask.
        person: the person's turn.
        answered: the assistant's turn after it; None: there is none yet.
        images: go with the person's turn.
        meter: pays; every attempt is reserved before it is made and booked after.
        phase: what the call is booked under.
        most: completion tokens at the most.
        least: completion tokens below which the call is not worth making.

    Raises:
        BudgetError: the first attempt does not fit into what is free; nothing was asked.
        ModelError: the endpoint failed, and retrying did not help; or the deadline passed.
    """
    turns = RenderedPrompt(system="", user=person, name="conversation", version=1, digest="")
    # A plain call: no schema goes along, and none is read back.
    question = _Conversation(turns, BaseModel, images, most, least, exact=True, answered=answered)
    asking: Asking[BaseModel] = Asking(endpoint, question, meter, phase)
    try:
        message: AIMessage = await retrying(meter, backoff=endpoint.backoff)(attempt, asking, "plain")
    except BudgetError:
        if asking.tally.failure is None:
            raise
        # Only the retry does not fit: what failed before is what the caller has to know.
        raise asking.tally.failure.error from asking.tally.failure.cause
    except AttemptError as failed:
        raise failed.failure.error from failed.failure.cause
    return Said(message, asking.tally.cost)
