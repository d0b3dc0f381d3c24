"""MathVista: a dictionary by pid with null choices, and short answers by rule."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.bench.datasets.mathvista import (
    MATHVISTA,
    Problem,
    extract_by_rule,
    list_mathvista,
    normalise_extraction,
    score_extraction,
)
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BrokenRecord
from ecoalign_agent.errors import UsageError
from tests.bench.datasets.making import drawn, put, vista_row

COLOURS = Problem("green", "text", ("red", "green", "dark green"), None)
BOATS = Problem("3", "integer", None, None)
SHARE = Problem("0.5", "float", None, 1)
SIZES = Problem("[1, 2.5]", "list", None, 1)


def read(folder: Path, **rows: Any) -> tuple[BenchmarkSample | BrokenRecord, ...]:
    put(folder / "mathvista" / "data" / "testmini.json", rows)
    return list_mathvista(folder).records


def one(folder: Path, **changes: Any) -> BenchmarkSample:
    (record,) = read(folder, **{"1": vista_row(**changes)})
    assert isinstance(record, BenchmarkSample), record
    return record


def test_a_dictionary_by_pid_with_null_choices(tmp_path: Path) -> None:
    put(tmp_path / "mathvista" / "data" / "images" / "1.jpg", drawn(form="JPEG"))
    sample = one(tmp_path)
    assert sample.id == "1"
    assert MATHVISTA.read(tmp_path).samples == (sample,)
    assert sample.question == "How many boats are there?\n\nGive the final answer as a whole number, such as 3."
    assert sample.category == "figure question answering"
    assert sample.meta["problem"] == BOATS


def test_precision_stands_in_the_file_as_a_float(tmp_path: Path) -> None:
    sample = one(tmp_path, answer_type="float", precision=1.0, answer="0.5", unit="litres")
    assert sample.meta["problem"] == SHARE
    assert sample.question.startswith("How many boats are there? (unit: litres)\n")
    assert "1 decimal places" in sample.question


def test_choices_are_shown_by_letter(tmp_path: Path) -> None:
    changes = {"choices": list(COLOURS.choices or ()), "answer": "green", "answer_type": "text"}
    sample = one(tmp_path, question_type="multi_choice", **changes)
    assert "(A) red\n(B) green\n(C) dark green" in sample.question
    assert sample.meta["problem"] == COLOURS


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"question": None}, "question or image is missing"),
        ({"answer": None}, "testmini has it, test has not"),
        ({"answer": ""}, "answer is missing"),
        ({"answer_type": "number"}, "answer_type is 'number'"),
        ({"question_type": "multi_choice"}, "choices null"),
        ({"choices": ["1", "2"], "answer": "1"}, "choices given"),
        ({"question_type": "multi_choice", "choices": ["1", "2"]}, "the answer is none of the choices"),
        ({"answer_type": "float"}, "precision is None"),
        ({"answer_type": "float", "precision": 1.5}, "precision is 1.5"),
    ],
)
def test_a_broken_row_is_told(changes: dict[str, Any], why: str, tmp_path: Path) -> None:
    (record,) = read(tmp_path, **{"7": vista_row(**changes)})
    assert isinstance(record, BrokenRecord)
    assert record.where == "testmini.json:7"
    assert why in record.reason


def test_files_that_are_missing_or_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"testmini.json: no such file.*CC BY-SA 4.0, not for training"):
        list_mathvista(tmp_path)
    put(tmp_path / "testmini.json", [vista_row()])
    with pytest.raises(UsageError, match="holds list, must hold an object"):
        list_mathvista(tmp_path)


@pytest.mark.parametrize(
    ("problem", "answer", "extraction"),
    [
        (COLOURS, "green", "green"),
        (COLOURS, "B", "B"),
        (COLOURS, "(B) green", "(B) green"),
        (COLOURS, 'It is a plant. The answer is "green".', "green"),
        (COLOURS, "At first the answer is A. No: the answer is (B)", "(B)"),
        (BOATS, "3", "3"),
        (BOATS, "I count them. The answer is 3.", "3"),
        (SHARE, "0.5", "0.5"),
        (SIZES, "[1, 2.5]", "[1, 2.5]"),
        (SIZES, "So the final answer is: [1, 2.5]", "[1, 2.5]"),
    ],
)
def test_what_a_rule_can_extract(problem: Problem, answer: str, extraction: str) -> None:
    assert extract_by_rule(answer, problem) == extraction


@pytest.mark.parametrize(
    ("problem", "answer"),
    [
        (COLOURS, "It looks green to me, or dark green."),
        (COLOURS, "The answer is not clear."),
        (COLOURS, "(D)"),
        (BOATS, "There are 3 boats and 2 cars."),
        (BOATS, "The answer is three."),
        (BOATS, "nan"),
        (SIZES, "1 and 2.5"),
        (SIZES, "[]"),
        (SIZES, "[true, 1]"),
    ],
)
def test_what_is_left_to_a_judge(problem: Problem, answer: str) -> None:
    assert extract_by_rule(answer, problem) is None


@pytest.mark.parametrize(
    ("problem", "extraction", "right"),
    [
        (COLOURS, "B", True),
        (COLOURS, "(b)", True),
        (COLOURS, "(A) red", False),
        (COLOURS, "green", True),
        # The nearest choice: "grean" is one edit from green, six from dark green, four from red.
        (COLOURS, "grean", True),
        (COLOURS, "dark gren", False),
        (BOATS, "3", True),
        (BOATS, "3.0", True),
        # Cut off, not rounded, as published.
        (BOATS, "3.9", True),
        (BOATS, "4", False),
        (Problem("1200", "integer", None, None), "1,200", True),
        (SHARE, "0.50", True),
        (SHARE, "0.54", True),
        (SHARE, "0.56", False),
        (SIZES, "[1.0, 2.5]", True),
        (SIZES, '["1", "2.54"]', True),
        (SIZES, "[2.5, 1]", False),
        (SIZES, "[1]", False),
    ],
)
def test_an_extraction_is_right_or_wrong(problem: Problem, extraction: str, right: bool) -> None:
    score = score_extraction(extraction, problem)
    assert (score.useful, score.unknown) == (right, None)


@pytest.mark.parametrize(
    ("problem", "extraction"),
    [
        (COLOURS, None),
        (COLOURS, ""),
        # As near to one as to the other: the published rule takes the first.
        (Problem("11", "text", ("11", "13"), None), "12"),
        (BOATS, "three"),
        (BOATS, "1,2"),
        (BOATS, "inf"),
        (SHARE, "1e999"),
        (SIZES, "1 and 2.5"),
        (BOATS, "3" * 500),
    ],
)
def test_what_can_not_be_read_is_unknown_and_not_wrong_by_chance(problem: Problem, extraction: str | None) -> None:
    score = score_extraction(extraction, problem)
    assert score.useful is None
    assert score.unknown


def test_a_choice_of_one_letter_is_named_by_the_letter_it_stands_behind() -> None:
    # The letter of a choice was asked for: "B" is the second one, whatever that says.
    assert normalise_extraction("B", Problem("A", "text", ("B", "A"), None)) == "A"


@settings(max_examples=150)
@given(st.text(max_size=60), st.sampled_from([COLOURS, BOATS, SHARE, SIZES]))
def test_no_text_makes_the_rules_fail(text: str, problem: Problem) -> None:
    extraction = extract_by_rule(text, problem)
    score = score_extraction(extraction, problem)
    assert (score.useful is None) == (score.unknown is not None)
