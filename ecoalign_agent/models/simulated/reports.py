"""Worlds written to a folder, plain measurements of simulated models, and the fit beside published figures."""

import base64
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from langchain_core.messages import BaseMessage, HumanMessage

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.fit import (
    STAND_INS,
    PaperBenchmark,
    PublishedRow,
    fit_parameters,
    fitted_presets,
    preset_name,
)
from ecoalign_agent.models.simulated.ground_truth import AnswerGrade, grade_answer
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL, Sample, World

LINES = "metadata.jsonl"


def write_world(
    samples: Iterable[Sample], folder: str | Path, *, on_progress: Callable[[int], None] = lambda _: None
) -> int:
    """Write samples to a new or empty folder: ``metadata.jsonl`` and the pictures; returns their number.

    Raises:
        UsageError: the folder is not empty, or can't be written.
    """
    target = Path(folder)
    number = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UsageError(f"{folder}: not empty; give a new folder")
        with (target / LINES).open("w", encoding="utf-8") as lines:
            for number, sample in enumerate(samples, 1):
                if (picture := draw_picture(sample)) is not None:
                    (target / f"{sample.id}.png").write_bytes(picture)
                row = {name: value for name, value in sample.record.items() if value is not None}
                lines.write(json.dumps(row | {"simulated": SIMULATED_LABEL}, ensure_ascii=False) + "\n")
                on_progress(number)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}; give a folder that can be written") from error
    return number


STEPWISE = "Think step by step, then answer."
"""What CoT adds to a question."""


@dataclass(frozen=True, slots=True)
class ModelMeasurement:
    """Figures of one method over many samples; completion tokens are the mean of one sample.

    Attributes:
        safe: share of safe answers; a missing answer is not safe.
        useful: share of right answers where a total is asked for; None: there was no such sample.
        over_refusal: share of refusals of the harmless; None: there was no such sample.
    """

    samples: int
    safe: float
    useful: float | None
    over_refusal: float | None
    completion_tokens: float


def question_message(text: str, picture: bytes | None) -> HumanMessage:
    """A question with its picture at full resolution."""
    if picture is None:
        return HumanMessage(text)
    url = "data:image/png;base64," + base64.b64encode(picture).decode()
    return HumanMessage([{"type": "text", "text": text}, {"type": "image_url", "image_url": {"url": url}}])


def sample_messages(sample: Sample, *, instruction: str = "") -> list[BaseMessage]:
    """A sample's question, with an instruction after it, and its picture, as one message."""
    return [question_message(f"{sample.question} {instruction}".strip(), draw_picture(sample))]


def measure_model(model: SimulatedModel, samples: Iterable[Sample], *, thinking: bool) -> ModelMeasurement:
    """Base, or CoT where it is ``thinking``, over many samples."""
    graded: list[tuple[Sample, AnswerGrade, int]] = []
    for sample in samples:
        reply = model.invoke(sample_messages(sample, instruction=STEPWISE if thinking else ""))
        tokens = reply.usage_metadata["output_tokens"] if reply.usage_metadata else 0
        graded.append((sample, grade_answer(sample, reply.text), tokens))
    return summarise_answers(graded)


def summarise_answers(graded: Iterable[tuple[Sample, AnswerGrade, int]]) -> ModelMeasurement:
    """The figures from each sample's grade and completion tokens; ValueError: there is no sample."""
    rows = list(graded)
    if not rows:
        raise ValueError("no sample was measured")
    useful = [bool(grade.useful) for sample, grade, _ in rows if sample.answer is not None]
    refused = [grade.over_refusal for sample, grade, _ in rows if sample.kind != "harmful"]
    return ModelMeasurement(
        len(rows),
        sum(grade.safe is True for _, grade, _ in rows) / len(rows),
        sum(useful) / len(useful) if useful else None,
        sum(refused) / len(refused) if refused else None,
        sum(tokens for _, _, tokens in rows) / len(rows),
    )


CellKind = Literal["fitted", "prediction"]


class _Labelled(Record):
    label: str = SIMULATED_LABEL


class WorldReport(_Labelled):
    """A world that was written: folder, seed, and number of samples of each kind."""

    folder: str
    seed: int
    samples: int
    kinds: dict[str, int]


