"""Limits of the calls to one endpoint: how many at once, how many in a minute, how long a wait for the next try.

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypedDict
from weakref import WeakKeyDictionary

from ecoalign_agent.errors import ModelTimeoutError, RateLimitError
from ecoalign_agent.llm.failures import Failure

MAX_ATTEMPTS = 3
"""Attempts at one request, the first included."""

MAX_WAIT = 60.0
"""Seconds that a server may ask to wait: quotas are counted by the minute. Asked for more, the call fails at once."""


def seconds_until(deadline: float | None) -> float | None:
    """Seconds until a time since the epoch, never negative; None: there is no deadline."""
    return None if deadline is None else max(0.0, deadline - time.time())


def retry_wait(failure: Failure, attempt: int, *, backoff: float, seconds_left: float | None) -> float:
    """Seconds to wait after attempt number ``attempt``: ``backoff`` at the most after the first, then twice that.

    Raises the failure's error where no further attempt is worth it, or the wait would be too long.
    """
    if not failure.retry or attempt >= MAX_ATTEMPTS:
        raise failure.error from failure.cause
    # Spread over its upper half, so that parallel calls don't return in step.
    max_backoff = backoff * 2.0 ** (attempt - 1)
    requested = failure.retry_after
    wait = random.uniform(max_backoff / 2, max_backoff) if requested is None else requested  # noqa: S311 - spreads load
    if wait <= MAX_WAIT and (seconds_left is None or wait < seconds_left):
        return wait
    if requested is None:
        raise failure.error from failure.cause
    limit = f"the deadline is in {seconds_left:.3g} s" if wait <= MAX_WAIT else f"the longest wait is {MAX_WAIT:g} s"
    raise type(failure.error)(f"{failure.error}; it asks to wait {requested:.6g} s, {limit}") from failure.cause


class RateLimiter:
    """Times at which an endpoint's requests may be made. Usable on several event loops at once.

    At most ``max_requests`` (None: no limit) in any stretch of ``within`` seconds, retries among them.
    """

    def __init__(self, max_requests: int | None = None, *, within: float = 60.0) -> None:
        if (max_requests is not None and max_requests < 1) or not within > 0:
            raise ValueError(
                f"at least 1 request within more than 0 s must be allowed, not {max_requests} within {within:g} s"
            )
        self._max_requests = max_requests
        self._within = within
        # When requests are planned, in order. Older ones than the last ``max_requests`` limit nothing any more.
        self._slots: deque[float] = deque()
        # When the last ``max_requests`` were made: a late wake-up must not make the next one come too early.
        self._made: deque[float] = deque(maxlen=max_requests)
        self._paused_until = -math.inf
        # Held for a few lines of arithmetic, never while anything is awaited.
        self._lock = threading.Lock()

    def observe(self, failure: Failure) -> None:
        """Let every caller keep the pause that a server asks for after a failed attempt, up to ``MAX_WAIT``."""
        wait = failure.retry_after
        if failure.retry and wait is not None and wait <= MAX_WAIT:
            with self._lock:
                self._paused_until = max(self._paused_until, time.monotonic() + wait)

    async def acquire(self, name: str, deadline: float | None) -> None:
        """Wait until a request may be made, and count it; a wait that is cancelled counts nothing.

        Raises:
            RateLimitError: the wait would outlast the deadline: it was not begun, the call was not made.
        """
        slot, made = self._plan(), False
        try:
            wait = slot - time.monotonic()
            while not made:
                if wait > 0:
                    self._check(name, wait, seconds_until(deadline))
                    await asyncio.sleep(wait)
                # The server may have asked for a pause meanwhile, or this call have come late: then the wait goes on.
                wait = self._left_to_wait()
                made = wait <= 0
        finally:
            if not made:
                self._release(slot)

    def _plan(self) -> float:
        with self._lock:
            slot = max(time.monotonic(), self._paused_until)
            if self._max_requests is None:
                return slot
            if self._slots:
                slot = max(slot, self._slots[-1])
            if len(self._slots) >= self._max_requests:
                slot = max(slot, self._slots[-self._max_requests] + self._within)
            self._slots.append(slot)
            while len(self._slots) > self._max_requests and self._slots[0] + self._within < time.monotonic():
                self._slots.popleft()
            return slot

    def _left_to_wait(self) -> float:
        with self._lock:
            now = time.monotonic()
            full = self._max_requests is not None and len(self._made) >= self._max_requests
            wait = max(self._paused_until, self._made[0] + self._within if full else -math.inf) - now
            if wait <= 0 and self._max_requests is not None:
                self._made.append(now)
            return wait

    def _release(self, slot: float) -> None:
        if self._max_requests is not None:
            # Where many were late, it may be gone already.
            with self._lock, contextlib.suppress(ValueError):
                self._slots.remove(slot)

    def _check(self, name: str, wait: float, left: float | None) -> None:
        if left is None or wait < left:
            return
        paused = self._paused_until > time.monotonic()
        limit = f"its rate is limited to {self._max_requests} in {self._within:g} s"
        reason = "its server asked for a pause" if paused else limit
        raise RateLimitError(
            f"{name}: {reason}; the next request may be made in {wait:.3g} s, and the deadline is in {left:.3g} s; "
            "the call was not made"
        )


class LimitOptions(TypedDict, total=False):
    """Limits of an endpoint's calls; see :class:`CallLimits`."""

    concurrency: int
    timeout: float
    backoff: float
    requests_per_minute: int | None


class CallLimits:
    """Name and limits of an endpoint. Usable on several event loops.

    Attributes:
        timeout: seconds that one attempt may take.
        backoff: seconds waited at the most before a first retry, where the server does not say how long.
        rate: times at which requests may be made, on all event loops; concurrency is per event loop.
    """

    def __init__(
        self,
        name: str,
        *,
        concurrency: int = 32,
        timeout: float = 60.0,
        backoff: float = 0.5,
        requests_per_minute: int | None = None,
    ) -> None:
        if concurrency < 1 or not timeout > 0:
            raise ValueError(f"{name}: concurrency {concurrency} must be at least 1, timeout {timeout:g} above 0")
        self.name = name
        self.timeout = timeout
        self.backoff = backoff
        self.rate = RateLimiter(requests_per_minute)
        self._concurrency = concurrency
        self._semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()

    def semaphore(self) -> asyncio.Semaphore:
        """Places for calls on the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._semaphores:
            self._semaphores[loop] = asyncio.Semaphore(self._concurrency)
        return self._semaphores[loop]

    @asynccontextmanager
    async def slot(self, deadline: float | None) -> AsyncIterator[None]:
        """Hold a place for a call, at a time when a request may be made; waiting costs nothing.

        Raises:
            ModelTimeoutError, RateLimitError: none is free, or allowed, before the deadline; the call was not made.
        """
        places, left = self.semaphore(), seconds_until(deadline)
        late = ModelTimeoutError(f"{self.name}: the deadline has passed; the call was not made")
        if left == 0:
            raise late
        try:
            async with asyncio.timeout(left):
                await places.acquire()
        except TimeoutError:
            raise late from None
        try:
            # With a place in hand: a permit that then waits for a place would not be used when it was given.
            await self.rate.acquire(self.name, deadline)
            yield
        finally:
            places.release()
