"""OpenTelemetry, where it is wanted: every run as spans, by OpenInference's instrumentation of LangChain.

Where spans go is for OpenTelemetry's own variables to say (``OTEL_EXPORTER_OTLP_ENDPOINT`` and its kin). LangSmith
needs nothing of us: LangChain reads its variables by itself.

Running the server until it is asked to end, and ending well.

Asked by SIGTERM or SIGINT it lets nobody in any more, lets what is under way finish for a while, cancels the rest with
an error in OpenAI's shape, and ends. Asked twice, it cancels at once.
"""

import asyncio
import gc
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.util import find_spec

import uvicorn
from fastapi import FastAPI

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.server.request_log import log_event
from ecoalign_agent.server.service import Service

_NEEDED = ("openinference.instrumentation.langchain", "opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")


def is_tracing_installed() -> bool:
    """Whether the extra ``otel`` is there."""
    try:
        return all(find_spec(name) is not None for name in _NEEDED)
    except ModuleNotFoundError:  # a package above one of them is not there
        return False


def start_tracing(*, prompts: bool) -> Callable[[], None]:
    """Trace every run of this process from now on.

    Args:
        prompts: whether questions, answers and pictures go into the spans, too.

    Returns:
        Ends the tracing; what is not sent yet is sent. To be called once.

    Raises:
        UsageError: the extra is not installed.
    """
    if not is_tracing_installed():
        raise UsageError("--otel needs the extra otel: pip install 'ecoalign-agent[otel]'")
    from openinference.instrumentation import TraceConfig  # noqa: PLC0415 - the extra may not be there
    from openinference.instrumentation.langchain import LangChainInstrumentor  # noqa: PLC0415 - as above
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - as above
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    provider = TracerProvider(resource=Resource.create({"service.name": "ecoalign"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    hidden = TraceConfig() if prompts else TraceConfig(hide_inputs=True, hide_outputs=True)
    instrumentor = LangChainInstrumentor()
    instrumentor.instrument(tracer_provider=provider, config=hidden)

    def end() -> None:
        instrumentor.uninstrument()
        provider.shutdown()

    return end


_LAST_WORDS = 3
"""Seconds that cancelled runs have to tell their clients."""


class ServerProcess(uvicorn.Server):
    """A web server that ends in order.

    Args:
        app: made by ``create_app``.
    """

    def __init__(self, app: FastAPI) -> None:
        self._service: Service = app.state.service
        self._asked = 0
        config = self._service.config
        super().__init__(
            uvicorn.Config(
                app,
                host=config.host,
                port=config.port,
                ws="none",
                log_config=None,
                access_log=False,
                server_header=False,
                # What it says of the client's address is not ours to believe.
                proxy_headers=False,
                timeout_graceful_shutdown=int(config.grace) + _LAST_WORDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ending by a signal is no failure: it is not raised again afterwards, as the base class would."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            with suppress(NotImplementedError, RuntimeError):  # Windows; a thread of somebody's
                loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in signals:
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)

    def end(self) -> None:
        """Begin to end; at once when it is asked again. To be called on the server's event loop."""
        self._asked += 1
        service = self._service
        if self._asked == 1:
            log_event("ending", under_way=service.admission.running, grace=service.config.grace)
            service.closing()
            self.should_exit = True
            asyncio.get_running_loop().call_later(service.config.grace, service.over.set)
        else:
            service.over.set()


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
        RunError: the address is taken, or not this machine's.
    """
    try:
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        # With its protocol named, asyncio switches Nagle's algorithm off: else small answers wait for an ACK.
        listening = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(2_048)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"can't listen at {host} port {port}: {reason}; choose another with --host and --port"
        ) from error
    return listening


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes the event loop of a server: uvloop's where that is installed, for it is quicker; None: Python's."""
    if find_spec("uvloop") is None:
        return None
    made: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return made


def run_server(app: FastAPI, listening: socket.socket) -> None:
    """Serve until asked to end, on an event loop of its own."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve_app(app, listening))


async def serve_app(app: FastAPI, listening: socket.socket) -> None:
    """Serve until asked to end."""
    process = ServerProcess(app)
    # What is loaded by now stays: the garbage collector need not look through it again and again.
    gc.collect()
    gc.freeze()
    host, port = listening.getsockname()[:2]
    config = app.state.service.config
    log_event(
        "listening",
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}/v1",
        models=app.state.service.models,
        actor=app.state.service.agent.models.actor,
        assessor=app.state.service.agent.models.assessor,
        keys=len(config.key_digests),
    )
    try:
        await process.serve([listening])
    finally:
        listening.close()
    log_event("ended")
