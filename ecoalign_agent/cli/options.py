"""The options that commands share, and the objects that their values describe: question, policy, agent, packages.

Nothing heavy is imported here, so that ``--help`` answers at once.
"""

import inspect
import io
import re
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any

from typer import Argument, Context, Exit, Option, Typer, echo

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from langgraph.checkpoint.base import BaseCheckpointSaver

    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.economics.policy import Policy


def value(metavar: str, text: str, *names: str, **settings: Any) -> Any:  # noqa: ANN401 - Typer's own types
    """An option with a value."""
    return Option(*names, metavar=metavar, help=text, **settings)


def flag(name: str, text: str) -> Any:  # noqa: ANN401 - as above
    """An option that is on or off."""
    return Option(name, help=text)


def argument(metavar: str, text: str) -> Any:  # noqa: ANN401 - as above
    """A positional argument."""
    return Argument(metavar=metavar, help=text)


_Text = str | None
_Texts = list[str] | None

QuestionText = Annotated[str, argument("QUESTION", 'The question, in quotes; "-" reads standard input.')]
ImageFiles = Annotated[_Texts, value("PATH", "A picture; repeat it for several.", "--image", "-i")]
ImageHosts = Annotated[
    _Texts, value("HOST", "Fetch https pictures from exactly this host; repeat it for several.", "--allow-image-host")
]
ModelName = Annotated[_Text, value("NAME", 'The model: "provider:name", or "offline", which is free.')]
BaseUrl = Annotated[_Text, value("URL", "A server that speaks OpenAI's protocol.")]
AssessorNames = Annotated[
    _Texts, value("NAME", "Assessor: a model, moderation:NAME, guard:MODEL, module:Name; repeatable.", "--assessor")
]
JudgeName = Annotated[_Text, value("NAME", "The model that judges answers; not the model itself.")]
RewriterName = Annotated[_Text, value("NAME", "The model that rewrites dangerous questions first, or trained:NAME.")]
BudgetUnits = Annotated[float | None, value("UNITS", "Cost units that one request may spend at most.")]
DeadlineSeconds = Annotated[float | None, value("SECONDS", "Answer by then, from what there is.")]
PolicyFile = Annotated[_Text, value("FILE.toml", "Every setting of the search, or: frugal, strict, paper.", "--policy")]
TariffName = Annotated[_Text, value("NAME", "What a cost unit is: equivalents, processed or money.", "--tariff")]
PriceFile = Annotated[_Text, value("FILE.toml", "What models cost in money, before the prices shipped.")]
PromptFolder = Annotated[_Text, value("FOLDER", "Your own prompts, under the names of ours.")]
StatePlace = Annotated[_Text, value("FILE", "Keep the run in this file, or in Postgres by its URL.")]
RequireUseful = Annotated[bool, flag("--require-useful", "Exit status 4 without an answer of the policy's utility.")]
Seed = Annotated[int, value("S", "Of every draw; the same seed, the same result.")]
Concurrency = Annotated[int, value("N", "Samples under way at the same time.", "--at-once", min=1)]
DryRun = Annotated[bool, flag("--dry-run", "Say what it would take, and end.")]

_OUTPUT_OPTIONS: dict[str, Any] = {
    "json": Annotated[bool, flag("--json", "Exactly one JSON object on standard output.")],
    "quiet": Annotated[bool, Option("--quiet", "-q", help="No progress and no receipt.")],
    "debug": Annotated[bool, flag("--debug", "Show the traceback of an error.")],
}

_Command = Callable[..., None]


def with_output(*names: str) -> Callable[[_Command], _Command]:
    """Add options among --json, --quiet and --debug to a command, whose first parameter gets the ``Output``.

    Whatever ends the command becomes one line and an exit status.
    """

    def decorate(body: _Command) -> _Command:
        def run(*, json: bool = False, quiet: bool = False, debug: bool = False, **values: Any) -> None:  # noqa: ANN401 - the values of any command's options
            from ecoalign_agent.cli.execution import exit_cleanly
            from ecoalign_agent.cli.render.output import Output

            output = Output(json=json, quiet=quiet)
            with exit_cleanly(output, debug=debug):
                body(output, **values)

        own = list(inspect.signature(body).parameters.values())[1:]
        kind = inspect.Parameter.KEYWORD_ONLY
        shared = [inspect.Parameter(name, kind, default=False, annotation=_OUTPUT_OPTIONS[name]) for name in names]
        run.__name__, run.__doc__ = body.__name__, body.__doc__
        run.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]  # Typer reads it
        run.__annotations__ = {}
        return run

    return decorate


