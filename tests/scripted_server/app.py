"""The test server itself: FastAPI under uvicorn, in a thread of its own, on a free port of loopback."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from starlette.requests import ClientDisconnect
from uvicorn.protocols.http.h11_impl import H11Protocol

from tests.scripted_server.replies import (
    Answer,
    Answerer,
    Body,
    Completion,
    Cut,
    Delayed,
    Drip,
    Hang,
    Raw,
    Status,
    saying,
)


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    body: Body
    headers: dict[str, str]


class ChatServer:
    """``POST /v1/chat/completions`` and ``GET /v1/models``; usable as a context manager, and again after ``reset``."""

    def __init__(self, answer: Answerer | Answer | None = None, *, models: tuple[str, ...] = ("m",)) -> None:
        self.models = models
        self.seen: list[Seen] = []
        self.under_way = 0
        self.most_under_way = 0
        self.abandoned = 0
        self._changed = threading.Condition()
        # With its protocol named, asyncio switches Nagle's algorithm off: else every answer waits 40 ms for an ACK.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._release = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self.answer: Answerer = saying("{}")
        self.answering(answer)
        config = uvicorn.Config(
            self._app(),
            http=_Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="test server", daemon=True)

    @property
    def url(self) -> str:
        """The base URL a client is given."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def bodies(self) -> list[Body]:
        """What was asked, in order of arrival."""
        return [seen.body for seen in self.seen]

    def answering(self, answer: Answerer | Answer | None) -> Self:
        """Answer so from now on."""
        if answer is not None:
            self.answer = answer if callable(answer) else lambda _: answer
        return self

    def reset(self, answer: Answerer | Answer | None = None) -> Self:
        """Forget what was asked, let go of what hangs, and answer so from now on."""
        self._let_go()
        with self._changed:
            self.seen, self.most_under_way, self.abandoned = [], 0, 0
        return self.answering(answer or saying("{}"))

    async def until(self, holds: Callable[[], bool], *, within: float = 5.0) -> None:
        """Wait until something about this server holds, such as ``lambda: server.abandoned == 1``."""

        def wait() -> bool:
            with self._changed:
                return self._changed.wait_for(holds, within)

        if not await asyncio.to_thread(wait):
            raise AssertionError(f"did not come to hold within {within} s")

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        self._thread.start()
        with self._changed:
            if not self._changed.wait_for(lambda: self._loop is not None, 10):
                raise RuntimeError("the test server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._let_go()
        self._thread.join(10)
        self._socket.close()

    def _run(self) -> None:
        async def serve() -> None:
            with self._changed:
                self._loop = asyncio.get_running_loop()
                self._changed.notify_all()
            await self._server.serve([self._socket])

        asyncio.run(serve())

    def _let_go(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._swap_release)

    def _swap_release(self) -> None:
        self._release.set()
        self._release = asyncio.Event()

    def _app(self) -> FastAPI:
        app = FastAPI(openapi_url=None)

        @app.post("/v1/chat/completions")
        async def complete(request: Request) -> Response:
            try:
                body = await request.json()
            except ClientDisconnect:
                # It was sent all the same, and may be asked after.
                self._count(Seen({}, dict(request.headers)))
                self._count(None, abandoned=True)
                self._count(None)
                return Response()
            self._count(Seen(body, dict(request.headers)))
            try:
                return await self._render(self.answer(body), body, request)
            finally:
                self._count(None)

        @app.get("/v1/models")
        async def models() -> Body:
            return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}

        return app

    def _count(self, arrived: Seen | None, *, abandoned: bool = False) -> None:
        with self._changed:
            if arrived is not None:
                self.seen.append(arrived)
                self.under_way += 1
                self.most_under_way = max(self.most_under_way, self.under_way)
            elif abandoned:
                self.abandoned += 1
            else:
                self.under_way -= 1
            self._changed.notify_all()

    async def _render(self, answer: Answer, body: Body, request: Request) -> Response:
        while isinstance(answer, Delayed):
            async with self._one_at_a_time if answer.alone else nullcontext():
                await self._pause(request, answer.seconds)
            answer = answer.then
        if isinstance(answer, Hang):
            await self._pause(request, None)
            return Response(status_code=503)
        if isinstance(answer, Cut | Drip):
            return _cut(answer, request) if isinstance(answer, Cut) else await self._drip(answer, body, request)
        if isinstance(answer, Status):
            headers = {} if answer.retry_after is None else {"retry-after": answer.retry_after}
            error = {"message": answer.message, "type": "error", "param": answer.param, "code": answer.code}
            return JSONResponse({"error": error}, answer.status, headers)
        if isinstance(answer, Raw):
            return Response(answer.content, answer.status, media_type=answer.mime)
        if isinstance(answer, Completion):
            if body.get("stream"):
                return Response(answer.streamed(body), media_type="text/event-stream")
            # Not JSONResponse: a test may want NaN in its usage.
            return Response(json.dumps(answer.body(body)), media_type="application/json")
        raise TypeError(f"no answer: {answer!r}")

    async def _drip(self, answer: Drip, body: Body, request: Request) -> Response:
        """Past the framework, which would send the whole body at once."""
        content = json.dumps(answer.then.body(body)).encode()
        transport = request.scope["state"]["transport"]
        transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(content)
        )
        for at in range(len(content)):
            await self._pause(request, answer.seconds)
            if transport.is_closing():
                break
            transport.write(content[at : at + 1])
        transport.close()
        return Response()

    async def _pause(self, request: Request, seconds: float | None) -> None:
        """Wait, but not for a client that has left."""
        gone = asyncio.ensure_future(_disconnected(request))
        released = asyncio.ensure_future(self._release.wait())
        await asyncio.wait({gone, released}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            self._count(None, abandoned=True)
        for waiting in (gone, released):
            waiting.cancel()


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        continue


def _cut(answer: Cut, request: Request) -> Response:
    transport = request.scope["state"]["transport"]
    if answer.sent:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n"
        transport.write(head + answer.sent)
        transport.close()
    else:
        transport.abort()
    return Response()


class _Protocol(H11Protocol):
    """Hands each request its connection, so that an answer can break it."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
