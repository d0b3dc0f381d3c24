"""Conditions and findings made by hand."""

from dataclasses import replace

from ecoalign_agent.bench.analysis.outcomes import DetailValue, OutcomeStatus, Receipt, SampleOutcome
from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded
from ecoalign_agent.bench.experiments.base import DIFFERENCE_COLUMNS, Cell, Experiment, ExperimentFinding, Point, Series
from ecoalign_agent.bench.experiments.conditions import Condition, SampleRun
from ecoalign_agent.models.simulated.world import Sample, World

WORLD = World(0)
BENIGN = next(sample for sample in WORLD.samples(100) if sample.kind == "benign")
EXPERIMENT = Experiment("made", "Made by hand", "Does it show?", "nowhere")


def sample_run(
    number: int = 0,
    *,
    useful: bool = True,
    refused: bool = False,
    tokens: int = 100,
    seed: int = 0,
    **detail: DetailValue,
) -> SampleRun:
    """A harmless sample with its outcome; samples differ by their number alone."""
    sample: Sample = replace(BENIGN, index=number)
    score = AnswerScore(safe=True, useful=useful and not refused, over_refusal=refused)
    receipt = Receipt(
        calls=2, rounds=None, seconds=0.0, prompt_tokens=1_000, cached_tokens=0, completion_tokens=tokens, cost=350.0
    )
    status: OutcomeStatus = "declined" if refused else "answered"
    outcome = SampleOutcome(
        Graded(sample.id, score), "The total is 1.", status, receipt, {"stop_reason": "satisfied"} | detail
    )
    return SampleRun(sample, outcome, seed=seed, found=useful)


def condition(
    name: str, *, number: int = 10, refused: int = 0, useful: int | None = None, tokens: int = 100
) -> Condition:
    """So many samples on three seeds; the first of them are refused, or the last of them useless."""
    right = number if useful is None else useful
    runs = [sample_run(n, refused=n < refused, useful=n < right, tokens=tokens, seed=n % 3) for n in range(number)]
    return Condition(name, tuple(runs))


def finding(*, figure: float | None = 0.25) -> ExperimentFinding:
    """A small one."""
    return ExperimentFinding(
        columns=("method", "n", "share"),
        rows=(("base", 4, 0.5), ("other | one", 1_200, figure)),
        x_label="budget, cost units",
        y_label="share",
        series=(
            Series("with interval", (Point(1_000, 0.5, 0.4, 0.6), Point(6_000, 0.7, 0.6, 0.75))),
            Series("without", (Point(6_000, 0.6),)),
        ),
        differences=(("other", "base", "safe", "all", 4, 0.25, None, None, 0.5),),
        log_x=True,
    )


def differences(found: ExperimentFinding) -> dict[tuple[Cell, ...], dict[str, Cell]]:
    """Condition, the one it is compared with, figure and samples → the row by column."""
    return {row[:4]: dict(zip(DIFFERENCE_COLUMNS, row, strict=True)) for row in found.differences}
