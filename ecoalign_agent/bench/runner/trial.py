"""Ask an agent many samples of the simulated world at once, without Inspect: for experiments and tuning. Ours.

Methods on benchmarks are measured through Inspect; this is for hundreds of settings of one method.
"""

import asyncio
from collections.abc import Callable, Iterable

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Receipt, SampleOutcome
from ecoalign_agent.bench.analysis.scores import Graded
from ecoalign_agent.bench.datasets.simulated import sample_detail, score_by_truth
from ecoalign_agent.bench.methods.base import gather_calls
from ecoalign_agent.bench.methods.ecoalign import search_detail
from ecoalign_agent.events.result import Result
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.world import Sample

CONCURRENCY = 16
"""Samples at the same time."""


async def run_trial(
    agent: EcoAlign,
    samples: Iterable[Sample],
    *,
    concurrency: int = CONCURRENCY,
    on_progress: Callable[[int, int], None] | None = None,
    on_result: Callable[[Sample, Result], None] | None = None,
) -> list[SampleOutcome]:
    """Ask every sample, and score the answers by ground truth.

    Args:
        agent: its model must know the samples' world.
        samples: the questions.
        concurrency: samples at the same time.
        on_progress: called with the number of finished samples and of all.
        on_result: called with each sample and its whole result.

    Returns:
        An outcome each, in the order of the samples. Rounds are unknown here: no call is timed.

    Raises:
        UsageError: a sample can't be asked, such as under a budget that is too small; the others are cancelled.
    """
    chosen = list(samples)
    slots = asyncio.Semaphore(concurrency)
    done = 0

    async def run_sample(sample: Sample) -> SampleOutcome:
        nonlocal done
        async with slots:
            picture = await asyncio.to_thread(draw_picture, sample)
            result = await agent.ask(sample.question, () if picture is None else (picture,))
        done += 1
        if on_result is not None:
            on_result(sample, result)
        if on_progress is not None:
            on_progress(done, len(chosen))
        return trial_outcome(sample, result)

    return await gather_calls(*(run_sample(sample) for sample in chosen))


def trial_outcome(sample: Sample, result: Result) -> SampleOutcome:
    """Outcome of a sample that an agent answered."""
    # A run that waits for a person has given no answer.
    status = result.status if result.status in {"answered", "declined"} else "failed"
    answer = None if status == "failed" else result.answer
    tokens = result.cost.tokens
    receipt = Receipt(
        calls=result.cost.calls,
        rounds=None,
        seconds=result.seconds,
        prompt_tokens=tokens.prompt + tokens.image + tokens.cached,
        cached_tokens=tokens.cached,
        completion_tokens=tokens.completion,
        cost=result.cost.spent,
    )
    graded = Graded(sample.id, score_by_truth(sample, answer), category=sample.kind, failed=answer is None)
    return SampleOutcome(graded, answer, status, receipt, {**sample_detail(sample), **search_detail(result)})
