"""One node's execution within a rewrite: the request of the state, a meter, the events, the state update."""

import time
from collections.abc import Awaitable, Mapping
from typing import Any, TypeVar

from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Rewrite, RewriteCost, RewriteStatus, RiskReport
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.rewriting.model_calls import Unreadable
from ecoalign_agent.rewriting.state import RewriteContext
from ecoalign_agent.search.node_base import MeteredNodeRun

_T = TypeVar("_T")


class RewriteNodeRun(MeteredNodeRun):
    """Reads the state, meters calls, emits events, and builds the update of one node."""

    def __init__(self, context: RewriteContext, state: Mapping[str, Any]) -> None:
        policy = context.policy
        super().__init__(state, policy.budget, policy.tariff, context.tariffs, policy.deadline)
        self.context, self.state = context, state
        self.notes: list[str] = list(state.get("notes", []))
        # Before the analysis an empty one, of unknown safety.
        self.report: RiskReport = state.get("report", RiskReport())

    async def views(self) -> list[ImageView]:
        """The pictures, reduced; ``ImageError`` where one of them can't be read."""
        pictures = [await self.context.image_store.open(image) for image in self.images]
        return [await picture.small() for picture in pictures]

    async def await_call(self, call: Awaitable[_T | Unreadable]) -> tuple[_T | None, RewriteStatus | None]:
        """The reply of a model call; without one, the status that the rewrite ends with, and a note."""
        try:
            reply = await self.emitter.watch(call)
        except (BudgetError, ModelError) as error:
            self.notes.append(f"nothing was rewritten: {error}")
            return None, "failed"
        if isinstance(reply, Unreadable):
            self.notes.append(f"nothing was rewritten, nothing is known of the question's safety: {reply.reason}")
            return None, "unknown"
        return reply, None

    def update(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - LangGraph's update is a plain dict
        """The node's state update: ``changes``, and everything booked and emitted."""
        return {
            "run_id": self.run_id,
            "started": self.started,
            "budget": self.budget,
            "ledger": self.ledger,
            "notes": self.notes,
            "event_count": self.emitter.count,
            "seconds_waited": self.emitter.waited,
        } | changes

    async def emit_record(self) -> Rewrite:
        """Build the record of the whole rewrite and emit it as the event ``rewritten``."""
        status: RewriteStatus = self.state.get("rewrite_status") or "unknown"
        new_question = self.state.get("new_question", "")
        prompt = new_question if status == "rewritten" else self.question
        record = Rewrite(
            prompt=prompt,
            original=self.question,
            changed=prompt != self.question,
            report=self.report,
            status=status,
            rejected=new_question if status == "kept" else None,
            cost=RewriteCost(**self.cost_fields()),
            seconds=round(max(0.0, time.time() - self.started), 4),
            models=self.context.calls.models,
            prompts=self.context.calls.prompts,
            notes=self.notes,
            run_id=self.run_id,
        )
        await self.emitter.emit(events.Rewritten, rewrite=record.without_rejected)
        return record
