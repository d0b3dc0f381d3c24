"""One JSON object a line on standard error: what happened to which request. No key, no prompt unless asked for.

The outermost room: every request gets an id, a line in the log and a place in the metrics; no fault gets past it.
"""

import json
import logging
import re
import secrets
import sys
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecoalign_agent.server.errors import internal_error, send_error
from ecoalign_agent.server.service import Metrics

LOG = logging.getLogger("ecoalign_agent.server")
"""Where the server writes; fields go into ``extra={"fields": {…}}``."""

_LONGEST = 4_000

_ENCODER = json.JSONEncoder(default=str)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, what happened, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; whatever a field holds, it stays one line and one object."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_LONGEST],
        }
        line |= {name: _bounded(value) for name, value in getattr(record, "fields", {}).items() if value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["traceback"] = _where(record.exc_info[1])
        return _ENCODER.encode(line)


class _Standard(logging.StreamHandler[Any]):
    """Writes to what standard error is at that moment; a reader who left is no error."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        with suppress(BrokenPipeError):
            super().emit(record)


def start_logging() -> None:
    """Send our own lines and the web server's warnings to standard error as JSON."""
    handler = _Standard()
    handler.setFormatter(JsonLines())
    for name, level in ((LOG.name, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 - JSON
    """Write one line."""
    LOG.log(level, event, extra={"fields": fields})


def _bounded(value: object) -> object:
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def _where(error: BaseException) -> list[str]:
    """Files, lines and functions, of every error of a group; not the messages, which may hold what was asked."""
    if isinstance(error, BaseExceptionGroup):
        return [place for inner in error.exceptions[:4] for place in _where(inner)]
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [type(error).__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]


_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_ROUTES = ("/v1/chat/completions", "/v1/models", "/healthz", "/metrics", "/v1/ecoalign/events", "/langserve")
_SELDOM_TOLD = frozenset({"/healthz", "/metrics"})
"""Asked every few seconds by machines: told only when something is wrong."""


@dataclass(slots=True)
class RequestLog:
    """What is known of a request for its line in the log."""

    request_id: str
    fields: dict[str, Any] = field(default_factory=dict)


def request_log_of(scope: Scope) -> RequestLog:
    """What the border keeps of a request."""
    said = scope["ecoalign"]
    assert isinstance(said, RequestLog)  # noqa: S101 - the border has put it there
    return said


def route_of(path: str) -> str:
    """The route of a path, from a fixed set: a path is the client's to write."""
    return next((route for route in _ROUTES if path == route or path.startswith(f"{route}/")), "other")


class RequestLogMiddleware:
    """Gives every request an id, taken from ``X-Request-Id`` where that is a plain one, and notes how it ended.

    Args:
        app: what is inside.
        metrics: where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0
        given = Headers(scope=scope).get("x-request-id", "")
        said = RequestLog(given if _ID.fullmatch(given) else secrets.token_hex(16))
        scope["ecoalign"] = said

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", said.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except Exception:
            LOG.exception("unexpected", extra={"fields": {"request_id": said.request_id}})
            if status == 0:
                await send_error(internal_error(), scope, receive, named)
        finally:
            self._note(scope, said, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, said: RequestLog, status: int, seconds: float) -> None:
        route = route_of(scope["path"])
        # Nothing was sent: the client left before.
        self._metrics.request(route, status or 499, seconds)
        if route in _SELDOM_TOLD and status == 200:
            return
        log_event(
            "request",
            level=logging.WARNING if status >= 500 else logging.INFO,
            request_id=said.request_id,
            method=scope["method"],
            route=route,
            status=status or 499,
            seconds=round(seconds, 4),
            **said.fields,
        )
