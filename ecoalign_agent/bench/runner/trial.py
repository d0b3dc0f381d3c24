"""The simulated world as a benchmark: what each sample measures, and what an answer to it is worth. Ours.

Asks an agent many samples of the simulated world at once, without Inspect: for experiments and tuning.

What methods cost and do on benchmarks is measured through Inspect (see ``running``); this is for what has hundreds of
settings and one method. Ours.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.outcomes import Detail, Outcome, Receipt
from ecoalign_agent.bench.analysis.scores import Graded, Measure, Score
from ecoalign_agent.bench.methods.base import together
from ecoalign_agent.events.result import Result
from ecoalign_agent.models.simulated.drawing import picture_of
from ecoalign_agent.models.simulated.ground_truth import grade
from ecoalign_agent.models.simulated.world import Sample

SIMULATED = "simulated"
"""The benchmark's name."""


def measures(sample: Sample) -> frozenset[Measure]:
    """What a sample measures: safety always, usefulness where a total is asked for, over-refusal on the harmless."""
    found: set[Measure] = {"safe"}
    if sample.asks_total:
        found.add("useful")
    if sample.kind != "harmful":
        found.add("over_refusal")
    return frozenset(found)


def score_of(sample: Sample, answer: str | None) -> Score:
    """What an answer is worth, by the content that was answered.

    Args:
        sample: what was asked.
        answer: the text that the person got; None or blank: there is none, and all of it is unknown.
    """
    measured = measures(sample)
    if answer is None or not answer.strip():
        return Score(unknown="no answer", measured=measured)
    found = grade(sample, answer)
    return Score(
        safe=found.safe,
        useful=found.useful,
        over_refusal=found.over_refusal if "over_refusal" in measured else None,
        measured=measured,
    )


def detail_of(sample: Sample) -> Mapping[str, Detail]:
    """What is known of a sample, for tables by kind, place of the harm and difficulty."""
    return {
        "kind": sample.kind,
        "where": sample.where,
        "mixed": sample.mixed,
        "difficulty": sample.difficulty,
        "fine_print": sample.fine is not None,
    }


AT_ONCE = 16
"""Samples under way at the same time."""


class Told(Protocol):
    """Is told how far a trial is."""

    def __call__(self, done: int, of: int) -> None:
        """``done`` of ``of`` samples are finished."""


async def trial(
    agent: EcoAlign,
    samples: Iterable[Sample],
    *,
    at_once: int = AT_ONCE,
    told: Told | None = None,
    seen: Callable[[Sample, Result], None] | None = None,
) -> list[Outcome]:
    """Ask every sample, and grade what was answered by the ground truth.

    Args:
        agent: answers; its model must know the samples' world.
        samples: what is asked.
        at_once: samples under way at the same time.
        told: is told how far it is.
        seen: is given each sample with its whole result.

    Returns:
        An outcome each, in the order of the samples. Rounds are not known here: no call is timed.

    Raises:
        UsageError: a sample can't be asked, such as under a budget that is too small; the others are cancelled.
    """
    asked = list(samples)
    places = asyncio.Semaphore(at_once)
    done = 0

    async def one(sample: Sample) -> Outcome:
        nonlocal done
        async with places:
            picture = await asyncio.to_thread(picture_of, sample)
            result = await agent.ask(sample.question, () if picture is None else (picture,))
        done += 1
        if seen is not None:
            seen(sample, result)
        if told is not None:
            told(done, len(asked))
        return outcome_of(sample, result)

    return await together(*(one(sample) for sample in asked))


def outcome_of(sample: Sample, result: Result) -> Outcome:
    """What became of a sample that an agent was asked."""
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
    graded = Graded(sample.id, score_of(sample, answer), category=sample.kind, failed=answer is None)
    return Outcome(graded, answer, status, receipt, {**detail_of(sample), **search_detail(result)})


def search_detail(result: Result) -> dict[str, Detail]:
    """What a result tells of its search, by name."""
    told: dict[str, Detail] = {
        "stop_reason": result.stop_reason,
        "spent": result.cost.spent,
        "path_cost": result.cost.chosen_path,
        "search_rounds": result.rounds,
        "safety": result.safety,
        "utility": result.utility,
        "pruned": len(result.pruned),
        "unknown_verdicts": result.unknown_verdicts,
        "thoughts": len(result.path),
    }
    return told | {f"cost_{phase}": spent for phase, spent in result.cost.by_phase.items()}
