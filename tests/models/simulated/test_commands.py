"""``ecoalign simulate``, and a simulated model by its name in the rest of the program."""

import json
from pathlib import Path

import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.cli.main import main
from ecoalign_agent.models.simulated.drawing import read_view
from ecoalign_agent.models.simulated.world import World
from ecoalign_agent.training.synthesis.records import read_records


def test_a_world_is_written_and_read_by_synthesis(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "world", "--limit", "12", "--seed", "3", "--out", str(tmp_path / "w"), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["samples"], report["label"]) == (12, "simulated, not a vision-language model")
    records, unusable = read_records(tmp_path / "w")
    assert not unusable
    samples = list(World(3).samples(12))
    assert [(record.id, record.instruction) for record in records] == [(one.id, one.question) for one in samples]
    for record, sample in zip(records, samples, strict=True):
        assert (record.image is not None) == sample.pictured
        if isinstance(record.image, Path):
            assert read_view(record.image.read_bytes(), "high").index == sample.index
    lines = (tmp_path / "w" / "metadata.jsonl").read_text().splitlines()
    assert all(json.loads(line)["simulated"] == report["label"] for line in lines)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["simulate", "world", "--out", str(tmp_path)]) == 2
    assert "not empty; give a new folder" in capsys.readouterr().err
    assert (tmp_path / "mine.txt").read_text() == "mine"


def test_the_fit_is_told_with_its_label(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "fit", "--samples", "10", "--quiet", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["label"] == "simulated, not a vision-language model"
    assert {cell["kind"] for cell in report["cells"]} == {"fitted"}
    assert report["parameters"]["GPT-4o"]["caution_image"] == 0.691


def test_a_preset_that_is_not_there_is_the_callers_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "serve", "--port", "0", "--preset", "nobody"]) == 2
    assert "there are middling" in capsys.readouterr().err


async def test_a_simulated_model_is_named_like_any_other_and_says_what_it_is() -> None:
    agent = EcoAlign("simulated:perfect?seed=1", assessor="simulated:perfect?seed=2")
    sample = next(one for one in World().samples(50) if not one.pictured and one.kind == "benign")
    async with agent:
        result = await agent.ask(sample.question)
    assert result.answer == f"The total is {sample.answer}."
    assert result.models.independent
    assert "simulated, not a vision-language model" in result.models.actor
    assert "simulated, not a vision-language model" in result.models.assessor
