"""``ecoalign synthesize``."""

from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Option

from ecoalign_agent.cli import options

if TYPE_CHECKING:
    from collections.abc import Callable

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.training.synthesis.run import SynthesisProgress, SynthesisReport

SYNTHESIZE_HELP = """Make training data for the rewriter from questions with pictures.

IN is a .jsonl or .parquet file, or a folder with metadata.jsonl beside its pictures. Each line needs an instruction
(question, prompt) and may have image (file_name), id, safe_answer, unsafe_answer and label (benign or unsafe). Answers
that are missing are sampled from the target.

OUT gets data.jsonl and data.parquet for TRL's SFTTrainer, the pictures, provenance, what was dropped with its reasons,
and a data card. Stop it at any time: the same command goes on, and what was paid for is not paid again.

\b
Examples:
  ecoalign synthesize pictures/ out/
  ecoalign synthesize questions.jsonl out/ --model openai:gpt-4.1 \\
    --target openai:qwen2-vl-7b --assessor openai:gpt-4.1-mini --exclude siuo.jsonl
  ecoalign synthesize questions.parquet out/ --limit 20 --json | jq .cost

Unsafe answers are recorded in provenance.jsonl and nowhere else; they are never printed.
"""


def synthesize(
    source: Annotated[str, Argument(metavar="IN", help="A .jsonl or .parquet file, or a folder.")],
    folder: Annotated[str, Argument(metavar="OUT", help="A new or empty folder, or one of an earlier run.")],
    model: options.ModelName = None,
    target: Annotated[
        str | None, Option(metavar="NAME", help="The model the rewrites are for; by default the same.")
    ] = None,
    assessor: options.AssessorNames = None,
    base_url: options.BaseUrl = None,
    exclude: Annotated[
        list[str] | None,
        Option(metavar="FILE", help="An evaluation set: what occurs in it is left out; repeat it for several."),
    ] = None,
    limit: Annotated[int | None, Option(metavar="N", min=1, help="Records at most.")] = None,
    at_once: options.Concurrency = 32,
    budget: options.BudgetUnits = None,
    useful_from: Annotated[
        float | None, Option(metavar="U", help="How useful the answer to a rewrite must be, 0 to 1; 0.6.")
    ] = None,
    prompts: options.PromptFolder = None,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign synthesize``."""
    from ecoalign_agent.cli.execution import command_output, run_async

    with command_output(json=json, quiet=quiet, debug=debug) as output:
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
            on_progress=_progress_reporter(output),
        )
        report = run_async(run)
        output.report(report, _report_lines(report))


def _report_lines(report: "SynthesisReport") -> list[str]:
    from ecoalign_agent.cli.render.format import amount, count, one_line

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


def _progress_reporter(output: "Output") -> "Callable[[SynthesisProgress], None]":
    from ecoalign_agent.cli.execution import throttle
    from ecoalign_agent.cli.render.format import amount

    write = throttle(output.progress)

    def report(progress: "SynthesisProgress") -> None:
        left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
        write(
            f"{progress.done} of {progress.total} records, {progress.usable} kept, {amount(progress.cost)} cost units, "
            f"{progress.rate:.1f} a second{left}",
            last=progress.done >= progress.total,
        )

    return report
