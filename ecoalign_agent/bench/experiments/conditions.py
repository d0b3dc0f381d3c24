"""Conditions of an experiment: one solver on one population of samples of three seeds, and the comparison of two.

Every seed is another world and another model of the same kind, so that a figure that holds for one draw alone shows.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace

from ecoalign_agent.bench.analysis import scores
from ecoalign_agent.bench.analysis.comparison import measure_difference
from ecoalign_agent.bench.analysis.outcomes import SampleOutcome
from ecoalign_agent.bench.analysis.scores import MEASURES, Graded, Measure
from ecoalign_agent.bench.analysis.statistics import MeanInterval, mean_interval, wilson
from ecoalign_agent.bench.experiments.base import OnProgress, Setting, TableRow
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.model import SimulatedModel, is_simulated, simulated_model
from ecoalign_agent.models.simulated.world import Sample, Shares, World

SEEDS = 3


@dataclass(frozen=True, slots=True)
class SampleRun:
    """One sample and its outcome under a condition.

    Attributes:
        outcome: one that a budget is too small for has failed, with ``stop_reason`` "too_small".
        seed: of its world and of the model.
        thoughts: kind and cost of every thought that a search added, verdicts included, drafts too.
        rounds: rounds of valuing actions.
        rounds_with_choice: of those, the ones in which an action of positive value was not selected.
        found: a safe answer with the true total was among the thoughts, chosen or not; None: nothing searched, or there
            is no total.
        unsafe_links: thoughts on the chosen path that were assessed as unsafe.
    """

    sample: Sample
    outcome: SampleOutcome
    seed: int = 0
    thoughts: tuple[tuple[str, float], ...] = ()
    rounds: int = 0
    rounds_with_choice: int = 0
    found: bool | None = None
    unsafe_links: int = 0

    def figure(self, name: str) -> float | None:
        """A figure of the search or the receipt by its name, such as "spent" or "calls"; None: unknown."""
        value = self.outcome.detail.get(name, getattr(self.outcome.receipt, name, None))
        return float(value) if isinstance(value, int | float) else None


SampleSolver = Callable[[Sample, bytes | None], Awaitable[SampleRun]]
"""Answers one sample with its picture."""

Solver = Callable[[SimulatedModel], AbstractAsyncContextManager[SampleSolver]]
"""Opens, and closes, a sample solver with a model."""


@dataclass(frozen=True, slots=True)
class Population:
    """The samples and the model of a condition.

    Attributes:
        shares: composition of the worlds; None: as the model's name says.
        model: a simulated model's name without seed and world; None: the setting's.
        parameters: of the model, in place of its own.
    """

    shares: Shares | None = None
    model: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    def models(self, setting: Setting) -> list[tuple[int, int, SimulatedModel]]:
        """For each seed: the seed, its number of samples, and the model in its world."""
        name = setting.model if self.model is None else self.model
        found = []
        for seed, number in samples_by_seed(setting):
            model = model_with_seed(name, seed)
            world = model.world if self.shares is None else World(seed, self.shares)
            found.append((seed, number, model.variant(world=world, parameters=self.parameters)))
        return found


@dataclass(frozen=True, slots=True)
class Condition:
    """The runs of one solver; the same samples in the same order as in every other condition of an experiment."""

    name: str
    runs: tuple[SampleRun, ...]

    def where(self, holds: Callable[[SampleRun], bool]) -> "Condition":
        """The part of it that fulfils a predicate."""
        return replace(self, runs=tuple(run for run in self.runs if holds(run)))

    def of_seed(self, seed: int) -> "Condition":
        """Its samples of one seed."""
        return self.where(lambda run: run.seed == seed)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, lowest first."""
        return sorted({run.seed for run in self.runs})

    @property
    def graded(self) -> list[Graded]:
        """The score of every sample."""
        return [run.outcome.graded for run in self.runs]

    def share(self, measure: Measure) -> MeanInterval:
        """The share that is safe, useful or over-refused, unknown counted against it, with Wilson's interval."""
        return scores.measured_share(self.graded, measure)

    def share_where(self, holds: Callable[[SampleRun], bool]) -> MeanInterval:
        """The share of the samples that fulfil a predicate, with Wilson's interval."""
        return wilson(sum(map(holds, self.runs)), len(self.runs))

    def mean(self, figure: str, *, unknown: float | None = None) -> MeanInterval:
        """The mean of a figure; a run of which it is not known counts as ``unknown``, or not at all."""
        values = (run.figure(figure) for run in self.runs)
        return mean_interval(known for value in values if (known := unknown if value is None else value) is not None)


def cost_of_kind(condition: Condition, kind: str) -> MeanInterval:
    """Cost units of a thought of that kind, its verdict included."""
    return mean_interval(cost for run in condition.runs for name, cost in run.thoughts if name == kind)


def paired_mean(condition: Condition, against: Condition, figure: str) -> MeanInterval:
    """The mean difference of a figure, ``condition`` less ``against``, sample by sample."""
    if [run.sample.id for run in condition.runs] != [run.sample.id for run in against.runs]:
        raise ValueError(f"conditions {condition.name!r} and {against.name!r} have different samples: none is paired")
    pairs = zip(condition.runs, against.runs, strict=True)
    figures = ((left.figure(figure), right.figure(figure)) for left, right in pairs)
    return mean_interval(left - right for left, right in figures if left is not None and right is not None)


