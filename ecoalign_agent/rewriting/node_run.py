"""What one node of a rewrite has at hand during its turn, and what it hands back at the end."""

import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Rewrite, RewriteCost, RewriteStatus, RiskReport, Tokens
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.meter import CallJournal, Meter
from ecoalign_agent.rewriting.model_calls import Unreadable
from ecoalign_agent.rewriting.state import RewriteContext
from ecoalign_agent.search.checkpointing import current_call_cache
from ecoalign_agent.search.emitter import EventEmitter
from ecoalign_agent.search.request import get_run_id, request_content

T = TypeVar("T")


class RewriteNodeRun:
    """One node's turn: the request opened up, a meter, a teller, and what is handed back.

    Args:
        desk: what all nodes share.
        state: what the state machine carries.
    """

    def __init__(self, desk: RewriteContext, state: Mapping[str, Any]) -> None:
        self.desk, self.state = desk, state
        self.question, self.images = request_content(state)
        self.started: float = state.get("started") or time.time()
        self.run_id = get_run_id(state)
        self.notes: list[str] = list(state.get("notes", []))
        deadline = None if desk.policy.deadline is None else self.started + desk.policy.deadline
        budget = state.get("budget", Budget(desk.policy.budget))
        calls = current_call_cache()
        journal = None if calls is None else CallJournal(calls)
        self.meter = Meter(budget, desk.policy.tariff, deadline=deadline, tariffs=desk.tariffs, journal=journal)
        self._emitter = EventEmitter(
            self.run_id,
            started=self.started,
            count=state.get("told", 0),
            spent=lambda: self.meter.budget.spent,
            waited=state.get("waiting", 0.0),
        )

    async def views(self) -> list[ImageView]:
        """The pictures, reduced.

        Raises:
            ImageError: one of them can't be read.
        """
        pictures = [await self.desk.image_store.open(image) for image in self.images]
        return [await picture.small() for picture in pictures]

    @property
    def report(self) -> RiskReport:
        """The risk report; before the analysis an empty one, of unknown safety."""
        found: RiskReport = self.state.get("report", RiskReport())
        return found

    @property
    def ledger(self) -> Ledger:
        """Everything booked in the run so far."""
        before: Ledger = self.state.get("ledger", Ledger())
        return before + self.meter.ledger

    @property
    def event_count(self) -> int:
        """Events emitted in the run so far."""
        return self._emitter.count

    @property
    def waited(self) -> float:
        """Seconds of the run in which a model call was open."""
        return self._emitter.waited

    async def tell(self, event: type[Any], **fields: Any) -> None:  # noqa: ANN401 - the fields are the event's own
        """Tell everyone who listens."""
        await self._emitter.emit(event, **fields)

    async def attempt(self, call: Awaitable[T | Unreadable]) -> tuple[T | None, RewriteStatus | None]:
        """What a port said, or how the rewrite ends because it said nothing; noted."""
        try:
            said = await self._emitter.watch(call)
        except (BudgetError, ModelError) as error:
            self.notes.append(f"nothing was rewritten: {error}")
            return None, "failed"
        if isinstance(said, Unreadable):
            self.notes.append(f"nothing was rewritten, nothing is known of the question's safety: {said.why}")
            return None, "unknown"
        return said, None

    def update(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - LangGraph's update is a plain dict
        """What the node returns: ``changes``, and all that this turn booked and told."""
        return {
            "run_id": self.run_id,
            "started": self.started,
            "budget": self.meter.budget,
            "ledger": self.ledger,
            "notes": self.notes,
            "told": self.event_count,
            "waiting": self.waited,
        } | changes

    async def concluded(self) -> Rewrite:
        """The record of what happened; told."""
        status: RewriteStatus = self.state.get("ended") or "unknown"
        offered = self.state.get("offered", "")
        prompt = offered if status == "rewritten" else self.question
        made = Rewrite(
            prompt=prompt,
            original=self.question,
            changed=prompt != self.question,
            report=self.report,
            status=status,
            rejected=offered if status == "kept" else None,
            cost=self._cost(),
            seconds=round(max(0.0, time.time() - self.started), 4),
            models=self.desk.models,
            prompts=self.desk.prompts,
            notes=self.notes,
            run_id=self.run_id,
        )
        await self.tell(events.Rewritten, rewrite=made.told)
        return made

    def _cost(self) -> RewriteCost:
        budget, ledger = self.meter.budget, self.ledger
        usage = ledger.usage
        return RewriteCost(
            budget=budget.total,
            spent=budget.spent,
            by_phase={str(phase): cost for phase, cost in ledger.by_phase.items()},
            tokens=Tokens(
                prompt=usage.text,
                image=usage.image,
                cached=usage.cached,
                completion=usage.completion,
                image_estimated=ledger.image_estimated,
            ),
            calls=ledger.calls,
            estimated=ledger.estimated_calls,
            overrun=budget.overrun,
            tariff=self.desk.policy.tariff.name,
        )
