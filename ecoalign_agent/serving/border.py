"""The outermost room: every request gets an id, a line in the log and a place in the metrics; no fault gets past it."""

import logging
import re
import secrets
import time
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecoalign_agent.serving.faults import internal, respond
from ecoalign_agent.serving.logs import LOG, tell
from ecoalign_agent.serving.metrics import Metrics

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

_ROUTES = ("/v1/chat/completions", "/v1/models", "/healthz", "/metrics", "/v1/ecoalign/events", "/langserve")
_SELDOM_TOLD = frozenset({"/healthz", "/metrics"})
"""Asked every few seconds by machines: told only when something is wrong."""


@dataclass(slots=True)
class Said:
    """What is known of a request for its line in the log."""

    request_id: str
    fields: dict[str, Any] = field(default_factory=dict)


def said_of(scope: Scope) -> Said:
    """What the border keeps of a request."""
    said = scope["ecoalign"]
    assert isinstance(said, Said)  # noqa: S101 - the border has put it there
    return said


def route_of(path: str) -> str:
    """The route of a path, from a fixed set: a path is the client's to write."""
    return next((route for route in _ROUTES if path == route or path.startswith(f"{route}/")), "other")


class Border:
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
        said = Said(given if _ID.fullmatch(given) else secrets.token_hex(16))
        scope["ecoalign"] = said

        async def named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", said.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, named)
        except Exception:  # noqa: BLE001 - the outermost border of a request: it is logged, and told as 500
            LOG.error("unexpected", exc_info=True, extra={"fields": {"request_id": said.request_id}})
            if status == 0:
                await respond(internal(), scope, receive, named)
        finally:
            self._note(scope, said, status, time.perf_counter() - begun)

    def _note(self, scope: Scope, said: Said, status: int, seconds: float) -> None:
        route = route_of(scope["path"])
        # Nothing was sent: the client left before.
        self._metrics.request(route, status or 499, seconds)
        if route in _SELDOM_TOLD and status == 200:
            return
        tell(
            "request",
            level=logging.WARNING if status >= 500 else logging.INFO,
            request_id=said.request_id,
            method=scope["method"],
            route=route,
            status=status or 499,
            seconds=round(seconds, 4),
            **said.fields,
        )
