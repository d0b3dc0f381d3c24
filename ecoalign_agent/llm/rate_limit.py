"""The one retry layer: who waits how long before asking the same endpoint again.

Clients' own retries are switched off: they would spend unseen by the meter, and past the deadline. Source: ours.

How often one endpoint may be asked: so many requests in any minute, and none while its server asks for a pause.

Limits of this kind belong to a server, so they hold over all event loops. aiolimiter keeps one bucket per loop,
langchain-core's ``InMemoryRateLimiter`` looks again every tenth of a second; and neither can tell beforehand how long
a wait will be, so that one which outlasts the deadline need not be begun. Source: ours.
"""

import asyncio
import contextlib
import math
import random
import threading
import time
from collections import deque
from dataclasses import replace
from typing import NoReturn

import tenacity
from tenacity.asyncio import AsyncRetrying

from ecoalign_agent.errors import RateLimitError
from ecoalign_agent.llm.failures import AttemptError, Failure
from ecoalign_agent.llm.meter import Meter

MAX_ATTEMPTS = 3
"""Attempts at one request, the first included."""

MAX_WAIT = 60.0
"""Seconds that a server may ask to wait: quotas are counted by the minute.

Asked for more, nobody waits and nobody asks again too early: the failure is told at once, with the wait.
"""


def retrying(meter: Meter, *, backoff: float) -> AsyncRetrying:
    """Attempts at one request: again after rate limits, server failures, broken connections, never past the deadline.

    Args:
        meter: whose deadline counts.
        backoff: seconds to wait at the most before the second attempt, where the server does not say; then twice that.
    """

    def stop(state: tenacity.RetryCallState) -> bool:
        left = meter.seconds_left()
        wait = state.upcoming_sleep
        # A wait that outlasts the deadline is not begun: the failure is told at once.
        return state.attempt_number >= MAX_ATTEMPTS or wait > MAX_WAIT or (left is not None and wait >= left)

    def pause(state: tenacity.RetryCallState) -> float:
        failure = _failure_in(state)
        if failure is not None and failure.retry_after is not None:
            return failure.retry_after
        # Spread over its upper half, so that parallel calls don't return in step.
        longest = backoff * 2.0 ** (state.attempt_number - 1)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing

    def give_up(state: tenacity.RetryCallState) -> NoReturn:
        failure = _failure_in(state)
        if failure is not None and state.attempt_number < MAX_ATTEMPTS:
            raise AttemptError(_naming_the_wait(failure, meter.seconds_left()))
        assert state.outcome is not None  # noqa: S101 - nothing is given up before it was tried
        state.outcome.result()
        raise AssertionError("only failures are given up")

    return AsyncRetrying(
        stop=stop, wait=pause, retry=tenacity.retry_if_exception(_worth_it), retry_error_callback=give_up
    )


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, AttemptError) and error.failure.retry


def _failure_in(state: tenacity.RetryCallState) -> Failure | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.failure if isinstance(error, AttemptError) else None


def _naming_the_wait(failure: Failure, left: float | None) -> Failure:
    """The failure, with the wait that the server asked for, and why it was not begun."""
    asked = failure.retry_after
    if asked is None:
        return failure
    longest = f"the longest wait is {MAX_WAIT:g} s"
    why = longest if asked > MAX_WAIT or left is None else f"the deadline is in {left:.3g} s"
    return replace(failure, error=type(failure.error)(f"{failure.error}; it asks to wait {asked:.6g} s, {why}"))


class RateLimiter:
    """When an endpoint's next request may be made. Usable on several event loops at once."""

    def __init__(self, most: int | None = None, *, within: float = 60.0) -> None:
        """Limit the requests.

        Args:
            most: requests in any stretch of ``within`` seconds, retries among them; None: as many as one likes.
            within: seconds.

        Raises:
            ValueError: ``most`` below 1, or ``within`` not above 0.
        """
        if (most is not None and most < 1) or not within > 0:
            raise ValueError(f"at least 1 request within more than 0 s must be allowed, not {most} within {within:g} s")
        self._most = most
        self._within = within
        # When requests are planned, in order. Older ones than the last ``most`` limit nothing any more.
        self._slots: deque[float] = deque()
        # When the last ``most`` were made: whoever wakes late must not make the next one come too early.
        self._made: deque[float] = deque(maxlen=most)
        self._paused_until = -math.inf
        # Held for a few lines of arithmetic, never while anything is awaited.
        self._lock = threading.Lock()

    def heed(self, failure: Failure) -> None:
        """After a failed attempt: where its server asks for a pause, everyone keeps it, not only who was told.

        A server that asks for more than ``LONGEST_WAIT`` is not waited for: each call is told so when it asks.
        """
        wait = failure.retry_after
        if failure.retry and wait is not None and wait <= MAX_WAIT:
            with self._lock:
                self._paused_until = max(self._paused_until, time.monotonic() + wait)

    async def turn(self, name: str, meter: Meter) -> None:
        """Wait until a request may be made, and count it; a wait that is cancelled counts nothing.

        Args:
            name: of the endpoint, for the error.
            meter: whose deadline counts.

        Raises:
            RateLimitError: the wait would outlast the deadline: it was not begun, the call was not made.
        """
        slot, made = self._plan(), False
        try:
            wait = slot - time.monotonic()
            while not made:
                if wait > 0:
                    self._check(name, wait, meter.seconds_left())
                    await asyncio.sleep(wait)
                # Somebody may have been told to pause meanwhile, or have come late: then the wait goes on.
                wait = self._left_to_wait()
                made = wait <= 0
        finally:
            if not made:
                self._give_back(slot)

    def _plan(self) -> float:
        with self._lock:
            slot = max(time.monotonic(), self._paused_until)
            if self._most is None:
                return slot
            if self._slots:
                slot = max(slot, self._slots[-1])
            if len(self._slots) >= self._most:
                slot = max(slot, self._slots[-self._most] + self._within)
            self._slots.append(slot)
            while len(self._slots) > self._most and self._slots[0] + self._within < time.monotonic():
                self._slots.popleft()
            return slot

    def _left_to_wait(self) -> float:
        """Seconds; none: the request is made now."""
        with self._lock:
            now = time.monotonic()
            full = self._most is not None and len(self._made) >= self._most
            wait = max(self._paused_until, self._made[0] + self._within if full else -math.inf) - now
            if wait <= 0 and self._most is not None:
                self._made.append(now)
            return wait

    def _give_back(self, slot: float) -> None:
        if self._most is not None:
            # Where many were late, it may be forgotten already.
            with self._lock, contextlib.suppress(ValueError):
                self._slots.remove(slot)

    def _check(self, name: str, wait: float, left: float | None) -> None:
        if left is None or wait < left:
            return
        paused = self._paused_until > time.monotonic()
        why = "its server asked for a pause" if paused else f"its rate is limited to {self._most} in {self._within:g} s"
        raise RateLimitError(
            f"{name}: {why}; the next request may be made in {wait:.3g} s, and the deadline is in {left:.3g} s; "
            "the call was not made"
        )
