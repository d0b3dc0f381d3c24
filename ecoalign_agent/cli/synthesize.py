"""The command line: ``ecoalign synthesize``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.training.synthesis.run import SynthesisProgress, SynthesisReport

SYNTHESIZE = """Make training data for the rewriter from questions with pictures.

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
    source: Annotated[str, typer.Argument(metavar="IN", help="A .jsonl or .parquet file, or a folder.")],
    folder: Annotated[str, typer.Argument(metavar="OUT", help="A new or empty folder, or one of an earlier run.")],
    model: Annotated[str | None, typer.Option(metavar="NAME", help="Who analyses and rewrites.")] = None,
    target: Annotated[
        str | None, typer.Option(metavar="NAME", help="The model the rewrites are for; by default the same.")
    ] = None,
    assessor: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Who grades answers; repeat it for several.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="FILE", help="An evaluation set: what occurs in it is left out; repeat it for several."),
    ] = None,
    limit: Annotated[int | None, typer.Option(metavar="N", min=1, help="Records at most.")] = None,
    at_once: Annotated[int, typer.Option(metavar="N", min=1, help="Records under way at the same time.")] = 32,
    budget: Annotated[
        float | None, typer.Option(metavar="UNITS", help="Cost units that one record may cost at most.")
    ] = None,
    useful_from: Annotated[
        float | None, typer.Option(metavar="U", help="How useful the answer to a rewrite must be, 0 to 1; 0.6.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Make data; ``SYNTHESIZE`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.training.synthesis.policy import SynthesisPolicy
        from ecoalign_agent.training.synthesis.run import synthesize_data

        options = {"budget": budget, "useful_from": useful_from}
        settings: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
        policy = SynthesisPolicy(**settings)
        output.progress(f"reading {source}")
        made = synthesize_data(
            source,
            folder,
            model=model,
            target=target,
            assessor=assessor or None,
            base_url=base_url,
            policy=policy,
            exclude=exclude or (),
            limit=limit,
            concurrency=at_once,
            prompts=prompts,
            on_progress=_progress_reporter(output),
        )
        report = asyncio.run(endable(made))
        if json:
            output.record(report)
        else:
            output.table(report_lines(report))


def report_lines(report: "SynthesisReport") -> list[str]:
    """What came of a run, a line each."""
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
    """Report progress every two seconds, and at the end."""
    import time

    from ecoalign_agent.cli.render.format import amount

    last = time.monotonic()

    def report(progress: "SynthesisProgress") -> None:
        nonlocal last
        if progress.done < progress.total and time.monotonic() - last < 2.0:
            return
        last = time.monotonic()
        left = "" if progress.seconds_left is None else f", {progress.seconds_left:.0f} s left"
        output.progress(
            f"{progress.done} of {progress.total} records, {progress.kept} kept, {amount(progress.cost)} cost units, "
            f"{progress.rate:.1f} a second{left}"
        )

    return report
