"""The command line: ``ecoalign ask`` and ``ecoalign demo``.

Nothing heavy is imported up here, so that ``--help`` and ``--version`` answer at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command that needs them

import io
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from ecoalign_agent import cli_assess
from ecoalign_agent.errors import UsageError
from ecoalign_agent.terminal import manual

if TYPE_CHECKING:
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.terminal.follow import Followed
    from ecoalign_agent.terminal.output import Output
    from ecoalign_agent.trace.result import Result

_POLICY_HELP = "Every knob of the search, or: frugal, strict, paper."

app = typer.Typer(
    name="ecoalign",
    help=manual.ABOUT,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

app.add_typer(cli_assess.app, name="assess")

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
        from importlib.metadata import version as installed

        typer.echo(f"ecoalign {installed('ecoalign-agent')}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=manual.ASK, short_help="Ask a question, with pictures or without.")
def ask(
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help='The question, in quotes; "-" reads standard input.')
    ],
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH", help="A picture; repeat it for several.")
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
    prompts: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="Your own prompts, under the names of ours.")
    ] = None,
    trace: Annotated[
        str | None, typer.Option(metavar="FILE.jsonl", help="Write every event to a file, as it comes.")
    ] = None,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Ask a question; ``manual.ASK`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.terminal.ending import endable, ending_well
    from ecoalign_agent.terminal.follow import Followed
    from ecoalign_agent.terminal.output import Output
    from ecoalign_agent.trace.log import EventLog

    output, followed = Output(json=json, quiet=quiet), Followed()
    with ending_well(followed, debug=debug):
        asked = _read_question() if question == "-" else _readable(question)
        # The screen comes first: it shows life while the libraries load.
        with EventLog(trace) if trace else nullcontext() as log, output.screen() as screen:
            agent = _agent(model, base_url, assessor, prompts, _policy(policy, budget, deadline))

            async def answered() -> "Result":
                async with agent:
                    return await followed.run(agent.stream(asked, image or ()), screen, log)

            result = asyncio.run(endable(answered()))
        _end(output, followed, result)


@app.command(help=manual.DEMO, short_help="Four pictures of ours through the whole loop, free.")
def demo(json: Json = False, quiet: Quiet = False, debug: Debug = False) -> None:
    """Run the demo; ``manual.DEMO`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.demo import demonstrate
    from ecoalign_agent.terminal.ending import endable, ending_well
    from ecoalign_agent.terminal.follow import Followed
    from ecoalign_agent.terminal.output import Output

    output, followed = Output(json=json, quiet=quiet), Followed()
    with ending_well(followed, debug=debug):
        failed = asyncio.run(endable(demonstrate(output, followed)))
        raise typer.Exit(1 if failed else 0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    from ecoalign_agent.terminal.streams import speak_utf8, tell_error

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


def _read_question() -> str:
    """The question from standard input.

    Raises:
        UsageError: it is no UTF-8, or too long.
    """
    from ecoalign_agent.agent import MAX_QUESTION

    try:
        asked = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read(MAX_QUESTION + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the question on standard input is not UTF-8 text (byte {error.start})") from error
    if len(asked) > MAX_QUESTION:
        raise UsageError(f"the question on standard input is longer than {MAX_QUESTION:,} characters; shorten it")
    return asked


def _readable(question: str) -> str:
    """The question of the command line.

    Raises:
        UsageError: the shell handed over bytes that are no UTF-8.
    """
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the question is not UTF-8 text (character {error.start})") from error
    return question


def _policy(file: str | None, budget: float | None, deadline: float | None) -> "Policy":
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.settings import read_policy

    policy = read_policy(file) if file else Policy()
    given = {"budget": budget, "deadline": deadline}
    return policy.replace(**{knob: value for knob, value in given.items() if value is not None})


def _agent(
    model: str | None, base_url: str | None, assessor: list[str] | None, prompts: str | None, policy: "Policy"
) -> "EcoAlign":
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    grading = assessor or policy.assessors or (settings.assessor,)
    if base_url is not None and {model or settings.model, *grading} <= {"offline", None}:
        raise UsageError(f"--base-url {base_url} names a server but no model on it: add --model NAME")
    return EcoAlign(model, policy=policy, assessor=assessor or None, base_url=base_url, prompts=prompts)


def _end(output: "Output", followed: "Followed", result: "Result") -> NoReturn:
    """Show the result; the status says how it ended.

    Raises:
        typer.Exit: always.
    """
    from ecoalign_agent.terminal.streams import tell_error

    output.result(result)
    if result.status == "failed":
        tell_error(result.failure or f"the run failed: {result.stop_reason}")
    if followed.trouble:
        tell_error(followed.trouble)
    raise typer.Exit(1 if result.status == "failed" or followed.trouble else 0)


if __name__ == "__main__":
    sys.exit(main())
