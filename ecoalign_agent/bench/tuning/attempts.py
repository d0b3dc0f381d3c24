"""Trying policies on samples, several at once and none twice; the front of policies, and the choice from it. Ours."""

import asyncio
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.scores import Graded, summarise
from ecoalign_agent.bench.analysis.statistics import pareto_front
from ecoalign_agent.bench.tuning.grading import AnswerGrader
from ecoalign_agent.bench.tuning.samples import TuningSample
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import EcoAlignError, RunError, UsageError
from ecoalign_agent.models.simulated.drawing import draw_picture

CONCURRENCY = 16
"""Samples at the same time."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sample under one policy: its score, the run's cost in units of the policy's tariff, and its model calls."""

    graded: Graded
    cost: float
    calls: int


@dataclass(frozen=True, slots=True)
class PolicyFigures:
    """Figures of a policy on ``n`` samples. Shares in [0, 1]; an unknown counts against it.

    Attributes:
        over_refusal: share of the harmless requests that was refused; None: no sample measures it.
        unknown: share of samples of which something is unknown.
        cost: of one sample, on average, in cost units; calls likewise.
    """

    policy: Policy
    n: int
    safety: float
    utility: float
    over_refusal: float | None
    unknown: float
    cost: float
    calls: float

    @property
    def merits(self) -> tuple[float, float, float]:
        """Safety, utility and negative cost: more is better."""
        return self.safety, self.utility, -self.cost


def summarise_attempts(policy: Policy, attempts: Sequence[Attempt]) -> PolicyFigures:
    """Figures of a policy from its attempts; ValueError where no sample measures safety, or none utility."""
    summary = summarise(attempt.graded for attempt in attempts)
    if summary.safe.mean is None or summary.useful.mean is None:
        raise ValueError(f"{len(attempts)} samples measure no safety or no utility")
    return PolicyFigures(
        policy=policy,
        n=summary.n,
        safety=summary.safe.mean,
        utility=summary.useful.mean,
        over_refusal=summary.over_refusal.mean,
        unknown=summary.unknown.mean or 0.0,
        cost=math.fsum(attempt.cost for attempt in attempts) / summary.n,
        calls=sum(attempt.calls for attempt in attempts) / summary.n,
    )


@dataclass
class PolicyTrials:
    """Asks an agent's model under any policy, and keeps the attempts; ``spent`` is in cost units, without verdicts."""

    agent: EcoAlign
    grader: AnswerGrader
    concurrency: int = CONCURRENCY
    on_run: Callable[[], None] = lambda: None
    runs: int = 0
    spent: float = 0.0
    calls: int = 0
    _attempts: dict[tuple[Policy, str], Attempt] = field(default_factory=dict)
    _pictures: dict[str, bytes | None] = field(default_factory=dict)

    async def attempt(self, policy: Policy, samples: Sequence[TuningSample]) -> list[Attempt]:
        """Ask those samples that were not asked under this policy yet, and return an attempt for each of all.

        Raises:
            RunError: an endpoint failed: of the model, its assessors or the judge. Runs under way are cancelled, and
                finished attempts are kept.
            UsageError: a sample can't be asked, such as one with a broken picture, or under too small a budget.
        """
        agent, slots = self.agent.with_policy(policy), asyncio.Semaphore(self.concurrency)

        async def run_sample(sample: TuningSample) -> None:
            async with slots:
                self._attempts[policy, sample.id] = await self._run(agent, sample)
            self.on_run()

        try:
            async with asyncio.TaskGroup() as group:
                for sample in samples:
                    if (policy, sample.id) not in self._attempts:
                        group.create_task(run_sample(sample))
        except BaseExceptionGroup as failures:
            if failures.split(EcoAlignError)[1] is not None:
                raise
            raise failures.exceptions[0] from None
        return [self._attempts[policy, sample.id] for sample in samples]

    async def _run(self, agent: EcoAlign, sample: TuningSample) -> Attempt:
        try:
            picture = sample.image if sample.image is not None else await self._picture(sample)
            result = await agent.ask(sample.question, () if picture is None else (picture,))
        except UsageError as error:
            raise type(error)(f"sample {sample.id}: {error}") from error
        self.runs += 1
        self.spent += result.cost.spent
        self.calls += result.cost.calls
        if result.stop_reason == "endpoint" and result.status == "failed":
            raise RunError(f"sample {sample.id}: {result.failure}")
        score = await self.grader.score(sample, result)
        failed = result.status not in {"answered", "declined"}
        graded = Graded(sample.id, score, category=sample.label, failed=failed)
        return Attempt(graded, result.cost.spent, result.cost.calls)

    async def _picture(self, sample: TuningSample) -> bytes | None:
        if sample.notice is not None and sample.id not in self._pictures:
            self._pictures[sample.id] = await asyncio.to_thread(draw_picture, sample.notice)
        return self._pictures.get(sample.id)


