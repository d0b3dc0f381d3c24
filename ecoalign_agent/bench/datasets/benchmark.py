"""A benchmark as one value: its reader, the measures of a sample, and its scorer, by rule or by a judge.

A judge is a chat model that gives one verdict in a strict schema; it should not be the model whose answers are judged.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict

from ecoalign_agent.bench.analysis.scores import AnswerScore, Measure
from ecoalign_agent.bench.datasets.samples import (
    BenchmarkSample,
    BenchmarkSource,
    Image,
    Listing,
    MissingFilesError,
    Reading,
    check_listing,
    checksum,
)
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import RenderedPrompt, load_prompt
from ecoalign_agent.llm.structured_output import call_with_fallback

_MAX_TOKENS, _MIN_TOKENS = 400, 48
"""Completion tokens of a verdict, its reason included; below the second a call is not worth making."""

_IMAGE_SIDE = 1024
"""Pixels of the longer side of a picture that a judge gets. Ours."""

_NAMED_EXAMPLES = 3
"""Broken records of each kind that a report names."""

BLANK = "the answer is blank"
ReplyT = TypeVar("ReplyT", bound=BaseModel)


class JudgeReply(BaseModel):
    """Base of the verdicts. The reason comes first, so that the judge thinks before it decides; it is never read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str


@dataclass(frozen=True, slots=True)
class Judgement(Generic[ReplyT]):
    """A judge's verdict with its cost in cost units; a value of None is unknown, for ``unknown_reason``."""

    value: ReplyT | None
    cost: float
    unknown_reason: str | None = None


@dataclass(frozen=True)
class Judge:
    """A chat model as judge. Source: ours; each benchmark names another one."""

    endpoint: Endpoint

    @property
    def name(self) -> str:
        """Name of the endpoint, for tables."""
        return self.endpoint.name

    async def judge(
        self, prompt: RenderedPrompt, reply: type[ReplyT], *, images: Sequence[ImageView] = (), meter: Meter
    ) -> Judgement[ReplyT]:
        """Call the model for one verdict, which must fit the schema ``reply`` exactly.

        Raises:
            BudgetError: the call does not fit into the free budget; no call was made.
            ModelError: the endpoint failed.
        """
        answer = await call_with_fallback(
            self.endpoint,
            prompt,
            reply,
            images=images,
            meter=meter,
            phase="assess",
            max_tokens=_MAX_TOKENS,
            min_tokens=_MIN_TOKENS,
            exact=True,
        )
        reason = None if answer.value is not None else answer.unreadable or "no verdict"
        return Judgement(answer.value, answer.cost, reason)


async def open_judge_view(image: Image) -> ImageView:
    """The whole picture at the size that judges get; raises ImageError where it can't be read."""
    picture = await Picture.open(image if isinstance(image, bytes) else str(image))
    return await picture.crop((0.0, 0.0, 1.0, 1.0), max_side=_IMAGE_SIDE)


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A score, and the judge's cost for it in cost units."""

    score: AnswerScore
    cost: float = 0.0


ScoreAnswer = Callable[[BenchmarkSample, str, Meter], Awaitable[ScoredAnswer]]
"""Scores one answer; raises ModelError when the judge's endpoint fails, ImageError for an unreadable picture."""

MakeScorer = Callable[[Judge | None, str | None], ScoreAnswer]
"""Builds the scorer from the judge, if there is one, and from a folder of prompts, None for ours."""

CombineScores = Callable[[Sequence[AnswerScore]], AnswerScore]


