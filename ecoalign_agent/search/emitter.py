"""Telling that a run is still there while it waits for a model and nothing else can be told.

The node that waits beats, not the channel: so every channel carries heartbeats, whoever built it.

Telling what happens in a run, from within a node: one way for every event of the contract.

An event goes to LangGraph's custom stream and, where callbacks listen, out as LangChain's custom event, the same in
both. Ours.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from langchain_core.callbacks import adispatch_custom_event
from langgraph.config import get_config, get_stream_writer

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import HEARTBEAT, Heartbeat

HEARTBEAT_KEY = "ecoalign_heartbeat"
"""In ``configurable``: seconds between heartbeats."""

MIN_HEARTBEAT, MAX_HEARTBEAT = 0.01, 10.0
"""Seconds: a heartbeat more often than that would be work of its own, and one less often is not what is promised."""

T = TypeVar("T")


def check_heartbeat(seconds: object) -> float:
    """Seconds between heartbeats, as they were given.

    Raises:
        UsageError: no number from ``MIN_HEARTBEAT`` to ``MAX_HEARTBEAT``.
    """
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and MIN_HEARTBEAT <= seconds <= MAX_HEARTBEAT:
        return float(seconds)
    raise UsageError(
        f"heartbeat is {str(seconds)[:40]}, must be a number of seconds from {MIN_HEARTBEAT:g} to {MAX_HEARTBEAT:g}"
    )


def heartbeat_interval(configurable: Mapping[str, Any]) -> float:
    """Seconds between heartbeats as a run's ``configurable`` says.

    Raises:
        UsageError: see ``check_heartbeat``.
    """
    return check_heartbeat(configurable.get(HEARTBEAT_KEY, HEARTBEAT))


class HeartbeatTimer:
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


EVENT_KEY = "ecoalign"
"""Every event travels under this key, in LangGraph's custom stream and as LangChain's custom event of that name."""

NO_LISTENERS = "ecoalign_unheard"
"""In ``configurable``: said by a caller who only wants the result, inside no other run: nobody hears the events."""


def is_inside_run() -> bool:
    """Whether this is called from a node, a tool or a chain, whose listeners hear what happens in here too."""
    try:
        get_config()
    except RuntimeError:
        return False
    return True


class EventEmitter:
    """Tells the events of one node's turn, and that the run is still there while it waits for a model.

    Args:
        run_id: the run that the events belong to.
        started: seconds since the epoch when it began.
        told: how many events it has told so far.
        spent: cost units spent in this moment, for heartbeats.
        waited: seconds in which at least one model call was open, so far.
    """

    def __init__(
        self, run_id: str, *, started: float, told: int, spent: Callable[[], float], waited: float = 0.0
    ) -> None:
        self.run_id, self.started, self.told, self.waited = run_id, started, told, waited
        self._spent, self._open, self._since = spent, 0, 0.0
        config = get_config()
        configurable = config.get("configurable", {})
        self._writer = get_stream_writer()
        self._dispatches = bool(getattr(config.get("callbacks"), "handlers", None))
        # Building events that nobody hears would cost as much as the rest of a node.
        self._heard = self._dispatches or not configurable.get(NO_LISTENERS)
        self._node = str(config.get("metadata", {}).get("langgraph_node", ""))
        self._pulse = HeartbeatTimer(heartbeat_interval(configurable), self._tell_waiting)

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return max(0.0, time.time() - self.started)

    async def tell(self, event: type[Any], **fields: Any) -> None:  # noqa: ANN401 - the fields are the event's own
        """Tell everyone who listens: LangGraph's custom stream, and LangChain's callbacks where there are any."""
        number = self.told
        self.told += 1
        if not self._heard:
            return
        made = event(run_id=self.run_id, number=number, at=round(self.elapsed, 4), **fields)
        payload = {EVENT_KEY: made.model_dump(mode="json")}
        self._pulse.touch()
        self._writer(payload)
        if self._dispatches:
            await adispatch_custom_event(EVENT_KEY, payload)

    async def awaited(self, call: Awaitable[T]) -> T:
        """Await a model; whoever listens hears by heartbeats that the run is still there."""
        with self.waiting():
            return await (self._pulse.along(call) if self._heard else call)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Count the seconds in which at least one model call is open."""
        if self._open == 0:
            self._since = time.perf_counter()
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1
            if self._open == 0:
                self.waited += time.perf_counter() - self._since

    async def _tell_waiting(self) -> None:
        await self.tell(
            Heartbeat,
            elapsed=round(self.elapsed, 4),
            open_calls=self._open,
            spent=self._spent(),
            waiting_for=self._node,
        )
