"""One node's account of the budget: what a call may cost is held before it is made, and settled to what it did cost.

Source: ours ("The budget is hard"). Parallel calls share one meter, so their reservations count together. Between an
``affordable`` and its ``reserve`` there must be no ``await``: that is what makes them one step.
"""

import math
import time
from dataclasses import replace

from ecoalign_agent.economics.budget import Budget, Ledger, Phase
from ecoalign_agent.economics.tariff import Tariff, Usage


class Meter:
    """Reserves and settles calls against one budget.

    Attributes:
        budget: as it stands now, in cost units.
        ledger: what was booked through this meter.
        tariff: what turns tokens into cost units.
        deadline: seconds since the epoch (``time.time()``) by which the request must end; None: none.
    """

    def __init__(
        self, budget: Budget, tariff: Tariff, ledger: Ledger | None = None, *, deadline: float | None = None
    ) -> None:
        self.budget = budget
        self.tariff = tariff
        self.ledger = Ledger() if ledger is None else ledger
        self.deadline = deadline

    def affordable(self, prompt: Usage, *, most: int, least: int) -> int | None:
        """Completion tokens that a call may be allowed, so that all it can cost fits into what is free.

        Args:
            prompt: estimate of the call's prompt, in tokens; its completion part is not read.
            most: completion tokens wanted.
            least: completion tokens below which the call is not worth making.

        Returns:
            From ``least`` to ``most``; None: not even ``least`` fits.
        """
        asked = Usage(prompt.text, prompt.image, prompt.cached)
        room = self.budget.free - self.tariff.cost(asked)
        tokens = min(most, max(0, math.floor(room / self.tariff.completion))) if room > 0 else 0
        # Division and product round differently: the reservation itself must fit.
        while tokens > 0 and self.tariff.cost(replace(asked, completion=tokens)) > self.budget.free:
            tokens -= 1
        return tokens if tokens >= max(1, least) else None

    def reserve(self, at_most: Usage) -> float:
        """Hold the most a call can cost; returns it, in cost units.

        Raises:
            BudgetError: it does not fit into what is free.
        """
        cost = self.tariff.cost(at_most)
        self.budget = self.budget.reserve(cost)
        return cost

    def settle(self, reserved: float, actual: Usage, phase: Phase, seconds: float) -> float:
        """Release a reservation and book what the call did cost; returns that, in cost units.

        Args:
            reserved: what :meth:`reserve` returned.
            actual: the call's usage; ``Usage()`` for a call that was refused before it cost anything.
            phase: what the call was for.
            seconds: how long it took.
        """
        cost = self.tariff.cost(actual)
        self.budget = self.budget.settle(reserved, cost)
        self.ledger = self.ledger.book(phase, actual, cost, seconds)
        return cost

    def ending(self) -> "Meter":
        """The final phase begins: what was set aside for it may be spent now. Returns this meter."""
        self.budget = self.budget.release_set_aside()
        return self

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None: there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())
