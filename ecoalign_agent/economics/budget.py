"""What one request may spend and what it has spent: the budget is hard. Source: ours."""

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
"""What a call was made for."""


def _require_amount(name: str, value: float) -> None:
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"budget: {name} is {value!r}; it must be finite and at least 0 cost units")


@dataclass(frozen=True, slots=True)
class Budget:
    """What one request may spend, in cost units. Every operation returns a new budget.

    A call reserves the most it can cost before it is made, and settles to what it did cost afterwards. Reservations
    of parallel calls count together, so that they can't overshoot jointly.

    Raises:
        ValueError: an amount is negative or not finite.
    """

    total: float
    """B: the most the request may spend, everything included."""
    spent: float = 0.0
    """Settled so far. Above `total` only where a provider counted more than was reserved."""
    reserved: float = 0.0
    """Held by calls under way."""
    set_aside: float = 0.0
    """Kept for the final answer and its verdict, so that a request always ends with an answer or a refusal."""

    def __post_init__(self) -> None:
        # Checked at every call of a run: NaN fails the comparisons, infinity the sum.
        least = min(self.total, self.spent, self.reserved, self.set_aside)
        if least >= 0 and self.total + self.spent + self.reserved + self.set_aside < math.inf:
            return
        _require_amount("total", self.total)
        _require_amount("spent", self.spent)
        _require_amount("reserved", self.reserved)
        _require_amount("set_aside", self.set_aside)

    @property
    def left(self) -> float:
        """Neither spent nor reserved; what is set aside is still in it. Negative after an overrun."""
        return self.total - self.spent - self.reserved

    @property
    def free(self) -> float:
        """What a new call may reserve: what is left beyond the part set aside, never negative."""
        return max(0.0, self.left - self.set_aside)

    @property
    def overrun(self) -> float:
        """How far the spending went beyond the total: 0 unless a provider counted more than was reserved."""
        return max(0.0, self.spent - self.total)

    def reserve(self, cost: float) -> "Budget":
        """Hold the most a call can cost, before it is made.

        Raises:
            BudgetError: it does not fit; the call is not to be made.
            ValueError: the cost is negative or not finite.
        """
        _require_amount("the cost to reserve", cost)
        if cost > self.free:
            raise BudgetError(
                f"a call needs up to {cost:g} cost units, {self.free:g} are free "
                f"(budget {self.total:g}, spent {self.spent:g}, set aside {self.set_aside:g})"
            )
        return Budget(self.total, self.spent, self.reserved + cost, self.set_aside)

    def settle(self, reserved: float, actual: float) -> "Budget":
        """Release a reservation and book what the call did cost, which may be more.

        Raises:
            ValueError: more is released than is reserved, or an amount is negative or not finite.
        """
        _require_amount("the reservation to release", reserved)
        _require_amount("the actual cost", actual)
        # Sums of floats: the last reservation may leave a rounding error behind, but never a real amount.
        if reserved > self.reserved + 1e-9 * max(1.0, self.reserved):
            raise ValueError(f"budget: {reserved:g} cost units to release, only {self.reserved:g} are reserved")
        return Budget(self.total, self.spent + actual, max(0.0, self.reserved - reserved), self.set_aside)

    def with_set_aside(self, cost: float) -> "Budget":
        """Keep `cost` for the final answer and its verdict, instead of what was kept before.

        Raises:
            ValueError: the cost is negative or not finite.
        """
        return replace(self, set_aside=cost)

    def release_set_aside(self) -> "Budget":
        """The final phase begins: what was kept for it is free now."""
        return replace(self, set_aside=0.0)

    def limited_to(self, total: float) -> "Budget":
        """A tighter total, for a riskier request: never above the present one, never below what is committed.

        Committed is what is spent, reserved and set aside.

        Raises:
            ValueError: the total is negative or not finite.
        """
        _require_amount("the new total", total)
        committed = self.spent + self.reserved + self.set_aside
        return replace(self, total=min(self.total, max(total, committed)))


@dataclass(frozen=True, slots=True)
class Ledger:
    """What was spent for what. Booking returns a new ledger and never changes this one."""

    by_phase: dict[Phase, float] = field(default_factory=dict)
    """Cost units by what they were spent for; a phase that made no call is absent."""
    usage: Usage = field(default_factory=Usage)
    """All tokens, part by part."""
    calls: int = 0
    """Attempts made, the failed ones too."""
    estimated_calls: int = 0
    """Those among them whose usage is our estimate."""
    seconds: float = 0.0
    """Time spent waiting for models, summed over calls: parallel calls count each."""
    by_endpoint: dict[str, Usage] = field(default_factory=dict)
    """Tokens by endpoint, each of which has its own price; one whose calls used none is absent, and so are calls that
    went nobody knows where."""
    image_estimated: int = 0
    """Tokens of the pictures sent, by our formula alone: beside `usage.image`, which is what was booked."""

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
        """Enter one call.

        Args:
            phase: what it was for.
            usage: its tokens.
            cost: in cost units.
            seconds: how long it took.
            endpoint: whom it went to; empty: not told.
            image_estimated: tokens of its pictures by our formula.

        Raises:
            ValueError: the cost or the time is negative or not finite.
        """
        _require_amount("the cost to book", cost)
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError(f"ledger: a call took {seconds!r} seconds; it must be finite and at least 0")
        return Ledger(
            self.by_phase | {phase: self.by_phase.get(phase, 0.0) + cost},
            self.usage + usage,
            self.calls + 1,
            self.estimated_calls + int(usage.estimated),
            self.seconds + seconds,
            _joined(self.by_endpoint, {endpoint: usage} if endpoint and usage.total else {}),
            self.image_estimated + image_estimated,
        )

    def __add__(self, other: "Ledger") -> "Ledger":
        by_phase = dict(self.by_phase)
        for phase, cost in other.by_phase.items():
            by_phase[phase] = by_phase.get(phase, 0.0) + cost
        return Ledger(
            by_phase=by_phase,
            usage=self.usage + other.usage,
            calls=self.calls + other.calls,
            estimated_calls=self.estimated_calls + other.estimated_calls,
            seconds=self.seconds + other.seconds,
            by_endpoint=_joined(self.by_endpoint, other.by_endpoint),
            image_estimated=self.image_estimated + other.image_estimated,
        )


def _joined(one: dict[str, Usage], other: dict[str, Usage]) -> dict[str, Usage]:
    return one | {name: one[name] + usage if name in one else usage for name, usage in other.items()}
