"""An app behind a real uvicorn, on the test's own event loop and a free port of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from fastapi import FastAPI
from langserve import RemoteRunnable

from ecoalign_agent import EcoAlign
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.event_streams import events_router
from ecoalign_agent.server.langserve import SEARCH_PATH as LANGSERVE
from ecoalign_agent.server.langserve import add_search_routes
from ecoalign_agent.server.service import Service
from tests.server.process import HANG_SECONDS


def app_of(agent: EcoAlign, **config: Any) -> FastAPI:
    """The stream of events and LangServe's routes of one agent, and nothing else."""
    app = FastAPI()
    service = app.state.service = Service.create(ServingConfig(**config), agent)
    app.include_router(events_router(service))
    add_search_routes(app, service)
    return app


@asynccontextmanager
async def remote(url: str) -> AsyncIterator[Any]:
    """LangServe's own client for the app at that URL; it does not close its connections by itself."""
    client: RemoteRunnable[Any, Any] = RemoteRunnable(url + LANGSERVE)
    try:
        yield client
    finally:
        client.sync_client.close()
        await client.async_client.aclose()


@asynccontextmanager
async def served(app: FastAPI) -> AsyncIterator[str]:
    """The base URL of the app, while it is served."""
    # With its protocol named, asyncio switches Nagle's algorithm off: else every answer waits 40 ms for an ACK.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        server = uvicorn.Server(
            uvicorn.Config(app, http="h11", ws="none", lifespan="off", log_config=None, timeout_graceful_shutdown=1)
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.serve([listening]))
            try:
                async with asyncio.timeout(HANG_SECONDS):
                    while not server.started:  # noqa: ASYNC110 - uvicorn sets a flag, it does not signal
                        await asyncio.sleep(0.005)
                yield f"http://127.0.0.1:{listening.getsockname()[1]}"
            finally:
                server.should_exit = True
