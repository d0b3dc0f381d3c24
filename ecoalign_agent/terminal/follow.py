"""Follows a run to its end: every event to the screen and into the trace, and the result out."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ecoalign_agent.errors import RunError
from ecoalign_agent.terminal.output import Screen
from ecoalign_agent.trace.events import Answered, BudgetMoved, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.trace.log import EventLog
from ecoalign_agent.trace.result import Result


@dataclass(slots=True)
class Followed:
    """What has come of a run so far."""

    events: list[Event] = field(default_factory=list)
    trouble: str = ""
    """Why the trace on file ends early, in one line."""

    @property
    def spent(self) -> float | None:
        """Cost units known to be spent; None before the run told any."""
        return next((event.spent for event in reversed(self.events) if isinstance(event, BudgetMoved)), None)

    async def run(self, told: AsyncIterator[Event], screen: Screen, log: EventLog | None = None) -> Result:
        """Follow the run to its last event.

        A trace that can't be written any more does not cost the answer, which is paid for: the run goes on and
        ``trouble`` says so.

        Raises:
            RunError: the run ended without a result.
        """
        result: Result | None = None
        async for event in told:
            self.events.append(event)
            screen.tell(event)
            if log is not None and not self.trouble:
                try:
                    log.write(event)
                except RunError as error:
                    self.trouble = str(error)
            if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                result = event.result
        if result is None:
            raise RunError("the run ended without a result: its last event never came")
        return result
