"""A streamed answer: server-sent events in OpenAI's shape.

The first bytes go out at once, a comment follows whenever nothing else did for a while, and text goes out only when all
of it has passed its verdict. An error in mid-stream is an event with ``error`` in it, then ``[DONE]``.
"""

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

from starlette.types import Receive, Scope, Send

from ecoalign_agent.serving.faults import ApiError
from ecoalign_agent.serving.order import Order
from ecoalign_agent.serving.outcome import Outcome
from ecoalign_agent.serving.running import Happening, Left, watched
from ecoalign_agent.serving.service import Service
from ecoalign_agent.serving.wire import chunk

ALIVE = b": keep-alive\n\n"
DONE = b"data: [DONE]\n\n"

SOON = 0.05
"""Seconds in which a request that can't be answered still gets a status of its own; then the stream begins."""

_PIECE = re.compile(r"\S{1,400}\s*|\s+")

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # nginx would hold the stream back.
    (b"x-accel-buffering", b"no"),
]


class _StalledError(Exception):
    """The client takes nothing more."""


async def stream_answer(service: Service, order: Order, scope: Scope, receive: Receive, send: Send) -> Outcome | None:
    """Answer a request by a stream; None: the client left, or was told of an error.

    Args:
        service: what the routes share.
        order: what is to be answered.
        scope: of the request.
        receive: of the request, whose body has been read.
        send: of the request.

    Raises:
        ApiError: before anything was sent.
    """
    del scope
    async with watched(service, order, receive) as happenings:
        first = await _next(happenings, SOON)
        if isinstance(first, ApiError):
            fault = first
        elif isinstance(first, Left):
            return None
        else:
            try:
                return await _stream(service, order, happenings, first, send)
            except _StalledError:
                service.metrics.cancelled("client_stalled")
                return None
    # Outside of the task group, which would wrap it.
    raise fault


async def _stream(
    service: Service, order: Order, happenings: "asyncio.Queue[Happening]", first: Happening | None, send: Send
) -> Outcome | None:
    async def write(data: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(service.config.stalled_seconds):
                await send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise _StalledError from None

    await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
    happening, outcome = first, None
    await write(ALIVE)
    while not isinstance(happening, Outcome):
        if isinstance(happening, Left):
            return None
        if isinstance(happening, ApiError):
            await write(_event(happening.body))
            break
        if happening is not None:
            event = happening.model_dump(mode="json")
            await write(_event(_chunk(order, {}, ecoalign=event)))
        happening = await _next(happenings, service.config.heartbeat)
        if happening is None:
            await write(ALIVE)
    else:
        outcome = happening
        await write(b"".join(_event(piece) for piece in _pieces(order, outcome)))
    await write(DONE, more=False)
    return outcome


async def _next(happenings: "asyncio.Queue[Happening]", seconds: float) -> Happening | None:
    try:
        async with asyncio.timeout(seconds):
            return await happenings.get()
    except TimeoutError:
        return None


def _pieces(order: Order, outcome: Outcome) -> Iterator[dict[str, Any]]:
    yield _chunk(order, {"role": "assistant", "content": "", "refusal": None})
    for piece in _PIECE.findall(outcome.text):
        yield _chunk(order, {"content": piece})
    if outcome.refused:
        yield _chunk(order, {"refusal": outcome.text})
    yield _chunk(order, {}, outcome.finish, ecoalign=outcome.receipt)
    if order.usage:
        yield chunk(order.run_id, order.model, None, usage=outcome.usage)


def _chunk(order: Order, delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    made = chunk(order.run_id, order.model, delta, finish, **more)
    # So OpenAI says that the last chunk will hold the usage.
    return made | {"usage": None} if order.usage else made


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content, separators=(',', ':'), allow_nan=False)}\n\n".encode()
