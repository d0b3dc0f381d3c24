"""Benchmarks as Inspect tasks: samples from the publisher's files in, a score with its reasons out."""

import base64
import io
import random
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset
from inspect_ai.dataset import Sample as Asked
from inspect_ai.model import ChatMessage, ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import Metric, SampleScore, Scorer, Target, Value, metric, scorer
from inspect_ai.scorer import Score as InspectScore
from inspect_ai.solver import Solver, TaskState
from PIL import Image

from ecoalign_agent.bench.analysis.scores import MEASURES, Measure, Score
from ecoalign_agent.bench.datasets.judging import ModelJudge
from ecoalign_agent.bench.datasets.registry import BENCHMARKS
from ecoalign_agent.bench.datasets.samples import Sample
from ecoalign_agent.bench.datasets.scoring import SCORING, ScoreAnswer, scorer_for
from ecoalign_agent.bench.methods.base import marked
from ecoalign_agent.bench.runner.solvers import JUDGE, KEPT, SCORER, bridge_model, bridged, method_solver
from ecoalign_agent.bench.runner.trial import SIMULATED, detail_of, measures, score_of
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import ImageError, ModelError, UsageError
from ecoalign_agent.factory import build_endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.models.simulated.drawing import picture_of
from ecoalign_agent.models.simulated.world import WORLDS, World
from ecoalign_agent.settings import settings_with

WITHOUT_END = 1e9
"""Cost units that judging one answer may cost: nobody budgets the judge."""

NOT_JUDGED = "the judge failed"
"""What the reason begins with, where an answer is there and its verdict is not."""

SIMULATED_WORLDS = {SIMULATED if name == "even" else f"{SIMULATED}-{name}": name for name in WORLDS}
"""Benchmark → what its world is made of."""

BENCHES = (*BENCHMARKS, *SIMULATED_WORLDS)
"""Every benchmark by name."""


@task(name="ecoalign_bench")
def bench_task(  # noqa: PLR0917 - Inspect keeps a task's arguments by name
    benchmark: str,
    folder: str = "",
    limit: int | None = None,
    seed: int = 0,
    method: str = "ecoalign",
    policy: dict[str, Any] | None = None,
    budget: float | None = None,
    assessor: bool = False,  # noqa: FBT001, FBT002 - Inspect keeps a task's arguments by name
    judge: bool = False,  # noqa: FBT001, FBT002 - as above
) -> Task:
    """One benchmark, answered by one method.

    Args:
        benchmark: its name, such as ``siuo``, or ``simulated``.
        folder: holds the benchmarks' files; not needed for the simulated world.
        limit: samples at the most; None: all that there are, of the simulated world 200. Which ones is drawn by the
            seed, so that a part is like the whole.
        seed: of the draw, of the simulated world, and of methods that draw.
        method: who answers; see :mod:`ecoalign_agent.bench.runner.config`.
        policy: what EcoAlign's settings start from, as a policy file holds it.
        budget: cost units for one request.
        assessor: whether a model is in the role ``assessor``.
        judge: whether a model is in the role ``judge``.

    Raises:
        UsageError: no such benchmark or method, files that are missing, or a judge that is.
    """
    samples, of = asked_samples(benchmark, folder, limit=limit, seed=seed)
    scoring = SCORING.get(benchmark)
    solver: Solver = method_solver(method, policy=policy, budget=budget, assessor=assessor, seed=seed)
    return Task(
        dataset=MemoryDataset(samples, name=benchmark),
        solver=solver,
        scorer=answer_scorer(benchmark, folder, seed, judge),
        epochs=Epochs(1 if scoring is None else scoring.answers),
        name=f"{benchmark}, {method}",
        metadata={"benchmark": benchmark, "method": method, "seed": seed, "of": of, "folder": folder},
    )


def asked_samples(benchmark: str, folder: str, *, limit: int | None, seed: int) -> tuple[list[Asked], int | None]:
    """The samples that are asked, and how many there are of them here; None: without end.

    Raises:
        UsageError: no such benchmark, or its files are missing.
    """
    if benchmark in SIMULATED_WORLDS:
        world = world_of(benchmark, seed)
        return [_simulated(world, index) for index in range(200 if limit is None else limit)], None
    if benchmark not in BENCHMARKS:
        raise UsageError(f"no benchmark {benchmark!r}; there are {', '.join(BENCHES)}")
    found = list(_read(benchmark, folder).values())
    part = random.Random(seed).sample(found, limit) if limit is not None and limit < len(found) else found  # noqa: S311
    return [_asked(benchmark, sample) for sample in part], len(found)


@cache
def _read(benchmark: str, folder: str) -> Mapping[str, Sample]:
    return {sample.id: sample for sample in BENCHMARKS[benchmark].read(Path(folder)).samples}


def sample_of(benchmark: str, folder: str, sample_id: str) -> Sample:
    """The benchmark's own sample of that id, for its scorer.

    Raises:
        UsageError: the files hold none of that id any more.
    """
    found = _read(benchmark, folder).get(sample_id)
    if found is None:
        raise UsageError(f"{benchmark}: there is no sample {sample_id!r} in {folder} any more")
    return found


def world_of(benchmark: str, seed: int) -> World:
    """The world behind a simulated benchmark."""
    return World(seed, WORLDS[SIMULATED_WORLDS[benchmark]])


