"""Samples of a kind that an experiment chooses, asked of agents that it builds, in the worlds of three seeds. Ours.

An arm of :mod:`~ecoalign_agent.bench.experiments.conditions` asks the usual world; these ask worlds
of other shares and models with other parameters.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Detail
from ecoalign_agent.bench.analysis.scores import Measure, Paired
from ecoalign_agent.bench.analysis.statistics import mcnemar_exact
from ecoalign_agent.bench.experiments.base import Setting, Tell
from ecoalign_agent.bench.experiments.conditions import Arm, Asked, model_of, spread
from ecoalign_agent.bench.runner.trial import run_trial
from ecoalign_agent.events.result import Result
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.world import Sample, Shares, World

AgentOf = Callable[[SimulatedModel], EcoAlign]
"""Builds the agent that answers with a model."""


@dataclass(frozen=True, slots=True)
class Population:
    """Who is asked what.

    Attributes:
        shares: what the worlds are made of.
        model: a simulated model's name without seed and world; None: the setting's.
        parameters: of the model that are set otherwise.
    """

    shares: Shares = field(default_factory=Shares)
    model: str | None = None
    parameters: Mapping[str, float] = field(default_factory=dict)

    def models(self, setting: Setting) -> list[tuple[int, int, SimulatedModel]]:
        """Of each seed: the seed, how many samples it gets, and the model in its world.

        Raises:
            UsageError: the model is not simulated, or has no such parameter.
        """
        asked = setting if self.model is None else replace(setting, model=self.model)
        return [(seed, number, self._placed(model_of(asked, seed), seed)) for seed, number in spread(setting)]

    def _placed(self, model: SimulatedModel, seed: int) -> SimulatedModel:
        return SimulatedModel(
            parameters=model.parameters.replaced(**self.parameters),
            seed=seed,
            world=World(seed, self.shares),
            preset=model.preset,
            overrides=tuple(sorted({**dict(model.overrides), **self.parameters}.items())),
        )


def like(model: SimulatedModel, *, seed: int, **parameters: float) -> SimulatedModel:
    """A model of the same kind that knows the same world.

    Args:
        model: whose kind and world.
        seed: the same seed has the same blind spots and makes the same mistakes; another one has its own.
        parameters: that are set otherwise.
    """
    return SimulatedModel(
        parameters=model.parameters.replaced(**parameters),
        seed=seed,
        world=model.world,
        preset=model.preset,
        overrides=tuple(sorted({**dict(model.overrides), **parameters}.items())),
    )


async def asked_of(
    setting: Setting,
    name: str,
    population: Population,
    agent_of: AgentOf,
    tell: Tell,
    *,
    noted: Callable[[Result], Mapping[str, Detail]] | None = None,
) -> Arm:
    """Ask a population's samples of every seed, and grade the answers by the ground truth.

    Args:
        setting: how many samples, which seeds, how many at once.
        name: of the arm.
        population: who is asked what.
        agent_of: builds the agent of each seed.
        tell: is told when a seed is done.
        noted: what else is kept of a result, by name.

    Returns:
        The arm, seed by seed.
    """
    asked: list[Asked] = []
    for seed, number, model in population.models(setting):
        samples = list(model.world.samples(number))
        more: dict[str, Mapping[str, Detail]] = {}

        def keep(sample: Sample, result: Result, more: dict[str, Mapping[str, Detail]] = more) -> None:
            more[sample.id] = {} if noted is None else noted(result)

        async with agent_of(model) as agent:
            outcomes = await run_trial(agent, samples, concurrency=setting.at_once, on_result=keep)
        asked += [
            Asked(sample, replace(outcome, detail={**outcome.detail, **more[sample.id]}), seed=seed)
            for sample, outcome in zip(samples, outcomes, strict=True)
        ]
        tell(f"{name}: {len(asked)} of {setting.samples}")
    return Arm(name, tuple(asked))


def pooled(name: str, arms: Mapping[str, Arm]) -> Arm:
    """Several arms as one.

    Args:
        name: of the whole.
        arms: by a name each: a sample that was asked in more than one of them counts in each, under both names.
    """
    return Arm(name, tuple(_under(key, one) for key, arm in arms.items() for one in arm.asked))


def _under(key: str, one: Asked) -> Asked:
    graded = replace(one.outcome.graded, sample=f"{key}: {one.outcome.graded.sample}")
    return replace(one, outcome=replace(one.outcome, graded=graded))


def third(setting: Setting) -> Setting:
    """The same with a third of the samples, for what has more arms than a quick look should wait for."""
    return replace(setting, samples=(setting.samples + 2) // 3)


def against(base: Arm, other: Arm, measure: Measure) -> Paired:
    """An arm against the base on the same samples, with McNemar's exact test.

    In pooled arms one sample counts once for each name in the difference, but once in all for the test: its pairs are
    not independent. It is better, or worse, as the sum of its pairs is; the test is then the sign test.
    """
    ones, others = (
        {one.outcome.graded.sample: one for one in arm.asked if measure in one.outcome.score.measured}
        for arm in (base, other)
    )
    steps: dict[str, list[float]] = {}
    for name in ones.keys() & others.keys():
        step = others[name].outcome.score.counted(measure) - ones[name].outcome.score.counted(measure)
        steps.setdefault(ones[name].sample.id, []).append(step)
    sums, pairs = [sum(some) for some in steps.values()], sum(map(len, steps.values()))
    up, down = sum(total > 0 for total in sums), sum(total < 0 for total in sums)
    better, worse = (down, up) if measure == "over_refusal" else (up, down)
    return Paired(
        measure=measure,
        pairs=pairs,
        unpaired=len(ones.keys() ^ others.keys()),
        better=better,
        worse=worse,
        difference=sum(sums) / pairs if pairs else None,
        p=mcnemar_exact(better, worse),
    )


def repeats(arm: Arm) -> bool:
    """Whether a sample counts more than once in it: then its samples are not independent, and have no interval."""
    return len({one.sample.id for one in arm.asked}) < len(arm.asked)


def percent(share: float | None) -> str:
    """A share as it stands in a sentence: "93.5 %"; "unknown" where it is not known."""
    return "unknown" if share is None else f"{100 * share:.1f} %"


def points(difference: float | None) -> str:
    """A difference of shares in percentage points, with its sign."""
    return "unknown" if difference is None else f"{100 * difference:+.1f} points"
