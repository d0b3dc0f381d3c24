"""What a run holds in the end: the object that ``ask`` returns and ``--json`` prints."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal["answered", "declined", "failed"]

StopReason = Literal[
    "satisfied",  # an answer is safe and useful enough
    "no_value",  # the best action is worth nothing
    "no_open_tip",  # nothing is left to expand
    "budget",  # what is left can't pay a round and the final answer
    "deadline",  # the deadline is near
    "rounds",  # the round limit is reached
    "unsafe_request",  # the scan found the request harmful, and the assessor agreed
    "unreadable_scan",  # no rung of the ladder gave a readable scan
    "endpoint",  # a model's endpoint failed and no assessed answer was there
]


class Record(BaseModel):
    """Base of everything a run tells: frozen, JSON-safe, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PathStep(Record):
    """A thought on the chosen path. ``cost`` in cost units."""

    id: str
    kind: str
    text: str
    safety: float
    utility: float
    cost: float


class FrontierPoint(Record):
    """A non-dominated answer path.

    U is the sum of utilities, C of costs in cost units, S the weakest link, gamma = S·U/C.
    """

    path: list[str]
    utility: float
    cost: float
    safety: float
    gamma: float


class PrunedThought(Record):
    """A thought that was paid for and cut. ``safety`` is None when its verdict was unknown."""

    id: str
    kind: str
    reason: str
    safety: float | None
    cost: float


class Tokens(Record):
    """Parts of all calls' tokens: uncached prompt text, image, cached prompt, completion."""

    prompt: int = 0
    image: int = 0
    cached: int = 0
    completion: int = 0


class Cost(Record):
    """The receipt.

    Attributes:
        budget: B in force at the end (B_max scaled by the request's risk), in cost units.
        spent: what all calls cost, in cost units.
        remaining: budget − spent, never below 0.
        by_phase: cost units by scan, plan, propose, simulate, execute, assess, synthesize, decline.
        tokens: the parts of all calls.
        calls: model calls made.
        estimated: calls whose usage the provider did not report.
        chosen_path: cost units of the thoughts on the chosen path alone; None when nothing was chosen.
        overrun: what a provider that counts otherwise made the run spend above its budget.
        saved: cost units that merging duplicates avoided.
        tariff: which tariff turned tokens into cost units.
    """

    budget: float
    spent: float
    remaining: float
    by_phase: dict[str, float]
    tokens: Tokens
    calls: int
    estimated: int
    chosen_path: float | None = None
    overrun: float = 0.0
    saved: float = 0.0
    tariff: str


class Time(Record):
    """Seconds: the wall clock, the sum over model calls, and the wall clock in which no call was open."""

    wall: float
    model: float
    overhead: float


class Models(Record):
    """Who answered and who graded; ``independent``: whether they are two."""

    actor: str
    assessor: str
    independent: bool


class Result(Record):
    """What a run holds in the end.

    Attributes:
        answer: the answer, or the refusal of a declined run; None of a failed one.
        status: answered, declined or failed.
        safety: S of the chosen path with its answer, in [-1, 1]; None unless answered.
        utility: u of the answer, in [0, 1]; None unless answered.
        stop_reason: why the search ended.
        failure: one line, of a failed run.
        path: the thoughts on the chosen path, root left out.
        frontier: the non-dominated answer paths.
        cost: the receipt.
        seconds: wall clock of the run.
        time: where the seconds went.
        rounds: rounds of execute.
        pruned: thoughts that were paid for and cut, with reasons.
        unknown_verdicts: assessments that could not be read; each pruned what it was about.
        models: who answered and who graded.
        prompts: name@version#digest of every prompt of the run.
        notes: what a reader must know to weigh the result.
        run_id: the run's id, also of its checkpoints and trace.
    """

    answer: str | None
    status: Status
    safety: float | None
    utility: float | None
    stop_reason: StopReason
    failure: str | None = None
    path: list[PathStep]
    frontier: list[FrontierPoint]
    cost: Cost
    seconds: float
    time: Time
    rounds: int
    pruned: list[PrunedThought]
    unknown_verdicts: int
    models: Models
    prompts: list[str]
    notes: list[str] = []
    run_id: str
