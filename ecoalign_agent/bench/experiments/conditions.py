"""One arm of an experiment: a way of answering, asked samples of three seeds, and what came of it. Ours.

Every seed is another world and another model of the same kind, so that a figure that holds for one draw alone shows.
"""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Protocol

from ecoalign_agent.bench.analysis.outcomes import Outcome
from ecoalign_agent.bench.analysis.scores import Measure
from ecoalign_agent.bench.analysis.statistics import Estimate, Z, wilson
from ecoalign_agent.bench.experiments.base import Mean, Setting, Tell, mean_of
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.drawing import picture_of
from ecoalign_agent.models.simulated.model import SimulatedModel, is_simulated, simulated_model
from ecoalign_agent.models.simulated.world import Sample

SEEDS = 3
"""Seeds that the samples of an arm are spread over."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One sample and what came of it.

    Attributes:
        sample: what was asked.
        outcome: its score and receipt; one that a budget is too small for has failed, with ``stop_reason`` "too_small".
        seed: of its world and of the model.
        thoughts: kind and cost of every thought that a search bought, verdicts included, drafts too.
        tried: rounds of valuing actions, and of them those in which something of worth was not bought.
        found: a safe answer that tells the true total was among what was bought, chosen or not; None: nothing searched,
            or there is no total to tell.
    """

    sample: Sample
    outcome: Outcome
    seed: int = 0
    thoughts: tuple[tuple[str, float], ...] = ()
    tried: tuple[int, int] = (0, 0)
    found: bool | None = None

    def figure(self, name: str) -> float | None:
        """A figure of the search by its name in the outcome's detail; None: not known, or no figure."""
        value = self.outcome.detail.get(name)
        return float(value) if isinstance(value, int | float) else None


class Answering(Protocol):
    """Answers one sample."""

    async def __call__(self, sample: Sample, picture: bytes | None) -> Asked:
        """Answer it."""


Way = Callable[[SimulatedModel], AbstractAsyncContextManager[Answering]]
"""How samples are answered: given a model, it opens and closes what answers with it."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What came of one way of answering; the same samples in the same order as in every other arm.

    Attributes:
        name: as it stands in the table.
        asked: every sample with what came of it.
    """

    name: str
    asked: tuple[Asked, ...]

    def of(self, which: Callable[[Asked], bool]) -> "Arm":
        """A part of it."""
        return replace(self, asked=tuple(one for one in self.asked if which(one)))

    def of_seed(self, seed: int) -> "Arm":
        """Its samples of one seed."""
        return self.of(lambda one: one.seed == seed)

    @property
    def seeds(self) -> list[int]:
        """Its seeds, lowest first."""
        return sorted({one.seed for one in self.asked})

    def share(self, measure: Measure) -> Estimate:
        """The share that is safe, useful or over-refused, unknown counted against it, with Wilson's interval."""
        scores = [one.outcome.score for one in self.asked]
        values = [score.counted(measure) for score in scores if measure in score.measured]
        return wilson(sum(values), len(values))

    def share_where(self, holds: Callable[[Asked], bool]) -> Estimate:
        """The share of the samples of which something holds, with Wilson's interval."""
        return wilson(sum(map(holds, self.asked)), len(self.asked))

    def mean(self, figure: Callable[[Asked], float | None]) -> Mean:
        """The mean of a figure over the samples of which it is known."""
        return mean_of(value for one in self.asked if (value := figure(one)) is not None)


def paired(one: Arm, other: Arm, figure: Callable[[Asked], float | None]) -> Mean:
    """How much higher a figure is in ``one`` than in ``other``: the mean of the differences, sample by sample.

    Raises:
        ValueError: the arms have other samples.
    """
    if [asked.sample.id for asked in one.asked] != [asked.sample.id for asked in other.asked]:
        raise ValueError(f"arms {one.name!r} and {other.name!r} have other samples: nothing is paired")
    figures = ((figure(mine), figure(theirs)) for mine, theirs in zip(one.asked, other.asked, strict=True))
    return mean_of(mine - theirs for mine, theirs in figures if mine is not None and theirs is not None)


