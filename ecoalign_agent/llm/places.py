"""The places of an endpoint: how many calls may be open there at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ecoalign_agent.errors import ModelTimeoutError
from ecoalign_agent.llm.meter import Meter


@asynccontextmanager
async def place(name: str, places: asyncio.Semaphore, meter: Meter) -> AsyncIterator[None]:
    """Hold one of the places; waiting for it costs nothing, and ends at the deadline.

    Args:
        name: of the endpoint, for the error.
        places: the endpoint's, on the running event loop.
        meter: whose deadline counts.

    Raises:
        ModelTimeoutError: the deadline passed before a place was free; the call was not made.
    """
    left = meter.seconds_left()
    late = ModelTimeoutError(f"{name}: the deadline has passed; the call was not made")
    if left == 0:
        raise late
    try:
        async with asyncio.timeout(left):
            await places.acquire()
    except TimeoutError:
        raise late from None
    try:
        yield
    finally:
        places.release()
