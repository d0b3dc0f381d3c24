"""The command line: ``ecoalign simulate serve``, ``world`` and ``fit``.

Nothing heavy is imported up here, so that ``--help`` answers at once.
"""
# ruff: noqa: FBT002, PLC0415, PLR0917 - a boolean default is how Typer declares a flag; heavy imports wait for the command

from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from ecoalign_agent.errors import UsageError

if TYPE_CHECKING:
    from ecoalign_agent.models.simulated.fit import PublishedRow
    from ecoalign_agent.models.simulated.model import SimulatedModel
    from ecoalign_agent.models.simulated.reports import FitCell, ModelMeasurement

app = typer.Typer(help="A simulated model with known ground truth.", rich_markup_mode=None)

SERVE = """Serve the simulated model behind a URL, for everything that speaks OpenAI's protocol.

It is simulated, not a vision-language model: it knows the notices of its own world, which "ecoalign simulate world"
writes, and nothing else. Only this machine is served, without a key.

\b
Examples:
  ecoalign simulate serve
  ecoalign simulate serve --preset weak --seed 7 --latency-ms 50
  ecoalign ask "What is the total of the parts of notice N-00000?" -i out/simulated-0-00000.png \\
    --model openai:simulated --base-url http://127.0.0.1:8008/v1

A request may name another one, such as "simulated:able?seed=1&hit_rate=0.8".
"""

WORLD = """Write samples of the simulated world: metadata.jsonl, a line each, and the pictures beside it.

Each line has the question, the true answer, what an unsafe answer would hold, and what a good one does. The folder is
also an input of "ecoalign synthesize". The same seed writes the same files.

\b
Examples:
  ecoalign simulate world --limit 100 --out world/
  ecoalign simulate world --limit 20 --seed 3 --out world3/ --json
"""

FIT = """What simulated models are like that answer as published: fitted to the rows of plain models, to nothing else.

Prints the parameters, and beside each published cell what the fitted model really does. With --predict, EcoAlign runs
on the fitted models too: a prediction, shown beside the paper's row and labelled simulated.

\b
Examples:
  ecoalign simulate fit
  ecoalign simulate fit --predict 60
  ecoalign simulate fit --json | jq .cells
"""

