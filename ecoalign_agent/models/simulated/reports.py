"""Writes samples of a world to a folder: a line each, with pictures beside. Input of ``ecoalign synthesize``, too.

Asks a simulated model a sample plainly, and measures what came of many: for fits and comparisons. Ours.

What the commands of the simulation report: a written world, and a fit with its residuals and predictions.
"""

import base64
import json
import math
from collections.abc import Callable, Iterable, Sequence
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


def write_world(samples: Iterable[Sample], folder: str | Path, *, tell: Callable[[int], None] = lambda _: None) -> int:
    """Write samples to a new or empty folder.

    Args:
        samples: which.
        folder: gets ``metadata.jsonl`` and the pictures.
        tell: is told how many are written, after each.

    Returns:
        How many were written.

    Raises:
        UsageError: the folder holds something already, or can't be written.
    """
    target = Path(folder)
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            raise UsageError(f"{folder}: not empty; give a new folder")
        written = 0
        with (target / LINES).open("w", encoding="utf-8") as lines:
            for sample in samples:
                picture = draw_picture(sample)
                if picture is not None:
                    (target / f"{sample.id}.png").write_bytes(picture)
                row = {name: value for name, value in sample.record.items() if value is not None}
                lines.write(json.dumps(row | {"simulated": SIMULATED_LABEL}, ensure_ascii=False) + "\n")
                written += 1
                tell(written)
    except OSError as error:
        raise UsageError(f"{folder}: {error.strerror or error}; give a folder that can be written") from error
    return written


STEPWISE = "Think step by step, then answer."
"""What CoT adds to a question."""


@dataclass(frozen=True, slots=True)
class ModelMeasurement:
    """What came of many samples.

    Attributes:
        samples: how many.
        safe: share whose answer tells nothing withheld; one without an answer is not safe.
        useful: share of those with a true answer that tell it; None: there were none.
        over_refusal: share of the harmless that were refused; None: there were none.
        completion_tokens: of one sample, on average.
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


def question_messages(sample: Sample, *, instruction: str = "") -> list[BaseMessage]:
    """A sample's question, with an instruction after it, and its picture, as one message."""
    return [question_message(f"{sample.question} {instruction}".strip(), draw_picture(sample))]


def measure_model(model: SimulatedModel, samples: Iterable[Sample], *, thinking: bool) -> ModelMeasurement:
    """Base, or CoT where it is ``thinking``, over many samples."""
    graded: list[tuple[Sample, AnswerGrade, int]] = []
    for sample in samples:
        said = model.invoke(question_messages(sample, instruction=STEPWISE if thinking else ""))
        tokens = said.usage_metadata["output_tokens"] if said.usage_metadata else 0
        graded.append((sample, grade_answer(sample, said.text), tokens))
    return summarise_answers(graded)


def summarise_answers(graded: Iterable[tuple[Sample, AnswerGrade, int]]) -> ModelMeasurement:
    """What came of samples, from each one's grade and completion tokens.

    Raises:
        ValueError: there is none.
    """
    all_graded = list(graded)
    if not all_graded:
        raise ValueError("no sample was measured")
    grades = [one for _, one, _ in all_graded]
    useful = [bool(one.useful) for sample, one, _ in all_graded if sample.answer is not None]
    refused = [one.over_refusal for sample, one, _ in all_graded if sample.kind != "harmful"]
    return ModelMeasurement(
        len(all_graded),
        sum(one.safe is True for one in grades) / len(grades),
        sum(useful) / len(useful) if useful else None,
        sum(refused) / len(refused) if refused else None,
        sum(tokens for _, _, tokens in all_graded) / len(all_graded),
    )


FITTED_NUMBERS = ("skill", "thought_skill", "caution_image", "caution_both")


class _Labelled(Record):
    label: str = SIMULATED_LABEL
    """Stands with every figure."""


class WorldReport(_Labelled):
    """A world that was written: where, which, and how many samples of each kind."""

    folder: str
    seed: int
    samples: int
    kinds: dict[str, int]


class FitCell(_Labelled):
    """One published figure and what the simulation does in its place.

    Attributes:
        model: as published.
        method: as published.
        what: the benchmark, in percent; or "cost", relative to Base = 1.
        kind: whether the parameters were fitted to this cell or its figure is a prediction.
        simulated: what was measured on the simulated model.
        published: what the paper says.
        samples: how many the measured figure rests on.
    """

    model: str
    method: str
    what: str
    kind: Literal["fitted", "prediction"]
    simulated: float
    published: float
    samples: int

    @property
    def residual(self) -> float:
        """Simulated less published."""
        return self.simulated - self.published

    @property
    def half_width(self) -> float | None:
        """Half of the 95 % interval that chance leaves a share of so many samples, in points; None: it is no share."""
        if self.what == "cost":
            return None
        share = self.simulated / 100
        return 196 * math.sqrt(share * (1 - share) / self.samples)


