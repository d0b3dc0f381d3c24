"""What Prometheus reads at ``/metrics``. Every server has a registry of its own: nothing is global."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ecoalign_agent.serving.admission import Admission
from ecoalign_agent.trace.result import Result, Tokens

__all__ = ["CONTENT_TYPE_LATEST", "Metrics"]

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
