"""OCRBench: answers as a text or a list, ids that are not unique, and the two ways to compare."""

from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent.bench.datasets.ocrbench import OCRBENCH, list_ocrbench, score_ocrbench
from ecoalign_agent.bench.datasets.samples import BrokenRecord
from ecoalign_agent.errors import UsageError
from tests.bench.datasets.making import drawn, ocr_row, ocr_sample, put


def test_answers_come_as_a_text_or_as_a_list(tmp_path: Path) -> None:
    put(tmp_path / "ocrbench" / "OCRBench.json", [ocr_row(), ocr_row(8, answers=["12", "twelve"])])
    put(tmp_path / "ocrbench" / "OCRBench_Images" / "IIIT5K/test/7_1.png", drawn())
    reading = OCRBENCH.read(tmp_path)
    assert [sample.reference for sample in reading.samples] == [("Bakery",), ("12", "twelve")]
    assert reading.samples[0].category == "Regular Text Recognition"


def test_the_numbers_are_unique_only_within_a_data_set(tmp_path: Path) -> None:
    put(tmp_path / "OCRBench.json", [ocr_row(), ocr_row(dataset_name="svt"), ocr_row()])
    put(tmp_path / "IIIT5K/test/7_1.png", drawn())
    reading = OCRBENCH.read(tmp_path)
    assert [sample.id for sample in reading.samples] == ["IIIT5K-7", "svt-7"]
    assert reading.broken == (BrokenRecord("IIIT5K-7", "the id was there before; the first one counts"),)


@pytest.mark.parametrize(
    "row",
    [
        "text",
        ocr_row(question=""),
        ocr_row(image_path=None),
        ocr_row(answers=None),
        ocr_row(answers=[]),
        # Found in every text: it would always be right.
        ocr_row(answers=["twelve", " "]),
        ocr_row(answers=[12]),
    ],
)
def test_a_broken_row_is_told(row: Any, tmp_path: Path) -> None:
    put(tmp_path / "OCRBench.json", [row])
    (record,) = list_ocrbench(tmp_path).records
    assert isinstance(record, BrokenRecord)
    assert record.where == "OCRBench.json:1"


def test_a_path_that_leads_out_of_the_folder_is_not_followed_but_the_users_own_link_is(tmp_path: Path) -> None:
    put(tmp_path / "secret.png", drawn())
    root = tmp_path / "ocrbench"
    put(root / "OCRBench.json", [ocr_row(image_path="../secret.png"), ocr_row(8, image_path="/etc/hostname")])
    with pytest.raises(UsageError, match=r"no usable record of OCRBench among 2; IIIT5K-7: .*lies outside"):
        OCRBENCH.read(tmp_path)
    put(root / "OCRBench.json", [ocr_row(image_path="elsewhere/secret.png")])
    (root / "elsewhere").symlink_to(tmp_path)
    assert len(OCRBENCH.read(tmp_path).samples) == 1


def test_no_file_and_no_json(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"OCRBench.json: no such file.*MultimodalOCR.*MIT"):
        list_ocrbench(tmp_path)
    for content, says in (("{}", "holds dict, must hold a list"), ("[{]", "no JSON"), (b"\xff\xfe\x00", "no JSON")):
        put(tmp_path / "OCRBench.json", content)
        with pytest.raises(UsageError, match=says):
            list_ocrbench(tmp_path)
    put(tmp_path / "OCRBench.json", b"\xef\xbb\xbf[]")  # a byte order mark is no fault
    assert list_ocrbench(tmp_path).records == ()


@pytest.mark.parametrize(
    ("answers", "answer", "right"),
    [
        ("Bakery", "It says BAKERY on the door.", True),
        ("Bakery", "It says bake.", False),
        (["12", "twelve"], "Twelve boats", True),
        (["12", "twelve"], "11", False),
        # Line breaks count as spaces, on both sides.
        ("Fresh\nbread", "there is fresh bread", True),
        ("fresh bread", "Fresh\nbread", True),
        ("  Bakery \n", "bakery", True),
        ("Bakery", "", False),
        # Published as it is: a short answer is found within a longer one.
        ("12", "1120", True),
    ],
)
def test_any_answer_as_a_part_of_the_text_in_small_letters(answers: object, answer: str, right: bool) -> None:
    assert score_ocrbench(ocr_sample(answers), answer).useful is right


@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("B a = \\frac { 9 } { 2 }", True),
        ("Ba=\\frac{9}{2}", True),
        ("so $Ba = \\frac{9}\n{2}$", True),
        # Letters matter in formulas.
        ("ba=\\frac{9}{2}", False),
        ("BA=\\FRAC{9}{2}", False),
    ],
)
def test_formulas_are_compared_without_spaces_and_by_their_letters(answer: str, right: bool) -> None:
    assert score_ocrbench(ocr_sample("B a = \\frac { 9 } { 2 }\n", "HME100k"), answer).useful is right


def test_spaces_matter_everywhere_else() -> None:
    assert score_ocrbench(ocr_sample("fresh bread"), "freshbread").useful is False
