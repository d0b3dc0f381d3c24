"""One node's account of the budget: what a call may cost is held before it is made, and settled to what it did cost.

Source: ours ("The budget is hard"). Parallel calls share one meter, so their reservations count together. Between an
``affordable`` and its ``reserve`` there must be no ``await``: that is what makes them one step.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import replace

from ecoalign_agent.economics.budget import Budget, Ledger, Phase
from ecoalign_agent.economics.tariff import Tariff, Usage, dearest
from ecoalign_agent.llm.call_journal import CallJournal


class Meter:
    """Reserves and settles calls against one budget.

    Attributes:
        budget: as it stands now, in cost units.
        ledger: what was booked through this meter.
        tariff: what turns tokens into cost units.
        tariffs: the same by endpoint, where each has its own; one that is not in it costs what the dearest does.
        deadline: seconds since the epoch (``time.time()``) by which the request must end; None: none.
        journal: what was paid for in this step already, by a process that ended before it did; None: nothing is kept.
    """

    def __init__(
        self,
        budget: Budget,
        tariff: Tariff,
        ledger: Ledger | None = None,
        *,
        deadline: float | None = None,
        tariffs: Mapping[str, Tariff] | None = None,
        journal: CallJournal | None = None,
    ) -> None:
        self.budget = budget
        self.tariff = tariff
        self.tariffs = tariffs or {}
        self.ledger = Ledger() if ledger is None else ledger
        self.deadline = deadline
        self.journal = journal

    def tariff_at(self, endpoint: str) -> Tariff:
        """The tariff of calls to ``endpoint``."""
        own = self.tariffs.get(endpoint) if self.tariffs else self.tariff
        return dearest([self.tariff, *self.tariffs.values()]) if own is None else own

    def _holding(self, endpoint: str) -> Tariff:
        """The tariff of what is held: any of a prompt may turn out to come from the cache, and may be dearer there."""
        own = self.tariff_at(endpoint)
        if own.cached <= min(own.text, own.image):
            return own
        return replace(own, text=max(own.text, own.cached), image=max(own.image, own.cached))

    def affordable(self, prompt: Usage, *, most: int, least: int, at: str = "") -> int | None:
        """Completion tokens that a call may be allowed, so that all it can cost fits into what is free.

        Args:
            prompt: estimate of the call's prompt, in tokens; its completion part is not read.
            most: completion tokens wanted.
            least: completion tokens below which the call is not worth making.
            at: the endpoint's name.

        Returns:
            From ``least`` to ``most``; None: not even ``least`` fits.
        """
        asked = Usage(prompt.text, prompt.image, prompt.cached)
        tariff = self._holding(at)
        room = self.budget.free - tariff.cost(asked)
        tokens = math.floor(max(0.0, min(most, room / tariff.completion))) if room > 0 else 0
        # Division and product round differently: the reservation itself must fit.
        while tokens > 0 and tariff.cost(replace(asked, completion=tokens)) > self.budget.free:
            tokens -= 1
        return tokens if tokens >= max(1, least) else None

    def reserve(self, at_most: Usage, *, at: str = "") -> float:
        """Hold the most a call to the endpoint ``at`` can cost; returns it, in cost units.

        Raises:
            BudgetError: it does not fit into what is free.
        """
        cost = self._holding(at).cost(at_most)
        self.budget = self.budget.reserve(cost)
        return cost

    def settle(
        self, reserved: float, actual: Usage, phase: Phase, seconds: float, *, at: str = "", image_estimated: int = 0
    ) -> float:
        """Release a reservation and book what the call did cost; returns that, in cost units.

        Args:
            reserved: what :meth:`reserve` returned.
            actual: the call's usage; ``Usage()`` for a call that was refused before it cost anything.
            phase: what the call was for.
            seconds: how long it took.
            at: the endpoint's name.
            image_estimated: tokens of its pictures by our formula.
        """
        cost = self.tariff_at(at).cost(actual)
        self.budget = self.budget.settle(reserved, cost)
        self.ledger = self.ledger.book(phase, actual, cost, seconds, endpoint=at, image_estimated=image_estimated)
        return cost

    def ending(self) -> "Meter":
        """The final phase begins: what was set aside for it may be spent now. Returns this meter."""
        self.budget = self.budget.release_set_aside()
        return self

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None: there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())