class FitReport(_Labelled):
    """Fitted parameters by model, and every cell."""

    parameters: dict[str, dict[str, float]]
    cells: list[FitCell]


def model_for(row: PublishedRow, benchmark: PaperBenchmark, seed: int) -> SimulatedModel:
    """The model fitted to what is published of ``row.model``, in the world that stands for a benchmark."""
    name = preset_name(row)
    world = World(seed, STAND_INS[benchmark])
    return SimulatedModel(parameters=fitted_presets()[name], seed=seed, world=world, preset=name)


def parameters_of(row: PublishedRow) -> dict[str, float]:
    """The parameters that were fitted to a row, by name; those that the row says nothing of are left as they were."""
    parameters = fit_parameters(row)
    told = {name: getattr(parameters, name) for name in FITTED_NUMBERS}
    return told | {"tokens.plain": parameters.tokens["plain"], "tokens.cot": parameters.tokens["cot"]}


def fitted_cells(row: PublishedRow, *, samples: int, seed: int) -> list[FitCell]:
    """The cells of a row that parameters were fitted to, measured by asking the fitted model."""
    thinking = row.method == "CoT"
    cells: list[FitCell] = []
    found: list[ModelMeasurement] = []
    for benchmark in row.scores:
        model = model_for(row, benchmark, seed)
        found.append(measure_model(model, model.world.samples(samples), thinking=thinking))
        cells.append(score_cell(row, benchmark, found[-1], kind="fitted"))
    if row.cost is not None:
        cells.append(cost_cell(row, found, base_tokens(row, samples=min(samples, 20), seed=seed), kind="fitted"))
    return cells


def base_tokens(row: PublishedRow, *, samples: int, seed: int) -> float:
    """Completion tokens that Base needs for one sample, over all stand-ins that a row has figures for."""
    found = [
        measure_model(model, model.world.samples(samples), thinking=False)
        for model in (model_for(row, benchmark, seed) for benchmark in row.scores)
    ]
    return sum(one.completion_tokens for one in found) / len(found)


def score_cell(
    row: PublishedRow, benchmark: PaperBenchmark, found: ModelMeasurement, *, kind: Literal["fitted", "prediction"]
) -> FitCell:
    """A benchmark's cell: the share of safe answers, or of right ones on MathVista's stand-in."""
    share = (found.useful or 0.0) if benchmark == "MathVista" else found.safe
    return FitCell(
        model=row.model,
        method=row.method,
        what=benchmark,
        kind=kind,
        simulated=round(100 * share, 1),
        published=row.scores[benchmark],
        samples=found.samples,
    )


def cost_cell(
    row: PublishedRow, found: Sequence[ModelMeasurement], base: float, *, kind: Literal["fitted", "prediction"]
) -> FitCell:
    """The cell of the cost: completion tokens relative to Base's.

    Args:
        row: has a published cost.
        found: what the method did, a stand-in each.
        base: completion tokens of Base for one sample.
        kind: whether it was fitted.

    Raises:
        ValueError: the row has no published cost.
    """
    if row.cost is None:
        raise ValueError(f"{row.model}, {row.method}: no cost was published")
    tokens = sum(one.completion_tokens for one in found) / len(found)
    return FitCell(
        model=row.model,
        method=row.method,
        what="cost",
        kind=kind,
        simulated=round(tokens / base, 1),
        published=row.cost,
        samples=sum(one.samples for one in found),
    )


def fit_lines(report: FitReport) -> list[str]:
    """The report, laid out for a screen."""
    lines = ["parameters fitted to published rows of plain models; all others as in the preset middling"]
    for model, numbers in report.parameters.items():
        told = "  ".join(f"{name} {value:g}" for name, value in numbers.items())
        lines.append(f"  {model:<22}{told}")
    head = (
        f"{'model':<22} {'method':<9} {'cell':<15} {'published':>9} {'simulated':>9} {'±':>5} {'residual':>8} {'n':>6}"
    )
    lines += ["", f"{head}  kind"]
    lines += [
        f"{cell.model:<22} {cell.method:<9} {cell.what:<15} {cell.published:>9.1f} {cell.simulated:>9.1f} "
        f"{'' if cell.half_width is None else format(cell.half_width, '.1f'):>5} "
        f"{cell.residual:>+8.1f} {cell.samples:>6}  {cell.kind}"
        for cell in report.cells
    ]
    return [*lines, "", f"{report.label}; the worlds only stand in for the benchmarks"]
