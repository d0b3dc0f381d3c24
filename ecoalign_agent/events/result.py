"""The result of a run, the outcome of a rewrite that is part of it, and the base of every record."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


class Record(BaseModel):
    """Base of all events and results: frozen, JSON-safe, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tokens(Record):
    """Parts of all calls' tokens: uncached prompt text, image, cached prompt, completion.

    ``image`` is what was booked: reported, where the provider tells it. ``image_estimated``, beside them and in no sum,
    is what our formula says of the same pictures.
    """

    prompt: int = 0
    image: int = 0
    cached: int = 0
    completion: int = 0
    image_estimated: int = 0


RewriteStatus = Literal["unchanged", "rewritten", "kept", "unknown", "failed"]
"""End of a rewrite.

``unchanged``: the question is harmless and comes back word for word. ``rewritten``: a new question passed the check.
``kept``: it did not, by the check or the rules: the aim got lost or the danger did not; the original comes back.
``unknown``: a reply could not be read, so nothing is known of the question's safety: the original comes back.
``failed``: the endpoint failed, or the budget or the deadline did not allow the calls: the original comes back.
"""


class RiskReport(Record):
    """A, the risk report: what could go wrong between text and image. Source: VLMGuard-R1, causal analysis."""

    text: str = ""
    image: str = ""
    both: str = ""
    aim: str = ""
    provoking: list[str] = Field(default_factory=list)
    hazards: list[str] = Field(default_factory=list)
    safety: float | None = None
    """Of answering the question as asked, in [-1, 1]; None: unknown, which counts as unsafe."""

    @property
    def words(self) -> str:
        """The report as the prompts of later calls show it."""
        return f"text: {self.text or '(none)'}\nimage: {self.image or '(none)'}\nboth: {self.both or '(none)'}"


class RewriteCost(Record):
    """Cost of a rewrite."""

    budget: float
    spent: float
    by_phase: dict[str, float]
    tokens: Tokens
    calls: int
    """Including failed ones."""
    estimated: int
    """Calls whose usage is our estimate."""
    overrun: float
    """0 unless a provider counted more than was reserved."""
    tariff: str
    """Meaning of one cost unit."""


class Rewrite(Record):
    """The outcome of one rewrite."""

    prompt: str
    """x_T': the target model's prompt. The original, word for word, unless ``status`` is "rewritten"."""
    original: str
    """x_T: the person's question."""
    changed: bool
    report: RiskReport
    status: RewriteStatus
    rejected: str | None = None
    """The new question that was not used, where ``status`` is "kept"."""
    cost: RewriteCost
    seconds: float
    models: list[str]
    """Those that analysed, rewrote and checked."""
    prompts: list[str]
    """name@version#digest of every prompt in use."""
    notes: list[str] = Field(default_factory=list)
    run_id: str

    @property
    def without_rejected(self) -> "Rewrite":
        """The same for events and results: a new question that failed its check is withheld."""
        return self.model_copy(update={"rejected": None})


Status = Literal["answered", "declined", "failed", "waiting"]

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
    "review",  # it has not ended: a person's verdict is waited for
]


NoteCode = Literal[
    "utility_below_policy",  # the answer's utility is below the policy's satisfied_utility
    "budget_lowered",  # a riskier request got less than the policy's budget
    "round_unaffordable",  # the search stopped with budget left that pays for no further round
    "harmless_part_only",  # only the harmless part of the request was answered
    "unreadable_reply",  # a paid reply could not be read
    "reply_too_long",  # the same, because it had more tokens than allowed
    "no_strategy",  # a sensitive request was searched without a strategy
    "human_decision",  # a person decided on a thought
    "assessor_not_independent",  # actor and assessor are one model
    "utility_not_independent",  # safety has another assessor, utility the actor's own model
    "ablation",  # an ablation setting is on
    "label_cap",  # Pareto labels were dropped
    "budget_overrun",  # the provider counted more than was reserved
    "usage_estimated",  # some calls reported no usage
    "verdict_unknown",  # some verdicts could not be had or read
    "endpoint_failure",  # a call failed at its endpoint
    "rewritten",  # a rewriter changed the question
    "not_rewritten",  # a rewriter left a risky question as it was
    "rewriter",  # a note of the rewriter's own
    "option_clamped",  # a server's limit was lower than the option asked for
    "option_ignored",  # an option that has no effect
    "unassessed",  # the bare model answered; nothing was assessed
    "other",
]
"""Kinds of notes; the text beside a code may change between versions, the code does not."""


