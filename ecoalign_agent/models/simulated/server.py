"""The simulated model behind a URL: an OpenAI-compatible server on this machine alone, without a key.

Function calls, several choices and audio are refused with a 400.
"""

import asyncio
import hashlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import Any, Literal

import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response, StreamingResponse
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel, Field

from ecoalign_agent.errors import ModelNameError, RunError
from ecoalign_agent.models.simulated.model import SIMULATED_NAME, SimulatedModel, is_simulated, simulated_model
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

HOST = "127.0.0.1"
"""The only address it listens on, since it requires no key."""

_PIECE = 48
"""Characters of one piece of a stream."""


class _Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant"]
    content: str | list[dict[str, Any]] | None = None


class _CompletionRequest(BaseModel):
    model: str
    messages: list[_Message] = Field(min_length=1)
    max_tokens: int | None = Field(default=None, ge=1)
    max_completion_tokens: int | None = Field(default=None, ge=1)
    response_format: dict[str, Any] | None = None
    seed: int | None = None
    n: Literal[1] | None = None
    stream: bool = False
    stream_options: dict[str, Any] | None = None
    tools: None = Field(default=None, description="function calls are not simulated")


def create_simulated_app(model: SimulatedModel) -> FastAPI:
    """The application; other models than ``simulated`` are built for requests that name them."""
    app = FastAPI(title=f"EcoAlign: {SIMULATED_LABEL}", openapi_url=None)

    @lru_cache(maxsize=64)
    def named(name: str) -> SimulatedModel:
        if name == SIMULATED_NAME:
            return model
        if not is_simulated(name):
            raise ModelNameError(f"model {name!r} is not served here; ask for {SIMULATED_NAME!r}")
        pace = {"latency": model.parameters.latency, "seconds_a_token": model.parameters.seconds_a_token}
        return simulated_model(name, **pace)

    @app.exception_handler(RequestValidationError)
    async def invalid_request(request: Request, error: RequestValidationError) -> Response:
        del request
        first = error.errors()[0]
        field = ".".join(str(step) for step in first["loc"][1:])
        return _error_response(400, f"{field}: {first['msg']}", param=field)

    @app.exception_handler(ModelNameError)
    async def unknown_model(request: Request, error: ModelNameError) -> Response:
        del request
        return _error_response(404, str(error), param="model")

    @app.get("/v1/models")
    async def models() -> dict[str, Any]:
        return {"object": "list", "data": [{"id": SIMULATED_NAME, "object": "model", "owned_by": SIMULATED_LABEL}]}

    @app.post("/v1/chat/completions")
    async def complete(request: _CompletionRequest) -> Response:
        answering = named(request.model)
        options: dict[str, Any] = {
            "max_tokens": request.max_completion_tokens or request.max_tokens,
            "response_format": request.response_format,
            "seed": request.seed,
        }
        reply = await answering.ainvoke([_message(m) for m in request.messages], **options)
        if request.stream:
            with_usage = bool((request.stream_options or {}).get("include_usage"))
            events = _streamed(reply, request.model, with_usage=with_usage)
            return StreamingResponse(events, media_type="text/event-stream")
        message = {"role": "assistant", "content": reply.text, "refusal": None}
        choice = {"index": 0, "message": message, "finish_reason": reply.response_metadata["finish_reason"]}
        usage = reply.response_metadata["token_usage"]
        return JSONResponse(_envelope(reply, request.model, "chat.completion") | {"choices": [choice], "usage": usage})

    return app


def listening_socket(port: int) -> socket.socket:
    """A socket that listens on this machine's own address; RunError: the port is taken."""
    # With its protocol named, asyncio switches Nagle's algorithm off: else small answers wait for an ACK.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((HOST, port))
        listening.listen(2_048)
    except OSError as error:
        listening.close()
        raise RunError(f"can't listen at port {port}: {error.strerror or error}; choose another with --port") from error
    return listening


def serve_simulated(app: FastAPI, listening: socket.socket) -> None:
    """Serve until a signal ends it."""
    try:
        asyncio.run(SimulatedServer(app).serve([listening]))
    finally:
        listening.close()


class SimulatedServer(uvicorn.Server):
    """A web server without log output that ends in order on a signal."""

    def __init__(self, app: FastAPI) -> None:
        options: dict[str, Any] = {"log_config": None, "access_log": False, "timeout_graceful_shutdown": 2}
        super().__init__(uvicorn.Config(app, ws="none", lifespan="off", **options))

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End on a signal without raising it again, as the base class would."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(NotImplementedError, RuntimeError):  # Windows; a thread of somebody's
                loop.add_signal_handler(number, self._end)
        yield

    def _end(self) -> None:
        self.should_exit = True


def _message(given: _Message) -> BaseMessage:
    content: Any = given.content or ""
    if given.role in {"system", "developer"}:
        return SystemMessage(content)
    return HumanMessage(content) if given.role == "user" else AIMessage(content)


def _envelope(reply: AIMessage, model: str, kind: str) -> dict[str, Any]:
    digest = hashlib.blake2b(reply.text.encode(), digest_size=8).hexdigest()
    return {
        "id": f"chatcmpl-{digest}",
        "object": kind,
        "created": int(time.time()),
        "model": model,
        "system_fingerprint": SIMULATED_LABEL,
    }


async def _streamed(reply: AIMessage, model: str, *, with_usage: bool) -> AsyncIterator[str]:
    head, text = _envelope(reply, model, "chat.completion.chunk"), reply.text
    pieces = [text[start : start + _PIECE] for start in range(0, len(text), _PIECE)]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in pieces)]
    finish = reply.response_metadata["finish_reason"]
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    for choice in [*choices, {"index": 0, "delta": {}, "finish_reason": finish}]:
        yield f"data: {json.dumps(head | {'choices': [choice]})}\n\n"
    if with_usage:
        yield f"data: {json.dumps(head | {'choices': [], 'usage': reply.response_metadata['token_usage']})}\n\n"
    yield "data: [DONE]\n\n"


def _error_response(status: int, message: str, *, param: str) -> Response:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return JSONResponse({"error": error}, status)
