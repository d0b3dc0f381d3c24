"""One training run: TRL's SFTTrainer on prompt–completion data, loss on the completion only; model card, loss plot."""

import json
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.extensions import require_packages
from ecoalign_agent.models.trained import load_model
from ecoalign_agent.training.finetuning.settings import TrainingReport, TrainingSettings
from ecoalign_agent.training.run_folder import prepare_folder

if TYPE_CHECKING:
    from datasets import Dataset


def plot_losses(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write a PNG of training and evaluation loss over optimiser steps, readable in black and white."""
    import matplotlib as mpl  # noqa: PLC0415 - an extra, and heavy

    mpl.use("Agg")
    from matplotlib.figure import Figure  # noqa: PLC0415 - as above

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for key, label, style in (("loss", "training", "k-"), ("eval_loss", "held out", "ks--")):
        points = [(entry["step"], entry[key]) for entry in history if key in entry]
        if points:
            axes.plot(*zip(*points, strict=True), style, label=label, markersize=4)
    axes.set_xlabel("optimiser step")
    axes.set_ylabel("loss on the completion")
    axes.set_ylim(bottom=0)
    if axes.has_data():
        axes.legend()
    figure.savefig(path, dpi=120)


def model_card(report: TrainingReport, settings: TrainingSettings) -> str:
    """The model card: contents, training, serving and limits."""
    kind = f"a LoRA adapter of rank {settings.lora_rank}" if report.lora else "all weights"
    loss = "" if report.last_loss is None else f"{report.last_loss:.4f}"
    held = "no evaluation split" if report.held_out_loss is None else f"{report.held_out_loss:.4f} held out"
    return f"""# A prompt rewriter, fine-tuned from {report.base}

Takes a question with its picture, and answers with an analysis of what could go wrong and a new question, or with the
word that the question stays as it is. Made with `ecoalign train`, after VLMGuard-R1.

## Training

| | |
| --- | --- |
| base | {report.base} |
| trained | {kind}: {report.trainable:,} of {report.weights:,} weights |
| examples | {report.examples} and {report.held_out} held out |
| steps | {report.steps}, learning rate {settings.rate:g}, {settings.batch} × {settings.accumulate} examples a step |
| loss | {loss} at the end ({held}); every step in `losses.json`, drawn in `losses.png` |
| seed | {settings.seed} |
| device | {report.device}, {report.seconds:.0f} s |

## Use

Here, without a server:

    ecoalign rewrite "…" --image picture.png --model trained:{report.folder}

{_served(report)}
The template it was trained with stands in `ecoalign_agent/rewriting/template.py`; `trained:` uses it.

## What to know

- A low loss says that it repeats its examples, not that it is safe. Measure it before people meet it.
- Its answers are read strictly: what is not exactly one analysis and one outcome counts as unknown, and the question
  stays as it was.
- The licences of the base model and of the data hold for it too.
"""


def _served(report: TrainingReport) -> str:
    if report.lora:
        serve = f"vllm serve {report.base} --enable-lora --lora-modules rewriter={report.folder}"
    else:
        serve = f"vllm serve {report.folder} --served-model-name rewriter"
    return f"""Behind vLLM:

    {serve}
    ecoalign rewrite "…" --image picture.png --model trained:openai:rewriter --base-url http://localhost:8000/v1
"""


def train_rewriter(
    data: Path, *, base: str, out: Path, settings: TrainingSettings, on_progress: Callable[[str], None]
) -> TrainingReport:
    """Fine-tune a rewriter; goes on from the last checkpoint in ``out`` where there is one.

    Blocks: it is a command of its own, never part of a server.

    Args:
        data: a folder that ``ecoalign synthesize`` wrote, or its ``data.jsonl``.
        base: a model on the hub, or a folder.

    Raises:
        UsageError: data, base or folder can't be used.
        RunError: the disk is full, or memory ran out.
    """
    rows = _read_rows(data)
    require_packages("training", ("torch", "peft", "trl"), extra="train")
    prepare_folder(out, {"data": str(data), "base": base, **asdict(settings)}, settings_file="settings.json")
    import torch  # noqa: PLC0415 - an extra, and heavy
    from transformers import set_seed  # noqa: PLC0415 - as above

    start = time.monotonic()
    set_seed(settings.seed)
    # The user can't act on changes in the next versions of these libraries.
    warnings.filterwarnings("ignore", category=FutureWarning)
    examples, held_out = _split(rows, settings)
    checkpoint = _checkpoint(out)
    on_progress(f"loading {base}")
    # Every weight of a checkpoint is read here: the trainer itself looks for them under names that the file of a
    # vision-language model does not use, and silently finds none.
    model, processor = load_model(str(checkpoint) if settings.full and checkpoint is not None else base)
    dataset, evaluation = _dataset(examples, data), _dataset(held_out, data) if held_out else None
    trainer = _trainer(model, processor, dataset, evaluation, out, settings, on_progress)
    if checkpoint is not None:
        on_progress(f"going on from {checkpoint.name}")
    steps_before = 0 if checkpoint is None else int(checkpoint.name.rpartition("-")[2])
    try:
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
        history = [dict(entry) for entry in trainer.state.log_history]
        losses = [entry["loss"] for entry in history if "loss" in entry]
        evaluated = trainer.evaluate() if evaluation is not None else {}
        trainer.save_model(str(out))
        processor.save_pretrained(str(out))
    except torch.cuda.OutOfMemoryError as error:
        raise RunError(
            f"{base}: the accelerator's memory is full; lower --batch, or train on fewer weights with LoRA"
        ) from error
    except OSError as error:
        raise RunError(f"{out}: {error}; make room and run the same command again: it goes on") from error
    weights = sum(parameter.numel() for parameter in trainer.model.parameters())
    trainable = sum(parameter.numel() for parameter in trainer.model.parameters() if parameter.requires_grad)
    seconds = time.monotonic() - start
    report = TrainingReport(
        folder=str(out),
        base=base,
        examples=len(examples),
        held_out=len(held_out),
        steps=trainer.state.global_step,
        first_loss=losses[0] if losses else None,
        last_loss=losses[-1] if losses else None,
        held_out_loss=evaluated.get("eval_loss"),
        steps_per_second=(trainer.state.global_step - steps_before) / max(1e-9, seconds),
        seconds=round(seconds, 2),
        device=torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        trainable=trainable,
        weights=weights,
        resumed=checkpoint is not None,
        lora=not settings.full,
    )
    _write_results(out, report, settings, history)
    return report


def _read_rows(data: Path) -> list[dict[str, Any]]:
    file = data / "data.jsonl" if data.is_dir() else data
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror or error}; name a folder that ecoalign synthesize wrote") from error
    except ValueError as error:
        raise UsageError(f"{file}: no JSON Lines ({error}); ecoalign synthesize writes what is read here") from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict) or not {"prompt", "completion", "images"} <= row.keys():
            raise UsageError(f"{file}:{number}: a row needs prompt, completion and images")
        for image in row["images"]:
            if not (file.parent / image).is_file():
                raise UsageError(f"{file}:{number}: picture {image!r} is missing")
    if not rows:
        raise UsageError(f"{file}: holds no record; ecoalign synthesize says why each was dropped")
    return rows


def _split(rows: list[dict[str, Any]], settings: TrainingSettings) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    import random  # noqa: PLC0415 - only here

    number = round(settings.evaluation * len(rows))
    if settings.evaluation > 0 and len(rows) > 1:
        number = max(1, number)
    held_out = set(random.Random(settings.seed).sample(range(len(rows)), number))  # noqa: S311 - a split, no secret
    return [row for n, row in enumerate(rows) if n not in held_out], [rows[n] for n in sorted(held_out)]


def _dataset(rows: list[dict[str, Any]], data: Path) -> "Dataset":
    from datasets import Dataset, Features, Image, List, Value  # noqa: PLC0415 - an extra, and heavy

    folder = data if data.is_dir() else data.parent
    turn = List({"role": Value("string"), "content": List({"type": Value("string"), "text": Value("string")})})
    features = Features({"prompt": turn, "completion": turn, "images": List(Image())})
    columns: dict[str, list[Any]] = {"prompt": [], "completion": [], "images": []}
    for row in rows:
        for name in ("prompt", "completion"):
            columns[name].append(
                [{"role": t["role"], "content": [_part(part) for part in t["content"]]} for t in row[name]]
            )
        columns["images"].append([str(folder / image) for image in row["images"]])
    return Dataset.from_dict(columns, features=features)


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": part["type"], "text": part.get("text")}


def _trainer(  # noqa: PLR0917 - called once, right above
    model: Any,  # noqa: ANN401 - transformers' classes are chosen at run time
    processor: Any,  # noqa: ANN401 - as above
    dataset: "Dataset",
    evaluation: "Dataset | None",
    out: Path,
    settings: TrainingSettings,
    on_progress: Callable[[str], None],
) -> Any:  # noqa: ANN401 - TRL ships no complete types
    import torch  # noqa: PLC0415 - an extra, and heavy
    from peft import LoraConfig  # noqa: PLC0415 - as above
    from transformers import TrainerCallback  # noqa: PLC0415 - as above
    from trl import SFTConfig, SFTTrainer  # noqa: PLC0415 - as above

    class LossReporter(TrainerCallback):  # type: ignore[misc]  # transformers' class is untyped here
        """Reports the loss as it is logged."""

        def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **more: Any) -> None:  # noqa: ANN401, ARG002 - transformers' signature
            """Report one line."""
            if logs and "loss" in logs:
                on_progress(f"step {state.global_step} of {state.max_steps}: loss {logs['loss']:.4f}")

    steps = {} if settings.max_steps is None else {"max_steps": settings.max_steps}
    config = SFTConfig(
        output_dir=str(out),
        num_train_epochs=settings.epochs,
        **steps,
        learning_rate=settings.rate,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        gradient_accumulation_steps=settings.accumulate,
        completion_only_loss=True,
        # A cut would take away picture tokens that the model counts.
        max_length=None,
        seed=settings.seed,
        data_seed=settings.seed,
        logging_steps=1,
        save_steps=settings.save_every,
        save_total_limit=2,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        use_cpu=not torch.cuda.is_available(),
        **_recomputing(on=torch.cuda.is_available()),
        dataloader_pin_memory=torch.cuda.is_available(),
        report_to="none",
        disable_tqdm=True,
    )
    adapter = (
        None
        if settings.full
        else LoraConfig(
            r=settings.lora_rank,
            lora_alpha=2 * settings.lora_rank,
            target_modules="all-linear",
            # The vision tower stays as it is: the rewriter learns to reason, not to see.
            exclude_modules=r".*(vision|visual).*",
            task_type="CAUSAL_LM",
        )
    )
    trainer = SFTTrainer(
        model=model,
        args=config,
        train_dataset=dataset,
        eval_dataset=evaluation,
        processing_class=processor,
        peft_config=adapter,
        callbacks=[LossReporter()],
    )
    # It prints every report on standard output, which is for results.
    from transformers import PrinterCallback  # noqa: PLC0415 - as above

    trainer.remove_callback(PrinterCallback)
    return trainer


def _recomputing(*, on: bool) -> dict[str, bool]:
    """Recompute activations in the backward pass, to save memory; transformers is renaming the switch."""
    from transformers import TrainingArguments  # noqa: PLC0415 - an extra, and heavy

    names = TrainingArguments.__dataclass_fields__
    return {"activation_checkpointing" if "activation_checkpointing" in names else "gradient_checkpointing": on}


def _checkpoint(out: Path) -> Path | None:
    """The last complete checkpoint: its state is written last."""
    complete = [path for path in out.glob("checkpoint-*") if (path / "trainer_state.json").is_file()]
    return max(complete, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _write_results(
    out: Path, report: TrainingReport, settings: TrainingSettings, history: list[dict[str, Any]]
) -> None:
    losses = [{key: value for key, value in entry.items() if key in _LOGGED} for entry in history]
    (out / "losses.json").write_text(json.dumps(losses, indent=1) + "\n", encoding="utf-8")
    (out / "training.json").write_text(report.model_dump_json(indent=1) + "\n", encoding="utf-8")
    plot_losses(history, out / "losses.png")
    (out / "README.md").write_text(model_card(report, settings), encoding="utf-8")


_LOGGED = frozenset({"step", "epoch", "loss", "eval_loss", "learning_rate", "grad_norm"})
