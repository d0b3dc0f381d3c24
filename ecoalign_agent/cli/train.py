"""``ecoalign train``."""

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from ecoalign_agent.cli import options

if TYPE_CHECKING:
    from ecoalign_agent.training.finetuning.settings import TrainingReport

TRAIN_HELP = """Fine-tune a rewriter on what "ecoalign synthesize" wrote.

DATA is its output folder, or its data.jsonl. A LoRA adapter is trained unless --full says otherwise; loss falls on the
completion only. DIR gets the adapter or the model, the processor, a model card that says how to serve it, and the
losses as JSON and as a plot. Stop it at any time: the same command goes on from the last checkpoint.

\b
Examples:
  ecoalign train out/ --out rewriter/
  ecoalign train out/ --out rewriter/ --base llava-hf/llava-1.5-7b-hf --epochs 2
  ecoalign train out/ --out tiny-rewriter/ --base tiny-model/ --full --max-steps 200

Weights come from the hub or from a folder. Needs the extra "train"; a GPU is used where there is one.
"""


def train(
    data: Annotated[str, Argument(metavar="DATA", help="The folder that ecoalign synthesize wrote.")],
    out: Annotated[str, Option(metavar="DIR", help="Where the result goes.")],
    base: Annotated[
        str, Option(metavar="NAME", help="A vision-language model on the hub, or a folder.")
    ] = "Qwen/Qwen2-VL-7B-Instruct",
    full: Annotated[bool, Option("--full", help="Train every weight, not an adapter.")] = False,
    epochs: Annotated[float, Option(metavar="N", help="Times the data are gone through.")] = 3.0,
    max_steps: Annotated[int | None, Option(metavar="N", help="Optimiser steps at the most.")] = None,
    learning_rate: Annotated[
        float | None, Option(metavar="RATE", help="1e-4 with LoRA, 1e-5 without.", show_default=False)
    ] = None,
    batch: Annotated[int, Option(metavar="N", help="Examples on the device at once.")] = 1,
    accumulate: Annotated[int, Option(metavar="N", help="Batches that make one optimiser step.")] = 8,
    lora_rank: Annotated[int, Option(metavar="R", help="Rank of the adapter.")] = 16,
    evaluation: Annotated[float, Option(metavar="SHARE", help="Share of the data held out.")] = 0.05,
    save_every: Annotated[int, Option(metavar="N", help="Optimiser steps between checkpoints.")] = 50,
    seed: Annotated[int, Option(metavar="N", help="For the split, the order and the first weights.")] = 0,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign train``."""
    from pathlib import Path

    from ecoalign_agent.cli.execution import command_output

    with command_output(json=json, quiet=quiet, debug=debug) as output:
        from ecoalign_agent.training.finetuning.settings import TrainingSettings
        from ecoalign_agent.training.finetuning.train import train_rewriter

        settings = TrainingSettings(
            epochs=epochs,
            max_steps=max_steps,
            learning_rate=learning_rate,
            batch=batch,
            accumulate=accumulate,
            full=full,
            lora_rank=lora_rank,
            evaluation=evaluation,
            save_every=save_every,
            seed=seed,
        )
        report = train_rewriter(Path(data), base=base, out=Path(out), settings=settings, on_progress=output.progress)
        output.report(report, _report_lines(report))


def _report_lines(report: "TrainingReport") -> list[str]:
    held = "" if report.held_out_loss is None else f", {report.held_out_loss:.4f} on {report.held_out} held out"
    losses = (
        "no loss was reported"
        if report.first_loss is None or report.last_loss is None
        else f"{report.first_loss:.4f} → {report.last_loss:.4f}"
    )
    kind = "adapter" if report.lora else "model"
    return [
        f"{kind:<9}{report.folder}: {report.trainable:,} of {report.weights:,} weights trained, from {report.base}",
        f"loss     {losses} in {report.steps} steps over {report.examples} examples{held}",
        f"time     {report.seconds:.0f} s on {report.device}, {report.steps_per_second:.2f} steps a second",
        f'use      ecoalign rewrite "…" --image picture.png --model trained:{report.folder}',
    ]
