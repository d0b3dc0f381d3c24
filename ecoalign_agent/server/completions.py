"""``/v1/chat/completions`` and ``/v1/models``: answers in one piece, or streamed as server-sent events.

A stream begins at once, with a comment whenever nothing else was sent for a while; text is sent only after all of it
has passed its verdict. An error in a stream is an event with ``error``, then ``[DONE]``.
"""

import asyncio
import json
import re
import time
from collections.abc import Iterator
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ecoalign_agent.server.answer_request import AnswerRequest, Outcome, read_answer_request
from ecoalign_agent.server.errors import ApiError, require_json, send_error
from ecoalign_agent.server.event_streams import SSE_HEADERS, sse_frame
from ecoalign_agent.server.observability import request_log_of
from ecoalign_agent.server.openai_schema import chat_completion_chunk
from ecoalign_agent.server.policies import UNASSESSED_MODEL, unknown_model
from ecoalign_agent.server.service import Service
from ecoalign_agent.server.supervision import ClientDisconnected, RunSignal, supervise

KEEP_ALIVE = b": keep-alive\n\n"

_STATUS_SECONDS = 0.05
"""Seconds in which an error still gets a status of its own; then the stream begins."""

_PIECE = re.compile(r"\S{1,400}\s*|\s+")

_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)

MODEL_TEXTS = {
    "ecoalign": "the server's policy",
    "ecoalign-frugal": "less than half the budget, no call that only looks ahead",
    "ecoalign-strict": "a strategy sooner, safer answers, every answer graded twice",
    UNASSESSED_MODEL: "the bare model: nothing is assessed",
}
"""Descriptions in the list of models."""


def completion_routes(service: Service) -> list[Route]:
    """The routes that OpenAI's clients call. Starlette's: FastAPI's would cost as much as all the rest."""
    created = int(time.time())

    async def list_models(request: Request) -> Response:
        del request
        return JSONResponse({"object": "list", "data": [_model_object(name, created) for name in service.models]})

    async def show_model(request: Request) -> Response:
        if (name := request.path_params["name"]) not in service.models:
            raise unknown_model(name, service.models)
        return JSONResponse(_model_object(name, created))

    async def complete(request: Request) -> Response:
        require_json(request)
        answer_request = read_answer_request(await request.body(), service)
        # Checked at once, so that a full server opens no stream only to refuse.
        service.admission.check()
        return _AnswerResponse(service, answer_request)

    return [
        Route("/v1/chat/completions", complete, methods=["POST"]),
        Route("/v1/models", list_models),
        Route("/v1/models/{name:path}", show_model),
    ]


def _model_object(name: str, created: int) -> dict[str, Any]:
    return {
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "ecoalign",
        "ecoalign": {"what": MODEL_TEXTS[name], "assessed": name != UNASSESSED_MODEL},
    }


class _AnswerResponse(Response):
    """Runs the request while the response is sent, so that a client that leaves is noticed."""

    def __init__(self, service: Service, request: AnswerRequest) -> None:
        super().__init__()
        self._service = service
        self._request = request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        log, request, shown = request_log_of(scope), self._request, self._service.config.log_prompts
        log.fields |= {"run_id": request.run_id, "model": request.model, "stream": request.stream}
        log.fields["pictures"] = len(request.conversation.images)
        if shown:
            log.fields["question"] = request.conversation.question
        answer = stream_answer if request.stream else send_answer
        try:
            outcome = await answer(self._service, request, receive, send)
        except ApiError as error:
            log.fields |= {"error_code": error.code, "problem": str(error)}
            await send_error(error, send)
            return
        if outcome is None:
            log.fields.setdefault("ended", "client left, or was told of an error")
            return
        receipt = outcome.receipt
        log.fields |= {"outcome": receipt["status"], "stop_reason": receipt.get("stop_reason")}
        log.fields |= {"tokens": outcome.usage["total_tokens"], "cost_units": receipt["cost"]["spent"]}
        if shown:
            log.fields["answer"] = outcome.text


