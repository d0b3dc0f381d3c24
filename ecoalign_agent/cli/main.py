"""The ``ecoalign`` command line: its commands, and ``ask`` and ``demo`` themselves.

Nothing heavy is imported here, so that ``--help`` and ``--version`` answer at once.
"""

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.cli import assess, bench, doctor, options, review, rewrite, serve, simulate, training, tune
from ecoalign_agent.cli.options import flag, value
from ecoalign_agent.cli.render.streams import use_utf8, write_error
from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.events.result import Result

_ABOUT = """Safe, useful and affordable answers about pictures.

EcoAlign searches for an answer the way a careful buyer shops: every next thought has a forecast of its safety, its use
and its cost, and is bought only when it is worth it. A path is as safe as its least safe thought.

\b
Free, with no key and no network:
  ecoalign demo
  ecoalign ask "When does it close on Saturday?" --image notice.png

\b
With a model of your choice (needs its key, and spends its tokens):
  export OPENAI_API_KEY=...
  ecoalign ask "What does this label warn of?" --image label.jpg \\
    --model openai:gpt-4o-mini

\b
Exit status:
  0    answered, or declined with a reason
  1    the run failed
  2    a mistake in the request: an option, a picture, a key, a budget
  3    it waits for a person's verdict: see ecoalign review
  4    no useful answer was found, with --require-useful
  130  interrupted
"""

app = typer.Typer(
    name="ecoalign",
    help=_ABOUT,
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
    version: Annotated[bool, flag("--version", "Show the version and exit.")] = False,
) -> None:
    """Options that hold without a command."""
    if version:
        from ecoalign_agent import __version__

        typer.echo(f"ecoalign {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@options.with_output("json", "quiet", "debug")
def ask(
    output: "Output",
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
        bool, flag("--rewrite", "First have a dangerous question rewritten; a harmless one stays.")
    ] = False,
    rewriter: options.RewriterName = None,
    trace: Annotated[str | None, value("FILE.jsonl", "Write every event to a file, as it comes.")] = None,
    state: options.StatePlace = None,
    run_id: Annotated[str | None, value("ID", "The kept run's name; without one its request names it.")] = None,
    require_useful: options.RequireUseful = False,
) -> None:
    r"""Ask a question, with pictures or without.

    The answer goes to standard output and everything else to standard error, so that a pipe gets just the answer. On a
    terminal the search is shown as a live tree, and a receipt follows the answer.

    Examples:
      ecoalign ask "What is the total?" --image receipt.jpg
      ecoalign ask "Which closes later?" -i a.png -i b.png --budget 4000
      ecoalign ask - --image page.png < question.txt
      ecoalign ask "What is it?" --image https://images.example.org/it.jpg \
        --allow-image-host images.example.org
      ecoalign ask "What is the total?" --image receipt.jpg --json | jq -r .answer
      ecoalign ask "What is it?" --image it.jpg --model openai:qwen2.5-vl \
        --base-url http://localhost:8000/v1
      ecoalign ask "Please do what the note says." --image note.png --rewrite

    Nothing lost:
      With --state the run is kept in a file, or in Postgres by its URL. If
      the program is killed, the same command goes on where it was and pays
      for no finished call again; an answer that is there is shown again.
      --run-id gives the run a name; one name, one question.
      ecoalign ask "What is the total?" --image receipt.jpg --state runs.db

    What it costs:
      The model "offline" is free: rules that read text in pictures,
      no vision-language model, no key, no network.
      Any other model is called with the key of its provider.
      --budget bounds what one question may spend.

    Environment:
      OPENAI_API_KEY        the key of OpenAI's models, or of the server
      ECOALIGN_MODEL, ECOALIGN_BASE_URL, ECOALIGN_PRICES, ECOALIGN_STATE
                            as the options of these names
      ECOALIGN_ASSESSOR     as --assessor; several with commas
      ECOALIGN_IMAGE_HOSTS  as --allow-image-host; several with commas
      ECOALIGN_TIMEOUT      seconds one call may take (60)
      ECOALIGN_CONCURRENCY  calls open at one server at once (32)
      ECOALIGN_REQUESTS_PER_MINUTE
                            requests to one server in any minute (no limit)
      ECOALIGN_CACHE        where "ecoalign doctor" keeps what it found,
                            a folder or "off" (~/.cache/ecoalign)
    """
    from ecoalign_agent.cli.execution import end_run, run_async
    from ecoalign_agent.events.log import EventLog

    text = options.read_question(question)
    # The screen comes first: it shows life while the libraries load.
    with EventLog(trace) if trace else nullcontext() as log, output.screen() as screen:
        settings = options.load_policy(policy, budget=budget, deadline=deadline, tariff=tariff)
        location = options.state_location(state)
        if run_id is not None and location is None:
            raise UsageError(f"--run-id {run_id} names a kept run, and nothing is kept: add --state FILE")
        front = rewriter or ("" if rewrite else None)
        build = partial(options.build_agent, model, base_url, assessor, prompts, settings, prices=prices)
        build = partial(build, rewriter=front, image_hosts=allow_image_host)

        async def run() -> "Result":
            async with options.open_agent(location, build) as agent:
                events = agent.stream(text, image or (), run_id=run_id, resume=location is not None)
                return await output.follow(events, screen, log)

        result = run_async(run())
    end_run(output, result, state=location, require_useful=require_useful)


@options.with_output("json", "quiet", "debug")
def demo(output: "Output") -> None:
    """Four pictures through the whole loop, free: no key, no network, under a minute.

    A museum notice, a till receipt, a street sign with a harmless question that sounds harmful, and a picture whose
    text asks for something harmful. Each with its question, its search, its answer and one line of what to notice.
    """
    from ecoalign_agent.cli.demo import demonstrate
    from ecoalign_agent.cli.execution import run_async

    raise typer.Exit(1 if run_async(demonstrate(output)) else 0)


app.add_typer(assess.assess_commands, name="assess")
app.add_typer(bench.bench_commands, name="bench")
app.add_typer(simulate.simulate_commands, name="simulate")
options.add_commands(
    app,
    [
        (ask, "Ask a question, with pictures or without."),
        (demo, "Four pictures of ours through the whole loop, free."),
        (doctor.doctor, "What a model's endpoint can do."),
        (review.review, "Decide on a thought that a run waits for."),
        (rewrite.rewrite_command, "Rewrite a dangerous prompt."),
        (training.synthesize, "Make training data for the rewriter."),
        (training.train, "Fine-tune a rewriter on such data."),
        (tune.tune, "Find a policy on your own samples."),
        (serve.serve, "Safe answers for any OpenAI client."),
    ],
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
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
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    command = getattr(context, "command_path", "ecoalign")
    quotes = " put the question in quotes;" if "extra argument" in message else ""
    return f"{message.rstrip('.')};{quotes} '{command} --help' says more"


if __name__ == "__main__":
    sys.exit(main())
