"""One metered call to a model: by chat messages (:class:`ChatCall`) or to a moderation endpoint.

A call takes a place among the endpoint's calls and a permit of its rate, reserves the most it can cost, runs under a
time limit, is booked, and is repeated after failures that may pass. Every attempt that was begun is booked: by the
reported usage, by nothing where the server refused it, and by all that was reserved where its cost is not known.
Source: ours ("The budget is hard", "Anytime").
"""

import asyncio
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, ModelError, ModelTimeoutError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint
from ecoalign_agent.llm.failures import Failure, classify_failure
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.meter import Meter, RecordedCall, dump_message, load_message, request_digest
from ecoalign_agent.llm.parsing import visible_output
from ecoalign_agent.llm.rate_limit import CallLimits, retry_wait
from ecoalign_agent.llm.tokens import estimate_text_tokens, reported_prompt, reported_usage


@dataclass(slots=True)
class CallTotals:
    """Sums over the attempts at one question, cost in cost units; ``failure`` is the last attempt's, if it failed."""

    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    failure: Failure | None = None


class PendingCall(ABC):
    """One request on its way to an endpoint; subclasses are the transports."""

    def __init__(self, endpoint: CallLimits, meter: Meter, phase: Phase, totals: CallTotals | None = None) -> None:
        self.endpoint = endpoint
        self.meter = meter
        self.phase: Phase = phase
        self.totals = CallTotals() if totals is None else totals

    @abstractmethod
    def digest(self) -> str:
        """The request's digest, by which the journal knows it."""

    @abstractmethod
    def estimate(self) -> Usage:
        """Tokens that the prompt will use."""

    @abstractmethod
    def image_formula(self) -> int:
        """Tokens of the pictures by our formula, for the ledger."""

    @abstractmethod
    def send(self, max_tokens: int) -> Awaitable[AIMessage]:
        """Make the request."""

    @abstractmethod
    def classify(self, error: Exception) -> Failure:
        """Read an exception of :meth:`send`."""

    def affordable(self, prompt: Usage) -> int:
        """Completion tokens that the budget allows, here none; a BudgetError where they are too few."""
        del prompt
        return 0

    def usage(self, reply: AIMessage, prompt: Usage) -> Usage:
        """Tokens that the call used; here the estimate, as nothing is reported."""
        del reply
        return prompt

    def learn(self, reply: AIMessage) -> None:
        """Remember what a reply shows of its endpoint."""
        del reply

    def adapt(self, failure: Failure) -> bool:
        """Change how the request is sent, where a failure shows how; True: it is worth sending again at once."""
        del failure
        return False

    def abandon(self) -> None:  # noqa: B027 - most transports change nothing
        """Take back what `adapt` changed: the call failed all the same."""


async def metered_call(call: PendingCall) -> AIMessage:
    """Make a call, again after failures that may pass, never past the deadline.

    Raises:
        BudgetError: the first attempt does not fit into what is free; it was not made.
        ModelError: the endpoint failed, and retrying did not help; or the deadline passed.
    """
    totals, attempt = call.totals, 1
    totals.failure = None
    while True:
        try:
            reply = await attempt_call(call)
        except BudgetError:
            if totals.failure is None:
                raise
            # Only the retry does not fit: the failure before it is what the caller has to know.
            call.abandon()
            raise totals.failure.error from totals.failure.cause
        if not isinstance(reply, Failure):
            return reply
        if call.adapt(reply):
            totals.failure, attempt = None, 1
            continue
        totals.failure = reply
        left = call.meter.seconds_left()
        try:
            wait = retry_wait(reply, attempt, backoff=call.endpoint.backoff, seconds_left=left)
        except ModelError:
            call.abandon()
            raise
        await asyncio.sleep(wait)
        attempt += 1


