"""Base of one node's run: its request, its meter, its events, and heartbeats while it waits for a model.

An event goes to LangGraph's custom stream and, where callbacks listen, out as LangChain's custom event, the same in
both. The waiting node emits the heartbeats, so that every channel carries them. Ours.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from langchain_core.callbacks import adispatch_custom_event
from langgraph.config import get_config, get_stream_writer

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import HEARTBEAT, Heartbeat
from ecoalign_agent.events.result import Tokens
from ecoalign_agent.llm.meter import CallJournal, Meter
from ecoalign_agent.search.checkpointing import current_call_cache
from ecoalign_agent.search.request import get_run_id, request_content

HEARTBEAT_KEY = "ecoalign_heartbeat"
"""In ``configurable``: seconds between heartbeats."""

MIN_HEARTBEAT, MAX_HEARTBEAT = 0.01, 10.0
"""Seconds: shorter would be work of its own, longer is not what is promised."""

EVENT_KEY = "ecoalign"
"""Key of every event in LangGraph's custom stream, and name of LangChain's custom event."""

NO_LISTENERS = "ecoalign_unheard"
"""In ``configurable``: true where the caller wants the result alone, inside no other run: no event is built."""

T = TypeVar("T")


def check_heartbeat(seconds: object) -> float:
    """The seconds between heartbeats, or a ``UsageError`` beyond ``MIN_HEARTBEAT`` to ``MAX_HEARTBEAT``."""
    if isinstance(seconds, int | float) and not isinstance(seconds, bool) and MIN_HEARTBEAT <= seconds <= MAX_HEARTBEAT:
        return float(seconds)
    limits = f"from {MIN_HEARTBEAT:g} to {MAX_HEARTBEAT:g}"
    raise UsageError(f"heartbeat is {str(seconds)[:40]}, must be a number of seconds {limits}")


def is_inside_run() -> bool:
    """True inside a node, a tool or a chain, whose listeners receive the events, too."""
    try:
        get_config()
    except RuntimeError:
        return False
    return True


class EventEmitter:
    """Emits the events of one node's run, and one heartbeat for all its open calls when nothing else was emitted."""

    def __init__(
        self, run_id: str, *, started: float, count: int, spent: Callable[[], float], waited: float = 0.0
    ) -> None:
        self.run_id, self.started, self.count, self.waited = run_id, started, count, waited
        self._spent, self._open, self._since = spent, 0, 0.0
        config = get_config()
        configurable = config.get("configurable", {})
        self._writer = get_stream_writer()
        self._dispatches = bool(getattr(config.get("callbacks"), "handlers", None))
        # Building events that nobody reads would cost as much as the rest of a node.
        self._active = self._dispatches or not configurable.get(NO_LISTENERS)
        self._node = str(config.get("metadata", {}).get("langgraph_node", ""))
        self._interval = check_heartbeat(configurable.get(HEARTBEAT_KEY, HEARTBEAT))
        self._last_event = time.monotonic()

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return max(0.0, time.time() - self.started)

    async def emit(self, event: type[Any], **fields: Any) -> None:  # noqa: ANN401 - the fields are the event's own
        """Emit an event of the given type with these fields."""
        number = self.count
        self.count += 1
        if not self._active:
            return
        made = event(run_id=self.run_id, number=number, at=round(self.elapsed, 4), **fields)
        payload = {EVENT_KEY: made.model_dump(mode="json")}
        self._last_event = time.monotonic()
        self._writer(payload)
        if self._dispatches:
            await adispatch_custom_event(EVENT_KEY, payload)

    async def watch(self, call: Awaitable[T]) -> T:
        """Await a model call, counting the seconds in which at least one is open; heartbeats are emitted meanwhile."""
        if self._open == 0:
            self._since = time.perf_counter()
        self._open += 1
        try:
            return await (self._with_heartbeats(call) if self._active else call)
        finally:
            self._open -= 1
            if self._open == 0:
                self.waited += time.perf_counter() - self._since

    async def _with_heartbeats(self, call: Awaitable[T]) -> T:
        failure: Exception | None = None
        async with asyncio.TaskGroup() as group:
            beats = group.create_task(self._emit_heartbeats())
            try:
                value = await call
            except Exception as error:  # noqa: BLE001 - raised again below: the group would wrap it
                failure = error
            finally:
                beats.cancel()
        if failure is not None:
            raise failure
        return value

    async def _emit_heartbeats(self) -> None:
        while True:
            quiet = time.monotonic() - self._last_event
            if quiet < self._interval:
                await asyncio.sleep(self._interval - quiet)
                continue
            await self.emit(
                Heartbeat,
                elapsed=round(self.elapsed, 4),
                open_calls=self._open,
                spent=self._spent(),
                waiting_for=self._node,
            )


class MeteredNodeRun:
    """One run of one node: a state opened up, with a meter and an emitter that go on where the last node ended.

    ``total``, in cost units, is that of a budget that the state does not hold; ``seconds`` are from the start
    of the run to its deadline. A ``UsageError`` if the state's request can't be used.
    """

    def __init__(
        self,
        state: Mapping[str, Any],
        total: float,
        tariff: Tariff,
        tariffs: Mapping[str, Tariff],
        seconds: float | None,
    ) -> None:
        self.started: float = state.get("started") or time.time()
        self.run_id = get_run_id(state)
        self.question, self.images = request_content(state)
        self.initial_budget: Budget = state.get("budget", Budget(total))
        self.initial_ledger: Ledger = state.get("ledger", Ledger())
        deadline = None if seconds is None else self.started + seconds
        calls = current_call_cache()
        journal = None if calls is None else CallJournal(calls)
        self.meter = Meter(self.initial_budget, tariff, deadline=deadline, tariffs=tariffs, journal=journal)
        self.emitter = EventEmitter(
            self.run_id,
            started=self.started,
            count=state.get("event_count", 0),
            spent=lambda: self.budget.spent,
            waited=state.get("seconds_waited", 0.0),
        )

    @property
    def budget(self) -> Budget:
        """The budget as it stands in this moment."""
        return self.meter.budget

    @property
    def ledger(self) -> Ledger:
        """Everything booked in the run so far."""
        return self.initial_ledger + self.meter.ledger

    def cost_fields(self) -> dict[str, Any]:
        """The fields that ``Cost`` and ``RewriteCost`` share."""
        budget, ledger = self.budget, self.ledger
        usage = ledger.usage
        return {
            "budget": budget.total,
            "spent": budget.spent,
            "by_phase": {str(phase): cost for phase, cost in ledger.by_phase.items()},
            "tokens": Tokens(
                prompt=usage.text,
                image=usage.image,
                cached=usage.cached,
                completion=usage.completion,
                image_estimated=ledger.image_estimated,
            ),
            "calls": ledger.calls,
            "estimated": ledger.estimated_calls,
            "overrun": budget.overrun,
            "tariff": self.meter.tariff.name,
        }
