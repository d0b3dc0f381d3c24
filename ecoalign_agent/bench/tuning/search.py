"""Where is searched: six knobs of a policy, each on a grid that a person can read. Ours.

The budget's range goes with the policy that the search starts from, so that it fits any tariff.

The search for policies by safety, utility and cost at once: Optuna's tree of Parzen estimators, seeded, in memory.

Policies are tried one after the other, so that the same seed finds the same ones. Source: ours; the sampler is Optuna's
``TPESampler``, which for several objectives is that of Y. Ozaki et al., "Multiobjective tree-structured Parzen
estimator", 2022.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ecoalign_agent.bench.tuning.attempts import Point
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError, RunError

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


IN_A_ROW = 3
"""Policies that may fail one after the other before the search gives up: then the endpoint is down."""

AT_RANDOM = 10
"""Policies that are drawn before any is learnt from, at most a third of all."""


@dataclass
class Found:
    """What a search has found so far.

    Attributes:
        points: a policy each, in the order in which they were tried; the first is the published one.
        failed: why a policy could not be tried, one line each.
    """

    points: list[Point] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Policies that were tried, with those that failed."""
        return len(self.points) + len(self.failed)


async def search(
    space: Space,
    try_policy: Callable[[Policy], Awaitable[Point]],
    *,
    trials: int,
    seed: int,
    found: Found,
    told: Callable[[str], None] = lambda _: None,
) -> None:
    """Try so many policies, the published one first; each is tried once.

    Args:
        space: where.
        try_policy: what a policy comes to on the tuning samples.
        trials: policies that are tried.
        seed: of the sampler.
        found: is filled as it goes on, so that an interrupted search loses nothing.
        told: is told in one line why a policy failed.

    Raises:
        RunError: the endpoint failed under three policies in a row.
        UsageError: the published policy's budget does not pay for a sample, or a sample can't be asked.
    """
    import optuna  # noqa: PLC0415 - an extra, and heavy
    from optuna.trial import TrialState  # noqa: PLC0415 - as above

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(AT_RANDOM, max(1, trials // 3)))
    study = optuna.create_study(directions=["maximize", "maximize", "minimize"], sampler=sampler)
    study.enqueue_trial(dict(space.published))
    known: dict[Policy, Point] = {}
    in_a_row = 0
    # The sampler may propose again what it has learnt; that costs nothing, and must not go on for ever.
    for _ in range(4 * trials):
        if found.tried >= trials:
            return
        trial = study.ask()
        at = {
            name: trial.suggest_int(name, steps.low, steps.high, step=steps.step) for name, steps in space.grid.items()
        }
        policy = space.policy(at)
        try:
            if policy not in known:
                known[policy] = await try_policy(policy)
                found.points.append(known[policy])
            point, in_a_row = known[policy], 0
        except BudgetTooSmallError as error:
            if not found.points:
                raise
            _fail(found, told, policy, error)
        except RunError as error:
            in_a_row += 1
            _fail(found, told, policy, error)
            if in_a_row == IN_A_ROW:
                raise RunError(
                    f"{IN_A_ROW} policies in a row failed, so the search ends; the last one: {error}"
                ) from error
        else:
            study.tell(trial, [point.safety, point.utility, point.cost])
            continue
        study.tell(trial, state=TrialState.FAIL)


def _fail(found: Found, told: Callable[[str], None], policy: Policy, error: Exception) -> None:
    line = f"policy {found.tried + 1} (budget {policy.budget:g}) failed: {error}"
    found.failed.append(line)
    told(line)
