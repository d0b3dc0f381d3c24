"""The ``ecoalign`` command line: its commands, and ``ask`` and ``demo`` themselves.

Nothing heavy is imported here, so that ``--help`` and ``--version`` answer at once.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer
from typer import Option

from ecoalign_agent.cli import (
    assess,
    bench,
    doctor,
    help_texts,
    options,
    review,
    rewrite,
    serve,
    simulate,
    synthesize,
    train,
    tune,
)
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.events.result import Result

app = typer.Typer(
    name="ecoalign",
    help=help_texts.ABOUT_HELP,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)

# Typer's own complaints have no public name: this is the class above its public one, whoever defines it.
_MISUSE: type[Exception] = typer.BadParameter.__mro__[1]


@app.callback(invoke_without_command=True)
def ecoalign(
    context: typer.Context,
    version: Annotated[bool, Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Options that hold without a command."""
    if version:
        from ecoalign_agent import __version__

        typer.echo(f"ecoalign {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=help_texts.ASK_HELP, short_help="Ask a question, with pictures or without.")
def ask(
    question: options.QuestionText,
    image: options.ImageFiles = None,
    allow_image_host: options.ImageHosts = None,
    model: options.ModelName = None,
    base_url: options.BaseUrl = None,
    assessor: options.AssessorNames = None,
    budget: options.BudgetUnits = None,
    deadline: options.DeadlineSeconds = None,
    policy: options.PolicyFile = None,
    tariff: options.TariffName = None,
    prices: options.PriceFile = None,
    prompts: options.PromptFolder = None,
    rewrite: Annotated[
        bool, Option("--rewrite", help="First have a dangerous question rewritten; a harmless one stays.")
    ] = False,
    rewriter: options.RewriterName = None,
    trace: Annotated[str | None, Option(metavar="FILE.jsonl", help="Write every event to a file, as it comes.")] = None,
    state: options.StatePlace = None,
    run_id: Annotated[
        str | None, Option(metavar="ID", help="The kept run's name; without one its request names it.")
    ] = None,
    require_useful: options.RequireUseful = False,
    json: options.Json = False,
    quiet: options.Quiet = False,
    debug: options.Debug = False,
) -> None:
    """Run ``ecoalign ask``."""
    from ecoalign_agent.cli.execution import RunFollower, end_run, exit_cleanly, run_async
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.log import EventLog

    output, follower = Output(json=json, quiet=quiet), RunFollower()
    with exit_cleanly(follower, debug=debug):
        text = options.read_question(question)
        # The screen comes first: it shows life while the libraries load.
        with EventLog(trace) if trace else nullcontext() as log, output.screen() as screen:
            settings = options.load_policy(policy, budget=budget, deadline=deadline, tariff=tariff)
            location = options.state_location(state)
            if run_id is not None and location is None:
                raise UsageError(f"--run-id {run_id} names a kept run, and nothing is kept: add --state FILE")
            front = rewriter or ("" if rewrite else None)
            build = partial(
                options.build_agent,
                model,
                base_url,
                assessor,
                prompts,
                settings,
                prices=prices,
                rewriter=front,
                image_hosts=allow_image_host,
            )

            async def run() -> "Result":
                async with options.open_agent(location, build) as agent:
                    events = agent.stream(text, image or (), run_id=run_id, resume=location is not None)
                    return await follower.run(events, screen, log)

            result = run_async(run())
        end_run(output, follower, result, state=location, require_useful=require_useful)


@app.command(help=help_texts.DEMO_HELP, short_help="Four pictures of ours through the whole loop, free.")
def demo(json: options.Json = False, quiet: options.Quiet = False, debug: options.Debug = False) -> None:
    """Run ``ecoalign demo``."""
    from ecoalign_agent.cli.demo import demonstrate
    from ecoalign_agent.cli.execution import RunFollower, exit_cleanly, run_async
    from ecoalign_agent.cli.render.output import Output

    output, follower = Output(json=json, quiet=quiet), RunFollower()
    with exit_cleanly(follower, debug=debug):
        failed = run_async(demonstrate(output, follower))
        raise typer.Exit(1 if failed else 0)


app.add_typer(assess.assess_commands, name="assess")
app.add_typer(bench.bench_commands, name="bench")
app.command(help=doctor.DOCTOR_HELP, short_help="What a model's endpoint can do.")(doctor.doctor)
app.command(help=review.REVIEW_HELP, short_help="Decide on a thought that a run waits for.")(review.review)
app.command("rewrite", help=rewrite.REWRITE_HELP, short_help="Rewrite a dangerous prompt.")(rewrite.rewrite_prompt)
app.add_typer(simulate.simulate_commands, name="simulate")
app.command(help=synthesize.SYNTHESIZE_HELP, short_help="Make training data for the rewriter.")(synthesize.synthesize)
app.command(help=train.TRAIN_HELP, short_help="Fine-tune a rewriter on such data.")(train.train)
app.command(help=tune.TUNE_HELP, short_help="Find a policy on your own samples.")(tune.tune)
app.command(help=serve.SERVE_HELP, short_help="Safe answers for any OpenAI client.")(serve.serve)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    from ecoalign_agent.cli.render.streams import use_utf8, write_error

    use_utf8()
    try:
        status = app(args=None if arguments is None else list(arguments), prog_name="ecoalign", standalone_mode=False)
    except KeyboardInterrupt:
        write_error("interrupted")
        return 130
    except typer.Abort:
        return 130
    except _MISUSE as error:
        write_error(_explanation(error))
        return 2
    return status if isinstance(status, int) else 0


def _explanation(error: Exception) -> str:
    """A complaint of the command line, with the remedy."""
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "ecoalign")
    quotes = " put the question in quotes;" if "extra argument" in message else ""
    return f"{message.rstrip('.')};{quotes} '{command} --help' says more"


if __name__ == "__main__":
    sys.exit(main())
