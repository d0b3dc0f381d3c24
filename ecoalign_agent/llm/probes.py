"""Who asks an endpoint what it can do, and the account of how many calls that took. Source: ours."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from langchain_core.messages import AIMessage

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.tariff import Tariff
from ecoalign_agent.errors import ModelTimeoutError, UnreachableError
from ecoalign_agent.llm.attempt import Asking, Question, attempt
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.failures import AttemptError, Failure
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.retry import LONGEST_WAIT

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
        rung: Rung = "plain",
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
        rung: Rung = "plain",
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
        return wait if wait <= LONGEST_WAIT else None


def _short(failure: Failure) -> str:
    """A failure in a few words: its status and the server's own; else our line."""
    if failure.status is None:
        return str(failure.error)[:300]
    return f"{failure.status} {failure.text}"[:300].strip()
