"""The simulated model's own server, really listening on loopback, in a thread."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.server import HOST, SimulatedServer, create_simulated_app, listening_socket


@pytest.fixture(scope="module")
def server_url() -> Iterator[str]:
    listening = listening_socket(0)
    server = SimulatedServer(create_simulated_app(SimulatedModel(seed=1)))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), name="simulated", daemon=True)
    thread.start()
    try:
        # The socket listens already: whoever connects early waits for the server to accept.
        yield f"http://{HOST}:{listening.getsockname()[1]}/v1"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
    assert not thread.is_alive()
