"""Where is searched: six knobs of a policy, each on a grid that a person can read. Ours.

The budget's range goes with the policy that the search starts from, so that it fits any tariff.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ecoalign_agent.economics.policy import Policy

PUBLISHED: Mapping[str, float] = MappingProxyType({"k": 0.05, "discount": 0.95})
"""The paper's best k and δ."""

KNOBS = ("budget", "k", "discount", "width", "branching", "batch")
"""The knobs that are searched over."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A grid: ``low`` to ``high`` in steps of ``step``, all whole numbers."""

    low: int
    high: int
    step: int = 1


@dataclass(frozen=True, slots=True)
class Space:
    """The policies that are searched among.

    Attributes:
        base: where the search starts, with the published k and δ; all other knobs stay as they are there.
    """

    base: Policy

    @property
    def grid(self) -> Mapping[str, Steps]:
        """Name of a coordinate → its steps: percents of the base's budget and of δ, thousandths of k, and counts."""
        return {
            "budget_percent": Steps(30, 200, 5),
            "k_thousandths": Steps(0, 100, 5),
            "discount_percent": Steps(50, 100, 5),
            "width": Steps(1, max(3, self.base.width)),
            "branching": Steps(1, max(4, self.base.branching)),
            "batch": Steps(1, max(3, self.base.batch)),
        }

    @property
    def dearest(self) -> float:
        """The largest budget of all, in cost units."""
        return self.base.budget * self.grid["budget_percent"].high / 100

    @property
    def published(self) -> Mapping[str, int]:
        """The base's own coordinates."""
        return {
            "budget_percent": 100,
            "k_thousandths": round(1_000 * self.base.k),
            "discount_percent": round(100 * self.base.discount),
            "width": self.base.width,
            "branching": self.base.branching,
            "batch": self.base.batch,
        }

    def policy(self, at: Mapping[str, int]) -> Policy:
        """The policy at these coordinates."""
        return self.base.replace(
            # Six digits are enough for money, and for a person to read.
            budget=self.base.budget if at["budget_percent"] == 100 else _digits(self.base.budget, at["budget_percent"]),
            k=at["k_thousandths"] / 1_000,
            discount=at["discount_percent"] / 100,
            width=at["width"],
            branching=at["branching"],
            batch=at["batch"],
        )


def space_from(start: Policy) -> Space:
    """The space around a policy: its budget and counts, and the published k and δ."""
    return Space(start.replace(**PUBLISHED))


def _digits(budget: float, percent: int) -> float:
    return float(f"{budget * percent / 100:.6g}")
