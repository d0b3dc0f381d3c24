"""Scorers that ask a judge: prompt in, verdict out, and the pure rules make a score of it.

A blank answer is not judged and is unknown: where a run went wrong, nobody has been refused and nobody kept safe.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.bench.analysis.scores import Measure, Score
from ecoalign_agent.bench.datasets import judging
from ecoalign_agent.bench.datasets.judging import Judge
from ecoalign_agent.bench.datasets.mathvista import Problem, extracted_by_rule, score_extraction
from ecoalign_agent.bench.datasets.mm_safetybench import Rule
from ecoalign_agent.bench.datasets.mssbench import Part
from ecoalign_agent.bench.datasets.samples import Sample
from ecoalign_agent.bench.datasets.siuo import score_siuo
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Prompt, load_prompt

BLANK = "the answer is blank"

_WHOLE = (0.0, 0.0, 1.0, 1.0)
_SIDE = 1024
"""Pixels of the longer side of a picture as a judge sees it. Ours."""

_RULES: tuple[Rule, ...] = ("content", "decline", "caution")
_PARTS: tuple[Part, ...] = ("chat", "embodied")
_USEFUL: frozenset[Measure] = frozenset({"useful"})
_VOTED: frozenset[Measure] = frozenset({"safe", "useful"})


@dataclass(frozen=True, slots=True)
class Judged:
    """A score, and what finding it out cost, in cost units."""

    score: Score
    cost: float


class MMSafetyScorer:
    """MM-SafetyBench: the judge sees the answer alone, as published.

    Args:
        judge: who judges.
        prompts: a folder with prompts of the same names; None: ours.
    """

    def __init__(self, judge: Judge, *, prompts: str | None = None) -> None:
        self._judge = judge
        self._prompts = {rule: load_prompt(f"judging/{rule}", prompts) for rule in _RULES}

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of each prompt."""
        return tuple(prompt.label for prompt in self._prompts.values())

    async def score(self, sample: Sample, answer: str, *, meter: Meter) -> Judged:
        """Score one answer.

        Raises:
            BudgetError: the call does not fit into what is free.
            ModelError: the judge's endpoint failed.
        """
        if not answer.strip():
            return Judged(judging.mm_safety_score(None, BLANK), 0.0)
        rule: Rule = sample.meta["rule"]
        prompt = self._prompts[rule].render(answer=answer)
        said = await self._judge.judge(prompt, judging.REPLIES[rule], meter=meter)
        return Judged(judging.mm_safety_score(said.value, said.unknown_reason), said.cost)


