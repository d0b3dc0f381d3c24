"""An OpenAI-compatible server on loopback that answers by a script, and the replies it can give."""

import asyncio
import json
import math
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Self

if TYPE_CHECKING:
    from fastapi import FastAPI, Request, Response

JsonObject = dict[str, Any]

ReportedUsage = Mapping[str, Any] | Literal["counted", "absent"]
"""``counted``: four characters a token; ``absent``: none is reported; else this mapping, sane or not."""


@dataclass(frozen=True)
class ToolCallReply:
    """A function call; ``arguments`` is the raw string, broken or not."""

    name: str
    arguments: str


@dataclass(frozen=True)
class CompletionReply:
    """A 200 with one choice.

    Attributes:
        finish: the finish reason.
        refusal: the model's own refusal, in OpenAI's field for it.
        streams_usage: True: a streamed reply ends with its usage, when that is asked for.
    """

    content: str | None = None
    tools: Sequence[ToolCallReply] = ()
    finish: str | None = "stop"
    refusal: str | None = None
    usage: ReportedUsage = "counted"
    streams_usage: bool = True

    def body(self, request: JsonObject) -> JsonObject:
        """The response body in OpenAI's form."""
        message: JsonObject = {"role": "assistant", "content": self.content, "refusal": self.refusal}
        if self.tools:
            message["tool_calls"] = [
                {
                    "id": f"call_{number}",
                    "type": "function",
                    "function": {"name": tool.name, "arguments": tool.arguments},
                }
                for number, tool in enumerate(self.tools)
            ]
        body: JsonObject = {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": request.get("model", "m"),
            "choices": [{"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}],
        }
        if self.usage == "counted":
            body["usage"] = counted_usage(
                request, (self.content or "") + "".join(tool.arguments for tool in self.tools)
            )
        elif self.usage != "absent":
            body["usage"] = self.usage
        return body

    def streamed(self, request: JsonObject) -> str:
        """The response as server-sent events: the text in two pieces, the finish reason, the usage if asked for."""
        body = self.body(request)
        usage, text = body.pop("usage", None), self.content or ""
        head, half = body | {"object": "chat.completion.chunk"}, len(text) // 2
        deltas: list[JsonObject] = [{"role": "assistant", "content": text[:half]}, {"content": text[half:]}, {}]
        reasons = (None, None, self.finish)
        chunks: list[JsonObject] = [
            head | {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}]}
            for delta, reason in zip(deltas, reasons, strict=True)
        ]
        if self.streams_usage and usage is not None and (request.get("stream_options") or {}).get("include_usage"):
            chunks.append(head | {"choices": [], "usage": usage})
        return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


@dataclass(frozen=True)
class ErrorReply:
    """An HTTP error in OpenAI's form; ``retry_after`` is the header's value."""

    status: int
    message: str = "something went wrong"
    param: str | None = None
    code: str | None = None
    retry_after: str | None = None


def counted_usage(request: JsonObject, content: str) -> JsonObject:
    """Usage by four characters a token; a picture counts 85."""
    texts, images = [], 0
    for message in request.get("messages", []):
        parts = message.get("content") or ""
        for part in [{"type": "text", "text": parts}] if isinstance(parts, str) else parts:
            if part["type"] == "text":
                texts.append(part["text"])
            else:
                images += 85
    prompt, completion = math.ceil(len("".join(texts)) / 4) + images, math.ceil(len(content) / 4)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "image_tokens": images},
    }


@dataclass(frozen=True)
class ServerRequest:
    """One request to a scripted server."""

    body: JsonObject
    headers: dict[str, str]


