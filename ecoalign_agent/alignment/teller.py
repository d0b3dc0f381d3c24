"""Telling what happens in a run, from within a node: one way for every event of the contract.

An event goes to LangGraph's custom stream and, where callbacks listen, out as LangChain's custom event, the same in
both. Ours.
"""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from langchain_core.callbacks import adispatch_custom_event
from langgraph.config import get_config, get_stream_writer

from ecoalign_agent.alignment.heartbeat import Pulse, interval_of
from ecoalign_agent.trace.events import Heartbeat

EVENT_KEY = "ecoalign"
"""Every event travels under this key, in LangGraph's custom stream and as LangChain's custom event of that name."""

UNHEARD = "ecoalign_unheard"
"""In ``configurable``: said by a caller who only wants the result, inside no other run: nobody hears the events."""

T = TypeVar("T")


def inside_a_run() -> bool:
    """Whether this is called from a node, a tool or a chain, whose listeners hear what happens in here too."""
    try:
        get_config()
    except RuntimeError:
        return False
    return True


class Teller:
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
        self._heard = self._dispatches or not configurable.get(UNHEARD)
        self._node = str(config.get("metadata", {}).get("langgraph_node", ""))
        self._pulse = Pulse(interval_of(configurable), self._tell_waiting)

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
