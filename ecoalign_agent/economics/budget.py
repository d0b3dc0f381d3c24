"""Budget and ledger of one request: a hard limit, reservations, and what was booked. Source: ours."""

import math
from dataclasses import dataclass, field, replace
from typing import Literal

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError

Phase = Literal[
    "scan",
    "plan",
    "propose",
    "simulate",
    "execute",
    "assess",
    "synthesize",
    "decline",
    "analyse",
    "rewrite",
    "check",
]
"""Purpose of a call."""


def _require_amount(name: str, value: float) -> None:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"budget: {name} is {value!r}; it must be finite and at least 0 cost units")


@dataclass(frozen=True, slots=True)
class Budget:
    """Amount that one request may spend, in cost units: finite and at least 0. Every operation returns a new budget.

    A call reserves its maximum cost before it is made and settles to its actual cost afterwards. Reservations of
    parallel calls count together, so that they can't overshoot jointly.
    """

    total: float
    """B: the maximum for the request, everything included."""
    spent: float = 0.0
    """Settled so far. Above `total` only if a provider counted more than was reserved."""
    reserved: float = 0.0
    """Reserved by open calls."""
    answer_reserve: float = 0.0
    """Reserved for the final answer and its assessments, so that a request always ends with an answer or a refusal."""

    def __post_init__(self) -> None:
        for name in ("total", "spent", "reserved", "answer_reserve"):
            _require_amount(name, getattr(self, name))

    @property
    def left(self) -> float:
        """Neither spent nor reserved; includes the answer's reserve. Negative after an overrun."""
        return self.total - self.spent - self.reserved

    @property
    def free(self) -> float:
        """Amount that a new call may reserve: what is left beyond the answer's reserve, never negative."""
        return max(0.0, self.left - self.answer_reserve)

    @property
    def overrun(self) -> float:
        """Spending beyond the total: 0 unless a provider counted more than was reserved."""
        return max(0.0, self.spent - self.total)

    def reserve(self, cost: float) -> "Budget":
        """Hold the maximum cost of a call before it is made.

        Raises:
            BudgetError: it does not fit; the call must not be made.
        """
        _require_amount("the cost to reserve", cost)
        if cost > self.free:
            raise BudgetError(
                f"a call needs up to {cost:g} cost units, {self.free:g} are free "
                f"(budget {self.total:g}, spent {self.spent:g}, reserved for the answer {self.answer_reserve:g})"
            )
        return replace(self, reserved=self.reserved + cost)

    def settle(self, reserved: float, actual: float) -> "Budget":
        """Release a reservation and book the call's actual cost, which may be more."""
        _require_amount("the reservation to release", reserved)
        _require_amount("the actual cost", actual)
        # The last of several reservations may leave a rounding error behind, but never a real amount.
        if reserved > self.reserved + 1e-9 * max(1.0, self.reserved):
            raise ValueError(f"budget: {reserved:g} cost units to release, only {self.reserved:g} are reserved")
        return replace(self, spent=self.spent + actual, reserved=max(0.0, self.reserved - reserved))

    def with_answer_reserve(self, cost: float) -> "Budget":
        """Reserve `cost` for the final answer and its assessments, instead of the present reserve; 0 releases that."""
        return replace(self, answer_reserve=cost)

    def limited_to(self, total: float) -> "Budget":
        """Lower the total, for a riskier request: never below what is spent, reserved and kept for the answer."""
        _require_amount("the new total", total)
        committed = self.spent + self.reserved + self.answer_reserve
        return replace(self, total=min(self.total, max(total, committed)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """Record of spending. Booking returns a new ledger."""

    by_phase: dict[Phase, float] = field(default_factory=dict)
    """Cost units by phase; a phase that made no call is absent."""
    usage: Usage = field(default_factory=Usage)
    calls: int = 0
    """Attempts made, including failed ones."""
    estimated_calls: int = 0
    """Calls among them whose usage is our estimate."""
    seconds: float = 0.0
    """Time spent waiting for models, summed over calls: parallel calls count each."""
    by_endpoint: dict[str, Usage] = field(default_factory=dict)
    """Tokens by endpoint, each of which has its own price; without those that used none or are unknown."""
    image_estimated: int = 0
    """Tokens of the pictures sent by our formula alone; `usage.image` holds what was booked."""

    @property
    def cost(self) -> float:
        """Everything booked, in cost units."""
        return math.fsum(self.by_phase.values())

    def book(
        self,
        phase: Phase,
        usage: Usage,
        cost: float,
        seconds: float,
        *,
        endpoint: str = "",
        image_estimated: int = 0,
    ) -> "Ledger":
        """Book one call; an empty `endpoint` is unknown, `image_estimated` is in tokens by our formula."""
        _require_amount("the cost to book", cost)
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"ledger: a call took {seconds!r} seconds; it must be finite and at least 0")
        by_endpoint = {endpoint: usage} if endpoint and usage.total else {}
        return self + Ledger({phase: cost}, usage, 1, int(usage.estimated), seconds, by_endpoint, image_estimated)

    def __add__(self, other: "Ledger") -> "Ledger":
        costs, usages = self.by_phase, self.by_endpoint
        return Ledger(
            costs | {phase: costs.get(phase, 0.0) + cost for phase, cost in other.by_phase.items()},
            self.usage + other.usage,
            self.calls + other.calls,
            self.estimated_calls + other.estimated_calls,
            self.seconds + other.seconds,
            usages | {name: usages.get(name, Usage()) + usage for name, usage in other.by_endpoint.items()},
            self.image_estimated + other.image_estimated,
        )