async def attempt_call(call: PendingCall) -> AIMessage | Failure:
    """Make one attempt and book it; one that this step made before its process ended is booked, and not made again.

    Raises:
        BudgetError, ModelTimeoutError, RateLimitError: it fits into neither budget nor deadline; it was not made.
    """
    endpoint, meter, journal, digest = call.endpoint, call.meter, call.meter.journal, ""
    if journal is not None:
        digest = call.digest()
        for recorded in await journal.recall(digest):
            _book(call, recorded.usage, recorded.seconds, reserved=0.0)
            if recorded.answer is not None and (reply := load_message(recorded.answer)) is not None:
                call.learn(reply)
                return reply
    async with endpoint.slot(meter.deadline):
        # From here to the reservation nothing is awaited: parallel calls can't be promised the same units.
        prompt = call.estimate()
        cap = call.affordable(prompt)
        # Until it is known what the call used, it used everything.
        used = replace(prompt, completion=cap, estimated=prompt.total + cap > 0)
        limit = min(endpoint.timeout, math.inf if (left := meter.seconds_left()) is None else left)
        reserved = meter.reserve(used, endpoint=endpoint.name)
        outcome: AIMessage | Failure
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                outcome = await call.send(cap)
            used = call.usage(outcome, prompt)
            call.learn(outcome)
            if used.estimated:
                # Our own estimate is on the high side; the server was told to write no more than this.
                used = replace(used, completion=min(used.completion, cap))
        except Exception as error:  # noqa: BLE001 - whatever an integration raises; it is returned as a Failure
            outcome = _timeout(call, error, limit) if type(error) is TimeoutError else call.classify(error)
            endpoint.rate.observe(outcome)
            used = used if outcome.billed else Usage()
        finally:
            seconds = time.perf_counter() - begun
            _book(call, used, seconds, reserved=reserved)
    if journal is not None and not (isinstance(outcome, Failure) and not outcome.billed):
        answer = None if isinstance(outcome, Failure) else dump_message(outcome)
        await journal.record(RecordedCall(digest=digest, answer=answer, usage=used, seconds=seconds))
    return outcome


def _book(call: PendingCall, used: Usage, seconds: float, *, reserved: float) -> None:
    name, totals, pictures = call.endpoint.name, call.totals, call.image_formula() if used.total else 0
    totals.cost += call.meter.settle(reserved, used, call.phase, seconds, endpoint=name, image_estimated=pictures)
    totals.usage += used
    totals.seconds += seconds
    totals.calls += 1


def _timeout(call: PendingCall, error: Exception, limit: float) -> Failure:
    name = call.endpoint.name
    message = f"{name}: no answer within {limit:.3g} s; try again, or raise the time-out or the deadline"
    return Failure(ModelTimeoutError(message), cause=error)


