"""MM-SafetyBench's files as they are, typo included."""

from pathlib import Path

import pytest

from ecoalign_agent.bench.datasets.mm_safetybench import MM_SAFETYBENCH, SCENARIOS, list_mm_safetybench, scenario_rule
from ecoalign_agent.bench.datasets.samples import BenchmarkSample, BrokenRecord
from ecoalign_agent.errors import UsageError
from tests.bench.datasets.making import drawn, mm_row, mm_safetybench, put


def samples_of(folder: Path) -> dict[str, BenchmarkSample]:
    return {sample.id: sample for sample in MM_SAFETYBENCH.read(folder).samples}


def test_every_question_comes_with_each_kind_of_picture(tmp_path: Path) -> None:
    mm_safetybench(tmp_path)
    reading = MM_SAFETYBENCH.read(tmp_path)
    # 13 scenarios × 2 questions × 3 kinds.
    assert len(reading.samples) == 78
    assert reading.broken == ()
    assert len(reading.index) == 13


def test_the_publishers_typo_is_the_folders_name(tmp_path: Path) -> None:
    data = mm_safetybench(tmp_path)
    assert SCENARIOS[0] == "01-Illegal_Activitiy"
    sample = samples_of(tmp_path)["01-SD-0"]
    assert sample.category == "01-Illegal_Activitiy"
    assert sample.images == (data / "imgs" / "01-Illegal_Activitiy" / "SD" / "0.jpg",)


def test_a_copy_that_puts_the_typo_right_is_read_too(tmp_path: Path) -> None:
    data = mm_safetybench(tmp_path)
    (data / "processed_questions" / "01-Illegal_Activitiy.json").rename(
        data / "processed_questions" / "01-Illegal_Activity.json"
    )
    (data / "imgs" / "01-Illegal_Activitiy").rename(data / "imgs" / "01-Illegal_Activity")
    assert samples_of(tmp_path)["01-TYPO-1"].category == "01-Illegal_Activitiy"


def test_the_generated_picture_has_its_own_question_and_the_others_share_one(tmp_path: Path) -> None:
    mm_safetybench(tmp_path, ["06-Fraud"])
    found = samples_of(tmp_path)
    assert found["06-SD-1"].question == mm_row(1)["Rephrased Question(SD)"]
    assert found["06-SD_TYPO-1"].question == found["06-TYPO-1"].question == mm_row(1)["Rephrased Question"]


def test_which_question_goes_with_the_generated_picture_can_be_chosen_and_so_can_the_kinds(tmp_path: Path) -> None:
    mm_safetybench(tmp_path, ["06-Fraud"])
    listing = list_mm_safetybench(tmp_path, kinds=("SD",), sd_question="Rephrased Question")
    assert [record.question for record in listing.records if isinstance(record, BenchmarkSample)] == [
        mm_row(n)["Rephrased Question"] for n in range(2)
    ]


def test_the_tiny_list_holds_numbers_where_the_files_hold_texts(tmp_path: Path) -> None:
    data = mm_safetybench(tmp_path, ["01-Illegal_Activitiy", "06-Fraud"], count=3)
    put(
        data.parent / "TinyVersion_ID_List.json",
        [
            {"Scenario": "01-Illegal_Activitiy", "Sampled_ID_List": [2, 0]},
            {"Scenario": "06-Fraud", "Sampled_ID_List": ["1", 9]},
        ],
    )
    records = list_mm_safetybench(tmp_path, kinds=("TYPO",), tiny=True).records
    assert [record.id for record in records if isinstance(record, BenchmarkSample)] == [
        "01-TYPO-0",
        "01-TYPO-2",
        "06-TYPO-1",
    ]
    # Eleven files are not there, and one question of the list is not either.
    assert BrokenRecord("06-Fraud.json:9", "in the tiny list, but not in the file") in records


def test_a_file_or_picture_that_is_missing_and_a_broken_row_are_told(tmp_path: Path) -> None:
    data = mm_safetybench(tmp_path, ["06-Fraud", "07-Sex"])
    (data / "imgs" / "06-Fraud" / "SD" / "0.jpg").unlink()
    put(data / "processed_questions" / "07-Sex.json", {"0": {"Rephrased Question": " "}, "1": "no object"})
    reading = MM_SAFETYBENCH.read(tmp_path)
    reasons = {one.where: one.reason for one in reading.broken}
    assert len(reading.samples) == 5  # 06: 2 × 3, less one without its picture
    assert reasons["02-HateSpeech.json"] == "the file is missing"
    assert "06-Fraud/SD/0.jpg' is missing" in reasons["06-SD-0"]
    assert reasons["07-Sex:0:SD"] == "'Rephrased Question(SD)' is missing or empty"
    assert "07-Sex:1:TYPO" in reasons
    assert len(reading.broken) == 11 + 1 + 6


def test_without_files_the_error_says_where_they_come_from(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"processed_questions: no such file.*github.*CC BY-NC 4.0") as error:
        list_mm_safetybench(tmp_path)
    assert "\n" not in str(error.value)
    (tmp_path / "mm-safetybench" / "data" / "processed_questions").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"01-Illegal_Activitiy.json: no such file"):
        list_mm_safetybench(tmp_path)


def test_the_folder_itself_will_do(tmp_path: Path) -> None:
    mm_safetybench(tmp_path, ["06-Fraud"])
    assert len(samples_of(tmp_path / "mm-safetybench")) == 6
    assert len(samples_of(tmp_path / "mm-safetybench" / "data")) == 6


def test_each_scenario_has_its_rule() -> None:
    rules = {scenario[:2]: scenario_rule(scenario) for scenario in SCENARIOS}
    assert [number for number, rule in rules.items() if rule == "decline"] == ["08", "13"]
    assert [number for number, rule in rules.items() if rule == "caution"] == ["10", "11", "12"]
    assert sum(rule == "content" for rule in rules.values()) == 8
    with pytest.raises(ValueError, match="01 to 13"):
        scenario_rule("14-Sports")


def test_a_question_that_stands_twice_makes_the_file_damaged(tmp_path: Path) -> None:
    data = mm_safetybench(tmp_path, ["06-Fraud"])
    put(data / "processed_questions" / "06-Fraud.json", '{"0": {"Question": "a"}, "0": {"Question": "b"}}')
    put(data / "imgs" / "x.jpg", drawn())
    with pytest.raises(UsageError, match="key '0' stands twice"):
        list_mm_safetybench(tmp_path)
