"""Base of one node's execution: the request of a state, the meter and the events of the run, and its cost so far."""

import time
from collections.abc import Mapping
from typing import Any

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.events.result import Tokens
from ecoalign_agent.llm.meter import CallJournal, Meter
from ecoalign_agent.search.checkpointing import current_call_cache
from ecoalign_agent.search.emitter import EventEmitter
from ecoalign_agent.search.request import get_run_id, request_content


class MeteredNodeRun:
    """One run of one node: a state opened up, with a meter and an emitter that go on where the last node ended.

    Args:
        total: of the budget where the state holds none, in cost units.
        seconds: from the start of the run to its deadline; None: no deadline.

    Raises:
        UsageError: the state's request can't be used.
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
