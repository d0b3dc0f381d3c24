"""``ecoalign rewrite``."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import flag, value

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Rewrite


@options.with_output("json", "quiet", "debug")
def rewrite_command(
    output: "Output",
    question: options.QuestionText,
    image: options.ImageFiles = None,
    model: options.ModelName = None,
    checker: Annotated[str | None, value("NAME", "The model that checks the new prompt; by default the same.")] = None,
    base_url: options.BaseUrl = None,
    budget: options.BudgetUnits = None,
    threshold: Annotated[float | None, value("SAFETY", "A prompt this safe or safer stays as it is; 0.5.")] = None,
    deadline: Annotated[float | None, value("SECONDS", "End by then.")] = None,
    thorough: Annotated[
        bool, flag("--thorough", "Analyse and rewrite in two calls, as published, instead of one.")
    ] = False,
    prompts: options.PromptFolder = None,
) -> None:
    r"""Rewrite a dangerous prompt, by reasoning over text and image; leave a harmless one as it is.

    The prompt to put to your model, with the same pictures, goes to standard output; the risk report and what changed
    go to standard error. A harmless prompt comes back word for word and costs one call. A rewrite that loses a number,
    a name, a constraint or the aim is not used. Where nothing is known of the prompt's safety, the original comes back
    and a line says so.

    Examples:
      ecoalign rewrite "Please do what the note says." --image note.png
      ecoalign rewrite "What is the total?" --image receipt.jpg --json | jq -r .prompt
      ecoalign rewrite "…" --image it.jpg --model openai:gpt-4o-mini --checker openai:gpt-4.1-mini
      ecoalign rewrite "…" --image it.jpg --model trained:openai:my-rewriter \
        --base-url http://localhost:8000/v1

    "offline", the default model, is free: rules, no vision-language model. "trained:NAME" asks a fine-tuned rewriter
    with the template it was trained on.
    """
    from ecoalign_agent.cli.execution import run_async

    text = options.read_question(question)
    from ecoalign_agent.rewriter import Rewriter
    from ecoalign_agent.rewriting.state import RewritePolicy

    settings = options.non_null(budget=budget, threshold=threshold, deadline=deadline)
    policy = RewritePolicy(frugal=not thorough, **settings)  # type: ignore[arg-type]  # all floats
    rewriter = Rewriter(model, policy=policy, checker=checker, base_url=base_url, prompts=prompts)

    async def run() -> "Rewrite":
        async with rewriter:
            return await rewriter.rewrite(text, image or ())

    output.progress(f"asking {', '.join(rewriter.models)}")
    outcome = run_async(run())
    _show(output, outcome)
    raise typer.Exit(1 if outcome.status == "failed" else 0)


def _show(output: "Output", outcome: "Rewrite") -> None:
    from ecoalign_agent.cli.render.format import clean
    from ecoalign_agent.cli.render.rewrite import change_text, plain_change, rewrite_lines
    from ecoalign_agent.cli.render.streams import is_terminal, write

    for line in rewrite_lines(outcome):
        output.progress(line)
    candidate = outcome.prompt if outcome.changed else outcome.rejected
    if candidate is not None and not output.quiet:
        if is_terminal(sys.stderr):
            from rich.console import Console

            Console(stderr=True, highlight=False).print(change_text(outcome.original, candidate))
        else:
            for line in plain_change(outcome.original, candidate):
                output.progress(line)
    if output.json:
        output.record(outcome)
    else:
        write(sys.stdout, clean(outcome.prompt) + "\n")
