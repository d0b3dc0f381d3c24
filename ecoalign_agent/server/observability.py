"""Observability: log lines as JSON, Prometheus metrics, OpenTelemetry traces, and the middleware that feeds them.

No key is logged, and no prompt unless configured. Metrics live in a registry of each server. The destination of spans
comes from OpenTelemetry's own variables (``OTEL_EXPORTER_OTLP_ENDPOINT`` and its kin); LangSmith needs nothing of
ours, LangChain reads its variables by itself.
"""

import json
import logging
import re
import secrets
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from importlib.util import find_spec
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Result, Tokens
from ecoalign_agent.server.errors import internal_error, send_error
from ecoalign_agent.server.limits import Admission

LOG = logging.getLogger("ecoalign_agent.server")
"""The server's logger; fields go into ``extra={"fields": {…}}``."""

_MAX_TEXT = 4_000

_ENCODER = json.JSONEncoder(default=str)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, event, fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record; whatever a field holds, it stays one line and one object."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_MAX_TEXT],
        }
        line |= {name: _shorten(value) for name, value in getattr(record, "fields", {}).items() if value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["traceback"] = _frames(record.exc_info[1])
        return _ENCODER.encode(line)


class _StandardError(logging.StreamHandler[Any]):
    # To the current standard error; a reader that is gone is no error.
    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        with suppress(BrokenPipeError):
            super().emit(record)


def start_logging() -> None:
    """Send the server's lines and uvicorn's warnings to standard error as JSON."""
    handler = _StandardError()
    handler.setFormatter(JsonLines())
    for name, level in ((LOG.name, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def log_event(event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 - JSON
    """Write one line."""
    LOG.log(level, event, extra={"fields": fields})


def _shorten(value: object) -> object:
    return value[:_MAX_TEXT] + "…" if isinstance(value, str) and len(value) > _MAX_TEXT else value


def _frames(error: BaseException) -> list[str]:
    # No messages, which may hold a prompt.
    if isinstance(error, BaseExceptionGroup):
        return [frame for inner in error.exceptions[:4] for frame in _frames(inner)]
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [type(error).__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]


_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """Prometheus metrics of one server. Labels come from fixed sets: a client's text must not make new series."""

    def __init__(self, admission: Admission) -> None:
        to = self._registry = CollectorRegistry()
        # Looked up by prometheus_client each time, the series would take a tenth of a request's CPU.
        self._child = cache(lambda metric, *labels: metric.labels(*labels))
        self._requests = Counter("ecoalign_requests", "Requests answered.", ["route", "code"], registry=to)
        self._request_seconds = Histogram(
            "ecoalign_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=to,
        )
        self._runs = Counter("ecoalign_runs", "Runs that ended.", ["model", "status", "stop_reason"], registry=to)
        self._cancelled = Counter("ecoalign_runs_cancelled", "Runs that were cancelled.", ["why"], registry=to)
        self._tokens = Counter("ecoalign_tokens", "Tokens that runs used.", ["part"], registry=to)
        self._cost = Counter("ecoalign_cost_units", "Cost units that runs spent.", ["model"], registry=to)
        self._overrun = Counter("ecoalign_overrun_cost_units", "Cost units spent above a budget.", registry=to)
        self._unknown = Counter(
            "ecoalign_unknown_verdicts", "Verdicts that could not be had or read; each counted as unsafe.", registry=to
        )
        self._run_seconds = Histogram(
            "ecoalign_run_seconds", "Seconds that runs took.", ["model"], buckets=_SECONDS, registry=to
        )
        Gauge("ecoalign_runs_under_way", "Runs under way.", registry=to).set_function(lambda: admission.running)
        Gauge("ecoalign_requests_waiting", "Requests that wait for a place.", registry=to).set_function(
            lambda: admission.waiting
        )

    def record_request(self, route: str, code: int, seconds: float) -> None:
        """Count a request that was answered."""
        self._child(self._requests, route, str(code)).inc()
        self._child(self._request_seconds, route).observe(seconds)

    def record_run(self, model: str, result: Result) -> None:
        """Count a run that ended, with its cost."""
        self._child(self._runs, model, result.status, result.stop_reason).inc()
        self._child(self._run_seconds, model).observe(result.seconds)
        self._overrun.inc(result.cost.overrun)
        self._unknown.inc(result.unknown_verdicts)
        self.record_cost(model, result.cost.tokens, result.cost.spent)

    def record_cancellation(self, reason: str) -> None:
        """Count a cancelled run; ``reason`` is ``client_left``, ``client_stalled`` or ``shutting_down``."""
        self._child(self._cancelled, reason).inc()

    def record_cost(self, model: str, tokens: Tokens, cost: float) -> None:
        """Add tokens and cost units."""
        for part, count in tokens.model_dump().items():
            self._child(self._tokens, part).inc(count)
        self._child(self._cost, model).inc(cost)

    def text(self) -> bytes:
        """The exposition that Prometheus reads."""
        return generate_latest(self._registry)


_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

ROUTES = ("/v1/chat/completions", "/v1/models", "/healthz", "/metrics", "/v1/ecoalign/events", "/langserve")
"""Labels of requests: a path is the client's text."""

_POLLED = frozenset({"/healthz", "/metrics"})
"""Requested every few seconds by machines: logged only if something is wrong."""


@dataclass(slots=True)
class RequestLog:
    """The id of a request and the fields of its log line."""

    request_id: str
    fields: dict[str, Any] = field(default_factory=dict)


def request_log_of(scope: Scope) -> RequestLog:
    """The log of a request, set by :class:`RequestLogMiddleware`."""
    log = scope["ecoalign"]
    assert isinstance(log, RequestLog)  # noqa: S101 - set by the middleware
    return log


class RequestLogMiddleware:
    """Outermost middleware: assigns a request id, logs, counts, turns unhandled exceptions into a 500.

    The id is the client's ``X-Request-Id`` where that is a plain one, else drawn.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin, status = time.perf_counter(), 0
        client_id = Headers(scope=scope).get("x-request-id", "")
        log = RequestLog(client_id if _REQUEST_ID.fullmatch(client_id) else secrets.token_hex(16))
        scope["ecoalign"] = log

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (b"x-request-id", log.request_id.encode())]
            await send(message)

        try:
            await self._app(scope, receive, send_with_id)
        except Exception:
            LOG.exception("unexpected", extra={"fields": {"request_id": log.request_id}})
            if status == 0:
                await send_error(internal_error(), send_with_id)
        finally:
            self._record(scope, log, status, time.perf_counter() - begin)

    def _record(self, scope: Scope, log: RequestLog, status: int, seconds: float) -> None:
        path = scope["path"]
        route = next((route for route in ROUTES if path == route or path.startswith(f"{route}/")), "other")
        # 499: nothing was sent, the client left before.
        self._metrics.record_request(route, status or 499, seconds)
        if route in _POLLED and status == 200:
            return
        log_event(
            "request",
            level=logging.WARNING if status >= 500 else logging.INFO,
            request_id=log.request_id,
            method=scope["method"],
            route=route,
            status=status or 499,
            seconds=round(seconds, 4),
            **log.fields,
        )


_TRACING = ("openinference.instrumentation.langchain", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def is_tracing_installed() -> bool:
    """Whether the extra ``otel`` is installed."""
    try:
        return all(find_spec(name) is not None for name in _TRACING)
    except ModuleNotFoundError:  # a package above one of them is missing
        return False


def start_tracing(*, prompts: bool) -> Callable[[], None]:
    """Trace every run of this process by OpenInference's instrumentation of LangChain.

    Returns a function that ends the tracing and sends the remaining spans; to be called once.

    Args:
        prompts: whether questions, answers and pictures go into the spans.

    Raises:
        UsageError: the extra is not installed.
    """
    if not is_tracing_installed():
        raise UsageError("--otel needs the extra otel: pip install 'ecoalign-agent[otel]'")
    from openinference.instrumentation import TraceConfig  # noqa: PLC0415 - the extra may be missing
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415 - as above
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    provider = TracerProvider(resource=Resource.create({"service.name": "ecoalign"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    config = TraceConfig() if prompts else TraceConfig(hide_inputs=True, hide_outputs=True)
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=provider, config=config)

    def end() -> None:
        instrumentor.uninstrument()
        provider.shutdown()

    return end
