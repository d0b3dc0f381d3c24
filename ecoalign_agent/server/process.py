"""The server process: listening, signals, and an orderly end.

On SIGTERM or SIGINT no further run is admitted, runs under way may finish within the grace period, and the rest are
cancelled with an error in OpenAI's shape. A second signal cancels at once.
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

from ecoalign_agent.errors import RunError
from ecoalign_agent.server.observability import log_event
from ecoalign_agent.server.service import Service

_CANCEL_SECONDS = 3
"""Seconds in which cancelled runs can answer their clients."""


class ServerProcess(uvicorn.Server):
    """A web server for an app made by ``create_app`` that ends in order."""

    def __init__(self, app: FastAPI) -> None:
        self._service: Service = app.state.service
        self._end_requests = 0
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
                # A proxy's statement of the client's address can't be verified here.
                proxy_headers=False,
                timeout_graceful_shutdown=int(config.grace) + _CANCEL_SECONDS,
            )
        )

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals; unlike in the base class they are not raised again afterwards: the exit is no failure."""
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT)
        for number in signals:
            with suppress(NotImplementedError, RuntimeError):  # Windows; a thread that is not the main one
                loop.add_signal_handler(number, self.end)
        try:
            yield
        finally:
            for number in signals:
                with suppress(NotImplementedError):
                    loop.remove_signal_handler(number)

    def end(self) -> None:
        """Begin to end; a second call cancels runs at once. Call it on the server's event loop."""
        self._end_requests += 1
        service = self._service
        if self._end_requests == 1:
            log_event("ending", under_way=service.admission.running, grace=service.config.grace)
            service.admission.close()
            self.should_exit = True
            asyncio.get_running_loop().call_later(service.config.grace, service.over.set)
        else:
            service.over.set()


def listen(host: str, port: int) -> socket.socket:
    """Open a listening socket; ``RunError`` where the address is taken or not this machine's."""
    try:
        addresses = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = addresses[0]
        # With its protocol named, asyncio switches Nagle's algorithm off: else small answers wait for an ACK.
        listener = socket.socket(family, kind, protocol or socket.IPPROTO_TCP)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(2_048)
        except OSError:
            listener.close()
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(
            f"can't listen at {host} port {port}: {reason}; choose another with --host and --port"
        ) from error
    return listener


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Uvloop's event loops where it is installed; None: Python's."""
    if find_spec("uvloop") is None:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = import_module("uvloop").new_event_loop
    return factory


def run_server(app: FastAPI, listener: socket.socket) -> None:
    """Serve on a new event loop until the process is asked to end."""
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(serve_app(app, listener))


async def serve_app(app: FastAPI, listener: socket.socket) -> None:
    """Serve until the process is asked to end."""
    process = ServerProcess(app)
    # Loaded modules stay: the garbage collector need not visit them again.
    gc.collect()
    gc.freeze()
    host, port = listener.getsockname()[:2]
    service: Service = app.state.service
    log_event(
        "listening",
        url=f"http://{f'[{host}]' if ':' in host else host}:{port}/v1",
        models=service.models,
        actor=service.agent.models.actor,
        assessor=service.agent.models.assessor,
        keys=len(service.config.key_digests),
    )
    try:
        await process.serve([listener])
    finally:
        listener.close()
    log_event("ended")