def paired_share(one: Arm, other: Arm, measure: Measure) -> Mean:
    """How much higher the share of a score is in ``one`` than in ``other``, on the same samples.

    The interval is Wald's with half a pair added to each of the four kinds of pairs: where no pair differs it is
    narrow, never empty. Source: A. Agresti and Y. Min, "Simple improved confidence intervals for comparing matched
    proportions", 2005.

    Raises:
        ValueError: the arms have other samples.
    """
    found = paired(one, other, counted(measure))
    if found.mean is None:
        return found
    pairs, off, gap = found.of + 2, _apart(one, other, measure) + 1, found.mean * found.of
    half = Z * math.sqrt(max(0.0, off - gap * gap / pairs)) / pairs
    return Mean(found.of, found.mean, gap / pairs - half, gap / pairs + half)


def _apart(one: Arm, other: Arm, measure: Measure) -> float:
    figure = counted(measure)
    pairs = ((figure(mine), figure(theirs)) for mine, theirs in zip(one.asked, other.asked, strict=True))
    return sum(mine != theirs for mine, theirs in pairs if mine is not None and theirs is not None)


def counted(measure: Measure) -> Callable[[Asked], float | None]:
    """A score as a figure: 0 to 1, unknown counted against the method; None where it is not measured."""

    def figure(asked: Asked) -> float | None:
        score = asked.outcome.score
        return score.counted(measure) if measure in score.measured else None

    return figure


def completion(asked: Asked) -> float | None:
    """Completion tokens of one sample."""
    return None if asked.outcome.receipt is None else asked.outcome.receipt.completion_tokens


def all_tokens(asked: Asked) -> float | None:
    """All tokens of one sample."""
    return None if asked.outcome.receipt is None else asked.outcome.receipt.all_tokens


def calls(asked: Asked) -> float | None:
    """Calls for one sample."""
    return None if asked.outcome.receipt is None else asked.outcome.receipt.calls


def spread(setting: Setting) -> list[tuple[int, int]]:
    """The seeds and how many samples each gets: as even as can be."""
    shares = [(setting.seed + place, (setting.samples + SEEDS - 1 - place) // SEEDS) for place in range(SEEDS)]
    return [(seed, number) for seed, number in shares if number]


def model_of(setting: Setting, seed: int) -> SimulatedModel:
    """The setting's model with another seed, in the world of that seed.

    Raises:
        UsageError: it is no simulated model: of no other one is known what is true.
        ModelNameError: no such preset or parameter.
    """
    if not is_simulated(setting.model):
        raise UsageError(
            f"experiment: model is {setting.model!r}; only a simulated one has a ground truth, such as simulated:weak"
        )
    joint = "&" if "?" in setting.model else "?"
    return simulated_model(f"{setting.model}{joint}seed={seed}&world={seed}")


async def arm(setting: Setting, name: str, way: Way, tell: Tell, *, where: Sequence[str] = ()) -> Arm:
    """Ask every sample of every seed.

    Args:
        setting: how many samples, which seeds and model, how many at once.
        name: what the arm is called.
        way: who answers.
        tell: is told when a seed is done.
        where: what is told before the name, such as the number of the arm.

    Returns:
        The arm, its samples seed by seed.
    """
    asked: list[Asked] = []
    places = asyncio.Semaphore(setting.at_once)
    for seed, number in spread(setting):
        model = model_of(setting, seed)
        async with way(model) as answering:

            async def one(sample: Sample, answering: Answering = answering, seed: int = seed) -> Asked:
                async with places:
                    picture = await asyncio.to_thread(picture_of, sample)
                    return replace(await answering(sample, picture), seed=seed)

            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(one(sample)) for sample in model.world.samples(number)]
        asked += [task.result() for task in tasks]
        tell(" ".join([*where, f"{name}: {len(asked)} of {setting.samples}"]))
    return Arm(name, tuple(asked))


async def arms(setting: Setting, ways: Iterable[tuple[str, Way]], tell: Tell) -> dict[str, Arm]:
    """An arm for each way, one after the other, by name."""
    pairs = list(ways)
    return {
        name: await arm(setting, name, way, tell, where=(f"{number} of {len(pairs)}:",))
        for number, (name, way) in enumerate(pairs, 1)
    }
