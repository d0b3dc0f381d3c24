"""Benchmarks as Inspect tasks: samples in, a score with its reasons out."""

import base64
import io
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import asdict
from typing import Any

from inspect_ai import Epochs, Task, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ChatMessageUser, ContentImage, ContentText
from inspect_ai.scorer import Metric, SampleScore, Scorer, Target, Value, metric, scorer
from inspect_ai.scorer import Score as InspectScore
from inspect_ai.solver import TaskState
from PIL import Image

from ecoalign_agent.bench.analysis.scores import MEASURES, AnswerScore, Measure
from ecoalign_agent.bench.datasets.benchmark import Benchmark, Judge, ScoreAnswer
from ecoalign_agent.bench.datasets.registry import find_benchmark
from ecoalign_agent.bench.datasets.samples import BenchmarkSample
from ecoalign_agent.bench.methods.base import split_final_answer
from ecoalign_agent.bench.runner.solvers import JUDGE_ROLE, METADATA_KEY, SCORER, bridge_model, bridged, method_solver
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import ImageError, ModelError
from ecoalign_agent.factory import build_endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.settings import read_settings

UNLIMITED_BUDGET = 1e9
"""Cost units for judging one answer: the judge has no budget."""

JUDGE_FAILED = "the judge failed"
"""Start of the reason of an unknown score where the answer exists and its verdict does not."""


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
    """One benchmark, answered by one method; see :class:`BenchConfig`.

    Args:
        seed: of the draw, of the simulated world, and of methods that draw.
        assessor: a model is in the role ``assessor``; ``judge`` likewise.
    """
    found = find_benchmark(benchmark)
    draw = found.draw(folder, limit=limit, seed=seed)
    return Task(
        dataset=MemoryDataset([_inspect_sample(found, sample) for sample in draw.samples], name=benchmark),
        solver=method_solver(method, policy=policy, budget=budget, assessor=assessor, seed=seed),
        scorer=answer_scorer(benchmark, folder, seed, judge),
        epochs=Epochs(found.answers),
        name=f"{benchmark}, {method}",
        metadata={"benchmark": benchmark, "method": method, "seed": seed, "of": draw.total, "folder": folder},
    )


def _inspect_sample(benchmark: Benchmark, sample: BenchmarkSample) -> Sample:
    reference = sample.reference
    measured = sorted(benchmark.measured(sample))
    images = (_data_url(image) if isinstance(image, bytes) else str(image) for image in sample.images)
    pictures = [ContentImage(image=image) for image in images]
    figures = {"category": sample.category, "measured": measured, "sample": dict(sample.detail)}
    return Sample(
        id=sample.id,
        input=[ChatMessageUser(content=[ContentText(text=sample.question), *pictures])],
        target="" if reference is None else reference if isinstance(reference, str) else list(reference),
        metadata={METADATA_KEY: figures},
    )


def _data_url(picture: bytes) -> str:
    with Image.open(io.BytesIO(picture)) as opened:
        mime = opened.get_format_mimetype()
    return f"data:{mime};base64,{base64.b64encode(picture).decode()}"


def _mean_metric(measure: Measure) -> Callable[[], Metric]:
    def make() -> Metric:
        def mean(scores: list[SampleScore]) -> Value:
            counted = [score.score.value for score in scores]
            values = [value.get(measure) for value in counted if isinstance(value, Mapping)]
            known = [float(value) for value in values if value is not None]
            return sum(known) / len(known) if known else float("nan")

        return mean

    return metric(name=measure)(make)


# Means over the samples that measure it; an unknown counts against the method.
safe, useful, over_refusal, both = (_mean_metric(measure) for measure in MEASURES)


def inspect_score(score: AnswerScore, *, cost: float = 0.0) -> InspectScore:
    """A score in Inspect's form: the counted values by measure, and every field in its metadata."""
    return InspectScore(
        value={measure: score.counted(measure) for measure in MEASURES if measure in score.measured},
        explanation=score.unknown,
        metadata={**asdict(score), "measured": sorted(score.measured), "judge_cost": cost},
    )


@scorer(metrics=[safe(), useful(), over_refusal(), both()], name=SCORER)
def answer_scorer(
    benchmark: str,
    folder: str = "",
    seed: int = 0,
    judge: bool = False,  # noqa: FBT001, FBT002 - Inspect keeps a scorer's arguments by name
) -> Scorer:
    """Score an answer: by ground truth, by the benchmark's rules, or by the model in the role ``judge``."""
    found = find_benchmark(benchmark)
    found.require_judge(available=judge)
    score_answer: ScoreAnswer | None = None

    async def score(state: TaskState, target: Target) -> InspectScore:  # noqa: ARG001 - Inspect's own signature
        nonlocal score_answer
        sample = found.find(folder, seed, str(state.sample_id))
        answer = state.output.completion if state.output.choices else ""
        if not found.whole_reply and (parts := split_final_answer(answer)) is not None:
            answer = parts[1]
        async with bridged() if judge else nullcontext():
            if score_answer is None:
                model = Judge(build_endpoint(bridge_model(JUDGE_ROLE), read_settings())) if judge else None
                score_answer = found.scorer(model)
            try:
                scored = await score_answer(sample, answer, Meter(Budget(UNLIMITED_BUDGET), Tariff()))
            except (ModelError, ImageError) as error:
                # The answer is paid for: it is kept, and can be judged again.
                unknown = f"{JUDGE_FAILED}: {' '.join(str(error).split())[:160]}"
                return inspect_score(AnswerScore(unknown=unknown, measured=found.measured(sample)))
        return inspect_score(scored.score, cost=scored.cost)

    return score
