"""What is written beside a trained rewriter: its card, and the plot of its losses."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ecoalign_agent.rewriting.training.settings import TrainingReport, TrainingSettings


def loss_plot(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Training and evaluation loss over optimiser steps, readable in black and white.

    Args:
        history: the trainer's log entries.
        path: a PNG.
    """
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
    """What it is, how it was trained, how it is served, and what it is not."""
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
