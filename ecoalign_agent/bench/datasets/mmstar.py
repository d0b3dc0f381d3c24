"""MMStar: questions that can't be answered without their picture, in six abilities and eighteen axes.

Source: L. Chen et al., "Are we on the right way for evaluating large vision-language models?", NeurIPS 2024.
"""

import base64
import binascii
import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded, Measure, by_category, macro_mean, summarise
from ecoalign_agent.bench.analysis.statistics import MeanInterval
from ecoalign_agent.bench.datasets.benchmark import Benchmark, rule_scorer
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BenchmarkSource, BrokenRecord, Listing
from ecoalign_agent.errors import UsageError
from ecoalign_agent.training.synthesis.records import read_parquet

_SOURCE = BenchmarkSource(
    key="mmstar",
    folder="mmstar",
    title="MMStar",
    url="https://huggingface.co/datasets/Lin-Chen/MMStar",
    licence="none found",
    files="MMStar.tsv or mmstar.parquet",
    published="1 500, of which 345 are also in MathVista",
)

_MAX_FIELD = 64_000_000
"""Characters of one field of the table: pictures stand in it. The reader's own limit is 131 072."""

_LETTER = re.compile(r"(?:\(|option |the answer is )?([a-h])(?![a-z0-9])")

_MEASURES: frozenset[Measure] = frozenset({"useful"})


def list_mmstar(folder: Path) -> Listing:
    """List the records of MMStar, from the table or from Parquet, whichever is there."""
    index = _SOURCE.locate(folder, ("MMStar.tsv", "mmstar.parquet", "MMStar.parquet"))
    rows = read_parquet(index) if index.suffix == ".parquet" else _read_table(index)
    records = tuple(_record(row, f"{index.name}:{number}") for number, row in enumerate(rows, 1))
    return Listing((index,), index.parent, records)


def _read_table(path: Path) -> Iterator[Mapping[str, Any]]:
    before = csv.field_size_limit(_MAX_FIELD)
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from csv.DictReader(file, delimiter="\t")
    except (OSError, ValueError, csv.Error) as error:
        raise UsageError(f"{path}: no table that can be read ({error}); fetch the file anew") from error
    finally:
        csv.field_size_limit(before)


def _record(row: Mapping[str, Any], where: str) -> BenchmarkSample | BrokenRecord:
    index, question = row.get("index"), str(row.get("question") or "").strip()
    answer = str(row.get("answer") or "").strip().upper()
    if index is None or not question or not re.fullmatch("[A-H]", answer):
        return BrokenRecord(where, "index or question is missing, or answer is no letter")
    image = _picture(row.get("image"))
    if image is None:
        return BrokenRecord(where, "image is no picture in base64 and no bytes")
    return BenchmarkSample(
        id=str(index),
        question=_with_options(question, row),
        images=(image,),
        reference=answer,
        category=str(row.get("l2_category") or ""),
    )


def _picture(value: object) -> bytes | None:
    if isinstance(value, Mapping):  # as the datasets library writes pictures
        value = value.get("bytes")
    if isinstance(value, bytes):
        return value or None
    if not isinstance(value, str):
        return None
    try:
        # Some encoders break it into lines.
        return base64.b64decode("".join(value.split()), validate=True) or None
    except (binascii.Error, ValueError):
        return None


def _with_options(question: str, row: Mapping[str, Any]) -> str:
    # They stand in the question, but for copies of the table that give each a column.
    columns = {letter: str(row[letter]).strip() for letter in "ABCDEF" if str(row.get(letter) or "").strip()}
    if "Options:" in question or not columns:
        return question
    return f"{question}\nOptions: {', '.join(f'{letter}: {text}' for letter, text in columns.items())}"


def leading_letter(answer: str) -> str | None:
    """Letter at the start of an answer, alone or after "(", "option " or "the answer is "; None: there is none.

    The published rule looks at one character and takes "Because" for B; here the letter must end there.
    """
    found = _LETTER.match(answer.lower().strip().replace("\n", " "))
    return found[1].upper() if found else None


def score_mmstar(sample: BenchmarkSample, answer: str) -> AnswerScore:
    """Score the named letter; an answer that names none is unknown, which counts as wrong."""
    letter = leading_letter(answer)
    if letter is None:
        return AnswerScore(unknown="the answer names no letter", measured=_MEASURES)
    return AnswerScore(useful=letter == sample.reference)


def mmstar_accuracies(graded: Sequence[Graded]) -> tuple[MeanInterval, float | None]:
    """Official accuracy over all samples alike, and the mean over the axes, each axis counting the same."""
    return summarise(graded).useful, macro_mean(by_category(graded))


MMSTAR = Benchmark(_SOURCE, list_mmstar, _MEASURES, rule_scorer(score_mmstar))
