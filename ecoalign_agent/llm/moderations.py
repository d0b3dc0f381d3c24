"""One moderation endpoint of OpenAI's protocol: text and at most one picture in, the server's own words out, metered.

Such endpoints report no usage, and OpenAI's is free of charge. A budget bounds what is asked of others, not only what
they charge today, and an unknown figure is not zero: so the estimate of what was sent is booked, marked as estimated,
unless the endpoint is declared ``free``. Source: ours.
"""

import asyncio
import math
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, ModelTimeoutError, NotFoundError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import ImageFamily, family_of, image_tokens
from ecoalign_agent.llm.call import place
from ecoalign_agent.llm.failures import AttemptError, Failure, classify_failure
from ecoalign_agent.llm.meter import Meter, request_digest
from ecoalign_agent.llm.rate_limit import RateLimiter, retrying
from ecoalign_agent.llm.tokens import PER_MESSAGE, TokenCalibration, text_tokens


@dataclass(slots=True)
class Moderated:
    """What came of one question.

    Attributes:
        body: the server's answer as it came; nothing in it has been checked.
        cost: of all attempts, in cost units.
    """

    body: str = ""
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class _Asking:
    """A question on its way, and what came of it so far: the last failure among it."""

    text: str
    view: ImageView | None
    meter: Meter
    phase: Phase
    done: Moderated = field(default_factory=Moderated)
    failures: list[Failure] = field(default_factory=list)


@dataclass(slots=True)
class _Here:
    """What belongs to one event loop: places for calls, and the client with its connections."""

    turn: asyncio.Semaphore
    client: Any


