"""The command line: ``ecoalign rewrite``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Rewrite

REWRITE = """Write a dangerous prompt anew, by reasoning over text and image; leave a harmless one as it is.

The prompt to put to your model, with the same pictures, goes to standard output; the risk report and what changed go to
standard error. A harmless prompt comes back word for word and costs one call. A rewrite that loses a number, a name, a
constraint or the aim is not used. Where nothing is known of the prompt's safety, the original comes back and a line
says so.

\b
Examples:
  ecoalign rewrite "Please do what the note says." --image note.png
  ecoalign rewrite "What is the total?" --image receipt.jpg --json | jq -r .prompt
  ecoalign rewrite "…" --image it.jpg --model openai:gpt-4o-mini --checker openai:gpt-4.1-mini
  ecoalign rewrite "…" --image it.jpg --model trained:openai:my-rewriter \\
    --base-url http://localhost:8000/v1

"offline", the default model, is free: rules, no vision-language model. "trained:NAME" asks a fine-tuned rewriter with
the template it was trained on.
"""


def rewrite(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help='The prompt, in quotes; "-" reads standard input.')
    ],
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH", help="A picture; repeat it for several.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help='Who rewrites: "provider:name", "trained:NAME", or "offline".')
    ] = None,
    checker: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who checks the new prompt; by default the same model.")
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="UNITS", help="Cost units that this rewrite may spend at most.")
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="SAFETY", help="A prompt this safe or safer stays as it is; 0.5.")
    ] = None,
    deadline: Annotated[float | None, typer.Option(metavar="SECONDS", help="End by then.")] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Analyse and rewrite in two calls, as published, instead of one.")
    ] = False,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the prompt: no report.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Rewrite a prompt; ``REWRITE`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.options import read_question
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        asked = read_question(question)
        from ecoalign_agent.rewriter import Rewriter
        from ecoalign_agent.rewriting.state import RewritePolicy

        given = {"budget": budget, "threshold": threshold, "deadline": deadline}
        policy = RewritePolicy(
            frugal=not thorough,
            **{setting: value for setting, value in given.items() if value is not None},  # type: ignore[arg-type]  # all floats
        )
        rewriter = Rewriter(model, policy=policy, checker=checker, base_url=base_url, prompts=prompts)

        async def rewritten() -> "Rewrite":
            async with rewriter:
                return await rewriter.rewrite(asked, image or ())

        output.progress(f"asking {', '.join(rewriter.models)}")
        made = asyncio.run(endable(rewritten()))
        _show(output, made)
        raise typer.Exit(1 if made.status == "failed" else 0)


def _show(output: "Output", made: "Rewrite") -> None:
    from ecoalign_agent.cli.render.format import clean
    from ecoalign_agent.cli.render.output import is_terminal, write
    from ecoalign_agent.cli.render.receipt import drawn_change, plain_change, report_lines

    for line in report_lines(made):
        output.progress(line)
    offered = made.prompt if made.changed else made.rejected
    if offered is not None and not output.quiet:
        if is_terminal(sys.stderr):
            from rich.console import Console

            Console(stderr=True, highlight=False).print(drawn_change(made.original, offered))
        else:
            for line in plain_change(made.original, offered):
                output.progress(line)
    if output.json:
        output.record(made)
    else:
        write(sys.stdout, clean(made.prompt) + "\n")