Preference = Literal["safety", "balanced", "cost"]

SLACK: Mapping[Preference, tuple[float, float]] = MappingProxyType(
    {"safety": (0.0, 0.0), "balanced": (0.01, 0.02), "cost": (0.05, 0.10)}
)
"""Distance below the best safety, and then below the best remaining utility, that a policy may have: shares."""

MIN_SAVING = 0.05
"""Share of the cost that the cheapest policy must save to replace a published one within the slack.

Set after a first run on the weak simulated model, where a saving of 2 % on the tuning part was 7 % more on the held-out
one: so small a difference between the best of many is chance.
"""


def policy_front(figures: Iterable[PolicyFigures]) -> list[PolicyFigures]:
    """Policies that no other one dominates, the cheapest first; of equal ones the first."""
    distinct = list({one.merits: one for one in reversed(list(figures))}.values())
    front = [distinct[index] for index in pareto_front([one.merits for one in distinct])]
    return sorted(front, key=_cheapest_first)


def choose_policy(front: Sequence[PolicyFigures], prefer: Preference, published: Policy | None = None) -> PolicyFigures:
    """Choose a policy from the front; ValueError where it is empty.

    Of those within ``SLACK`` of the best safety, and among these within ``SLACK`` of the best utility, the cheapest;
    the published one instead, if it is among them and costs little more: see ``MIN_SAVING``. A slack is never less than
    one sample: half a sample is no difference.
    """
    if not front:
        raise ValueError("a front of no policies")
    safety_slack, utility_slack = SLACK[prefer]
    candidates = _within(front, safety_slack, key=lambda figures: figures.safety)
    candidates = _within(candidates, utility_slack, key=lambda figures: figures.utility)
    cheapest = min(candidates, key=_cheapest_first)
    near = (one for one in candidates if one.policy == published and cheapest.cost >= (1 - MIN_SAVING) * one.cost)
    return next(near, cheapest)


def describe_preference(prefer: Preference) -> str:
    """The rule of the choice, in words."""
    safety_slack, utility_slack = SLACK[prefer]
    if prefer == "safety":
        return "the safest; of these the most useful, then the cheapest"
    return (
        f"the cheapest within {100 * safety_slack:g} % or one sample of the best safety and, of these, within "
        f"{100 * utility_slack:g} % or one sample of the best utility; the published one if that saves no more than "
        f"{100 * MIN_SAVING:g} % of its cost"
    )


def _cheapest_first(figures: PolicyFigures) -> tuple[float, float, float]:
    return figures.cost, -figures.safety, -figures.utility


def _within(
    figures: Sequence[PolicyFigures], slack: float, *, key: Callable[[PolicyFigures], float]
) -> list[PolicyFigures]:
    best = max(key(one) for one in figures)
    # A millionth for rounded sums.
    return [one for one in figures if key(one) >= best - (max(slack, 1 / one.n) if slack else 0.0) - 1e-6]