class SampleDraw(NamedTuple):
    """Samples of one run; ``total`` is the number of usable ones, None for a world without end."""

    samples: Sequence[BenchmarkSample]
    total: int | None


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        list_records: lists the records in the user's folder. Raises UsageError for missing or damaged files.
        measures: what a sample measures; a function where samples differ.
        make_scorer: see :func:`rule_scorer` and :func:`judge_scorer`.
        judge_calls: calls of the judge for one answer, at most; 0: rules alone.
        judge_needed: nothing can be scored without a judge.
        whole_reply: the whole reply is scored, thoughts included; else the marked final answer alone.
        answers: answers to each sample.
        combine: makes one score of several answers' scores; needed where ``answers`` is above 1.
    """

    source: BenchmarkSource
    list_records: Callable[[Path], Listing]
    measures: frozenset[Measure] | Callable[[BenchmarkSample], frozenset[Measure]]
    make_scorer: MakeScorer
    judge_calls: int = 0
    judge_needed: bool = False
    whole_reply: bool = False
    answers: int = 1
    combine: CombineScores | None = None
    needs_files: bool = True

    @property
    def key(self) -> str:
        """Name on the command line and in tables."""
        return self.source.key

    def measured(self, sample: BenchmarkSample) -> frozenset[Measure]:
        """Measures of the sample."""
        return self.measures if isinstance(self.measures, frozenset) else self.measures(sample)

    def read(self, folder: Path) -> Reading:
        """Read the usable samples in a folder, and the broken records; raises UsageError where none can be used."""
        listing = self.list_records(folder)
        reading = check_listing(listing)
        if not reading.samples:
            broken = reading.broken
            first = f"; {broken[0].where}: {broken[0].reason}" if broken else ""
            place = listing.index[0] if listing.index else folder
            raise UsageError(f"{place}: no usable record of {self.source.title} among {len(broken)}{first}")
        return reading

    def draw(self, folder: str, *, limit: int | None, seed: int) -> SampleDraw:
        """Draw the samples of a run: all, or ``limit`` at random by the seed, so that a part is like the whole."""
        samples = list(_read_by_id(self, folder).values())
        if limit is not None and limit < len(samples):
            return SampleDraw(Random(seed).sample(samples, limit), len(samples))  # noqa: S311 - a draw, no secret
        return SampleDraw(samples, len(samples))

    def find(self, folder: str, seed: int, sample_id: str) -> BenchmarkSample:  # noqa: ARG002 - worlds have a seed
        """Look a drawn sample up by its id; raises UsageError where the files hold it no more."""
        sample = _read_by_id(self, folder).get(sample_id)
        if sample is None:
            raise UsageError(f"{self.key}: there is no sample {sample_id!r} in {folder} any more")
        return sample

    def scorer(self, judge: Judge | None, *, prompts: str | None = None) -> ScoreAnswer:
        """Build the scorer, with a folder's prompts instead of ours; raises UsageError where a judge is missing."""
        self.require_judge(available=judge is not None)
        return self.make_scorer(judge, prompts)

    def require_judge(self, *, available: bool) -> None:
        """Raise UsageError where the scores need a judge that is not there."""
        if self.judge_needed and not available:
            raise UsageError(f"{self.key} needs a judge: name one with --judge, such as openai:gpt-4.1-mini")

    def inspect_files(self, folder: Path) -> "BenchmarkFiles":
        """State of the benchmark's files in a folder; damaged files are part of the report."""
        about = asdict(self.source)
        about["belongs"] = about.pop("folder")
        try:
            reading = check_listing(self.list_records(folder))
            digest = checksum(reading.index)
        except MissingFilesError:
            return BenchmarkFiles(**about, state="missing")
        except UsageError as error:
            return BenchmarkFiles(**about, state="damaged", trouble=str(error))
        damaged = [record for record in reading.broken if not record.without_image]
        unseen = [record for record in reading.broken if record.without_image]
        return BenchmarkFiles(
            **about,
            state="found",
            index=tuple(str(path) for path in reading.index),
            checksum=digest,
            records=len(reading.samples) + len(unseen),
            broken=len(damaged),
            without_picture=len(unseen),
            examples=tuple(
                f"{record.where}: {record.reason}" for record in [*damaged[:_NAMED_EXAMPLES], *unseen[:_NAMED_EXAMPLES]]
            ),
        )


@cache
def _read_by_id(benchmark: Benchmark, folder: str) -> dict[str, BenchmarkSample]:
    return {sample.id: sample for sample in benchmark.read(Path(folder)).samples}


class BenchmarkFiles(Record):
    """State of a benchmark's files in a folder; ``belongs`` and what follows it as in :class:`BenchmarkSource`.

    Attributes:
        trouble: the reason why they are damaged: there, but unreadable.
        index: the files that list its records, with their SHA-256 in ``checksum``.
        records: records that give a sample, those without their picture included; None: not found.
        broken: records that are not whole, or whose id was there before.
    """

    key: str
    belongs: str
    title: str
    url: str
    licence: str
    files: str
    published: str
    state: Literal["found", "missing", "damaged"]
    trouble: str | None = None
    index: tuple[str, ...] = ()
    checksum: str | None = None
    records: int | None = None
    broken: int | None = None
    without_picture: int | None = None
    examples: tuple[str, ...] = ()


def unknown_score(reason: str | None, measures: frozenset[Measure], cost: float = 0.0) -> ScoredAnswer:
    """Unknown score of an answer. A blank one is unknown, too: nobody was refused and nobody kept safe."""
    return ScoredAnswer(AnswerScore(unknown=reason, measured=measures), cost)


def rule_scorer(rule: Callable[[BenchmarkSample, str], AnswerScore]) -> MakeScorer:
    """Make a scorer of a rule: no judge, no cost."""

    async def score(sample: BenchmarkSample, answer: str, meter: Meter) -> ScoredAnswer:  # noqa: ARG001 - one signature
        return ScoredAnswer(rule(sample, answer))

    return lambda judge, prompts: score  # noqa: ARG005 - one signature


def judge_scorer(
    replies: Mapping[str, type[JudgeReply]],
    prompt_of: Callable[[BenchmarkSample], str],
    score_reply: Callable[[BenchmarkSample, JudgeReply], AnswerScore],
    measures: Callable[[BenchmarkSample], frozenset[Measure]],
) -> MakeScorer:
    """Make a scorer of one verdict by the judge, who sees the answer alone; ``replies`` maps prompts to schemas."""

    def make(judge: Judge | None, prompts: str | None) -> ScoreAnswer:
        templates = {name: load_prompt(f"judging/{name}", prompts) for name in replies}

        async def score(sample: BenchmarkSample, answer: str, meter: Meter) -> ScoredAnswer:
            assert judge is not None  # noqa: S101 - Benchmark.scorer requires one
            if not answer.strip():
                return unknown_score(BLANK, measures(sample))
            name = prompt_of(sample)
            judgement = await judge.judge(templates[name].render(answer=answer), replies[name], meter=meter)
            if judgement.value is None:
                return unknown_score(judgement.unknown_reason, measures(sample), judgement.cost)
            return ScoredAnswer(score_reply(sample, judgement.value), judgement.cost)

        return score

    return make
