"""Who may run: so many at one time, a bounded queue behind them, and for the next one the word to come back.

Source: ours.

What Prometheus reads at ``/metrics``. Every server has a registry of its own: nothing is global.

What every route of one server shares.
"""

import asyncio
import math
import time
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Result, Tokens
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.errors import ApiError, shutting_down_error
from ecoalign_agent.server.policies import UNASSESSED_MODEL, policies_within


class Admission:
    """Places for runs, first come, first served.

    Args:
        runs: places.
        queue: requests that may wait for one.
        seconds: that a request may wait.
    """

    def __init__(self, *, runs: int, queue: int, seconds: float) -> None:
        self._places = runs
        self._queue = queue
        self._seconds = seconds
        self._waiting: deque[asyncio.Future[bool]] = deque()
        self.closed = False
        self._mean = 1.0
        self.running = 0
        """Runs under way."""

    @property
    def waiting(self) -> int:
        """Requests that wait for a place."""
        return sum(not waiter.done() for waiter in self._waiting)

    @property
    def retry_after(self) -> int:
        """Seconds after which a place is likely, in whole ones, from 1 to 60: from how long runs took of late."""
        return max(1, min(60, math.ceil(self._mean * (self.waiting + 1) / self._places)))

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """Hold a place.

        Raises:
            ApiError: 429, the queue is full; 503, none was free in time, or the server is about to end.
        """
        await self._enter()
        begun = time.monotonic()
        try:
            yield
        finally:
            self._mean += 0.1 * (time.monotonic() - begun - self._mean)
            self._leave()

    def check(self) -> None:
        """Refuse at once what would be refused by ``place``.

        Raises:
            ApiError: as there.
        """
        if self.closed:
            raise shutting_down_error()
        if self.running >= self._places and self.waiting >= self._queue:
            raise self._busy(429, f"{self.running} runs are under way and {self.waiting} requests wait")

    def close(self) -> None:
        """Let nobody in any more; those who wait are told so."""
        self.closed = True
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                waiter.set_result(False)

    async def _enter(self) -> None:
        self.check()
        if self.running < self._places and not self._waiting:
            self.running += 1
            return
        waiter: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        try:
            async with asyncio.timeout(self._seconds):
                admitted = await waiter
        except TimeoutError:
            self._give_up(waiter)
            raise self._busy(503, f"no place was free within {self._seconds:g} s") from None
        except asyncio.CancelledError:
            self._give_up(waiter)
            raise
        if not admitted:
            raise shutting_down_error()

    def _give_up(self, waiter: "asyncio.Future[bool]") -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
        elif waiter.done() and not waiter.cancelled() and waiter.result():
            # The place came in the same moment: it goes to the next one.
            self._leave()

    def _leave(self) -> None:
        self.running -= 1
        while self._waiting:
            waiter = self._waiting.popleft()
            if not waiter.done():
                # The place is handed on, so that nobody who came later slips in between.
                self.running += 1
                waiter.set_result(True)
                return

    def _busy(self, status: int, said: str) -> ApiError:
        return ApiError(
            status,
            f"{said}; ask again in {self.retry_after} s",
            "rate_limit_error" if status == 429 else "server_error",
            code="server_busy",
            headers={"retry-after": str(self.retry_after)},
        )


Labelled = TypeVar("Labelled", Counter, Histogram)