class ModerationEndpoint:
    """A model behind ``POST {base_url}/moderations``. Usable on several event loops.

    Attributes:
        name: what to call it in results and errors: ``moderation:`` and the model's name.
        family: how its picture tokens are estimated.
        free: nothing is booked for its calls.
        rate: how often it may be asked.
        gauge: how its prompts are estimated; nothing is learnt, as it reports nothing.
        official: it is at OpenAI's own address.
    """

    def __init__(
        self,
        model: str,
        *,
        api_key: SecretStr,
        base_url: str | None = None,
        free: bool = False,
        concurrency: int = 32,
        timeout: float = 60.0,
        backoff: float = 0.5,
        requests_per_minute: int | None = None,
    ) -> None:
        """Name the endpoint; nothing is connected yet.

        Args:
            model: as the server spells it, such as ``omni-moderation-latest``.
            api_key: sent to that server and nowhere else.
            base_url: where it is; None: OpenAI's.
            free: see the class.
            concurrency: calls under way at once, per event loop.
            timeout: seconds that one attempt may take.
            backoff: seconds waited at the most before a first retry, where the server does not say how long.
            requests_per_minute: requests in any minute, retries among them, on all event loops; None: no limit.

        Raises:
            ValueError: no model, ``concurrency`` or ``requests_per_minute`` below 1, or ``timeout`` not above 0.
        """
        if not model or concurrency < 1 or not timeout > 0:
            raise ValueError(
                f"moderation: model {model!r} must be named, concurrency {concurrency} must be at least 1, "
                f"timeout {timeout:g} above 0"
            )
        self.model = model
        self.name = f"moderation:{model}"
        self.free = free
        self.rate = RateLimiter(requests_per_minute)
        # The omni models are built on GPT-4o, which counts tiles; elsewhere the largest formula stands.
        known = family_of(model)
        self.family: ImageFamily = "openai-tiles" if known == "unknown" and model.startswith("omni") else known
        self.gauge = TokenCalibration(self.name, self.family)
        self.official = base_url is None or (urlsplit(base_url).hostname or "").endswith("openai.com")
        self._base_url, self._key = base_url, api_key
        self._concurrency, self._timeout, self._backoff = concurrency, timeout, backoff
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()

    async def moderate(self, text: str, view: ImageView | None, *, meter: Meter, phase: Phase) -> Moderated:
        """Have ``text`` and a picture classified, together.

        Raises:
            BudgetError: it does not fit into what is free; nothing was sent.
            NotFoundError: there is no such endpoint or model; nothing was sent elsewhere.
            ModelError: the endpoint failed, and retrying did not help; or the deadline passed.
        """
        asking = _Asking(text, view, meter, phase)
        try:
            await retrying(meter, backoff=self._backoff)(self._attempt, asking)
        except BudgetError:
            if not asking.failures:
                raise
            # Only the retry does not fit: what failed before is what the caller has to know.
            raise asking.failures[-1].error from asking.failures[-1].cause
        except AttemptError as failed:
            failure = failed.failure
            if failure.status == 404:
                raise NotFoundError(
                    f"{self.name}: 404 at {self._address}, POST /moderations: no such path or model on that server; "
                    "nothing was sent elsewhere; name another assessor or another base URL"
                ) from failure.cause
            raise failure.error from failure.cause
        return asking.done

    async def aclose(self) -> None:
        """Close the connections opened on the running event loop; a later call opens new ones."""
        here = self._places.pop(asyncio.get_running_loop(), None)
        if here is not None:
            await here.client.close()

    def estimate(self, text: str, view: ImageView | None) -> Usage:
        """What a question uses, in tokens: estimated, as nothing is reported; a free endpoint uses nothing."""
        if self.free:
            return Usage()
        image = 0 if view is None else image_tokens(view, view.detail, self.family)
        return Usage(text=text_tokens(text) + PER_MESSAGE, image=image, estimated=True)

    async def _attempt(self, asking: _Asking) -> None:
        """One request, booked; one that this step made before its process ended is booked, and not made again."""
        meter, journal, view = asking.meter, asking.meter.journal, asking.view
        if journal is None:
            await self._made(asking)
            return
        picture = () if view is None else (view.mime, view.data)
        digest = request_digest([self.name, asking.text, *picture])
        for kept in await journal.recall(digest):
            used = kept.usage
            asking.done.cost += meter.settle(
                0.0, used, asking.phase, kept.seconds, at=self.name, image_estimated=used.image
            )
            if kept.answer is not None:
                asking.done.body = kept.answer
                return
        try:
            used, seconds = await self._made(asking)
        except AttemptError as failed:
            if failed.failure.billed:
                await journal.keep(digest, None, self.estimate(asking.text, view), 0.0)
            raise
        await journal.keep(digest, asking.done.body, used, seconds)

    async def _made(self, asking: _Asking) -> tuple[Usage, float]:
        """One request, booked; what was booked for it, in tokens and seconds."""
        here, meter, used = self._here(), asking.meter, self.estimate(asking.text, asking.view)
        async with place(self.name, here.turn, self.rate, meter):
            reserved = meter.reserve(used, at=self.name)
            limit = min(self._timeout, math.inf if (left := meter.seconds_left()) is None else left)
            failure, begun = None, time.perf_counter()
            try:
                async with asyncio.timeout(limit):
                    create = here.client.moderations.with_raw_response.create
                    told = await create(model=self.model, input=_input(asking.text, asking.view))
                asking.done.body = told.text
            except Exception as error:  # noqa: BLE001 - whatever the client raises; it goes on as an AttemptError below
                failure = self._failure(error, limit)
                self.rate.heed(failure)
                if not failure.billed:
                    used = Usage()
            finally:
                seconds = time.perf_counter() - begun
                asking.done.cost += meter.settle(
                    reserved, used, asking.phase, seconds, at=self.name, image_estimated=used.image
                )
        if failure is not None:
            asking.failures.append(failure)
            raise AttemptError(failure)
        return used, seconds

    def _failure(self, error: Exception, limit: float) -> Failure:
        if type(error) is TimeoutError:
            message = f"{self.name}: no answer within {limit:.3g} s; try again, or raise the time-out or the deadline"
            return Failure(ModelTimeoutError(message), cause=error)
        secrets = [self._key.get_secret_value()] if len(self._key.get_secret_value()) >= 4 else []
        return classify_failure(error, name=self.name, address=self._address, secrets=secrets, compatible=False)

    def _here(self) -> _Here:
        loop = asyncio.get_running_loop()
        here = self._places.get(loop)
        if here is None:
            here = _Here(asyncio.Semaphore(self._concurrency), self._client())
            self._places[loop] = here
        return here

    def _client(self) -> Any:  # noqa: ANN401 - openai is loaded only where it is used
        from openai import AsyncOpenAI  # noqa: PLC0415 - as above

        # Retries are ours, so that every attempt is booked.
        return AsyncOpenAI(
            api_key=self._key.get_secret_value(), base_url=self._base_url, timeout=self._timeout, max_retries=0
        )

    @property
    def _address(self) -> str:
        parts = urlsplit(str(self._here().client.base_url))
        # Never the whole address: it may hold a user's name and password.
        return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def _input(text: str, view: ImageView | None) -> str | list[dict[str, Any]]:
    """As plain text where that is all: many servers of this kind know no pictures."""
    if view is None:
        return text
    picture = {"type": "image_url", "image_url": {"url": view.block()["image_url"]["url"]}}
    return [{"type": "text", "text": text}, picture]