class ChatCall(PendingCall):
    """A request of chat messages on its way."""

    endpoint: Endpoint

    def __init__(
        self, endpoint: Endpoint, request: ChatRequest, meter: Meter, phase: Phase, totals: CallTotals | None = None
    ) -> None:
        super().__init__(endpoint, meter, phase, totals)
        self.request = request
        self._adapted = False
        self._field = endpoint.capabilities.max_tokens_field

    def digest(self) -> str:
        """Digest of the messages, without what is drawn for this call alone, and of the form they are sent in."""
        request = self.request
        sent = [f"{message.type} {message.content!r}" for message in request.messages]
        if request.marker:
            sent = [text.replace(request.marker, "") for text in sent]
        with_schema = request.mode in {"json_schema", "function_calling"}
        schema = repr(sent_schema(request.schema)) if with_schema and request.schema is not None else ""
        return request_digest([self.endpoint.name, request.mode, schema, *sent])

    def estimate(self) -> Usage:
        """Tokens that the prompt will use, corrected by what was learnt of the endpoint."""
        usage = self.endpoint.calibration.estimate(self.request.text_tokens, self.request.images)
        return replace(usage, image=usage.image + self.request.unopened_image_tokens)

    def image_formula(self) -> int:
        """Tokens of the pictures by our formula."""
        return self.endpoint.images.formula(self.request.images)

    def affordable(self, prompt: Usage) -> int:
        """Completion tokens that the budget and the model allow; a BudgetError where these are below ``min_tokens``."""
        request, meter, name, ceiling = self.request, self.meter, self.endpoint.name, self.endpoint.facts.ceiling
        wanted = request.max_tokens if ceiling is None else min(request.max_tokens, ceiling)
        needed = min(request.min_tokens, wanted)
        cap = meter.affordable(prompt, max_tokens=wanted, min_tokens=needed, endpoint=name)
        if cap is None:
            cost = meter.tariff_at(name).cost(replace(prompt, completion=needed))
            raise BudgetError(
                f"{name}, {self.phase}: {prompt.prompt} prompt and {needed} completion tokens need {cost:g} "
                f"cost units, {meter.budget.free:g} are free; raise the budget"
            )
        return cap

    def send(self, max_tokens: int) -> Awaitable[AIMessage]:
        """Make the request."""
        return self.endpoint.generate(self.request, max_tokens=max_tokens)

    def classify(self, error: Exception) -> Failure:
        """Read an integration's exception."""
        facts = self.endpoint.facts
        name, address, secrets = self.endpoint.name, facts.address, facts.secrets
        return classify_failure(error, name=name, address=address, secrets=secrets, compatible=facts.compatible)

    def usage(self, reply: AIMessage, prompt: Usage) -> Usage:
        """The usage that the endpoint reported, else our estimate."""
        return reported_usage(reply, prompt, visible_output(reply))

    def learn(self, reply: AIMessage) -> None:
        """Calibrate the endpoint's token counts by what it reported for this prompt."""
        reported = reported_prompt(reply)
        if reported is not None and not self.request.unopened_image_tokens:
            prompt, image = reported
            self.endpoint.calibration.learn(self.request.text_tokens, self.request.images, prompt=prompt, image=image)

    def adapt(self, failure: Failure) -> bool:
        """Send the cap on completion tokens under its other name, where a server refuses the one it had."""
        capabilities = self.endpoint.capabilities
        if self._adapted:
            return False
        self._adapted = capabilities.adapt_max_tokens_field(failure)
        return self._adapted

    def abandon(self) -> None:
        """Send the cap under its first name again: the other one did not help."""
        if self._adapted:
            self.endpoint.capabilities.max_tokens_field = self._field


class PlainReply(NamedTuple):
    """A reply in plain text, and the cost of all attempts in cost units."""

    message: AIMessage
    cost: float


GUARD_TEMPLATE_TOKENS = 700
"""Tokens that a guard's own chat template adds: the taxonomy with its descriptions."""


async def call_in_turns(
    endpoint: Endpoint,
    user: str,
    assistant: str | None = None,
    *,
    images: Sequence[ImageView] = (),
    meter: Meter,
    phase: Phase,
    max_tokens: int,
    min_tokens: int,
) -> PlainReply:
    """Send a conversation as plain turns, without a system message, and return one reply in plain text; metered.

    For guard models and trained rewriters, whose chat template holds their prompt. Errors as of :func:`metered_call`.
    """
    turns = [user] if assistant is None else [user, assistant]
    messages: list[BaseMessage] = [user_message(user, images)]
    if assistant is not None:
        messages.append(AIMessage(assistant))
    tokens = estimate_text_tokens(turns, schema_tokens=GUARD_TEMPLATE_TOKENS)
    call = ChatCall(endpoint, ChatRequest(messages, tokens, images, max_tokens, min_tokens), meter, phase)
    return PlainReply(await metered_call(call), call.totals.cost)


def user_message(
    text: str, images: Sequence[ImageView] = (), metadata: Mapping[str, Any] | None = None
) -> HumanMessage:
    """A user's message with pictures, each in the form that keeps ``detail`` on every server.

    ``metadata`` is for stand-in models; ``additional_kwargs`` reach no server.
    """
    content: str | list[str | dict[str, Any]] = text
    if images:
        content = [{"type": "text", "text": text}, *(view.block() for view in images)]
    return HumanMessage(content, additional_kwargs=dict(metadata or {}))
