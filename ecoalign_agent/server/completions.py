"""A streamed answer: server-sent events in OpenAI's shape.

The first bytes go out at once, a comment follows whenever nothing else did for a while, and text goes out only when all
of it has passed its verdict. An error in mid-stream is an event with ``error`` in it, then ``[DONE]``.

``/v1/chat/completions`` and ``/v1/models``.
"""

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ecoalign_agent.server.answer_request import AnswerRequest, Outcome, read_answer_request
from ecoalign_agent.server.errors import ApiError, send_error
from ecoalign_agent.server.openai_schema import chat_completion, chat_completion_chunk
from ecoalign_agent.server.policies import UNASSESSED_MODEL, unknown_model
from ecoalign_agent.server.request_log import RequestLog, request_log_of
from ecoalign_agent.server.service import Service
from ecoalign_agent.server.supervision import ClientDisconnected, RunSignal, supervise

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


async def stream_answer(
    service: Service, order: AnswerRequest, scope: Scope, receive: Receive, send: Send
) -> Outcome | None:
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
    async with supervise(service, order, receive) as happenings:
        first = await _next(happenings, SOON)
        if isinstance(first, ApiError):
            fault = first
        elif isinstance(first, ClientDisconnected):
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
    service: Service, order: AnswerRequest, happenings: "asyncio.Queue[RunSignal]", first: RunSignal | None, send: Send
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
        if isinstance(happening, ClientDisconnected):
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


async def _next(happenings: "asyncio.Queue[RunSignal]", seconds: float) -> RunSignal | None:
    try:
        async with asyncio.timeout(seconds):
            return await happenings.get()
    except TimeoutError:
        return None


def _pieces(order: AnswerRequest, outcome: Outcome) -> Iterator[dict[str, Any]]:
    yield _chunk(order, {"role": "assistant", "content": "", "refusal": None})
    for piece in _PIECE.findall(outcome.text):
        yield _chunk(order, {"content": piece})
    if outcome.refused:
        yield _chunk(order, {"refusal": outcome.text})
    yield _chunk(order, {}, outcome.finish, ecoalign=outcome.receipt)
    if order.usage:
        yield chat_completion_chunk(order.run_id, order.model, None, usage=outcome.usage)


def _chunk(order: AnswerRequest, delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    made = chat_completion_chunk(order.run_id, order.model, delta, finish, **more)
    # So OpenAI says that the last chunk will hold the usage.
    return made | {"usage": None} if order.usage else made


def _event(content: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(content, separators=(',', ':'), allow_nan=False)}\n\n".encode()


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

SHOWN = {
    "ecoalign": "the server's policy",
    "ecoalign-frugal": "less than half the budget, no call that only looks ahead",
    "ecoalign-strict": "a strategy sooner, safer answers, every answer graded twice",
    UNASSESSED_MODEL: "the bare model: nothing is assessed",
}


def completion_routes(service: Service) -> list[Route]:
    """The routes that OpenAI's clients call. Plain ones: FastAPI's would cost as much as all the rest."""
    begun = int(time.time())

    async def models(request: Request) -> Response:
        del request
        return JSONResponse({"object": "list", "data": [_shown(name, begun) for name in service.models]})

    async def model(request: Request) -> Response:
        if (name := request.path_params["name"]) not in service.models:
            raise unknown_model(name, service.models)
        return JSONResponse(_shown(name, begun))

    async def complete(request: Request) -> Response:
        if not request.headers.get("content-type", "").lower().startswith("application/json"):
            # What a page in a browser can send without asking first is of another type.
            raise ApiError(415, "send JSON, as content type application/json", code="unsupported_media_type")
        order = read_answer_request(await request.body(), service)
        # Refused at once, so that a full server does not hold a stream open to say so.
        service.admission.check()
        return _Answer(service, order)

    return [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", models),
        Route("/v1/models/{name:path}", model),
    ]


class _Answer(Response):
    """The response to an order: made while it is sent, so that it sees its client leave."""

    def __init__(self, service: Service, order: AnswerRequest) -> None:
        super().__init__()
        self._service = service
        self._order = order

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        said = request_log_of(scope)
        self._note(said)
        way: Callable[..., Any] = stream_answer if self._order.stream else _whole_answer
        try:
            outcome = await way(self._service, self._order, scope, receive, send)
        except ApiError as error:
            said.fields["error_code"] = error.code
            said.fields["problem"] = str(error)
            await send_error(error, scope, receive, send)
            return
        if outcome is None:
            said.fields.setdefault("ended", "client left, or was told of an error")
        else:
            self._note_outcome(said, outcome)

    def _note(self, said: RequestLog) -> None:
        order = self._order
        said.fields |= {"run_id": order.run_id, "model": order.model, "stream": order.stream}
        said.fields["pictures"] = len(order.conversation.images)
        if self._service.config.log_prompts:
            said.fields["question"] = order.conversation.question

    def _note_outcome(self, said: RequestLog, outcome: Outcome) -> None:
        receipt = outcome.receipt
        said.fields |= {"outcome": receipt["status"], "stop_reason": receipt.get("stop_reason")}
        said.fields |= {"tokens": outcome.usage["total_tokens"], "cost_units": receipt["cost"]["spent"]}
        if self._service.config.log_prompts:
            said.fields["answer"] = outcome.text


async def _whole_answer(
    service: Service, order: AnswerRequest, scope: Scope, receive: Receive, send: Send
) -> Outcome | None:
    """Answer a request in one piece; None: the client left.

    Raises:
        ApiError: it can't be answered.
    """
    del scope
    async with supervise(service, order, receive) as happenings:
        happening = await happenings.get()
        # Events are only told where they were asked for; nobody sees them in an answer of one piece.
        while not isinstance(happening, Outcome | ApiError | ClientDisconnected):
            happening = await happenings.get()
    if isinstance(happening, ClientDisconnected):
        return None
    if isinstance(happening, ApiError):
        raise happening
    answer = chat_completion(
        order.run_id,
        order.model,
        happening.message,
        happening.finish,
        usage=happening.usage,
        ecoalign=happening.receipt,
    )
    content = _ENCODER.encode(answer).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return happening


def _shown(name: str, begun: int) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": begun,
        "owned_by": "ecoalign",
        "ecoalign": {"what": SHOWN[name], "assessed": name != UNASSESSED_MODEL},
    }
