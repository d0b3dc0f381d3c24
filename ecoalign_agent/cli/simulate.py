"""``ecoalign simulate serve``, ``world`` and ``fit``."""

from typing import TYPE_CHECKING, Annotated

from ecoalign_agent.cli import options
from ecoalign_agent.cli.options import value
from ecoalign_agent.extensions import require_packages

if TYPE_CHECKING:
    from ecoalign_agent.cli.render.output import Output
    from ecoalign_agent.models.simulated.fit import PublishedRow
    from ecoalign_agent.models.simulated.model import SimulatedModel
    from ecoalign_agent.models.simulated.reports import FitCell, ModelMeasurement


@options.with_output("debug")
def serve_command(
    output: "Output",
    port: Annotated[int, value("N", "The port; 0 takes a free one.", min=0, max=65_535)] = 8008,
    seed: options.Seed = 0,
    world: Annotated[int, value("S", "The seed of the world that it knows.")] = 0,
    preset: Annotated[str, value("NAME", "What it is like.")] = "middling",
    latency_ms: Annotated[float, value("MS", "How long a call takes.", min=0)] = 0.0,
) -> None:
    r"""Serve the simulated model behind a URL, for everything that speaks OpenAI's protocol.

    It is simulated, not a vision-language model: it knows the notices of its own world, which "ecoalign simulate world"
    writes, and nothing else. Only this machine is served, without a key.

    Examples:
      ecoalign simulate serve
      ecoalign simulate serve --preset weak --seed 7 --latency-ms 50
      ecoalign ask "What is the total of the parts of notice N-00000?" -i out/simulated-0-00000.png \
        --model openai:simulated --base-url http://127.0.0.1:8008/v1

    A request may name another one, such as "simulated:able?seed=1&hit_rate=0.8".
    """
    require_packages("ecoalign simulate serve", ("fastapi", "uvicorn"), extra="serve")
    from ecoalign_agent.models.simulated.model import simulated_model
    from ecoalign_agent.models.simulated.server import HOST, create_simulated_app, listening_socket, serve_simulated
    from ecoalign_agent.models.simulated.world import SIMULATED_LABEL

    simulated = create_simulated_app(
        simulated_model(f"simulated:{preset}?seed={seed}&world={world}&latency={latency_ms / 1_000}")
    )
    listening = listening_socket(port)
    output.progress(f"{preset}, seed {seed}: {SIMULATED_LABEL}")
    output.progress(f"listening at http://{HOST}:{listening.getsockname()[1]}/v1, model simulated; Ctrl-C ends it")
    serve_simulated(simulated, listening)


@options.with_output("json", "quiet", "debug")
def world_command(
    output: "Output",
    out: Annotated[str, value("DIR", "A new or empty folder.")],
    limit: Annotated[int, value("N", "How many samples.", min=1)] = 100,
    seed: options.Seed = 0,
) -> None:
    """Write samples of the simulated world: metadata.jsonl, a line each, and the pictures beside it.

    Each line has the question, the true answer, what an unsafe answer would hold, and what a good one does. The folder
    is also an input of "ecoalign synthesize". The same seed writes the same files.

    Examples:
      ecoalign simulate world --limit 100 --out world/
      ecoalign simulate world --limit 20 --seed 3 --out world3/ --json
    """
    from collections import Counter

    from ecoalign_agent.models.simulated.reports import LINES, WorldReport, write_world
    from ecoalign_agent.models.simulated.world import World

    samples = list(World(seed).samples(limit))

    def progress(number: int) -> None:
        if number % 200 == 0:
            output.progress(f"{number} of {len(samples)} samples")

    written = write_world(samples, out, on_progress=progress)
    kinds = dict(sorted(Counter(sample.kind for sample in samples).items()))
    report = WorldReport(folder=out, seed=seed, samples=written, kinds=kinds)
    counts = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
    output.report(report, [f"{out}/{LINES}: {written} samples of world {seed}: {counts}", report.label])


@options.with_output("json", "quiet", "debug")
def fit_command(
    output: "Output",
    samples: Annotated[int, value("N", "Samples for each cell.", min=10, max=16_384)] = 300,
    predict: Annotated[int, value("N", "Samples for each prediction of EcoAlign; 0: none.", min=0, max=16_384)] = 0,
    seed: options.Seed = 0,
) -> None:
    """Parameters of simulated models that answer as published, fitted to the rows of plain models alone.

    Prints the parameters, and beside each published cell what the fitted model really does. With --predict, EcoAlign
    runs on the fitted models too: a prediction, shown beside the paper's row and labelled simulated.

    Examples:
      ecoalign simulate fit
      ecoalign simulate fit --predict 60
      ecoalign simulate fit --json | jq .cells
    """
    from ecoalign_agent.cli.execution import run_async
    from ecoalign_agent.models.simulated.fit import COMPARED_WITH, FITTED_TO
    from ecoalign_agent.models.simulated.reports import FitReport, fit_lines, fitted_cells, parameters_of

    cells: list[FitCell] = []
    for row in FITTED_TO:
        output.progress(f"{row.model}: {row.method}")
        cells += fitted_cells(row, samples=samples, seed=seed)
    if predict:
        for row in COMPARED_WITH:
            output.progress(f"{row.model}: EcoAlign, {predict} samples of each stand-in")
            cells += run_async(_predicted_cells(row, predict, seed))
    report = FitReport(parameters={row.model: parameters_of(row) for row in FITTED_TO}, cells=cells)
    output.report(report, fit_lines(report))


async def _predicted_cells(row: "PublishedRow", samples: int, seed: int) -> "list[FitCell]":
    from ecoalign_agent.models.simulated.reports import fit_cells, model_for

    measured = {benchmark: await _measure_search(model_for(row, benchmark, seed), samples) for benchmark in row.scores}
    return fit_cells(row, measured, kind="prediction", seed=seed)


async def _measure_search(model: "SimulatedModel", samples: int) -> "ModelMeasurement":
    import asyncio

    from ecoalign_agent.agent import EcoAlign
    from ecoalign_agent.models.simulated.drawing import draw_picture
    from ecoalign_agent.models.simulated.ground_truth import AnswerGrade, grade_answer
    from ecoalign_agent.models.simulated.reports import summarise_answers
    from ecoalign_agent.models.simulated.world import Sample

    slots = asyncio.Semaphore(8)
    async with EcoAlign(model) as agent:

        async def ask(sample: Sample) -> tuple[Sample, AnswerGrade, int]:
            async with slots:
                picture = await asyncio.to_thread(draw_picture, sample)
                result = await agent.ask(sample.question, [] if picture is None else [picture])
            return sample, grade_answer(sample, result.answer), result.cost.tokens.completion

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(sample)) for sample in model.world.samples(samples)]
    return summarise_answers(task.result() for task in tasks)


simulate_commands = options.command_group(
    "A simulated model with known ground truth.",
    [
        (serve_command, "The simulated model behind a URL."),
        (world_command, "Write samples with their pictures."),
        (fit_command, "Parameters fitted to published rows of plain models."),
    ],
)