async def send_answer(service: Service, request: AnswerRequest, receive: Receive, send: Send) -> Outcome | None:
    """Run a request and answer it in one piece; None: the client left. A run that failed raises ``ApiError``."""
    async with supervise(service, request, receive) as signals:
        signal = await signals.get()
        # Events come only where they were asked for; an answer in one piece has no room for them.
        while not isinstance(signal, Outcome | ApiError | ClientDisconnected):
            signal = await signals.get()
    if isinstance(signal, ClientDisconnected):
        return None
    if isinstance(signal, ApiError):
        raise signal
    content = _ENCODER.encode(signal.completion(request.run_id, request.model)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": content})
    return signal


class _StalledError(Exception):
    """The client reads nothing more."""


async def stream_answer(service: Service, request: AnswerRequest, receive: Receive, send: Send) -> Outcome | None:
    """Run a request and answer it by a stream; None: the client left, stalled, or got an error in the stream.

    A run that failed before anything was sent raises ``ApiError``.
    """
    async with supervise(service, request, receive) as signals:
        first = await _next(signals, _STATUS_SECONDS)
        if isinstance(first, ClientDisconnected):
            return None
        if not isinstance(first, ApiError):
            try:
                return await _stream(service, request, signals, first, send)
            except _StalledError:
                service.metrics.record_cancellation("client_stalled")
                return None
    # Outside of the task group, which would wrap it.
    raise first


async def _stream(
    service: Service, request: AnswerRequest, signals: "asyncio.Queue[RunSignal]", first: RunSignal | None, send: Send
) -> Outcome | None:
    async def write(data: bytes, *, more: bool = True) -> None:
        try:
            async with asyncio.timeout(service.config.stalled_seconds):
                await send({"type": "http.response.body", "body": data, "more_body": more})
        except TimeoutError:
            raise _StalledError from None

    headers = [(name.encode(), value.encode()) for name, value in SSE_HEADERS.items()]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    signal, outcome = first, None
    await write(KEEP_ALIVE)
    while not isinstance(signal, Outcome):
        if isinstance(signal, ClientDisconnected):
            return None
        if isinstance(signal, ApiError):
            await write(_json_frame(signal.body))
            break
        if signal is not None:
            await write(_json_frame(_chunk(request, {}, ecoalign=signal.model_dump(mode="json"))))
        signal = await _next(signals, service.config.heartbeat)
        if signal is None:
            await write(KEEP_ALIVE)
    else:
        outcome = signal
        await write(b"".join(_json_frame(chunk) for chunk in _answer_chunks(request, outcome)))
    await write(sse_frame("[DONE]").encode(), more=False)
    return outcome


async def _next(signals: "asyncio.Queue[RunSignal]", seconds: float) -> RunSignal | None:
    try:
        async with asyncio.timeout(seconds):
            return await signals.get()
    except TimeoutError:
        return None


def _answer_chunks(request: AnswerRequest, outcome: Outcome) -> Iterator[dict[str, Any]]:
    yield _chunk(request, {"role": "assistant", "content": "", "refusal": None})
    for piece in _PIECE.findall(outcome.text):
        yield _chunk(request, {"content": piece})
    if outcome.refused:
        yield _chunk(request, {"refusal": outcome.text})
    yield _chunk(request, {}, outcome.finish_reason, ecoalign=outcome.receipt)
    if request.include_usage:
        yield chat_completion_chunk(request.run_id, request.model, None, usage=outcome.usage)


def _chunk(
    request: AnswerRequest,
    delta: dict[str, Any],
    finish_reason: str | None = None,
    **more: Any,  # noqa: ANN401 - JSON
) -> dict[str, Any]:
    chunk = chat_completion_chunk(request.run_id, request.model, delta, finish_reason, **more)
    # OpenAI's sign that the last chunk will hold the usage.
    return chunk | {"usage": None} if request.include_usage else chunk


def _json_frame(content: dict[str, Any]) -> bytes:
    return sse_frame(_ENCODER.encode(content)).encode()
