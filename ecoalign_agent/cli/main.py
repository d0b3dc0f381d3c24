"""The command line: ``ecoalign ask`` and ``ecoalign demo``.

Nothing heavy is imported up here, so that ``--help`` and ``--version`` answer at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command that needs them

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.cli import assess, bench, doctor, review, serve, simulate, synthesize, train, tune
from ecoalign_agent.cli import rewrite as cli_rewrite
from ecoalign_agent.cli.render import help_texts
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.events.result import Result

_POLICY_HELP = "Every setting of the search, or: frugal, strict, paper."

app = typer.Typer(
    name="ecoalign",
    help=help_texts.ABOUT,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.add_typer(assess.app, name="assess")
app.add_typer(bench.app, name="bench")
app.command(name="doctor", help=doctor.DOCTOR, short_help="What a model's endpoint can do.")(doctor.doctor)
app.command(name="review", help=review.REVIEW, short_help="Decide on a thought that a run waits for.")(review.review)
app.command(name="rewrite", help=cli_rewrite.REWRITE, short_help="Write a dangerous prompt anew.")(cli_rewrite.rewrite)
app.add_typer(simulate.app, name="simulate")
app.command(name="synthesize", help=synthesize.SYNTHESIZE, short_help="Make training data for the rewriter.")(
    synthesize.synthesize
)
app.command(name="train", help=train.TRAIN, short_help="Fine-tune a rewriter on such data.")(train.train)
app.command(name="tune", help=tune.TUNE, short_help="Find a policy on your own samples.")(tune.tune)
app.command(name="serve", help=serve.SERVE, short_help="Safe answers for any OpenAI client.")(serve.serve)

# Typer's own complaints have no public name: this is the class above its public one, whoever defines it.
_MISUSE: type[Exception] = typer.BadParameter.__mro__[1]

Json = Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Only the answer: no search, no receipt.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@app.callback(invoke_without_command=True)
def ecoalign(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """What holds for every command."""
    if version:
        from ecoalign_agent import __version__

        typer.echo(f"ecoalign {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=help_texts.ASK, short_help="Ask a question, with pictures or without.")
def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help='The question, in quotes; "-" reads standard input.')
    ],
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH", help="A picture; repeat it for several.")
    ] = None,
    allow_image_host: Annotated[
        list[str] | None,
        typer.Option(metavar="HOST", help="Fetch https pictures from exactly this host; repeat it for several."),
    ] = None,
    model: Annotated[
        str | None, typer.Option(metavar="NAME", help='Who answers: "provider:name", or "offline", which is free.')
    ] = None,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="A server that speaks OpenAI's protocol.")] = None,
    assessor: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Who grades: a model, moderation:NAME, guard:MODEL; repeat it for several."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option(metavar="UNITS", help="Cost units that this question may spend at most.")
    ] = None,
    deadline: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Answer by then, from what there is.")
    ] = None,
    policy: Annotated[str | None, typer.Option(metavar="FILE.toml", help=_POLICY_HELP)] = None,
    tariff: Annotated[
        str | None, typer.Option(metavar="NAME", help="What a cost unit is: equivalents, processed or money.")
    ] = None,
    prices: Annotated[
        str | None, typer.Option(metavar="FILE.toml", help="What models cost in money, before the prices shipped.")
    ] = None,
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    rewrite: Annotated[
        bool, typer.Option("--rewrite", help="First have a dangerous question written anew; a harmless one stays.")
    ] = False,
    rewriter: Annotated[
        str | None, typer.Option(metavar="NAME", help="Who does --rewrite, or trained:NAME; else the answering model.")
    ] = None,
    trace: Annotated[
        str | None, typer.Option(metavar="FILE.jsonl", help="Write every event to a file, as it comes.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(metavar="FILE", help="Keep the run in this file, or in Postgres by its URL.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option(metavar="ID", help="The kept run's name; without one its request names it.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ask a question; ``manual.ASK`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.options import agent_of, end, kept_agent, policy_of, read_question, state_of
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well
    from ecoalign_agent.events.log import EventLog

    output, followed = Output(json=json, quiet=quiet), Followed()
    with ending_well(followed, debug=debug):
        asked = read_question(question)
        # The screen comes first: it shows life while the libraries load.
        with EventLog(trace) if trace else nullcontext() as log, output.screen() as screen:
            chosen = policy_of(policy, budget=budget, deadline=deadline, tariff=tariff)
            place = state_of(state)
            if run_id is not None and place is None:
                raise UsageError(f"--run-id {run_id} names a kept run, and nothing is kept: add --state FILE")
            front = rewriter or ("" if rewrite else None)
            build = partial(agent_of, model, base_url, assessor, prompts, chosen, prices=prices, rewriter=front)

            async def answered() -> "Result":
                async with kept_agent(place, partial(build, image_hosts=allow_image_host)) as agent:
                    told = agent.stream(asked, image or (), run_id=run_id, resume=place is not None)
                    return await followed.run(told, screen, log)

            result = asyncio.run(endable(answered()))
        end(output, followed, result, place)


@app.command(help=help_texts.DEMO, short_help="Four pictures of ours through the whole loop, free.")
def demo(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Run the demo; ``manual.DEMO`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.demo import demonstrate
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output, followed = Output(json=json, quiet=quiet), Followed()
    with ending_well(followed, debug=debug):
        failed = asyncio.run(endable(demonstrate(output, followed)))
        raise typer.Exit(1 if failed else 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    from ecoalign_agent.cli.render.output import speak_utf8, tell_error

    speak_utf8()
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="ecoalign", standalone_mode=False)
    except KeyboardInterrupt:
        tell_error("interrupted")
        return 130
    except typer.Abort:
        return 130
    except _MISUSE as error:
        tell_error(_explained(error))
        return 2
    return status if isinstance(status, int) else 0


def _explained(error: Exception) -> str:
    """A complaint of the command line, with what to do."""
    said = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "ecoalign")
    quotes = " put the question in quotes;" if "extra argument" in said else ""
    return f"{said.rstrip('.')};{quotes} '{command} --help' says more"


if __name__ == "__main__":
    sys.exit(main())
