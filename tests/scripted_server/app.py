"""The scripted server with faults: it breaks, delays and withholds answers as a test says."""

import asyncio
import json
from contextlib import nullcontext
from typing import Any, Self

from fastapi import Request, Response
from uvicorn.protocols.http.h11_impl import H11Protocol

from ecoalign_agent.testing import JsonObject, ScriptedServer
from tests.scripted_server.replies import Answer, Answerer, Cut, Delayed, Drip, Hang, Raw


class ChatServer(ScriptedServer):
    """A ``ScriptedServer`` that also gives the faults of ``replies``; usable again after ``reset``."""

    def __init__(self, answer: Answerer | Answer | None = None, *, models: tuple[str, ...] = ("m",)) -> None:
        self._release = asyncio.Event()
        self._one_at_a_time = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        super().__init__(answer, models=models)

    def reset(self, answer: Answerer | Answer | None = None) -> Self:
        """Forget all requests, let go of what hangs, and answer so from now on."""
        self._let_go()
        return super().reset(answer)

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._let_go()
        super().__exit__(*exc_info)

    def _let_go(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._swap_release)

    def _swap_release(self) -> None:
        self._release.set()
        self._release = asyncio.Event()

    def _http_protocol(self) -> type[asyncio.Protocol]:
        return _Protocol

    async def _response(self, answer: Answer, body: JsonObject, request: Request) -> Response:
        while isinstance(answer, Delayed):
            async with self._one_at_a_time if answer.alone else nullcontext():
                await self._pause(request, answer.seconds)
            answer = answer.then
        match answer:
            case Hang():
                await self._pause(request, None)
                return Response(status_code=503)
            case Cut():
                return _cut(answer, request)
            case Drip():
                return await self._drip(answer, body, request)
            case Raw():
                return Response(answer.content, answer.status, media_type=answer.mime)
        return await super()._response(answer, body, request)

    async def _drip(self, answer: Drip, body: JsonObject, request: Request) -> Response:
        """Past the framework, which would send the whole body at once."""
        content = json.dumps(answer.then.body(body)).encode()
        transport = request.scope["state"]["transport"]
        transport.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"content-length: %d\r\n\r\n" % len(content)
        )
        for position in range(len(content)):
            await self._pause(request, answer.seconds)
            if transport.is_closing():
                break
            transport.write(content[position : position + 1])
        transport.close()
        return Response()

    async def _pause(self, request: Request, seconds: float | None) -> None:
        """Wait, but not for a client that has left."""
        self._loop = asyncio.get_running_loop()
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