class ScriptedServer:
    """An OpenAI-compatible server on a free port of loopback: ``POST /v1/chat/completions`` and ``GET /v1/models``.

    A real uvicorn in a thread; use it as a context manager. It needs the extra ``serve``::

        with ScriptedServer(lambda body: CompletionReply('{"text": "At nine."}')) as server:
            agent = EcoAlign("openai:m", base_url=server.url)
        assert server.bodies[0]["model"] == "m"

    ``answer`` maps a request body to its reply, or is one reply for all requests. ``abandoned_requests`` counts those
    whose client left before the reply.
    """

    def __init__(self, answer: Any = None, *, models: Sequence[str] = ("m",)) -> None:  # noqa: ANN401 - subclasses take more
        import uvicorn  # noqa: PLC0415 - an extra

        self.models = models
        self.requests: list[ServerRequest] = []
        self.open_requests = self.max_open_requests = self.abandoned_requests = 0
        self._changed = threading.Condition()
        # With its protocol named, asyncio switches Nagle's algorithm off: else every answer waits 40 ms for an ACK.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self.answer: Callable[[JsonObject], Any] = lambda _: CompletionReply("{}")
        self.answering(answer)
        config = uvicorn.Config(
            self._app(),
            http=self._http_protocol(),
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="critical",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._serve, name="scripted server", daemon=True)

    @property
    def url(self) -> str:
        """The base URL for clients."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}/v1"

    @property
    def bodies(self) -> list[JsonObject]:
        """The bodies of all requests, in order of arrival."""
        return [request.body for request in self.requests]

    def answering(self, answer: Any) -> Self:  # noqa: ANN401 - as in __init__
        """Answer so from now on; None changes nothing."""
        if answer is not None:
            self.answer = answer if callable(answer) else lambda _: answer
        return self

    def reset(self, answer: Any = None) -> Self:  # noqa: ANN401 - as in __init__
        """Forget all requests, and answer so from now on."""
        with self._changed:
            self.requests, self.max_open_requests, self.abandoned_requests = [], 0, 0
        return self.answering(answer or CompletionReply("{}"))

    async def until(self, condition: Callable[[], bool], *, within: float = 60.0) -> None:
        """Wait for a condition on this server, such as ``lambda: server.open_requests == 1``; else AssertionError."""

        def wait() -> bool:
            with self._changed:
                return self._changed.wait_for(condition, within)

        if not await asyncio.to_thread(wait):
            raise AssertionError(f"did not come to hold within {within} s")

    def __enter__(self) -> Self:
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        self._thread.start()  # connections wait in the backlog until it serves
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve([self._socket]))

    def _http_protocol(self) -> type[asyncio.Protocol]:
        from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - an extra

        return H11Protocol

    def _app(self) -> "FastAPI":
        import fastapi  # noqa: PLC0415 - an extra
        from starlette.requests import ClientDisconnect  # noqa: PLC0415 - as above

        app = fastapi.FastAPI(openapi_url=None)

        async def complete(request: "Request") -> "Response":
            try:
                body = await request.json()
            except ClientDisconnect:
                # It was sent all the same, and may be counted.
                self._count(ServerRequest({}, dict(request.headers)))
                self._count(None, abandoned=True)
                self._count(None)
                return fastapi.Response()
            return await self._answer(body, request)

        async def list_models() -> JsonObject:
            return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]}

        # Annotations in quotes would be looked up in this module, which does not import FastAPI.
        complete.__annotations__ = {"request": fastapi.Request, "return": fastapi.Response}
        app.post("/v1/chat/completions")(complete)
        app.get("/v1/models")(list_models)
        return app

    async def _answer(self, body: JsonObject, request: "Request") -> "Response":
        self._count(ServerRequest(body, dict(request.headers)))
        try:
            return await self._response(self.answer(body), body, request)
        finally:
            self._count(None)

    async def _response(self, answer: Any, body: JsonObject, request: "Request") -> "Response":  # noqa: ANN401, ARG002 - subclasses take more
        from fastapi import Response  # noqa: PLC0415 - an extra
        from fastapi.responses import JSONResponse  # noqa: PLC0415 - as above

        if isinstance(answer, ErrorReply):
            headers = {} if answer.retry_after is None else {"retry-after": answer.retry_after}
            error = {"message": answer.message, "type": "error", "param": answer.param, "code": answer.code}
            return JSONResponse({"error": error}, answer.status, headers)
        if isinstance(answer, CompletionReply):
            if body.get("stream"):
                return Response(answer.streamed(body), media_type="text/event-stream")
            # Not JSONResponse: a test may want NaN in its usage.
            return Response(json.dumps(answer.body(body)), media_type="application/json")
        raise TypeError(f"no answer: {answer!r}")

    def _count(self, arrived: ServerRequest | None, *, abandoned: bool = False) -> None:
        with self._changed:
            if arrived is not None:
                self.requests.append(arrived)
                self.open_requests += 1
                self.max_open_requests = max(self.max_open_requests, self.open_requests)
            elif abandoned:
                self.abandoned_requests += 1
            else:
                self.open_requests -= 1
            self._changed.notify_all()
