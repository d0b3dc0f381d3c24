"""Calls that are streamed to their end: for finding out what a server reports then. A search never streams.

The picture that tells whether an endpoint sees: one plain number, drawn anew each time.

The questions that find out what an endpoint can do. Source: ours.

Who asks an endpoint what it can do, and the account of how many calls that took. Source: ours.
"""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.errors import ModelTimeoutError, UnreachableError
from ecoalign_agent.images.image import OVERVIEW, ImageView
from ecoalign_agent.llm.call import Asking, Question, attempt
from ecoalign_agent.llm.endpoint import Endpoint, OutputMode
from ecoalign_agent.llm.failures import AttemptError, Failure
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.rate_limit import MAX_WAIT


class StreamedEndpoint(Endpoint):
    """An endpoint whose calls are streamed to their end; for finding out what is reported then."""

    @classmethod
    def beside(cls, endpoint: Endpoint) -> "StreamedEndpoint":
        """The same server, with what was learnt of it and its rate; with places and connections of its own."""
        streamed = cls(endpoint.model, name=endpoint.name, timeout=endpoint.timeout, backoff=endpoint.backoff)
        streamed.capabilities, streamed.gauge, streamed.rate = endpoint.capabilities, endpoint.gauge, endpoint.rate
        return streamed

    async def call(
        self, messages: Sequence[BaseMessage], rung: OutputMode, schema: type[BaseModel], *, most: int
    ) -> AIMessage:
        """Make one request, streamed; returns the chunks joined.

        Raises:
            ValueError: the stream held no chunk.
        """
        model = self._here().model
        changes: dict[str, Any] = {"disable_streaming": False}
        # Where a class has these, the first decides, however it is called; the second asks for the usage.
        changes |= dict.fromkeys({"streaming", "stream_usage"} & type(model).model_fields.keys(), True)
        whole: Any = None
        async for chunk in model.model_copy(update=changes).astream(messages, **self._arguments(rung, schema, most)):
            whole = chunk if whole is None else whole + chunk
        if not isinstance(whole, AIMessage):
            raise ValueError("an empty stream")  # noqa: TRY004 - a reply's fault, told like the others
        return whole


def streams(model: BaseChatModel) -> bool:
    """Whether a model's class can stream at all."""
    return any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))


NUMBERS = tuple(number for number in range(13, 99) if number not in {42, 69})
"""Two digits, without those that come to mind first."""


def any_number() -> int:
    """A number that nobody can know beforehand."""
    return secrets.choice(NUMBERS)