def add_commands(group: Typer, commands: Iterable[tuple[_Command, str]]) -> None:
    """Add commands, each with its one line in the list of commands; the docstring is its help."""
    for command, short_help in commands:
        # A paragraph with indented lines keeps its lines.
        text = re.sub(r"\n\n(?=.+\n  )", "\n\n\b\n", inspect.getdoc(command) or "")
        name = command.__name__.removesuffix("_command")
        group.command(name, help=text, short_help=short_help)(command)


def command_group(help_text: str, commands: Iterable[tuple[_Command, str]]) -> Typer:
    """A command that holds others, as in ``add_commands``; called alone, it shows its help and exits with 2."""
    group = Typer(help=help_text, rich_markup_mode=None)
    add_commands(group, commands)

    @group.callback(invoke_without_command=True)
    def show_help(context: Context) -> None:
        if context.invoked_subcommand is None:
            echo(context.get_help(), err=True)
            raise Exit(2)

    return group


def read_question(question: str) -> str:
    """The question as given, or from standard input where it is "-"."""
    if question != "-":
        try:
            question.encode()
        except UnicodeEncodeError as error:
            # The shell handed over bytes that are no UTF-8.
            raise UsageError(f"the question is not UTF-8 text (character {error.start})") from error
        return question
    from ecoalign_agent.search.request import MAX_QUESTION

    try:
        question = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read(MAX_QUESTION + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the question on standard input is not UTF-8 text (byte {error.start})") from error
    if len(question) > MAX_QUESTION:
        raise UsageError(f"the question on standard input is longer than {MAX_QUESTION:,} characters; shorten it")
    return question


def non_null(**options: float | str | None) -> dict[str, float | str]:
    """The options that have a value."""
    return {name: value for name, value in options.items() if value is not None}


def load_policy(file: str | None, **options: float | str | None) -> "Policy":
    """The policy of a file, else the default, with the options that have a value."""
    from ecoalign_agent.economics.policy import Policy
    from ecoalign_agent.settings import read_policy

    return (read_policy(file) if file else Policy()).replace(**non_null(**options))


def build_agent(
    model: str | None,
    base_url: str | None,
    assessors: list[str] | None,
    prompts: str | None,
    policy: "Policy",
    *,
    checkpointer: "BaseCheckpointSaver[str] | None" = None,
    image_hosts: list[str] | None = None,
    prices: str | None = None,
    rewriter: str | None = None,
) -> "EcoAlign":
    """The agent that the options describe; ``rewriter`` "": the answering model rewrites dangerous questions."""
    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.settings import read_settings

    settings = read_settings()
    assessing = assessors or policy.assessors or (settings.assessor,)
    if base_url is not None and {model or settings.model, *assessing} <= {"offline", None}:
        raise UsageError(f"--base-url {base_url} names a server but no model on it: add --model NAME")
    front = None
    if rewriter is not None:
        from ecoalign_agent.rewriter import Rewriter

        # A rewriter that was trained checks nothing: the answering model does.
        checker = (model or settings.model) if rewriter.startswith("trained:") else None
        front = Rewriter(rewriter or model, checker=checker, base_url=base_url, prompts=prompts)
    return EcoAlign(
        model,
        policy=policy,
        assessor=assessors or None,
        base_url=base_url,
        prompts=prompts,
        image_hosts=image_hosts or None,
        prices=prices,
        rewriter=front,
        checkpointer=checkpointer,
    )


def state_location(option: str | None) -> str | None:
    """Where runs are kept: the option, else the environment's; None: nowhere."""
    from ecoalign_agent.settings import read_settings

    state = read_settings().state
    return option if option is not None or state is None else state.get_secret_value()


@asynccontextmanager
async def open_agent(state: str | None, build: "Callable[..., EcoAlign]") -> "AsyncIterator[EcoAlign]":
    """An agent over the place where its runs are kept, if there is one; both are closed in the end."""
    from ecoalign_agent.search.checkpointing import open_checkpointer

    async with (
        nullcontext() if state is None else open_checkpointer(state) as saver,
        build(checkpointer=saver) as agent,
    ):
        yield agent
