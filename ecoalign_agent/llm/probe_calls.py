"""The calls of a probe: three prompts, a picture of a random number, a streaming endpoint, and the count of calls.

A search never streams; the streaming endpoint finds out what a server reports then. Source: ours.
"""

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.errors import ModelTimeoutError, UnreachableError
from ecoalign_agent.images.image import OVERVIEW, ImageView
from ecoalign_agent.llm.call import CallTotals, ChatCall, attempt_call
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.rate_limit import MAX_WAIT
from ecoalign_agent.llm.structured_output import StructuredPrompt


class StreamingEndpoint(Endpoint):
    """An endpoint whose calls are streamed to their end; for finding out what is reported then."""

    @classmethod
    def beside(cls, endpoint: Endpoint) -> "StreamingEndpoint":
        """An endpoint at the same server that shares capabilities, calibration and rate, but no connections."""
        streamed = cls(endpoint.model, name=endpoint.name, timeout=endpoint.timeout, backoff=endpoint.backoff)
        streamed.capabilities, streamed.calibration, streamed.rate = (
            endpoint.capabilities,
            endpoint.calibration,
            endpoint.rate,
        )
        return streamed

    async def generate(self, request: ChatRequest, *, max_tokens: int) -> AIMessage:
        """Make one request, streamed; returns the chunks joined. An empty stream is a ValueError."""
        model = self._here().model
        changes: dict[str, Any] = {"disable_streaming": False}
        # Where a class has these, the first decides, however it is called; the second asks for the usage.
        changes |= dict.fromkeys({"streaming", "stream_usage"} & type(model).model_fields.keys(), True)
        joined: Any = None
        arguments = self._arguments(request, max_tokens)
        async for chunk in model.model_copy(update=changes).astream(request.messages, **arguments):
            joined = chunk if joined is None else joined + chunk
        if not isinstance(joined, AIMessage):
            raise ValueError("an empty stream")  # noqa: TRY004 - a reply's fault, reported like the others
        return joined


NUMBERS = tuple(number for number in range(13, 99) if number not in {42, 69})
"""Two digits, without those that come to mind first."""


def draw_number() -> int:
    """A random number that no model can know beforehand."""
    return secrets.choice(NUMBERS)


