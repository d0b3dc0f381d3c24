"""The places of an endpoint: how many calls may be open there at once, and how often one may be begun."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ecoalign_agent.errors import ModelTimeoutError
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.rate import Rate


@asynccontextmanager
async def place(name: str, places: asyncio.Semaphore, rate: Rate, meter: Meter) -> AsyncIterator[None]:
    """Hold one of the places, when a request may be made; waiting for it costs nothing, and ends at the deadline.

    Args:
        name: of the endpoint, for the error.
        places: the endpoint's, on the running event loop.
        rate: the endpoint's.
        meter: whose deadline counts.

    Raises:
        ModelTimeoutError: the deadline passed before a place was free; the call was not made.
        RateLimitError: the rate allows no request before the deadline; the call was not made.
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
        # With a place in hand: a turn that then waits for a place would not be used when it was given.
        await rate.turn(name, meter)
        yield
    finally:
        places.release()
