"""The scripted trail, walked at every depth, budget and seed: what a search finds, and what that takes. Ours."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.statistics import Estimate, wilson
from ecoalign_agent.bench.experiments.base import Tell, mean_of
from ecoalign_agent.bench.experiments.scripted_model import INSIGHT, QUESTION, TrailModel
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.result import Result

STEPS = (1, 2, 3, 4)
"""How many steps ahead the insight lies."""

BUDGETS = (1_900.0, 2_300.0, 2_700.0, 3_200.0, 3_800.0, 4_500.0, 5_300.0, 6_200.0)


@dataclass(frozen=True, slots=True)
class Case:
    """One request to the scripted model; ``steps`` is 0 where there is no insight to be found."""

    steps: int
    budget: float
    seed: int


@dataclass(frozen=True, slots=True)
class Trodden:
    """What came of a case.

    Attributes:
        found: the answer holds the insight.
        left: cost units left when the trail was first on offer.
        utility: u of the answer, in [0, 1]; 0 without one.
        spent: cost units.
        looking: of those, for looking ahead.
    """

    found: bool
    left: float
    utility: float
    spent: float
    looking: float


Walks = Mapping[Case, Trodden]


def mean(walks: Walks, figure: Callable[[Trodden], float]) -> float | None:
    """The mean of a figure; None: there is no case."""
    return mean_of(figure(one) for one in walks.values()).mean


def of(walks: Walks, steps: Sequence[int]) -> Walks:
    """The cases with an insight that lies so many steps ahead."""
    return {case: trodden for case, trodden in walks.items() if case.steps in steps}


def missed(walks: Walks, reference: Walks) -> Estimate:
    """Of the insights that the reference found, the share that these did not."""
    lost = [not walks[case].found for case, trodden in reference.items() if trodden.found]
    return wilson(sum(lost), len(lost))


def found(walks: Walks) -> Estimate:
    """The share of insights that were found."""
    return wilson(sum(one.found for one in walks.values()), len(walks))


async def walk(policy: Policy, case: Case) -> Trodden:
    """Ask the scripted model once."""
    async with EcoAlign(
        TrailModel(steps=case.steps, seed=case.seed), policy=policy.replace(budget=case.budget)
    ) as agent:
        return _trodden(await agent.ask(QUESTION))


def _trodden(result: Result) -> Trodden:
    by_phase = result.cost.by_phase
    return Trodden(
        found=result.status == "answered" and INSIGHT in (result.answer or ""),
        left=result.cost.budget - by_phase["scan"],
        utility=result.utility or 0.0,
        spent=result.cost.spent,
        looking=by_phase.get("simulate", 0.0),
    )


async def walked(policy: Policy, seeds: Sequence[int], at_once: int, name: str, tell: Tell) -> Walks:
    """Walk every depth and none at all, with every budget and seed.

    Args:
        policy: of the search; each case has its own budget.
        seeds: of the script.
        at_once: requests under way at the same time.
        name: what the policy is called.
        tell: is told when all are done.
    """
    cases = [Case(steps, budget, seed) for steps in (0, *STEPS) for budget in BUDGETS for seed in seeds]
    places = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Trodden:
        async with places:
            return await walk(policy, case)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(case)) for case in cases]
    tell(f"scripted trail, {name}: {len(cases)} requests")
    return {case: task.result() for case, task in zip(cases, tasks, strict=True)}