def number_image(number: int) -> ImageView:
    """``number``, dark on white, as large as the picture that a scan sends, and sent like it. Blocks for some 10 ms."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - Pillow is loaded with the first picture

    from ecoalign_agent.images.decoding import encode_image  # noqa: PLC0415 - as above

    picture = Image.new("RGB", (OVERVIEW, OVERVIEW), (255, 255, 255))
    ImageDraw.Draw(picture).text(
        (OVERVIEW // 2, OVERVIEW // 2), str(number), font=ImageFont.load_default(280), fill=(20, 24, 40), anchor="mm"
    )
    data, mime = encode_image(picture)
    return ImageView(data, mime, OVERVIEW, OVERVIEW, "low")


REPLY_TOKENS = 400
"""Completion tokens that a short reply may take: room for a model that thinks before it writes."""

COUNTING_TOKENS = 16
"""Completion tokens of a reply that is meant to be cut off: counting to sixty takes some 90."""


class NumberReply(BaseModel):
    """The number in the picture."""

    number: int | None


class FormReply(BaseModel):
    """A form whose keys no prompt names: only a model that follows the schema finds them."""

    commoner_colour: Literal["red", "blue"]
    balls_in_the_box: int


class AnyObjectReply(BaseModel):
    """Any JSON object."""


def number_prompt(picture: ImageView | None) -> StructuredPrompt[NumberReply]:
    """Asks for the number in the picture; without one, in the same words."""
    images = () if picture is None else (picture,)
    return StructuredPrompt(load_prompt("doctor/look").render(), NumberReply, images, REPLY_TOKENS, 1)


def form_prompt(schema: type[BaseModel]) -> StructuredPrompt[Any]:
    """Asks for a reply in the form of ``schema``."""
    return StructuredPrompt(load_prompt("doctor/form").render(), schema, (), REPLY_TOKENS, 1)


def counting_prompt() -> StructuredPrompt[AnyObjectReply]:
    """Asks for more than ``COUNTING_TOKENS`` allow."""
    return StructuredPrompt(load_prompt("doctor/count").render(), AnyObjectReply, (), COUNTING_TOKENS, 1)


def formula_estimate(request: ChatRequest, endpoint: Endpoint) -> Usage:
    """Tokens of a prompt by the formulas alone, whatever was learnt of the endpoint since."""
    return Usage(text=request.text_tokens, image=endpoint.images.formula(request.images))


MAX_PROBE_CALLS = 8
"""Requests of one probe at the most, repeated ones among them."""

_GONE_AFTER = 2


@dataclass(frozen=True, slots=True)
class ProbeReply:
    """Outcome of one request of a probe, with the seconds of its last attempt; without a message ``why`` is one line.

    ``failure`` is None where the request was not made.
    """

    message: AIMessage | None = None
    failure: Failure | None = None
    why: str = ""
    seconds: float = 0.0

    @property
    def limited(self) -> bool:
        """Whether the server had too many requests."""
        return self.failure is not None and self.failure.status == 429

    @property
    def refused(self) -> bool:
        """Whether the server rejected the request as it was."""
        return self.failure is not None and self.failure.status in {400, 404, 413, 415, 422, 501}


@dataclass(slots=True)
class EndpointProbe:
    """Makes the requests of one probe, counts them, and repeats them where that may help and a call is to spare.

    Attributes:
        on_call: is called with each request's name and number before it is made.
        planned: requests still to come, for which calls are reserved.
        troubles: failures on the way, one line each.
        limited: a call was answered 429.
    """

    endpoint: Endpoint
    on_call: Callable[[str, int], None]
    planned: int
    meter: Meter = field(default_factory=lambda: Meter(Budget(1_000_000.0), Tariff()))
    calls: int = 0
    troubles: list[str] = field(default_factory=list)
    limited: bool = False
    _broken: int = 0

    @property
    def spare(self) -> int:
        """Calls that may be made besides those planned."""
        return MAX_PROBE_CALLS - self.calls - self.planned

    async def call(self, name: str, request: ChatRequest, *, planned: bool = True) -> ProbeReply:
        """Make one request, and once more after a failure that may pass, if a call is to spare."""
        reply = await self.call_once(name, request, planned=planned)
        pause = self.pause(reply.failure)
        if pause is None or self.spare < 1:
            return reply
        await asyncio.sleep(pause)
        again = await self.call_once(f"{name}, again", request, planned=False)
        return reply if again.message is None and again.failure is None else again

    async def call_once(
        self, name: str, request: ChatRequest, *, endpoint: Endpoint | None = None, planned: bool = True
    ) -> ProbeReply:
        """Make one request, as :meth:`call` without a second try; ``endpoint`` stands in for the one examined."""
        self.planned -= planned
        if self._broken >= _GONE_AFTER:
            return ProbeReply(why="not asked: the server had stopped answering")
        if self.calls >= MAX_PROBE_CALLS:
            return ProbeReply(why=f"not asked: all {MAX_PROBE_CALLS} calls were made")
        self.calls += 1
        self.on_call(name, self.calls)
        totals = CallTotals()
        outcome = await attempt_call(ChatCall(endpoint or self.endpoint, request, self.meter, "scan", totals))
        if not isinstance(outcome, Failure):
            self._broken = 0
            return ProbeReply(outcome, seconds=totals.seconds)
        self._broken += isinstance(outcome.error, ModelTimeoutError | UnreachableError)
        self.limited = self.limited or outcome.status == 429
        reply = ProbeReply(failure=outcome, why=_short(outcome), seconds=totals.seconds)
        if not reply.refused:
            self.troubles.append(f"{name}: {reply.why}")
        return reply

    def pause(self, failure: Failure | None) -> float | None:
        """Seconds to wait before a second try; None: it is not worth it."""
        if failure is None or not failure.retry:
            return None
        wait = self.endpoint.backoff if failure.retry_after is None else failure.retry_after
        return wait if wait <= MAX_WAIT else None


def _short(failure: Failure) -> str:
    if failure.status is None:
        return str(failure.error)[:300]
    return f"{failure.status} {failure.text}"[:300].strip()
