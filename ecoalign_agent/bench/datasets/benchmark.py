"""A benchmark as one value: its reader, the measures of a sample, and its scorer (by rule, by a judge, or by both)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

from ecoalign_agent.bench.analysis.scores import AnswerScore, Measure
from ecoalign_agent.bench.datasets.judging import Judge, Judgement
from ecoalign_agent.bench.datasets.samples import (
    BenchmarkSample,
    BenchmarkSource,
    Listing,
    MissingFilesError,
    Reading,
    check_listing,
    checksum,
)
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.llm.meter import Meter

_NAMED_EXAMPLES = 3
"""Broken records of each kind that a report names."""


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """A score, and the judge's cost for it in cost units."""

    score: AnswerScore
    cost: float = 0.0


ScoreAnswer = Callable[[BenchmarkSample, str, Meter], Awaitable[ScoredAnswer]]
"""Scores one answer; raises ModelError when the judge's endpoint fails, ImageError for a picture that can't be read."""

MakeScorer = Callable[[Judge | None, str | None], ScoreAnswer]
"""Builds the scorer from the judge, None where there is none, and from a folder of prompts, None for ours."""


CombineScores = Callable[[Sequence[AnswerScore]], AnswerScore]
"""Makes one score of the scores of several answers to one sample."""


class SampleDraw(NamedTuple):
    """Samples of one run; ``total`` is the number of usable ones, None for a world without end."""

    samples: Sequence[BenchmarkSample]
    total: int | None


@dataclass(frozen=True)
class Benchmark:
    """One benchmark.

    Attributes:
        source: its name, files and licence.
        list_records: lists the records in the user's folder. Raises UsageError for missing or damaged files.
        measures: what a sample measures; a function where samples differ.
        make_scorer: builds the scorer; see :func:`rule_scorer` for one without a judge.
        judge_calls: calls of the judge for one answer, at most; 0: rules alone.
        judge_needed: nothing can be scored without a judge.
        whole_reply: the whole reply is scored, thoughts included; else the marked final answer alone.
        answers: answers to each sample.
        combine: makes one score of several answers' scores; needed where ``answers`` is above 1.
        needs_files: samples are read from a folder that the user names.
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
        """Read the usable samples in a folder, and the broken records.

        Raises:
            UsageError: files are missing or damaged, or no record can be used.
        """
        listing = self.list_records(folder)
        reading = check_listing(listing)
        if not reading.samples:
            broken = reading.broken
            first = f"; {broken[0].where}: {broken[0].reason}" if broken else ""
            place = listing.index[0] if listing.index else folder
            raise UsageError(f"{place}: no usable record of {self.source.title} among {len(broken)}{first}")
        return reading

    def draw(self, folder: str, *, limit: int | None, seed: int) -> SampleDraw:
        """Draw the samples of a run: all, or ``limit`` of them at random by the seed, so that a part is like the whole.

        Raises:
            UsageError: files are missing or damaged, or no record can be used.
        """
        samples = list(_read_by_id(self, folder).values())
        if limit is not None and limit < len(samples):
            return SampleDraw(Random(seed).sample(samples, limit), len(samples))  # noqa: S311 - a draw, no secret
        return SampleDraw(samples, len(samples))

    def find(self, folder: str, seed: int, sample_id: str) -> BenchmarkSample:  # noqa: ARG002 - worlds have a seed
        """Look a drawn sample up by its id, for the scorer.

        Raises:
            UsageError: the files hold none of that id any more.
        """
        sample = _read_by_id(self, folder).get(sample_id)
        if sample is None:
            raise UsageError(f"{self.key}: there is no sample {sample_id!r} in {folder} any more")
        return sample

    def scorer(self, judge: Judge | None, *, prompts: str | None = None) -> ScoreAnswer:
        """Build the scorer.

        Args:
            judge: None where no rule needs one.
            prompts: a folder with prompts under the names of ours; None: ours.

        Raises:
            UsageError: the benchmark needs a judge, and there is none.
        """
        self.require_judge(available=judge is not None)
        return self.make_scorer(judge, prompts)

    def require_judge(self, *, available: bool) -> None:
        """Check that the judge that the scores need is there.

        Raises:
            UsageError: it is not.
        """
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
        state: found; missing; or damaged: there, but unreadable.
        trouble: the reason why it is damaged.
        index: the files that list its records.
        checksum: SHA-256 of that index.
        records: records that give a sample; None: not found.
        broken: records that are not whole, or whose id was there before.
        without_picture: of the records, those whose picture is not there; they are not run.
        examples: the first few broken records and missing pictures, with the reason.
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


def blank_score(measures: frozenset[Measure]) -> ScoredAnswer:
    """Unknown score of a blank answer: where a run went wrong, nobody was refused and nobody kept safe."""
    return ScoredAnswer(AnswerScore(unknown="the answer is blank", measured=measures))


def unknown_score(judgement: Judgement[Any], measures: frozenset[Measure]) -> ScoredAnswer:
    """Unknown score of an answer whose verdict could not be read."""
    return ScoredAnswer(AnswerScore(unknown=judgement.unknown_reason, measured=measures), judgement.cost)


def rule_scorer(rule: Callable[[BenchmarkSample, str], AnswerScore]) -> MakeScorer:
    """Make a scorer of a rule: no judge, no cost."""

    async def score(sample: BenchmarkSample, answer: str, meter: Meter) -> ScoredAnswer:  # noqa: ARG001 - one signature
        return ScoredAnswer(rule(sample, answer))

    return lambda judge, prompts: score  # noqa: ARG005 - one signature