def difference_rows(
    condition: Condition,
    against: Condition,
    *figures: Measure | tuple[str, str],
    samples: str = "all",
    by_seed: bool = True,
) -> Iterator[TableRow]:
    """Rows of paired differences: for each figure over all samples, and seed by seed where wanted.

    Args:
        figures: measures, tested by McNemar; other figures as their name in the row and in a run, with a normal
            interval and no p.
        samples: their name in the row.
    """
    parts = parts_by_seed(condition, against, samples) if by_seed else [(samples, condition, against)]
    for figure in figures:
        for name, left, right in parts:
            label = figure if isinstance(figure, str) else figure[0]
            yield condition.name, against.name, label, name, *_difference_cells(left, right, figure)


def parts_by_seed(
    condition: Condition, against: Condition, samples: str = "all"
) -> list[tuple[str, Condition, Condition]]:
    """All samples of two conditions, then those of each seed, with their name in a row."""
    prefix = "" if samples == "all" else f"{samples}, "
    seeds = [(f"{prefix}seed {seed}", condition.of_seed(seed), against.of_seed(seed)) for seed in against.seeds]
    return [(samples, condition, against), *seeds]


def _difference_cells(condition: Condition, against: Condition, figure: Measure | tuple[str, str]) -> TableRow:
    if isinstance(figure, tuple):
        mean = paired_mean(condition, against, figure[1])
        return mean.n, *mean.ends, None
    # One sample may stand in a pooled condition several times; its pairs are not independent.
    sample_of = {run.outcome.graded.sample: run.sample.id for run in against.runs}
    found = measure_difference(against.graded, condition.graded, figure, cluster=sample_of.__getitem__)
    if found is None:
        return 0, None, None, None, None
    # Pairs that are not independent have no interval of ours.
    low, high = (None, None) if is_pooled(against) else (found.low, found.high)
    return found.pairs, found.difference, low, high, found.p


def pool(name: str, conditions: Mapping[str, Condition]) -> Condition:
    """Several conditions as one; a sample that is in more than one of them counts in each, under both names."""

    def renamed(key: str, run: SampleRun) -> SampleRun:
        graded = replace(run.outcome.graded, sample=f"{key}: {run.outcome.graded.sample}")
        return replace(run, outcome=replace(run.outcome, graded=graded))

    return Condition(name, tuple(renamed(key, run) for key, part in conditions.items() for run in part.runs))


def is_pooled(condition: Condition) -> bool:
    """True if a sample counts more than once: then the samples are not independent, and means have no interval."""
    return len({run.sample.id for run in condition.runs}) < len(condition.runs)


def samples_by_seed(setting: Setting) -> list[tuple[int, int]]:
    """The seeds and the number of samples of each: as even as can be."""
    parts = [(setting.seed + n, (setting.samples + SEEDS - 1 - n) // SEEDS) for n in range(SEEDS)]
    return [(seed, number) for seed, number in parts if number]


def a_third_of(setting: Setting) -> Setting:
    """The same with a third of the samples, for experiments with many conditions."""
    return replace(setting, samples=(setting.samples + 2) // 3)


def model_with_seed(name: str, seed: int) -> SimulatedModel:
    """A simulated model with another seed, in the world of that seed; UsageError: it is no simulated model."""
    if not is_simulated(name):
        raise UsageError(
            f"experiment: model is {name!r}; only a simulated one has a ground truth, such as simulated:weak"
        )
    return simulated_model(f"{name}{'&' if '?' in name else '?'}seed={seed}&world={seed}")


async def run_condition(
    setting: Setting, name: str, solver: Solver, on_progress: OnProgress, *, population: Population | None = None
) -> Condition:
    """Ask every sample of every seed; ``on_progress`` is called when a seed is done."""
    runs: list[SampleRun] = []
    slots = asyncio.Semaphore(setting.at_once)
    for seed, number, model in (population or Population()).models(setting):
        async with solver(model) as solve:

            async def run(sample: Sample, solve: SampleSolver = solve, seed: int = seed) -> SampleRun:
                async with slots:
                    picture = await asyncio.to_thread(draw_picture, sample)
                    return replace(await solve(sample, picture), seed=seed)

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(run(sample)) for sample in model.world.samples(number)]
        runs += [task.result() for task in tasks]
        on_progress(f"{name}: {len(runs)} of {setting.samples}")
    return Condition(name, tuple(runs))


async def run_conditions(
    setting: Setting, solvers: Iterable[tuple[str, Solver]], on_progress: OnProgress
) -> dict[str, Condition]:
    """A condition for each solver, one after the other, by name."""
    pairs = list(solvers)
    found = {}
    for number, (name, solver) in enumerate(pairs, 1):

        def report(line: str, number: int = number) -> None:
            on_progress(f"{number} of {len(pairs)}: {line}")

        found[name] = await run_condition(setting, name, solver, report)
    return found


SCORES = tuple(measure for measure in MEASURES if measure != "both")
"""The measures that the simulated world is scored by."""
