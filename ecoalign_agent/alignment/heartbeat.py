"""Telling that a run is still there while it waits for a model and nothing else can be told.

The node that waits beats, not the channel: so every channel carries heartbeats, whoever built it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from ecoalign_agent.errors import UsageError
from ecoalign_agent.trace.events import HEARTBEAT

HEARTBEAT_KEY = "ecoalign_heartbeat"
"""In ``configurable``: seconds between heartbeats."""

SHORTEST, LONGEST = 0.01, 10.0
"""Seconds: a heartbeat more often than that would be work of its own, and one less often is not what is promised."""

T = TypeVar("T")


def checked_interval(seconds: object) -> float:
    """Seconds between heartbeats, as they were given.

    Raises:
        UsageError: no number from ``SHORTEST`` to ``LONGEST``.
    """
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and SHORTEST <= seconds <= LONGEST:
        return float(seconds)
    raise UsageError(f"heartbeat is {str(seconds)[:40]}, must be a number of seconds from {SHORTEST:g} to {LONGEST:g}")


def interval_of(configurable: Mapping[str, Any]) -> float:
    """Seconds between heartbeats as a run's ``configurable`` says.

    Raises:
        UsageError: see ``checked_interval``.
    """
    return checked_interval(configurable.get(HEARTBEAT_KEY, HEARTBEAT))


class Pulse:
    """Beats while a call is awaited, whenever nothing was told for ``interval`` seconds.

    Several calls may be awaited at once: they share the time of the last event, so that one of them beats for all.
    """

    def __init__(self, interval: float, beat: Callable[[], Awaitable[None]]) -> None:
        self._interval, self._beat = interval, beat
        self.touch()

    def touch(self) -> None:
        """Something was told in this moment."""
        self._last = time.monotonic()

    async def along(self, call: Awaitable[T]) -> T:
        """Await ``call``; whatever it raises comes through as it is."""
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            beating = group.create_task(self._go_on())
            try:
                value = await call
            except Exception as error:  # noqa: BLE001 - raised again below: the group would wrap it
                failure = error
            finally:
                beating.cancel()
        if failure is not None:
            raise failure
        return value

    async def _go_on(self) -> None:
        while True:
            quiet = time.monotonic() - self._last
            if quiet < self._interval:
                await asyncio.sleep(self._interval - quiet)
                continue
            self.touch()
            await self._beat()
