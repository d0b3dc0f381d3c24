"""``ecoalign bench experiment``: which there are, one run with its files, and what is refused."""

import json
from pathlib import Path

import pytest

from ecoalign_agent.bench.experiments.output import FILES
from ecoalign_agent.cli import main
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

Captured = pytest.CaptureFixture[str]


@pytest.mark.parametrize("words", [[], ["--list"], ["stacked", "--list"]])
def test_without_a_name_it_says_which_there_are(words: list[str], capsys: Captured) -> None:
    assert main.main(["bench", "experiment", *words]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7
    assert lines[0].startswith("cost-control")


def test_the_list_is_one_json_object(capsys: Captured) -> None:
    assert main.main(["bench", "experiment", "--json"]) == 0
    assert [one["name"] for one in json.loads(capsys.readouterr().out)["experiments"]][-1] == "stacked"


def test_a_run_writes_its_files_and_prints_one_json_object(tmp_path: Path, capsys: Captured) -> None:
    out = tmp_path / "new" / "stacked"
    words = ["stacked", "--samples", "3", "--seed", "5", "--model", "simulated:able", "--out", str(out), "--json"]
    assert main.main(["bench", "experiment", *words]) == 0
    captured = capsys.readouterr()
    found = json.loads(captured.out)
    assert found["label"] == SIMULATED_LABEL
    assert found["setting"] == {"samples": 3, "seed": 5, "model": "simulated:able", "at_once": 16}
    assert sorted(path.name for path in out.iterdir()) == sorted(FILES)
    assert "ecoalign: 3 of 3" in captured.err
    assert found == json.loads((out / "finding.json").read_text())


def test_a_table_goes_to_standard_output(capsys: Captured) -> None:
    assert main.main(["bench", "experiment", "stacked", "--samples", "3", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert SIMULATED_LABEL in captured.out
    assert "vlmguard+ecoalign" in captured.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["explode"], "there is no 'explode'; there are cost-control, budget"),
        (["stacked", "--model", "offline"], "ground truth"),
        (["stacked", "--model", "simulated:nobody"], "no preset 'nobody'"),
    ],
)
def test_what_cant_be_run_is_said_in_one_line(words: list[str], says: str, capsys: Captured) -> None:
    assert main.main(["bench", "experiment", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert says in captured.err.splitlines()[-1]


def test_a_folder_that_cant_be_made_is_refused_before_anything_is_run(tmp_path: Path, capsys: Captured) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main.main(["bench", "experiment", "stacked", "--out", str(tmp_path / "file" / "below")]) == 2
    assert "can't be made" in capsys.readouterr().err