_SECONDS = (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class Metrics:
    """Counters of one server.

    Labels come from fixed sets only: what a client writes must not make new series.

    Args:
        admission: whose places and queue are shown.
    """

    def __init__(self, admission: Admission) -> None:
        to = self._registry = CollectorRegistry()
        self._found: dict[tuple[object, tuple[str, ...]], Any] = {}
        self._requests = Counter("ecoalign_requests", "Requests answered.", ["route", "code"], registry=to)
        self._request_seconds = Histogram(
            "ecoalign_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["route"],
            buckets=_SECONDS,
            registry=to,
        )
        self._runs = Counter("ecoalign_runs", "Runs that ended.", ["model", "status", "stop_reason"], registry=to)
        self._abandoned = Counter("ecoalign_runs_cancelled", "Runs that were cancelled.", ["why"], registry=to)
        self._tokens = Counter("ecoalign_tokens", "Tokens that runs used.", ["part"], registry=to)
        self._cost = Counter("ecoalign_cost_units", "Cost units that runs spent.", ["model"], registry=to)
        self._overrun = Counter("ecoalign_overrun_cost_units", "Cost units spent above a budget.", registry=to)
        self._unknown = Counter(
            "ecoalign_unknown_verdicts", "Verdicts that could not be had or read; each counted as unsafe.", registry=to
        )
        self._run_seconds = Histogram(
            "ecoalign_run_seconds", "Seconds that runs took.", ["model"], buckets=_SECONDS, registry=to
        )
        Gauge("ecoalign_runs_under_way", "Runs under way.", registry=to).set_function(lambda: admission.running)
        Gauge("ecoalign_requests_waiting", "Requests that wait for a place.", registry=to).set_function(
            lambda: admission.waiting
        )

    def _series(self, metric: Labelled, *labels: str) -> Labelled:
        """A metric's series of these labels; found anew each time they would take a tenth of a request's CPU."""
        key = (metric, labels)
        if key not in self._found:
            self._found[key] = metric.labels(*labels)
        found: Labelled = self._found[key]
        return found

    def request(self, route: str, code: int, seconds: float) -> None:
        """A request was answered."""
        self._series(self._requests, route, str(code)).inc()
        self._series(self._request_seconds, route).observe(seconds)

    def run(self, model: str, result: Result) -> None:
        """A run ended."""
        self._series(self._runs, model, result.status, result.stop_reason).inc()
        self._series(self._run_seconds, model).observe(result.seconds)
        self._overrun.inc(result.cost.overrun)
        self._unknown.inc(result.unknown_verdicts)
        self.spent(model, result.cost.tokens, result.cost.spent)

    def cancelled(self, why: str) -> None:
        """A run was cancelled: ``client_left``, ``client_stalled`` or ``shutting_down``."""
        self._series(self._abandoned, why).inc()

    def spent(self, model: str, tokens: Tokens, cost: float) -> None:
        """Tokens and cost units were used."""
        for part, count in tokens.model_dump().items():
            self._series(self._tokens, part).inc(count)
        self._series(self._cost, model).inc(cost)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self._registry)


MAX_REMEMBERED = 10_000
"""Runs that wait for a person whose policy is remembered; older ones are told theirs again."""


@dataclass(slots=True)
class Service:
    """What every route of one server shares.

    Attributes:
        config: what it was told.
        agent: answers; its policy is the ceiling. Replaced once, when the application starts, where runs are kept.
        policies: by the model names of clients.
        admission: places for runs.
        metrics: counters.
        over: set when runs under way must end now.
        waiting: id of a run that waits for a person → its policy.
    """

    config: ServingConfig
    agent: EcoAlign
    policies: dict[str, Policy]
    admission: Admission
    metrics: Metrics
    over: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: OrderedDict[str, Policy] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, config: ServingConfig, agent: EcoAlign) -> "Service":
        """The parts, put together."""
        admission = Admission(runs=config.runs, queue=config.queue, seconds=config.queue_seconds)
        return cls(config, agent, policies_within(config.ceiling), admission, Metrics(admission))

    @property
    def models(self) -> list[str]:
        """Every model that a client can name."""
        return [*self.policies, *([UNASSESSED_MODEL] if self.config.allow_base else [])]

    def remember(self, run_id: str, policy: Policy) -> None:
        """A run waits for a person: it goes on under the policy that it was begun under."""
        self.waiting[run_id] = policy
        if len(self.waiting) > MAX_REMEMBERED:
            self.waiting.popitem(last=False)

    def closing(self) -> None:
        """Let nobody in any more; what is under way goes on."""
        self.admission.close()
