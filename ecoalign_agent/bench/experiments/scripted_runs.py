"""Runs of the scripted model at every depth, budget and seed: insights found, and their cost."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.statistics import mean_interval, wilson
from ecoalign_agent.bench.experiments.base import OnProgress
from ecoalign_agent.bench.experiments.scripted_model import INSIGHT, QUESTION, TrailModel
from ecoalign_agent.economics.policy import Policy

STEPS = (1, 2, 3, 4)
"""Steps ahead at which the insight lies."""

BUDGETS = (1_900.0, 2_300.0, 2_700.0, 3_200.0, 3_800.0, 4_500.0, 5_300.0, 6_200.0)
"""In cost units."""


@dataclass(frozen=True, slots=True)
class ScriptedCase:
    """One request to the scripted model; ``steps`` is 0 where there is no insight to be found."""

    steps: int
    budget: float
    seed: int


@dataclass(frozen=True, slots=True)
class ScriptedOutcome:
    """Outcome of a case.

    Attributes:
        found: the answer holds the insight.
        left: cost units left when the trail was first on offer.
        utility: u of the answer, in [0, 1]; 0 without one.
        spent: cost units.
        looking_ahead: of those, for simulated futures.
    """

    found: bool
    left: float
    utility: float
    spent: float
    looking_ahead: float


ScriptedRuns = Mapping[ScriptedCase, ScriptedOutcome]


def mean_figure(runs: ScriptedRuns, figure: str) -> float | None:
    """The mean of a figure by its name; None: there is no case."""
    return mean_interval(getattr(outcome, figure) for outcome in runs.values()).mean


def with_steps(runs: ScriptedRuns, steps: Sequence[int]) -> ScriptedRuns:
    """The cases with an insight that lies so many steps ahead."""
    return {case: outcome for case, outcome in runs.items() if case.steps in steps}


def missed_share(runs: ScriptedRuns, reference: ScriptedRuns) -> float | None:
    """Of the insights that the reference found, the share that these runs did not; None: it found none."""
    missed = [not runs[case].found for case, outcome in reference.items() if outcome.found]
    return wilson(sum(missed), len(missed)).mean


def found_share(runs: ScriptedRuns) -> float | None:
    """The share of insights that were found; None: there is no case."""
    return wilson(sum(outcome.found for outcome in runs.values()), len(runs)).mean


async def run_case(policy: Policy, case: ScriptedCase) -> ScriptedOutcome:
    """Ask the scripted model once."""
    model = TrailModel(steps=case.steps, seed=case.seed)
    async with EcoAlign(model, policy=policy.replace(budget=case.budget)) as agent:
        result = await agent.ask(QUESTION)
    by_phase = result.cost.by_phase
    return ScriptedOutcome(
        found=result.status == "answered" and INSIGHT in (result.answer or ""),
        left=result.cost.budget - by_phase["scan"],
        utility=result.utility or 0.0,
        spent=result.cost.spent,
        looking_ahead=by_phase.get("simulate", 0.0),
    )


async def run_cases(
    policy: Policy, seeds: Sequence[int], at_once: int, name: str, on_progress: OnProgress
) -> ScriptedRuns:
    """Run every depth and none at all, with every budget and seed.

    Args:
        policy: of the search; each case has its own budget.
        seeds: of the script.
        at_once: requests under way at the same time.
        name: of the policy.
        on_progress: called when all are done.
    """
    cases = [ScriptedCase(steps, budget, seed) for steps in (0, *STEPS) for budget in BUDGETS for seed in seeds]
    slots = asyncio.Semaphore(at_once)

    async def run(case: ScriptedCase) -> ScriptedOutcome:
        async with slots:
            return await run_case(policy, case)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(case)) for case in cases]
    on_progress(f"scripted trail, {name}: {len(cases)} requests")
    return {case: task.result() for case, task in zip(cases, tasks, strict=True)}