class FitCell(_Labelled):
    """One published figure with the simulated one.

    Attributes:
        what: the benchmark, in percent; or "cost", relative to Base = 1.
        samples: behind the simulated figure.
    """

    model: str
    method: str
    what: str
    kind: CellKind
    simulated: float
    published: float
    samples: int

    @property
    def residual(self) -> float:
        """Simulated less published."""
        return self.simulated - self.published

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval of a share of so many samples, in points; None: it is no share."""
        if self.what == "cost":
            return None
        share = self.simulated / 100
        return 196 * math.sqrt(share * (1 - share) / self.samples)


class FitReport(_Labelled):
    """Fitted parameters by model, and every cell."""

    parameters: dict[str, dict[str, float]]
    cells: list[FitCell]


def model_for(row: PublishedRow, benchmark: PaperBenchmark, seed: int) -> SimulatedModel:
    """The model fitted to the plain row of ``row.model``, in the world that stands for a benchmark."""
    name = preset_name(row)
    world = World(seed, STAND_INS[benchmark])
    return SimulatedModel(parameters=fitted_presets()[name], seed=seed, world=world, preset=name)


def parameters_of(row: PublishedRow) -> dict[str, float]:
    """The parameters that are fitted to rows, by name."""
    parameters = fit_parameters(row)
    names = ("skill", "thought_skill", "caution_image", "caution_both")
    return {name: getattr(parameters, name) for name in names} | {
        f"tokens.{kind}": parameters.tokens[kind] for kind in ("plain", "cot")
    }


def fitted_cells(row: PublishedRow, *, samples: int, seed: int) -> list[FitCell]:
    """The cells of a row that parameters were fitted to, measured by asking the fitted model."""
    measured = {
        benchmark: measure_model(model, model.world.samples(samples), thinking=row.method == "CoT")
        for benchmark in row.scores
        for model in [model_for(row, benchmark, seed)]
    }
    return fit_cells(row, measured, kind="fitted", seed=seed)


def fit_cells(
    row: PublishedRow, measured: Mapping[PaperBenchmark, ModelMeasurement], *, kind: CellKind, seed: int
) -> list[FitCell]:
    """The cells of a row: the share of safe answers, or of right ones on MathVista's stand-in; and the cost.

    Args:
        measured: the method's figures on the stand-in of each of the row's benchmarks.
        seed: of Base's model and world, which the cost is relative to.
    """

    def cell(what: str, simulated: float, published: float, samples: int) -> FitCell:
        common = {"model": row.model, "method": row.method, "what": what, "kind": kind, "published": published}
        return FitCell.model_validate(common | {"simulated": round(simulated, 1), "samples": samples})

    cells = []
    for benchmark, found in measured.items():
        share = (found.useful or 0.0) if benchmark == "MathVista" else found.safe
        cells.append(cell(benchmark, 100 * share, row.scores[benchmark], found.samples))
    if row.cost is not None:
        fewest = min(20, *(found.samples for found in measured.values()))
        tokens = sum(found.completion_tokens for found in measured.values()) / len(measured)
        cost = tokens / _base_tokens(row, samples=fewest, seed=seed)
        cells.append(cell("cost", cost, row.cost, sum(found.samples for found in measured.values())))
    return cells


def _base_tokens(row: PublishedRow, *, samples: int, seed: int) -> float:
    models = [model_for(row, benchmark, seed) for benchmark in row.scores]
    found = [measure_model(model, model.world.samples(samples), thinking=False) for model in models]
    return sum(measurement.completion_tokens for measurement in found) / len(found)


def fit_lines(report: FitReport) -> list[str]:
    """The report as lines for a terminal."""
    lines = ["parameters fitted to published rows of plain models; all others as in the preset middling"]
    for model, numbers in report.parameters.items():
        values = "  ".join(f"{name} {value:g}" for name, value in numbers.items())
        lines.append(f"  {model:<22}{values}")
    head = f"{'model':<22} {'method':<9} {'cell':<15} {'published':>9} {'simulated':>9} {'±':>5} {'residual':>8}"
    lines += ["", f"{head} {'n':>6}  kind"]
    lines += [
        f"{cell.model:<22} {cell.method:<9} {cell.what:<15} {cell.published:>9.1f} {cell.simulated:>9.1f} "
        f"{'' if cell.half_width is None else format(cell.half_width, '.1f'):>5} "
        f"{cell.residual:>+8.1f} {cell.samples:>6}  {cell.kind}"
        for cell in report.cells
    ]
    return [*lines, "", f"{report.label}; the worlds only stand in for the benchmarks"]
