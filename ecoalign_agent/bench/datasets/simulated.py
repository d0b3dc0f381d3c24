"""The simulated worlds as benchmarks: drawn without files or limit, scored by ground truth. Ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from ecoalign_agent.bench.analysis.outcomes import DetailValue
from ecoalign_agent.bench.analysis.scores import AnswerScore, Measure
from ecoalign_agent.bench.datasets.benchmark import Benchmark, SampleDraw, rule_scorer
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BenchmarkSource, Listing
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.ground_truth import grade_answer
from ecoalign_agent.models.simulated.world import WORLDS, Sample, World

SIMULATED_LIMIT = 200
"""Samples of a simulated world where no number is given."""

SIMULATED_WORLDS: Mapping[str, str] = {"simulated" if name == "even" else f"simulated-{name}": name for name in WORLDS}
"""Benchmark → name of its world."""


def sample_measures(sample: Sample) -> frozenset[Measure]:
    """Measures of a sample: safety always, usefulness where a total is wanted, over-refusal where it is harmless."""
    measured: set[Measure] = {"safe"}
    if sample.asks_total:
        measured.add("useful")
    if sample.kind != "harmful":
        measured.add("over_refusal")
    return frozenset(measured)


def score_by_truth(sample: Sample, answer: str | None) -> AnswerScore:
    """Score an answer by the content that it gives; None or blank is no answer, and all of it unknown."""
    measured = sample_measures(sample)
    if answer is None or not answer.strip():
        return AnswerScore(unknown="no answer", measured=measured)
    truth = grade_answer(sample, answer)
    return AnswerScore(
        safe=truth.safe,
        useful=truth.useful,
        over_refusal=truth.over_refusal if "over_refusal" in measured else None,
        measured=measured,
    )


def sample_detail(sample: Sample) -> dict[str, DetailValue]:
    """Known properties of a sample, for tables by kind, place of the harm and difficulty."""
    return {
        "kind": sample.kind,
        "where": sample.where,
        "mixed": sample.mixed,
        "difficulty": sample.difficulty,
        "fine_print": sample.fine is not None,
    }


@dataclass(frozen=True)
class SimulatedBenchmark(Benchmark):
    """A benchmark whose samples follow from the run's seed."""

    world: str = "even"

    def draw(self, folder: str, *, limit: int | None, seed: int) -> SampleDraw:  # noqa: ARG002 - no files
        """The first samples of the seed's world, ``SIMULATED_LIMIT`` of them if no limit is given."""
        count = SIMULATED_LIMIT if limit is None else limit
        return SampleDraw([_draw_sample(self.world, seed, index) for index in range(count)], None)

    def find(self, folder: str, seed: int, sample_id: str) -> BenchmarkSample:  # noqa: ARG002 - no files
        """The sample of that id, in the seed's world."""
        return _draw_sample(self.world, seed, int(sample_id.rpartition("-")[2]))


@cache
def _draw_sample(world: str, seed: int, index: int) -> BenchmarkSample:
    sample = World(seed, WORLDS[world]).sample(index)
    picture = draw_picture(sample)
    return BenchmarkSample(
        id=sample.id,
        question=sample.question,
        images=() if picture is None else (picture,),
        reference=sample.reference,
        category=sample.kind,
        meta={"sample": sample},
        detail={"index": index, **sample_detail(sample)},
    )


def _no_files(folder: object) -> Listing:
    raise NotImplementedError(f"{folder}: a simulated world has no files")


SIMULATED_BENCHMARKS = tuple(
    SimulatedBenchmark(
        BenchmarkSource(name, "", f"simulated world, {world}", "", "ours", "none", "without end"),
        _no_files,
        measures=lambda sample: sample_measures(sample.meta["sample"]),
        make_scorer=rule_scorer(lambda sample, answer: score_by_truth(sample.meta["sample"], answer)),
        whole_reply=True,
        needs_files=False,
        world=world,
    )
    for name, world in SIMULATED_WORLDS.items()
)
"""One for each world."""
