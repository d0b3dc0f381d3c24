"""MMStar: a table with pictures in it, or Parquet; one letter; two averages."""

import base64
import csv
from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded
from ecoalign_agent.bench.datasets.mmstar import MMSTAR, leading_letter, list_mmstar, mmstar_accuracies, score_mmstar
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BrokenRecord
from ecoalign_agent.errors import UsageError
from tests.bench.datasets.making import drawn, put, star_row


def table(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "mmstar" / "MMStar.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = tuple(
        row | {"image": base64.b64encode(row["image"]).decode() if isinstance(row["image"], bytes) else row["image"]}
        for row in rows
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter="\t")
        writer.writeheader()
        writer.writerows(rows)
    return path


def samples_of(folder: Path) -> tuple[BenchmarkSample, ...]:
    return MMSTAR.read(folder).samples


def test_the_table_holds_pictures_in_base64_and_questions_over_several_lines(tmp_path: Path) -> None:
    table(tmp_path, star_row(), star_row(1, answer="a"))
    first, second = samples_of(tmp_path)
    assert first.id == "0"
    assert first.question == star_row()["question"]
    assert first.images == (drawn(),)
    assert (first.reference, second.reference) == ("B", "A")
    assert first.category == "image scene and topic"


def test_a_field_may_be_longer_than_the_readers_own_limit_which_stays_as_it_was(tmp_path: Path) -> None:
    before = 131_072
    csv.field_size_limit(before)
    large = drawn() + b"\0" * 200_000
    table(tmp_path, star_row(image=large))
    assert samples_of(tmp_path)[0].images == (large,)
    assert csv.field_size_limit() == before


def test_base64_that_is_broken_into_lines(tmp_path: Path) -> None:
    table(tmp_path, star_row(image=base64.encodebytes(drawn()).decode()))
    assert samples_of(tmp_path)[0].images == (drawn(),)


def test_a_table_that_gives_each_option_a_column(tmp_path: Path) -> None:
    row = star_row(question="Which boat is larger?") | {"A": "the left one", "B": "the right one", "C": ""}
    table(tmp_path, row)
    question = samples_of(tmp_path)[0].question
    assert question == "Which boat is larger?\nOptions: A: the left one, B: the right one"


def test_parquet_holds_pictures_as_they_are(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq  # noqa: PLC0415 - skipped above where it is not installed

    path = tmp_path / "mmstar" / "mmstar.parquet"
    path.parent.mkdir()
    pq.write_table(pa.Table.from_pylist([star_row(), star_row(1, image=None)]), path)
    reading = MMSTAR.read(tmp_path)
    assert reading.samples[0].images == (drawn(),)
    assert reading.broken == (BrokenRecord("mmstar.parquet:2", "image is no picture in base64 and no bytes"),)
    put(path, b"PAR1 no more")
    with pytest.raises(UsageError, match="no Parquet file that can be read"):
        list_mmstar(tmp_path)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"question": ""}, "question is missing"),
        ({"answer": ""}, "answer is no letter"),
        ({"answer": "both"}, "answer is no letter"),
        ({"image": "no base64!"}, "image is no picture"),
        ({"image": ""}, "image is no picture"),
    ],
)
def test_a_broken_row_is_told(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    table(tmp_path, star_row(**changes))
    (record,) = list_mmstar(tmp_path).records
    assert isinstance(record, BrokenRecord)
    assert record.where == "MMStar.tsv:1"
    assert why in record.reason


def test_without_files_the_error_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"MMStar.tsv: no such file.*Lin-Chen/MMStar.*licence: none found"):
        list_mmstar(tmp_path)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("B", "B"),
        ("b", "B"),
        (" B. the right one", "B"),
        ("B: the right one", "B"),
        ("(B) the right one", "B"),
        ("Option B", "B"),
        ("The answer is B.", "B"),
        ("the answer\nis b", "B"),
        # The published rule would look at one character and take these for B, B and A.
        ("Because it is larger", None),
        ("Both are", None),
        ("The answer is about 3", None),
        # It looks at the beginning only.
        ("I think the answer is B", None),
        ("", None),
        ("7", None),
    ],
)
def test_the_letter_that_an_answer_begins_with(answer: str, letter: str | None) -> None:
    assert leading_letter(answer) == letter


def test_a_letter_is_right_wrong_or_unknown(tmp_path: Path) -> None:
    table(tmp_path, star_row())
    (sample,) = samples_of(tmp_path)
    assert score_mmstar(sample, "(B)").useful is True
    assert score_mmstar(sample, "C").useful is False
    assert score_mmstar(sample, "Both").unknown == "the answer names no letter"


def test_the_official_figure_and_the_mean_over_the_axes() -> None:
    graded = [
        *(Graded(f"x{n}", AnswerScore(useful=True), "recognition") for n in range(3)),
        Graded("y", AnswerScore(useful=False), "geometry"),
    ]
    micro, over_axes = mmstar_accuracies(graded)
    # 3 of 4 alike; (1 + 0) / 2 by axes.
    assert (micro.mean, over_axes) == (0.75, 0.5)
