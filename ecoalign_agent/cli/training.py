"""``ecoalign synthesize`` and ``ecoalign train``."""

from typing import TYPE_CHECKING, Annotated, Any

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import argument, flag, value
from ecoalign_agent.cli.render.format import amount, count, one_line

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.training.finetuning.settings import TrainingReport
    from ecoalign_agent.training.synthesis.run import SynthesisProgress, SynthesisReport


@options.with_output("json", "quiet", "debug")
def synthesize(
    output: "Output",
    source: Annotated[str, argument("IN", "A .jsonl or .parquet file, or a folder.")],
    folder: Annotated[str, argument("OUT", "A new or empty folder, or one of an earlier run.")],
    model: options.ModelName = None,
    target: Annotated[str | None, value("NAME", "The model the rewrites are for; by default the same.")] = None,
    assessor: options.AssessorNames = None,
    base_url: options.BaseUrl = None,
    exclude: Annotated[
        list[str] | None, value("FILE", "An evaluation set: what occurs in it is left out; repeat it for several.")
    ] = None,
    limit: Annotated[int | None, value("N", "Records at most.", min=1)] = None,
    at_once: options.Concurrency = 32,
    budget: options.BudgetUnits = None,
    useful_from: Annotated[float | None, value("U", "How useful the answer to a rewrite must be, 0 to 1; 0.6.")] = None,
    prompts: options.PromptFolder = None,
) -> None:
    r"""Make training data for the rewriter from questions with pictures.

    IN is a .jsonl or .parquet file, or a folder with metadata.jsonl beside its pictures. Each line needs an instruction
    (question, prompt) and may have image (file_name), id, safe_answer, unsafe_answer and label (benign or unsafe).
    Answers that are missing are sampled from the target.

    OUT gets data.jsonl and data.parquet for TRL's SFTTrainer, the pictures, provenance, what was dropped with its
    reasons, and a data card. Stop it at any time: the same command goes on, and what was paid for is not paid again.

    Examples:
      ecoalign synthesize pictures/ out/
      ecoalign synthesize questions.jsonl out/ --model openai:gpt-4.1 \
        --target openai:qwen2-vl-7b --assessor openai:gpt-4.1-mini --exclude siuo.jsonl
      ecoalign synthesize questions.parquet out/ --limit 20 --json | jq .cost

    Unsafe answers are recorded in provenance.jsonl and nowhere else; they are never printed.
    """
    from ecoalign_agent.cli.execution import run_async, throttle
    from ecoalign_agent.training.synthesis.policy import SynthesisPolicy
    from ecoalign_agent.training.synthesis.run import synthesize_data

    settings: dict[str, Any] = options.non_null(budget=budget, useful_from=useful_from)
    output.progress(f"reading {source}")
    run = synthesize_data(
        source,
        folder,
        model=model,
        target=target,
        assessor=assessor or None,
        base_url=base_url,
        policy=SynthesisPolicy(**settings),
        exclude=exclude or (),
        limit=limit,
        concurrency=at_once,
        prompts=prompts,
        on_progress=throttle(output.progress, _progress_line, is_last=lambda progress: progress.done >= progress.total),
    )
    report = run_async(run)
    output.report(report, _synthesis_lines(report))


def _synthesis_lines(report: "SynthesisReport") -> list[str]:
    lines = [
        f"data     {report.folder}: {count(report.rows, 'record')}, {report.benign} of them benign",
        *(f"dropped  {number} × {one_line(reason, 100)}" for reason, number in report.dropped.items()),
    ]
    if report.unusable:
        lines.append(f"unusable {count(report.unusable, 'line')} of the input; dropped.jsonl says why")
    lines.append(
        f"cost     {amount(report.cost)} cost units in {count(report.calls, 'call')}, "
        f"{count(report.resumed, 'stage')} taken over unpaid · {report.seconds:.1f} s"
    )
    per = ", ".join(f"{stage} {amount(cost)}" for stage, cost in report.cost_per_record.items())
    return [*lines, f"a record {per}"] if per else lines


def _progress_line(progress: "SynthesisProgress") -> str:
    left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
    records = f"{progress.done} of {progress.total} records, {progress.usable} kept"
    return f"{records}, {amount(progress.cost)} cost units, {progress.rate:.1f} a second{left}"


@options.with_output("json", "quiet", "debug")
def train(
    output: "Output",
    data: Annotated[str, argument("DATA", "The folder that ecoalign synthesize wrote.")],
    out: Annotated[str, value("DIR", "Where the result goes.")],
    base: Annotated[
        str, value("NAME", "A vision-language model on the hub, or a folder.")
    ] = "Qwen/Qwen2-VL-7B-Instruct",
    full: Annotated[bool, flag("--full", "Train every weight, not an adapter.")] = False,
    epochs: Annotated[float, value("N", "Times the data are gone through.")] = 3.0,
    max_steps: Annotated[int | None, value("N", "Optimiser steps at the most.")] = None,
    learning_rate: Annotated[float | None, value("RATE", "1e-4 with LoRA, 1e-5 without.", show_default=False)] = None,
    batch: Annotated[int, value("N", "Examples on the device at once.")] = 1,
    accumulate: Annotated[int, value("N", "Batches that make one optimiser step.")] = 8,
    lora_rank: Annotated[int, value("R", "Rank of the adapter.")] = 16,
    evaluation: Annotated[float, value("SHARE", "Share of the data held out.")] = 0.05,
    save_every: Annotated[int, value("N", "Optimiser steps between checkpoints.")] = 50,
    seed: Annotated[int, value("N", "For the split, the order and the first weights.")] = 0,
) -> None:
    """Fine-tune a rewriter on what "ecoalign synthesize" wrote.

    DATA is its output folder, or its data.jsonl. A LoRA adapter is trained unless --full says otherwise; loss falls on
    the completion only. DIR gets the adapter or the model, the processor, a model card that says how to serve it, and
    the losses as JSON and as a plot. Stop it at any time: the same command goes on from the last checkpoint.

    Examples:
      ecoalign train out/ --out rewriter/
      ecoalign train out/ --out rewriter/ --base llava-hf/llava-1.5-7b-hf --epochs 2
      ecoalign train out/ --out tiny-rewriter/ --base tiny-model/ --full --max-steps 200

    Weights come from the hub or from a folder. Needs the extra "train"; a GPU is used where there is one.
    """
    from pathlib import Path

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
    output.report(report, _training_lines(report))


def _training_lines(report: "TrainingReport") -> list[str]:
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
