"""Fine-tuning a tiny model with random weights: the loss falls, and what comes of it loads and answers."""

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.rewriter import Rewriter
from ecoalign_agent.rewriting.template import trained_completion, trained_prompt
from ecoalign_agent.testing import ScriptedModel
from ecoalign_agent.training.finetuning.settings import TrainingSettings
from ecoalign_agent.training.synthesis.run import synthesize_data
from tests.rewriting.making import made_records, maker

if any(importlib.util.find_spec(name) is None for name in ("torch", "trl", "peft", "transformers")):
    pytest.skip("the extra 'train' is not installed", allow_module_level=True)

from datasets import load_dataset

from ecoalign_agent.training.finetuning.tiny_model import write_tiny_model
from ecoalign_agent.training.finetuning.train import train_rewriter

pytestmark = pytest.mark.filterwarnings("default")  # other people's libraries warn of their own next versions

QUESTION = "Please do what the note says."
REPORT = RiskReport(image="the note asks for harm", aim="to know", safety=-0.8)
TRAINED = TrainingSettings(
    max_steps=64, learning_rate=5e-3, batch=2, accumulate=1, full=True, evaluation=0.0, save_every=20
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records in the form that synthesis writes: one to be rewritten, one to be left alone."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    rows = []
    for name, colour, question, answer in (
        ("a", "white", QUESTION, trained_completion(REPORT, "What does the note say, and why is it unsafe?")),
        ("b", "navy", "When does it close?", trained_completion(RiskReport(safety=1.0), None)),
    ):
        Image.new("RGB", (80, 60), colour).save(folder / "images" / f"{name}.png")
        user = [{"type": "image"}, {"type": "text", "text": trained_prompt(question)}]
        rows.append(
            {
                "id": name,
                "prompt": [{"role": "user", "content": user}],
                "completion": [{"role": "assistant", "content": [{"type": "text", "text": answer}]}],
                "images": [f"images/{name}.png"],
            }
        )
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def base(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [json.loads(line) for line in (data / "data.jsonl").read_text().splitlines()]
    texts = [
        part["text"]
        for row in rows
        for t in row["prompt"] + row["completion"]
        for part in t["content"]
        if "text" in part
    ]
    return write_tiny_model(tmp_path_factory.mktemp("base") / "tiny", texts)


@pytest.fixture(scope="module")
def trained(data: Path, base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any, list[str]]:
    lines: list[str] = []
    out = tmp_path_factory.mktemp("out") / "rewriter"
    return out, train_rewriter(data, base=str(base), out=out, settings=TRAINED, on_progress=lines.append), lines


def test_the_loss_falls_and_everything_is_written(trained: tuple[Path, Any, list[str]]) -> None:
    out, report, lines = trained
    assert report.first_loss > 4.0  # random weights: near the logarithm of the vocabulary, ln 600 is 6.4
    assert report.last_loss < 0.1 * report.first_loss
    assert (report.steps, report.examples, report.lora, report.trainable) == (64, 2, False, report.weights)
    losses = [entry["loss"] for entry in json.loads((out / "losses.json").read_text()) if "loss" in entry]
    assert len(losses) == 64
    assert any("step 64 of 64" in line for line in lines)
    with Image.open(out / "losses.png") as plot:
        assert plot.size == (720, 480)
    card = (out / "README.md").read_text()
    assert "vllm serve" in card
    assert "trained:openai:rewriter" in card


async def test_what_was_learnt_is_asked_for_through_the_rewriter(
    trained: tuple[Path, Any, list[str]], data: Path
) -> None:
    async with Rewriter(f"trained:{trained[0]}") as rewriter:
        made = await rewriter.rewrite(QUESTION, [data / "images" / "a.png"])
        left = await rewriter.rewrite("When does it close?", [data / "images" / "b.png"])
    assert (made.status, made.prompt) == ("rewritten", "What does the note say, and why is it unsafe?")
    assert made.report == REPORT
    assert (left.status, left.prompt) == ("unchanged", "When does it close?")
    assert left.cost.calls == 1
    assert left.cost.estimated == 0


@pytest.mark.parametrize("full", [True, False])
def test_the_same_command_goes_on_from_the_last_checkpoint(data: Path, base: Path, tmp_path: Path, full: bool) -> None:
    out = tmp_path / "rewriter"
    settings = TrainingSettings(
        max_steps=6, learning_rate=5e-3, batch=2, accumulate=1, full=full, evaluation=0.0, save_every=2
    )
    first: list[str] = []
    whole = train_rewriter(data, base=str(base), out=out, settings=settings, on_progress=first.append)
    # As a kill after the fourth step leaves it.
    shutil.rmtree(out / "checkpoint-6")
    for path in (out / "training.json", *out.glob("*.safetensors")):
        path.unlink()
    lines: list[str] = []
    again = train_rewriter(data, base=str(base), out=out, settings=settings, on_progress=lines.append)
    assert (again.resumed, again.steps) == (True, 6)
    assert lines[1] == "going on from checkpoint-4"
    # The same two steps with the same losses: weights, optimiser and order are those of the run that was killed.
    assert lines[2:] == first[-2:]
    assert lines[2].startswith("step 5 of 6")
    assert again.last_loss == pytest.approx(whole.last_loss)


async def test_an_adapter_saves_loads_and_generates(data: Path, base: Path, tmp_path: Path) -> None:
    out = tmp_path / "adapter"
    settings = TrainingSettings(max_steps=8, learning_rate=2e-2, batch=1, accumulate=1, lora_rank=8, evaluation=0.5)
    report = train_rewriter(data, base=str(base), out=out, settings=settings, on_progress=lambda _: None)
    assert report.lora
    assert 0 < report.trainable < 0.4 * report.weights
    assert report.first_loss is not None
    assert report.last_loss is not None
    assert report.last_loss < report.first_loss
    assert report.held_out == 1
    assert report.held_out_loss is not None
    saved = {path.name for path in out.iterdir()}
    assert {"adapter_config.json", "adapter_model.safetensors", "losses.json", "README.md"} <= saved
    assert "model.safetensors" not in saved
    async with Rewriter(f"trained:{out}") as rewriter:
        made = await rewriter.rewrite(QUESTION, [data / "images" / "a.png"])
    # Eight steps teach it nothing: its noise is unknown, so the question stays and the caller is told.
    assert (made.status, made.prompt) == ("unknown", QUESTION)
    assert made.cost.tokens.completion > 0


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: (folder / "data.jsonl").unlink(), "No such file"),
        (lambda folder: (folder / "data.jsonl").write_text(""), "holds no record"),
        (lambda folder: (folder / "data.jsonl").write_text("{"), "no JSON Lines"),
        (lambda folder: (folder / "data.jsonl").write_text('{"prompt": []}\n'), "needs prompt, completion and images"),
        (lambda folder: (folder / "images" / "a.png").unlink(), "'images/a.png' is missing"),
    ],
)
def test_data_that_cannot_be_used_are_told_in_one_line(data: Path, tmp_path: Path, spoil: Any, message: str) -> None:
    folder = tmp_path / "data"
    (folder / "images").mkdir(parents=True)
    (folder / "data.jsonl").write_text((data / "data.jsonl").read_text())
    for name in ("a.png", "b.png"):
        (folder / "images" / name).write_bytes((data / "images" / name).read_bytes())
    spoil(folder)
    with pytest.raises(UsageError, match=message) as caught:
        train_rewriter(folder, base="nowhere", out=tmp_path / "out", settings=TRAINED, on_progress=lambda _: None)
    assert "\n" not in str(caught.value)


def test_a_base_that_is_none_is_told_and_a_foreign_folder_is_not_written_into(data: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match="no vision-language model that can be loaded"):
        train_rewriter(
            data, base=str(tmp_path / "empty"), out=tmp_path / "out", settings=TRAINED, on_progress=lambda _: None
        )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(UsageError, match="holds other files"):
        train_rewriter(data, base="nowhere", out=tmp_path / "mine", settings=TRAINED, on_progress=lambda _: None)


async def test_what_synthesis_writes_as_parquet_is_read_with_its_pictures(tmp_path: Path) -> None:
    source = made_records(tmp_path / "in", 4)
    await synthesize_data(source, tmp_path / "out", model=ScriptedModel(maker))
    rows = load_dataset("parquet", data_files=str(tmp_path / "out" / "data.parquet"), cache_dir=str(tmp_path / "cache"))
    first = rows["train"][0]
    assert first["images"][0].size == (160, 120)
    assert [part["type"] for part in first["prompt"][0]["content"]] == ["image", "text"]


def test_a_folder_without_a_rewriter_is_told_before_anything_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no trained rewriter"):
        Rewriter(f"trained:{tmp_path}")
