"""Search for policies by safety, utility and cost at once: six settings on readable grids, Optuna's seeded sampler.

The budget's range is relative to the policy at the start, so that it fits any tariff. Policies are tried one after the
other, so that the same seed finds the same ones. Source: ours; the sampler is Optuna's ``TPESampler``, which for
several objectives is that of Y. Ozaki et al., "Multiobjective tree-structured Parzen estimator", 2022.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from ecoalign_agent.bench.tuning.attempts import PolicyFigures
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetTooSmallError, RunError

PUBLISHED_SETTINGS: Mapping[str, float] = MappingProxyType({"k": 0.05, "discount": 0.95})
"""The paper's best k and δ."""

_COUNTS = {"width": 3, "branching": 4, "batch": 3}
"""Counts that are searched over, from 1 to this or to the base's own."""

TUNED_SETTINGS = ("budget", "k", "discount", *_COUNTS)
"""Settings that are searched over."""


@dataclass(frozen=True, slots=True)
class SearchSpace:
    """Policies around ``base``, the start with the published k and δ; all other settings stay as in it."""

    base: Policy

    @property
    def grid(self) -> Mapping[str, range]:
        """Coordinate → its grid: percents of the base's budget and of δ, thousandths of k, and counts."""
        return {
            "budget_percent": range(30, 201, 5),
            "k_thousandths": range(0, 101, 5),
            "discount_percent": range(50, 101, 5),
            **{name: range(1, max(top, getattr(self.base, name)) + 1) for name, top in _COUNTS.items()},
        }

    @property
    def max_budget(self) -> float:
        """The largest budget, in cost units."""
        return self.base.budget * self.grid["budget_percent"][-1] / 100

    @property
    def published(self) -> Mapping[str, int]:
        """Coordinates of the base."""
        return {
            "budget_percent": 100,
            "k_thousandths": round(1_000 * self.base.k),
            "discount_percent": round(100 * self.base.discount),
            **{name: getattr(self.base, name) for name in _COUNTS},
        }

    def policy(self, coordinates: Mapping[str, int]) -> Policy:
        """The policy at these coordinates."""
        percent = coordinates["budget_percent"]
        return self.base.replace(
            # Six digits are enough for money, and for a person to read.
            budget=self.base.budget if percent == 100 else float(f"{self.base.budget * percent / 100:.6g}"),
            k=coordinates["k_thousandths"] / 1_000,
            discount=coordinates["discount_percent"] / 100,
            **{name: coordinates[name] for name in _COUNTS},
        )


def search_space(start: Policy) -> SearchSpace:
    """The space around a policy: its budget and counts, and the published k and δ."""
    return SearchSpace(start.replace(**PUBLISHED_SETTINGS))


MAX_CONSECUTIVE_FAILURES = 3
"""Policies failing one after the other that end the search: the endpoint is down."""

RANDOM_TRIALS = 10
"""Policies drawn at random before the sampler learns, at most a third of all."""


@dataclass
class SearchRecord:
    """Record of a search so far: figures in the order of the trials, the published policy's first, and failures."""

    figures: list[PolicyFigures] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def tried(self) -> int:
        """Trials so far, failures included."""
        return len(self.figures) + len(self.failures)


async def search_policies(
    space: SearchSpace,
    try_policy: Callable[[Policy], Awaitable[PolicyFigures]],
    *,
    trials: int,
    seed: int,
    record: SearchRecord,
    on_notice: Callable[[str], None] = lambda _: None,
) -> None:
    """Try so many policies, the published one first; each is tried once.

    Args:
        record: filled during the search, so that an interrupted one loses nothing.
        on_notice: called with one line for a failed policy.

    Raises:
        RunError: the endpoint failed under three policies in a row.
        UsageError: the published policy's budget does not pay for a sample, or a sample can't be asked.
    """
    import optuna  # noqa: PLC0415 - an extra, and heavy
    from optuna.trial import TrialState  # noqa: PLC0415 - as above

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=min(RANDOM_TRIALS, max(1, trials // 3)))
    study = optuna.create_study(directions=["maximize", "maximize", "minimize"], sampler=sampler)
    study.enqueue_trial(dict(space.published))
    known: dict[Policy, PolicyFigures] = {}
    consecutive_failures = 0
    # The sampler may propose a known policy again; that costs nothing, and must not go on for ever.
    for _ in range(4 * trials):
        if record.tried >= trials:
            return
        trial = study.ask()
        grid = space.grid
        policy = space.policy(
            {name: trial.suggest_int(name, axis[0], axis[-1], step=axis.step) for name, axis in grid.items()}
        )
        try:
            if policy not in known:
                known[policy] = await try_policy(policy)
                record.figures.append(known[policy])
            figures, consecutive_failures = known[policy], 0
            study.tell(trial, [figures.safety, figures.utility, figures.cost])
        except (BudgetTooSmallError, RunError) as error:
            if isinstance(error, BudgetTooSmallError) and not record.figures:
                raise
            line = f"policy {record.tried + 1} (budget {policy.budget:g}) failed: {error}"
            record.failures.append(line)
            on_notice(line)
            consecutive_failures += isinstance(error, RunError)
            if consecutive_failures == MAX_CONSECUTIVE_FAILURES:
                raise RunError(
                    f"{MAX_CONSECUTIVE_FAILURES} policies in a row failed, so the search ends; the last one: {error}"
                ) from error
            study.tell(trial, state=TrialState.FAIL)
