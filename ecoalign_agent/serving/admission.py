"""Who may run: so many at one time, a bounded queue behind them, and for the next one the word to come back.

Source: ours.
"""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ecoalign_agent.serving.faults import ApiError, shutting_down


class Admission:
    """Places for runs, first come, first served.

    Args:
        runs: places.
        queue: requests that may wait for one.
        seconds: that a request may wait.
    """

    def __init__(self, *, runs: int, queue: int, seconds: float) -> None:
        self._places = runs
        self._queue = queue
        self._seconds = seconds
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self.closed = False
        self._mean = 1.0
        self.running = 0
        """Runs under way."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return sum(not waiter.done() for waiter in self._waiting)

    @property
    def retry_after(self) -> int:
        """Seconds after which a place is likely, in whole ones, from 1 to 60: from how long runs took of late."""
        return max(1, min(60, math.ceil(self._mean * (self.waiting + 1) / self._places)))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            ApiError: 429, the queue is full; 503, none was free in time, or the server is about to end.
        """
        await self._enter()
        begun = time.monotonic()
        try:
            yield
        finally:
            self._mean += 0.1 * (time.monotonic() - begun - self._mean)
            self._leave()

    def check(self) -> None:
        """Refuse at once what would be refused by ``place``.

        Raises:
            ApiError: as there.
        """
        if self.closed:
            raise shutting_down()
        if self.running >= self._places and self.waiting >= self._queue:
            raise self._busy(429, f"{self.running} runs are under way and {self.waiting} requests wait")

    def close(self) -> None:
        """Let nobody in any more; those who wait are told so."""
        self.closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    async def _enter(self) -> None:
        self.check()
        if self.running < self._places and not self._waiting:
            self.running += 1
            return
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._seconds):
                admitted = await waiter
        except TimeoutError:
            self._give_up(waiter)
            raise self._busy(503, f"no place was free within {self._seconds:g} s") from None
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        if not admitted:
            raise shutting_down()

    def _give_up(self, waiter: "asyncio.Future[bool]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.result():
            # The place came in the same moment: it goes to the next one.
            self._leave()

    def _leave(self) -> None:
        self.running -= 1
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                # The place is handed on, so that nobody who came later slips in between.
                self.running += 1
                waiter.set_result(True)
                return

    def _busy(self, status: int, said: str) -> ApiError:
        return ApiError(
            status,
            f"{said}; ask again in {self.retry_after} s",
            "rate_limit_error" if status == 429 else "server_error",
            code="server_busy",
            headers={"retry-after": str(self.retry_after)},
        )