@cache
def _simulated(world: World, index: int) -> Asked:
    sample = world.sample(index)
    picture = picture_of(sample)
    return Asked(
        id=sample.id,
        input=_message(sample.question, () if picture is None else (picture,)),
        target=sample.reference,
        metadata=_told(sample.kind, measures(sample), {"index": index, **detail_of(sample)}),
    )


def _asked(benchmark: str, sample: Sample) -> Asked:
    reference = sample.reference
    return Asked(
        id=sample.id,
        input=_message(sample.question, sample.images),
        target="" if reference is None else reference if isinstance(reference, str) else list(reference),
        metadata=_told(sample.category, BENCHMARKS[benchmark].measures(sample), {}),
    )


def _told(category: str, measured: frozenset[Measure], sample: Mapping[str, Any]) -> dict[str, Any]:
    return {KEPT: {"category": category, "measured": sorted(measured), "sample": dict(sample)}}


def _message(question: str, images: Sequence[Path | bytes]) -> list[ChatMessage]:
    pictures = [ContentImage(image=_inline(image) if isinstance(image, bytes) else str(image)) for image in images]
    return [ChatMessageUser(content=[ContentText(text=question), *pictures])]


def _inline(picture: bytes) -> str:
    with Image.open(io.BytesIO(picture)) as opened:
        mime = opened.get_format_mimetype()
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


def _share(measure: Measure) -> Metric:
    """The share or mean of one measure over the samples that measure it; what is unknown counts against it."""

    def of(scores: list[SampleScore]) -> Value:
        values = [float(value) for score in scores if (value := _value(score, measure)) is not None]
        return sum(values) / len(values) if values else float("nan")

    return of


@metric(name="safe")
def safe() -> Metric:
    """The share that is safe."""
    return _share("safe")


@metric(name="useful")
def useful() -> Metric:
    """Mean usefulness."""
    return _share("useful")


@metric(name="over_refusal")
def over_refusal() -> Metric:
    """The share of the harmless that was refused."""
    return _share("over_refusal")


@metric(name="both")
def both() -> Metric:
    """The share that is safe and useful at once."""
    return _share("both")


def _value(score: SampleScore, measure: Measure) -> float | None:
    told = score.score.value
    value = told.get(measure) if isinstance(told, Mapping) else None
    return None if value is None else float(value)


def told_score(score: Score, *, explanation: str | None = None, cost: float = 0.0) -> InspectScore:
    """A score as Inspect keeps it: what counts by measure, and in its metadata all of what is known."""
    return InspectScore(
        value={measure: score.counted(measure) for measure in MEASURES if measure in score.measured},
        explanation=explanation or score.unknown,
        metadata={
            "safe": score.safe,
            "useful": score.useful,
            "over_refusal": score.over_refusal,
            "both": score.both,
            "unknown": score.unknown,
            "measured": sorted(score.measured),
            "judge_cost": cost,
        },
    )


@scorer(metrics=[safe(), useful(), over_refusal(), both()], name=SCORER)
def answer_scorer(
    benchmark: str,
    folder: str = "",
    seed: int = 0,
    judge: bool = False,  # noqa: FBT001, FBT002 - Inspect keeps a scorer's arguments by name
) -> Scorer:
    """What an answer is worth: by ground truth, by the benchmark's rules, or by the model in the role ``judge``.

    Args:
        benchmark: its name.
        folder: holds the benchmarks' files.
        seed: of the simulated world.
        judge: whether a model is in the role ``judge``.

    Raises:
        UsageError: it needs a judge.
    """
    if benchmark in SIMULATED_WORLDS:
        world = world_of(benchmark, seed)

        async def by_truth(state: TaskState, target: Target) -> InspectScore:  # noqa: ARG001 - Inspect's own signature
            sample = world.sample(state.metadata[KEPT]["sample"]["index"])
            return told_score(score_of(sample, answer_in(state)))

        return by_truth
    if SCORING[benchmark].judge_needed and not judge:
        scorer_for(benchmark, None)
    score_answer: ScoreAnswer | None = None

    async def by_benchmark(state: TaskState, target: Target) -> InspectScore:  # noqa: ARG001 - as above
        nonlocal score_answer
        sample = sample_of(benchmark, folder, str(state.sample_id))
        async with bridged():
            if score_answer is None:
                asked = ModelJudge(build_endpoint(bridge_model(JUDGE), settings_with())) if judge else None
                score_answer = scorer_for(benchmark, asked)
            answer, meter = answer_in(state) or "", Meter(Budget(WITHOUT_END), Tariff())
            final = None if SCORING[benchmark].whole else marked(answer)
            scored = answer if final is None else final[1]
            try:
                judged = await score_answer(sample, scored, meter)
            except (ModelError, ImageError) as error:
                # The answer is paid for: it is kept, and can be judged again.
                unknown = f"{NOT_JUDGED}: {' '.join(str(error).split())[:160]}"
                return told_score(Score(unknown=unknown, measured=BENCHMARKS[benchmark].measures(sample)))
        return told_score(judged.score, cost=judged.cost)

    return by_benchmark


def answer_in(state: TaskState) -> str | None:
    """The answer that the person got; None: there is none."""
    return state.output.completion if state.output.choices else None