def numbered(number: int) -> ImageView:
    """``number``, dark on white, as large as the picture that a scan sends, and sent like it. Blocks for some 10 ms."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - Pillow is loaded with the first picture

    from ecoalign_agent.images.decoding import encode_image  # noqa: PLC0415 - as above

    picture = Image.new("RGB", (OVERVIEW, OVERVIEW), (255, 255, 255))
    ImageDraw.Draw(picture).text(
        (OVERVIEW // 2, OVERVIEW // 2), str(number), font=ImageFont.load_default(280), fill=(20, 24, 40), anchor="mm"
    )
    data, mime = encode_image(picture)
    return ImageView(data, mime, OVERVIEW, OVERVIEW, "low")


REPLY_CAP = 400
"""Completion tokens that a short reply may take: room for a model that thinks before it writes."""

COUNT_CAP = 16
"""Completion tokens of a reply that is meant to be cut off: counting to sixty takes some 90."""


class Seen(BaseModel):
    """The number in the picture."""

    number: int | None


class Balls(BaseModel):
    """A form whose keys no prompt names: only who follows the schema finds them."""

    commoner_colour: Literal["red", "blue"]
    balls_in_the_box: int


class AnyObject(BaseModel):
    """Any JSON object."""


def look(picture: ImageView | None) -> Question[Seen]:
    """What number is in the picture; without one, the same words."""
    images = () if picture is None else (picture,)
    return Question(load_prompt("doctor/look").render(), Seen, images, REPLY_CAP, 1, exact=False)


def form(schema: type[BaseModel]) -> Question[Any]:
    """A question to be answered in the form of ``schema``."""
    return Question(load_prompt("doctor/form").render(), schema, (), REPLY_CAP, 1, exact=False)


def count() -> Question[AnyObject]:
    """More than the cap allows to write."""
    return Question(load_prompt("doctor/count").render(), AnyObject, (), COUNT_CAP, 1, exact=False)


def bare_estimate(question: Question[Any], rung: OutputMode, endpoint: Endpoint) -> Usage:
    """What a prompt uses by our formulas alone, in tokens, whatever was learnt of the endpoint since."""
    return Usage(text=question.words(rung), image=endpoint.images.formula(question.images))


MOST_CALLS = 8
"""Requests that one examination makes at the most, repeated ones among them."""

_GONE_AFTER = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one question.

    Attributes:
        message: the reply; None: there is none.
        failure: why there is none; None while there is a reply, and where the question was not asked.
        why: one line, when there is no reply.
        seconds: the last attempt took.
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
class Inquiry:
    """Asks, counts, and repeats where that may help and a call is to spare.

    Attributes:
        endpoint: whom it asks.
        tell: hears the name of each question before it is asked, and how many were asked with it.
        planned: questions still to come, for which calls are kept.
        meter: what all of it costs, at the default tariff.
        asked: requests made so far.
        troubles: what went wrong on the way, one line each.
        limited: a call was answered 429.
    """

    endpoint: Endpoint
    tell: Callable[[str, int], None]
    planned: int
    meter: Meter = field(default_factory=lambda: Meter(Budget(1_000_000.0), Tariff()))
    asked: int = 0
    troubles: list[str] = field(default_factory=list)
    limited: bool = False
    _broken: int = 0

    @property
    def spare(self) -> int:
        """Calls that may be made besides those planned."""
        return MOST_CALLS - self.asked - self.planned

    async def ask(
        self,
        what: str,
        question: Question[Any],
        rung: OutputMode = "plain",
        *,
        endpoint: Endpoint | None = None,
        planned: bool = True,
    ) -> Told:
        """Ask one question, and once more after a failure that may pass, if a call is to spare.

        Args:
            what: its name, for a person.
            question: the question.
            rung: how to ask it.
            endpoint: whom; None: the one under examination.
            planned: it is one of the planned ones.
        """
        told = await self.once(what, question, rung, endpoint=endpoint, planned=planned)
        pause = self.pause(told.failure)
        if pause is None or self.spare < 1:
            return told
        await asyncio.sleep(pause)
        again = await self.once(f"{what}, again", question, rung, endpoint=endpoint, planned=False)
        return told if again.message is None and again.failure is None else again

    async def once(
        self,
        what: str,
        question: Question[Any],
        rung: OutputMode = "plain",
        *,
        endpoint: Endpoint | None = None,
        planned: bool = True,
    ) -> Told:
        """As :meth:`ask`, without a second try."""
        self.planned -= planned
        if self._broken >= _GONE_AFTER:
            return Told(why="not asked: the server had stopped answering")
        if self.asked >= MOST_CALLS:
            return Told(why=f"not asked: all {MOST_CALLS} calls were made")
        self.asked += 1
        self.tell(what, self.asked)
        asking = Asking(endpoint or self.endpoint, question, self.meter, "scan")
        try:
            message = await attempt(asking, rung)
        except AttemptError as failed:
            failure = failed.failure
            self._broken += isinstance(failure.error, ModelTimeoutError | UnreachableError)
            self.limited = self.limited or failure.status == 429
            told = Told(failure=failure, why=_short(failure), seconds=asking.tally.seconds)
            if not told.refused:
                self.troubles.append(f"{what}: {told.why}")
            return told
        self._broken = 0
        return Told(message, seconds=asking.tally.seconds)

    def pause(self, failure: Failure | None) -> float | None:
        """Seconds to wait before a second try; None: it is not worth it."""
        if failure is None or not failure.retry:
            return None
        wait = self.endpoint.backoff if failure.retry_after is None else failure.retry_after
        return wait if wait <= MAX_WAIT else None


def _short(failure: Failure) -> str:
    """A failure in a few words: its status and the server's own; else our line."""
    if failure.status is None:
        return str(failure.error)[:300]
    return f"{failure.status} {failure.text}"[:300].strip()
