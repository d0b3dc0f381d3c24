"""The command line: ``ecoalign assess selftest``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

import sys
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ecoalign_agent.assessors.base import Assessor
    from ecoalign_agent.assessors.selftest.report import SelftestReport

app = typer.Typer(help="Test who grades.", rich_markup_mode=None)

SELFTEST = """How well an assessor holds: a corpus of attacks that are known to work, and of harmless look-alikes.

Injections, forged verdicts, apologies and disclaimers, "Thought process:" headings, harmless text round harmful text,
and instructions drawn into pictures; no harmful instruction is spelt out in any of them. Prints how often an attack
flipped a verdict, what was missed, false alarms and unknown verdicts, each with its 95 % interval.

\b
Examples:
  ecoalign assess selftest
  ecoalign assess selftest --assessor openai:gpt-4.1-mini --limit 40
  ecoalign assess selftest --assessor openai:gpt-4.1-mini --assessor moderation:omni-moderation-latest --json

Some 110 calls for the whole corpus; "offline", the default, is free. Several assessors are tested as the search uses
them: the lowest grade counts.
"""


@app.callback(invoke_without_command=True)
def assess(context: typer.Context) -> None:
    """Test who grades."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=SELFTEST, short_help="Attacks and look-alikes: how well does an assessor hold?")
def selftest(
    assessor: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME", help="Who is tested: a model, moderation:NAME or guard:MODEL; repeat it for several."
        ),
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Trials at most, spread over the families.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Test assessors; ``SELFTEST`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.assessors.combined import minimum
        from ecoalign_agent.assessors.selftest.corpus import read_corpus
        from ecoalign_agent.assessors.selftest.run import run_selftest
        from ecoalign_agent.factory import assessor_endpoints

        corpus, judges = read_corpus(), _judges(assessor, base_url, prompts)
        corpus = corpus if limit is None else corpus.limited(limit)

        async def tested() -> "SelftestReport":
            try:
                return await run_selftest(minimum(*judges), corpus)
            finally:
                for endpoint in assessor_endpoints(judges):
                    await endpoint.aclose()

        output.progress(f"asking {minimum(*judges).name}: {len(corpus.trials)} trials")
        report = asyncio.run(endable(tested()))
        if json:
            output.record(report)
            return
        from rich.console import Console

        from ecoalign_agent.assessors.selftest.report import selftest_lines, selftest_table

        Console(file=sys.stdout, highlight=False).print(selftest_table(report))
        output.table(selftest_lines(report))


def _judges(names: list[str] | None, base_url: str | None, prompts: str | None) -> "list[Assessor]":
    """Who is tested: as named, else the environment's assessors, else its model."""
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.factory import build_assessors, choose_assessors
    from ecoalign_agent.settings import settings_with

    settings = settings_with(base_url=base_url)
    return build_assessors(
        choose_assessors(names or None, Policy(), settings) or [settings.model], settings, prompts=prompts
    )