Json = Annotated[bool, typer.Option("--json", help="Exactly one JSON object on standard output.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Seed = Annotated[int, typer.Option(metavar="S", help="Another seed is another model, or another world.")]


@app.callback(invoke_without_command=True)
def simulate(context: typer.Context) -> None:
    """A simulated model with known ground truth."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


@app.command(help=SERVE, short_help="The simulated model behind a URL.")
def serve(
    port: Annotated[int, typer.Option(metavar="N", min=0, max=65_535, help="The port; 0 takes a free one.")] = 8008,
    seed: Seed = 0,
    world: Annotated[int, typer.Option(metavar="S", help="The seed of the world that it knows.")] = 0,
    preset: Annotated[str, typer.Option(metavar="NAME", help="What it is like.")] = "middling",
    latency_ms: Annotated[float, typer.Option(metavar="MS", min=0, help="How long a call takes.")] = 0.0,
    debug: Debug = False,
) -> None:
    """Serve; ``SERVE`` is what a person reads about it."""
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, ending_well

    with ending_well(Followed(), debug=debug):
        for name in ("fastapi", "uvicorn"):
            if find_spec(name) is None:
                raise UsageError(f"ecoalign simulate serve needs {name}: pip install 'ecoalign-agent[serve]'")
        from ecoalign_agent.models.simulated.model import simulated_model
        from ecoalign_agent.models.simulated.server import HOST, create_simulated_app, listening_socket, serve_simulated
        from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

        name = f"simulated:{preset}?seed={seed}&world={world}&latency={latency_ms / 1_000}"
        served = create_simulated_app(simulated_model(name))
        listening = listening_socket(port)
        output = Output()
        output.progress(f"{preset}, seed {seed}: {SIMULATED_LABEL}")
        output.progress(f"listening at http://{HOST}:{listening.getsockname()[1]}/v1, model simulated; Ctrl-C ends it")
        serve_simulated(served, listening)


@app.command(help=WORLD, short_help="Write samples with their pictures.")
def world(
    out: Annotated[str, typer.Option(metavar="DIR", help="A new or empty folder.")],
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many samples.")] = 100,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Write a world; ``WORLD`` is what a person reads about it."""
    from collections import Counter

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.models.simulated.reports import LINES, WorldReport, write_world
        from ecoalign_agent.models.simulated.world import World

        samples = list(World(seed).samples(limit))

        def report_progress(number: int) -> None:
            if number % 200 == 0:
                output.progress(f"{number} of {len(samples)} samples")

        written = write_world(samples, out, on_progress=report_progress)
        kinds = Counter(sample.kind for sample in samples)
        report = WorldReport(folder=out, seed=seed, samples=written, kinds=dict(sorted(kinds.items())))
        if json:
            output.record(report)
        else:
            told = ", ".join(f"{number} {kind}" for kind, number in report.kinds.items())
            output.table([f"{out}/{LINES}: {written} samples of world {seed}: {told}", report.label])


@app.command(help=FIT, short_help="Parameters fitted to published rows of plain models.")
def fit(
    samples: Annotated[int, typer.Option(metavar="N", min=10, max=16_384, help="Samples for each cell.")] = 300,
    predict: Annotated[
        int, typer.Option(metavar="N", min=0, max=16_384, help="Samples for each prediction of EcoAlign; 0: none.")
    ] = 0,
    seed: Seed = 0,
    json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Show the fit; ``FIT`` is what a person reads about it."""
    import asyncio

    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.cli.render.run import Followed, endable, ending_well

    output = Output(json=json, quiet=quiet)
    with ending_well(Followed(), debug=debug):
        from ecoalign_agent.models.simulated.fit import COMPARED_WITH, FITTED_TO
        from ecoalign_agent.models.simulated.reports import FitReport, fit_lines, fitted_cells, parameters_of

        cells: list[FitCell] = []
        for row in FITTED_TO:
            output.progress(f"{row.model}: {row.method}")
            cells += fitted_cells(row, samples=samples, seed=seed)
        if predict:
            for row in COMPARED_WITH:
                output.progress(f"{row.model}: EcoAlign, {predict} samples of each stand-in")
                cells += asyncio.run(endable(_predicted(row, predict, seed)))
        report = FitReport(parameters={row.model: parameters_of(row) for row in FITTED_TO}, cells=cells)
        if json:
            output.record(report)
        else:
            output.table(fit_lines(report))


async def _predicted(row: "PublishedRow", samples: int, seed: int) -> "list[FitCell]":
    """What EcoAlign does on the model fitted to the plain rows of the same name."""
    from ecoalign_agent.models.simulated.reports import fit_cells, model_for

    measured = {benchmark: await _searched(model_for(row, benchmark, seed), samples) for benchmark in row.scores}
    return fit_cells(row, measured, kind="prediction", seed=seed)


async def _searched(model: "SimulatedModel", samples: int) -> "ModelMeasurement":
    import asyncio

    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.models.simulated.drawing import draw_picture
    from ecoalign_agent.models.simulated.ground_truth import AnswerGrade, grade_answer
    from ecoalign_agent.models.simulated.reports import summarise_answers
    from ecoalign_agent.models.simulated.world import Sample

    places = asyncio.Semaphore(8)
    async with EcoAlign(model) as agent:

        async def one(sample: Sample) -> tuple[Sample, AnswerGrade, int]:
            async with places:
                picture = await asyncio.to_thread(draw_picture, sample)
                result = await agent.ask(sample.question, [] if picture is None else [picture])
            return sample, grade_answer(sample, result.answer), result.cost.tokens.completion

        async with asyncio.TaskGroup() as group:
            asked = [group.create_task(one(sample)) for sample in model.world.samples(samples)]
    return summarise_answers(task.result() for task in asked)
