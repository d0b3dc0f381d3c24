"""How an answer to any benchmark's sample is scored: by rules, by a judge, or by both; one signature for all."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from ecoalign_agent.bench.analysis.scores import Score
from ecoalign_agent.bench.datasets.judge_scorers import (
    Judged,
    MathVistaScorer,
    MMSafetyScorer,
    SituationScorer,
    SIUOScorer,
)
from ecoalign_agent.bench.datasets.judging import Judge
from ecoalign_agent.bench.datasets.mmstar import score_mmstar
from ecoalign_agent.bench.datasets.ocrbench import score_ocrbench
from ecoalign_agent.bench.datasets.samples import Sample
from ecoalign_agent.bench.datasets.siuo import score_siuo_choice
from ecoalign_agent.errors import UsageError
from ecoalign_agent.llm.meter import Meter

ScoreAnswer = Callable[[Sample, str, Meter], Awaitable[Judged]]
"""Scores one answer. Raises ModelError when the judge's endpoint fails, ImageError for a picture that can't be read."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a benchmark is scored.

    Attributes:
        judge_calls: calls of the judge for one answer, at most; 0: rules alone.
        judge_needed: without a judge nothing is known.
        whole: what is scored is the whole reply, thoughts included; else the final answer alone, where a method marks
            one, as rules read it.
        answers: answers to each sample, of which the majority counts.
        made: from the judge, who may be None where none is needed, and the folder of prompts, to the scorer.
    """

    judge_calls: int
    judge_needed: bool
    whole: bool
    answers: int
    made: Callable[[Judge | None, str | None], ScoreAnswer]


def scorer_for(key: str, judge: Judge | None, *, prompts: str | None = None) -> ScoreAnswer:
    """The scorer of a benchmark.

    Args:
        key: its name in the catalogue.
        judge: who judges; None: nobody.
        prompts: a folder with prompts of the judges' names; None: ours.

    Raises:
        UsageError: it needs a judge.
    """
    scoring = SCORING[key]
    if scoring.judge_needed and judge is None:
        raise UsageError(f"{key} needs a judge: name one with --judge, such as openai:gpt-4.1-mini")
    return scoring.made(judge, prompts)


def _named(judge: Judge | None) -> Judge:
    if judge is None:
        raise UsageError("this benchmark needs a judge")
    return judge


def _by_rule(rule: Callable[[Sample, str], Score]) -> Scoring:
    async def score(sample: Sample, answer: str, meter: Meter) -> Judged:  # noqa: ARG001 - one signature
        return Judged(rule(sample, answer), 0.0)

    return Scoring(0, judge_needed=False, whole=False, answers=1, made=lambda judge, prompts: score)  # noqa: ARG005 - as above


def _mm_safety(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
    scorer = MMSafetyScorer(_named(judge), prompts=prompts)
    return lambda sample, answer, meter: scorer.score(sample, answer, meter=meter)


def _situation(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
    scorer = SituationScorer(_named(judge), prompts=prompts)
    return lambda sample, answer, meter: scorer.score(sample, answer, meter=meter)


def _siuo(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
    scorer = SIUOScorer(_named(judge), prompts=prompts)
    return lambda sample, answer, meter: scorer.vote(sample, answer, meter=meter)


def _mathvista(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
    scorer = MathVistaScorer(judge, prompts=prompts)
    return lambda sample, answer, meter: scorer.score(sample, answer, meter=meter)


_SITUATION = Scoring(1, judge_needed=True, whole=True, answers=1, made=_situation)

SCORING: dict[str, Scoring] = {
    "mm-safetybench": Scoring(1, judge_needed=True, whole=True, answers=1, made=_mm_safety),
    "siuo": Scoring(2, judge_needed=True, whole=True, answers=3, made=_siuo),
    "siuo-choice": _by_rule(score_siuo_choice),
    "mssbench-chat": _SITUATION,
    "mssbench-embodied": _SITUATION,
    "ocrbench": _by_rule(score_ocrbench),
    "mathvista": Scoring(1, judge_needed=False, whole=False, answers=1, made=_mathvista),
    "mmstar": _by_rule(score_mmstar),
}
"""Name → how it is scored."""