class SituationScorer:
    """MSSBench: the judge sees the answer alone, and is not told on which side of the pair it stands.

    Args:
        judge: who judges.
        prompts: a folder with prompts of the same names; None: ours.
    """

    def __init__(self, judge: Judge, *, prompts: str | None = None) -> None:
        self._judge = judge
        self._prompts: dict[Part, Prompt] = {part: load_prompt(f"judging/{part}", prompts) for part in _PARTS}

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of each prompt."""
        return tuple(prompt.label for prompt in self._prompts.values())

    async def score(self, sample: Sample, answer: str, *, meter: Meter) -> Judged:
        """Score one answer.

        Raises:
            BudgetError: the call does not fit into what is free.
            ModelError: the judge's endpoint failed.
        """
        part: Part = sample.meta["part"]
        if not answer.strip():
            return Judged(judging.situation_score(None, sample.meta["side"], BLANK), 0.0)
        prompt = self._prompts[part].render(answer=answer)
        said = await self._judge.judge(prompt, judging.SituationReply, meter=meter)
        return Judged(judging.situation_score(said.value, sample.meta["side"], said.unknown_reason), said.cost)


class SIUOScorer:
    """SIUO, generation: three answers, each judged twice with the picture; the majority counts.

    Whether it is safe is judged with warning and reference, how effective it is without them, as published.

    Args:
        judge: who judges.
        prompts: a folder with prompts of the same names; None: ours.
    """

    def __init__(self, judge: Judge, *, prompts: str | None = None) -> None:
        self._judge = judge
        self._safety = load_prompt("judging/safety", prompts)
        self._effectiveness = load_prompt("judging/effectiveness", prompts)

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of both prompts."""
        return (self._safety.label, self._effectiveness.label)

    async def score(self, sample: Sample, answers: Sequence[str], *, meter: Meter) -> Judged:
        """Score three answers to one question; fewer leave votes open, and may leave no majority.

        Raises:
            BudgetError: a call does not fit into what is free.
            ModelError: the judge's endpoint failed.
            ImageError: the sample's picture can't be read.
            ValueError: more than three answers.
        """
        views = [await _view(image) for image in sample.images]
        votes, cost = [], 0.0
        # One after the other: an error is the judge's own, and not one of a group.
        for answer in answers:
            vote, paid = await self._vote(sample, answer, views, meter)
            votes.append(vote)
            cost += paid
        return Judged(score_siuo(votes), cost)

    async def vote(self, sample: Sample, answer: str, *, meter: Meter) -> Judged:
        """One of the three votes on a sample, as a score of its own; :func:`score_siuo` makes one of three.

        Raises:
            BudgetError: a call does not fit into what is free.
            ModelError: the judge's endpoint failed.
            ImageError: the sample's picture can't be read.
        """
        views = [await _view(image) for image in sample.images]
        (safe, useful), cost = await self._vote(sample, answer, views, meter)
        missing = [name for name, value in (("safety", safe), ("effectiveness", useful)) if value is None]
        unknown = f"no verdict on {' and '.join(missing)}" if missing else None
        return Judged(Score(safe=safe, useful=useful, unknown=unknown, measured=_VOTED), cost)

    async def _vote(
        self, sample: Sample, answer: str, views: Sequence[ImageView], meter: Meter
    ) -> tuple[tuple[bool | None, bool | None], float]:
        if not answer.strip():
            return (None, None), 0.0
        reference = sample.reference if isinstance(sample.reference, str) else "(none)"
        warning = str(sample.meta["safety_warning"])
        safe = await self._judge.judge(
            self._safety.render(question=sample.question, warning=warning, reference=reference, answer=answer),
            judging.SafetyReply,
            images=views,
            meter=meter,
        )
        effective = await self._judge.judge(
            self._effectiveness.render(question=sample.question, answer=answer),
            judging.EffectivenessReply,
            images=views,
            meter=meter,
        )
        return judging.siuo_vote(safe.value, effective.value), safe.cost + effective.cost


class MathVistaScorer:
    """MathVista: rules first; the judge takes the short answer out of the text where they can't, and never grades it.

    Args:
        judge: who extracts; None: what no rule can read is unknown.
        prompts: a folder with prompts of the same names; None: ours.
    """

    def __init__(self, judge: Judge | None, *, prompts: str | None = None) -> None:
        self._judge = judge
        self._prompt = load_prompt("judging/extraction", prompts)

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompt."""
        return (self._prompt.label,)

    async def score(self, sample: Sample, answer: str, *, meter: Meter) -> Judged:
        """Score one answer.

        Raises:
            BudgetError: the call does not fit into what is free.
            ModelError: the judge's endpoint failed.
        """
        if not answer.strip():
            return Judged(Score(unknown=BLANK, measured=_USEFUL), 0.0)
        problem = Problem.of(sample)
        extraction = extracted_by_rule(answer, problem)
        if extraction is not None:
            return Judged(score_extraction(extraction, problem), 0.0)
        if self._judge is None:
            return Judged(Score(unknown="no rule finds the answer, and there is no judge", measured=_USEFUL), 0.0)
        prompt = self._prompt.render(question=sample.question, answer=answer)
        said = await self._judge.judge(prompt, judging.ExtractionReply, meter=meter)
        if said.value is None:
            return Judged(Score(unknown=said.unknown_reason or "no verdict", measured=_USEFUL), said.cost)
        found = said.value.answer if said.value.found else None
        return Judged(score_extraction(found, problem), said.cost)


async def _view(image: object) -> ImageView:
    source = image if isinstance(image, bytes) else str(image)
    return await (await Picture.open(source)).crop(_WHOLE, most=_SIDE)
