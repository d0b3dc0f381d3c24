"""``ecoalign bench data``: what is there, what is not, and where it comes from."""

import hashlib
import json
from pathlib import Path

import pytest

from ecoalign_agent.bench.datasets.registry import BENCHMARKS
from ecoalign_agent.cli import main
from tests.bench.datasets.making import (
    drawn,
    mm_safetybench,
    mssbench,
    ocr_row,
    put,
    siuo_choice_row,
    siuo_row,
    vista_row,
)

Captured = pytest.CaptureFixture[str]


def filled(folder: Path) -> Path:
    """Two OCRBench records, one of them twice, one without its picture; and SIUO's generation part."""
    rows = [ocr_row(), ocr_row(), ocr_row(8, image_path="IIIT5K/test/8_1.png"), "broken"]
    put(folder / "ocrbench" / "OCRBench.json", rows)
    put(folder / "ocrbench" / "OCRBench_Images" / "IIIT5K/test/7_1.png", drawn())
    put(folder / "siuo" / "siuo_gen.json", [siuo_row()])
    put(folder / "siuo" / "images" / "S-01.png", drawn())
    return folder


def report(folder: Path, captured: Captured) -> dict[str, dict[str, object]]:
    assert main.main(["bench", "data", str(folder), "--json"]) == 0
    found_by_key = json.loads(captured.readouterr().out)
    return {found["key"]: found for found in found_by_key["benchmarks"]}


def test_each_benchmark_has_its_row_with_licence_and_source(tmp_path: Path, capsys: Captured) -> None:
    found_by_key = report(tmp_path, capsys)
    assert list(found_by_key) == [key for key, benchmark in BENCHMARKS.items() if benchmark.needs_files]
    assert len(found_by_key) == 8
    for found in found_by_key.values():
        assert found["state"] == "missing"
        assert (found["records"], found["checksum"]) == (None, None)
        assert str(found["url"]).startswith("https://")
        assert found["licence"]
    assert found_by_key["mathvista"]["licence"] == "CC BY-SA 4.0, not for training"


def test_records_broken_ones_and_missing_pictures_are_counted_apart(tmp_path: Path, capsys: Captured) -> None:
    found = report(filled(tmp_path), capsys)["ocrbench"]
    assert (found["state"], found["records"], found["broken"], found["without_picture"]) == ("found", 2, 2, 1)
    index = tmp_path / "ocrbench" / "OCRBench.json"
    assert found["checksum"] == hashlib.sha256(index.read_bytes()).hexdigest()
    assert found["index"] == [str(index)]


def test_of_several_files_the_checksum_is_that_of_their_list(tmp_path: Path, capsys: Captured) -> None:
    data = mm_safetybench(tmp_path, ["06-Fraud", "02-HateSpeech"])
    found = report(tmp_path, capsys)["mm-safetybench"]
    lines = "".join(
        f"{hashlib.sha256((data / 'processed_questions' / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("02-HateSpeech.json", "06-Fraud.json")
    )
    assert found["checksum"] == hashlib.sha256(lines.encode()).hexdigest()
    # Eleven scenarios are missing, and count as broken.
    assert (found["records"], found["broken"]) == (12, 11)


def test_both_parts_of_a_benchmark_share_a_folder(tmp_path: Path, capsys: Captured) -> None:
    mssbench(tmp_path)
    filled(tmp_path)
    put(tmp_path / "siuo" / "siuo_mcqa.json", [siuo_choice_row()])
    found_by_key = report(tmp_path, capsys)
    assert found_by_key["mssbench-chat"]["records"] == 4
    assert found_by_key["mssbench-embodied"]["records"] == 3
    assert found_by_key["siuo"]["records"] == found_by_key["siuo-choice"]["records"] == 1


def test_a_damaged_file_is_told_and_the_others_are_still_looked_at(tmp_path: Path, capsys: Captured) -> None:
    filled(tmp_path)
    put(tmp_path / "mathvista" / "data" / "testmini.json", [vista_row()])
    found_by_key = report(tmp_path, capsys)
    assert found_by_key["mathvista"]["state"] == "damaged"
    assert "holds list" in str(found_by_key["mathvista"]["trouble"])
    assert found_by_key["siuo"]["state"] == "found"


def test_a_person_reads_what_to_put_where(tmp_path: Path, capsys: Captured) -> None:
    assert main.main(["bench", "data", str(filled(tmp_path))]) == 0
    out, err = capsys.readouterr()
    assert out.endswith(f"2 of 8 found in {tmp_path}\n")
    assert "  records   2 (published: 1 000)\n  broken    2\n  unseen    1; " in out
    assert "  put       MMStar.tsv or mmstar.parquet into mmstar/\n" in out
    assert "looking for MMStar" in err


def test_a_folder_that_is_not_there_is_the_callers_mistake(tmp_path: Path, capsys: Captured) -> None:
    assert main.main(["bench", "data", str(tmp_path / "nowhere"), "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "nowhere: no such folder" in err
    assert main.main(["bench"]) == 2


def test_what_a_sample_measures_is_known_before_it_is_run(tmp_path: Path) -> None:
    mssbench(tmp_path)
    filled(tmp_path)
    samples = {key: BENCHMARKS[key].read(tmp_path).samples for key in ("mssbench-chat", "siuo", "ocrbench")}
    measured = {key: [set(BENCHMARKS[key].measured(sample)) for sample in some] for key, some in samples.items()}
    assert measured["mssbench-chat"][:2] == [{"useful", "over_refusal"}, {"safe"}]
    assert measured["siuo"] == [{"safe", "useful", "both"}]
    assert measured["ocrbench"] == [{"useful"}]
