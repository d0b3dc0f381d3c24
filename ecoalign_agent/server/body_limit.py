"""Bodies are counted while they arrive: one over the cap is answered by 413 before anything of it is parsed.

A body within the cap is held whole and handed on; what all requests hold together is bounded, too. Source: ours
("oversized body").
"""

import asyncio
import time

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecoalign_agent.server.errors import ApiError, send_error

_DRAIN_SECONDS, _DRAIN_BYTES = 2.0, 64_000_000
"""What is still read, and dropped, of a refused body: a client that is cut off in mid-sending sees no answer."""


class BodyLimitMiddleware:
    """Holds back a request until its body is there.

    Args:
        app: what gets the request.
        most: bytes of one body.
        most_at_once: bytes of all bodies held at one time.
        seconds: that a body may take.
    """

    def __init__(self, app: ASGIApp, *, most: int, most_at_once: int, seconds: float) -> None:
        self._app = app
        self._most = most
        self._most_at_once = max(most, most_at_once)
        self._seconds = seconds
        self._held = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        chunks: list[bytes] = []
        size = 0
        try:
            try:
                async with asyncio.timeout(self._seconds):
                    whole = await self._read(scope, receive, chunks)
            except TimeoutError:
                late = f"the body did not arrive within {self._seconds:g} s"
                whole = ApiError(408, late, code="request_timeout", headers={"connection": "close"})
            finally:
                size = sum(map(len, chunks))
            if isinstance(whole, ApiError):
                # Nothing of it is wanted any more, and the refusal may take a while to be fetched.
                chunks.clear()
                await send_error(whole, scope, receive, send, more=True)
                if whole.status != 408:
                    await _drain(receive)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
            elif whole:
                await self._app(scope, _replayed(chunks, receive), send)
        finally:
            self._held -= size

    async def _read(self, scope: Scope, receive: Receive, chunks: list[bytes]) -> bool | ApiError:
        """Fill ``chunks``; False: the client left."""
        told = Headers(scope=scope).get("content-length", "")
        if told.isascii() and told.isdigit() and (len(told) > 15 or int(told) > self._most):
            return self._too_large()
        size = 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return False
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > self._most:
                return self._too_large()
            if self._held + len(chunk) > self._most_at_once:
                busy = "too many large requests at one time; ask again in a moment"
                headers = {"retry-after": "1", "connection": "close"}
                return ApiError(429, busy, "rate_limit_error", code="server_busy", headers=headers)
            if chunk:
                chunks.append(chunk)
                self._held += len(chunk)
            if not message.get("more_body", False):
                return True

    def _too_large(self) -> ApiError:
        said = f"the body is larger than {self._most:,} bytes; send fewer or smaller pictures"
        return ApiError(413, said, code="request_too_large", headers={"connection": "close"})


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


def _replayed(chunks: list[bytes], receive: Receive) -> Receive:
    """``receive`` for what comes behind: the body in one piece, then whatever the connection says."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        body = b"".join(chunks)
        # It is counted as held until the response has ended, but not kept twice.
        chunks.clear()
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
