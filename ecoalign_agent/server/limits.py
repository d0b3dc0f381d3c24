"""Limits of one server: the size and duration of request bodies, and the number of runs at one time. Ours.

A body is counted while it arrives: one over the limit is answered by 413 before anything of it is parsed. Runs beyond
the slots wait in a bounded queue; requests beyond the queue get 429 and ``retry-after``.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecoalign_agent.server.errors import ApiError, send_error, shutting_down_error

_DRAIN_SECONDS, _DRAIN_BYTES = 2.0, 64_000_000
"""How much of a refused body is still read and dropped: a client cut off while it sends sees no answer."""


class BodyLimitMiddleware:
    """Hands a request on once its whole body has arrived within the limits: of bytes, at one time too, and seconds."""

    def __init__(self, app: ASGIApp, *, max_bytes: int, max_bytes_at_once: int, seconds: float) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._max_bytes_at_once = max(max_bytes, max_bytes_at_once)
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size = 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    outcome = await self._read(scope, receive, chunks)
            except TimeoutError:
                text = f"the body did not arrive within {self._seconds:g} s"
                outcome = ApiError(408, text, code="request_timeout", headers={"connection": "close"})
            finally:
                size = sum(map(len, chunks))
            if isinstance(outcome, ApiError):
                # Freed first: the client may take a while to fetch the refusal.
                chunks.clear()
                await send_error(outcome, send, more=True)
                if outcome.status != 408:
                    await _drain(receive)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif outcome:
                await self._app(scope, _replay(chunks, receive), send)
        finally:
            self._held -= size

    async def _read(self, scope: Scope, receive: Receive, chunks: list[bytes]) -> bool | ApiError:
        # False: the client left.
        length = Headers(scope=scope).get("content-length", "")
        if length.isascii() and length.isdigit() and (len(length) > 15 or int(length) > self._max_bytes):
            return self._too_large()
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._max_bytes:
                return self._too_large()
            if self._held + len(chunk) > self._max_bytes_at_once:
                text = "too many large requests at one time; ask again in a moment"
                headers = {"retry-after": "1", "connection": "close"}
                return ApiError(429, text, "rate_limit_error", code="server_busy", headers=headers)
            if chunk:
                chunks.append(chunk)
                self._held += len(chunk)
            if not message.get("more_body", False):
                return True

    def _too_large(self) -> ApiError:
        text = f"the body is larger than {self._max_bytes:,} bytes; send fewer or smaller pictures"
        return ApiError(413, text, code="request_too_large", headers={"connection": "close"})


async def _drain(receive: Receive) -> None:
    end, left = time.monotonic() + _DRAIN_SECONDS, _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0 and time.monotonic() < end:
                message = await receive()
                left -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return


def _replay(chunks: list[bytes], receive: Receive) -> Receive:
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        body = b"".join(chunks)
        # Counted as held until the response has ended, but not in memory twice.
        chunks.clear()
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


class Admission:
    """Slots for runs, first come, first served; ``queue`` requests may wait for one, each at most ``seconds``."""

    def __init__(self, *, runs: int, queue: int, seconds: float) -> None:
        self._runs, self._queue, self._seconds = runs, queue, seconds
        self._slots = asyncio.Semaphore(runs)
        self._mean_seconds = 1.0
        self.closed = False
        self.running = 0
        self.waiting = 0

    @property
    def retry_after(self) -> int:
        """Seconds after which a slot is likely, from 1 to 60, by how long recent runs took."""
        return max(1, min(60, math.ceil(self._mean_seconds * (self.waiting + 1) / self._runs)))

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot; ``ApiError`` as :meth:`check`, and 503 where none was free in time."""
        await self._enter()
        self.running += 1
        begin = time.monotonic()
        try:
            yield
        finally:
            self._mean_seconds += 0.1 * (time.monotonic() - begin - self._mean_seconds)
            self.running -= 1
            self._slots.release()

    def check(self) -> None:
        """Raise ``ApiError``: 429 where the queue is full, 503 where the server is ending."""
        if self.closed:
            raise shutting_down_error()
        if self._slots.locked() and self.waiting >= self._queue:
            raise self._busy(429, f"{self.running} runs are under way and {self.waiting} requests wait")

    def close(self) -> None:
        """Admit no further run; waiting requests are refused, runs under way go on."""
        self.closed = True
        for _ in range(self.waiting):
            self._slots.release()

    async def _enter(self) -> None:
        self.check()
        try:
            async with asyncio.timeout(self._seconds):
                self.waiting += 1
                try:
                    await self._slots.acquire()
                finally:
                    self.waiting -= 1
        except TimeoutError:
            raise self._busy(503, f"no place was free within {self._seconds:g} s") from None
        if self.closed:
            raise shutting_down_error()

    def _busy(self, status: int, reason: str) -> ApiError:
        return ApiError(
            status,
            f"{reason}; ask again in {self.retry_after} s",
            "rate_limit_error" if status == 429 else "server_error",
            code="server_busy",
            headers={"retry-after": str(self.retry_after)},
        )