class Note(Record):
    """One thing that a reader must know to weigh a result."""

    code: NoteCode
    text: str

    def __str__(self) -> str:
        return self.text


def _as_note(value: Any) -> Any:  # noqa: ANN401 - whatever stands in stored JSON
    """Accept a bare sentence, as stored before notes had codes."""
    return Note(code="other", text=value) if isinstance(value, str) else value


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


class Money(Record):
    """Cost of a run in money.

    Attributes:
        amount: of all models together, in ``currency``; an estimate where usage is.
        currency: such as "USD"; None: nothing is billed, in any.
        by_model: the same for each model that was called.
        source: where the prices were read, in words.
        date: the oldest day on which they were known to hold, YYYY-MM-DD; None: nothing is billed.
    """

    amount: float
    currency: str | None
    by_model: dict[str, float]
    source: str
    date: str | None


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
        money: what the run cost in money; None: not known, because a model's price is not, or because no call used
            anything.
        money_unknown: the models that were called and have no known price in the currency of the others.
        image_factors: by endpoint, the greatest ratio of counted to estimated image tokens seen there so far.
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
    money: Money | None = None
    money_unknown: list[str] = Field(default_factory=list)
    image_factors: dict[str, float] = Field(default_factory=dict)


class Time(Record):
    """Seconds: the wall clock, the sum over model calls, and the wall clock in which no call was open."""

    wall: float
    model: float
    overhead: float


class Models(Record):
    """Actor and assessor; ``independent``: they are two models."""

    actor: str
    assessor: str
    independent: bool


class Waiting(Record):
    """A thought that waits for a person's verdict. Its text is shown to that person alone, not here.

    Attributes:
        id: of the thought.
        kind: of the thought.
        safety: as the assessor graded it, in [-1, 1]: safe, and below the policy's ``review_below``.
        utility: u of the thought, in [0, 1].
    """

    id: str
    kind: str
    safety: float
    utility: float


class Review(Record):
    """A person's verdict on a thought.

    Attributes:
        id: of the thought.
        kind: of the thought.
        ruling: whether it was accepted as it was graded, rejected, or graded anew.
        assessed: the assessor's safety, in [-1, 1].
        safety: what counts since; a rejected one's is -1.
    """

    id: str
    kind: str
    ruling: Literal["accepted", "rejected", "graded"]
    assessed: float
    safety: float


class Result(Record):
    """Result of a run.

    Attributes:
        answer: the answer, or the refusal of a declined run; None of a failed one.
        status: answered, declined or failed; waiting, when it goes on after a person's verdict.
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
        notes: what a reader must know to weigh the result, each with a code.
        satisfied: whether there is an answer whose utility reaches the policy's ``satisfied_utility``.
        run_id: the run's id, also of its checkpoints and trace.
        rewrite: what a rewriter in front made of the question, the text of a rejected one left out; None: there was no
            rewriter. Its cost is part of ``cost``.
        waiting: what waits for a person's verdict; None: nothing does.
        reviews: the verdicts of persons, in order.
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
    notes: list[Annotated[Note, BeforeValidator(_as_note)]] = Field(default_factory=list)
    satisfied: bool = False
    run_id: str
    rewrite: Rewrite | None = None
    waiting: Waiting | None = None
    reviews: list[Review] = Field(default_factory=list)

    def has_note(self, code: NoteCode) -> bool:
        """True if there is a note of this kind."""
        return any(note.code == code for note in self.notes)
