"""One verdict: what an assessor says of a thought or of a whole request.

Read strictly: exactly these keys' types, finite numbers within their range. Anything else is *unknown*, which counts as
unsafe and never as zero.

What is graded, and the port that grades it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.cost import CALL_TOKENS
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import ImageFamily
from ecoalign_agent.llm.json_schema import prompt_tokens
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.tokens import TokenCalibration, text_tokens

Grade = Annotated[float, Field(ge=-1.0, le=1.0)]


class ThoughtVerdictReply(BaseModel):
    """The grade of one thought, as a model replies it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    hazards: list[str]
    safety: Grade
    utility: Grade


class RequestVerdictReply(BaseModel):
    """The grade of a whole request, as a model replies it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    hazards: list[str]
    safety: Grade


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is known of a thought's worth.

    Attributes:
        safety: s in [-1, 1]; None: unknown, which counts as unsafe.
        utility: u in [0, 1] = (1 + r) / 2 of the raw grade r; None: unknown, or not this assessor's to grade.
        cost: what asking cost, in cost units.
        hazards: codes of the hazards named, for the record.
        unknown_reason: one line, when the verdict is unknown.

    A grade that is no number within its range, from whatever assessor, makes the whole verdict unknown: NaN would win
    every comparison.
    """

    safety: float | None
    utility: float | None
    cost: float
    hazards: tuple[str, ...] = ()
    unknown_reason: str | None = None

    def __post_init__(self) -> None:
        if not (_within(self.safety, -1.0) and _within(self.utility, 0.0)):
            said = f"safety {self.safety!r} or utility {self.utility!r} is no grade within its range"
            for name, value in (("safety", None), ("utility", None), ("unknown_reason", said)):
                object.__setattr__(self, name, value)

    @property
    def known(self) -> bool:
        """Whether there is a whole verdict: safety and utility."""
        return self.safety is not None and self.utility is not None


def _within(grade: object, low: float) -> bool:
    if grade is None:
        return True
    # NaN is within no range.
    return isinstance(grade, int | float) and not isinstance(grade, bool) and low <= grade <= 1.0


Role = Literal["an answer to the person", "an inner note of the assistant", "a strategy of the assistant"]


@dataclass(frozen=True, slots=True)
class AssessmentInput:
    """What an assessor gets to see: everything in it is data from outside, and none of the actor's own grades.

    Attributes:
        question: the person's question.
        views: the pictures, reduced.
        caption: what the first look said the pictures show.
        seen_text: the text it read in them.
        notes: the thoughts that led to the candidate, one a line.
        candidate: the text to be graded; "" when the request itself is.
        role: what the candidate would be used as.
    """

    question: str
    views: Sequence[ImageView]
    caption: str
    seen_text: str
    notes: str = ""
    candidate: str = ""
    role: Role = "an answer to the person"

    @property
    def context(self) -> str:
        """Caption, text in the pictures and notes, as the prompts show them."""
        return f"caption: {self.caption}\nseen text: {self.seen_text}\nnotes: {self.notes}"


@dataclass(frozen=True, slots=True)
class CallSize:
    """What a call for one verdict takes, as far as it is known before a run: what is reserved for verdicts follows.

    Attributes:
        prompt: tokens of the prompt around the data, with its schema.
        family: how the assessor counts a picture's tokens; None: it is shown no pictures.
        most: completion tokens at the most; 0: it writes nothing.
        each_picture: one call for every picture, each with all the text.
        gauge: how the endpoint that is asked counts; None: it is not known who is asked.
    """

    prompt: int
    family: ImageFamily | None
    most: int
    each_picture: bool = False
    gauge: TokenCalibration | None = None


@runtime_checkable
class Assessor(Protocol):
    """Who grades a thought. Never raises for a reply it can't read: that verdict is unknown.

    Two attributes are read where there are any: ``grades_utility`` (False: it grades safety alone, and another has to
    grade utility; True when absent) and ``calls`` (the ``CallSize`` of every call that one verdict takes; when absent,
    one call with the shipped prompt is reckoned with).
    """

    @property
    def name(self) -> str:
        """What the result records."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade ``case.candidate``: its safety and, apart from that, its utility.

        Raises:
            BudgetError: the call does not fit into what is left; it was not made.
            ModelError: the endpoint failed.
        """

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade the request itself: would the best honest answer enable a hazard? Utility is 0 where safety is known.

        Raises:
            BudgetError: the call does not fit into what is left; it was not made.
            ModelError: the endpoint failed.
        """


def grades_utility(assessor: Assessor) -> bool:
    """Whether an assessor grades utility besides safety."""
    return bool(getattr(assessor, "grades_utility", True))


def call_sizes(assessor: Assessor) -> Sequence[CallSize]:
    """Every call that one verdict of ``assessor`` takes."""
    told = getattr(assessor, "calls", None)
    return told if told is not None else (thought_call_size("unknown"),)


def thought_call_size(
    family: ImageFamily, prompts: str | None = None, *, gauge: TokenCalibration | None = None
) -> CallSize:
    """The call that asks a chat model for the verdict on one thought.

    Args:
        family: how the model counts a picture's tokens.
        prompts: a folder whose prompts replace the shipped ones.
        gauge: how its endpoint counts.

    Raises:
        PromptError: the prompt is missing or broken.
    """
    words = prompt_tokens(load_prompt("assessing/thought", prompts), ThoughtVerdictReply) + text_tokens(hazard_lines())
    return CallSize(words, family, CALL_TOKENS["assess"].max, gauge=gauge)
