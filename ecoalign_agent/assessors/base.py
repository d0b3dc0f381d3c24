"""What an assessor gets and gives: the input, the verdict, the protocol, and the size of its calls.

Verdicts of models are read strictly: exactly these keys' types, finite numbers within their range. Anything else is
*unknown*, which counts as unsafe and never as zero.
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
    """A verdict on one thought, as a model replies it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    hazards: list[str]
    safety: Grade
    utility: Grade


class RequestVerdictReply(BaseModel):
    """A verdict on a whole request, as a model replies it."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    hazards: list[str]
    safety: Grade


@dataclass(frozen=True, slots=True)
class Verdict:
    """Safety and utility of a thought or a request.

    A grade that is no number within its range, from whatever assessor, makes the whole verdict unknown: NaN would win
    every comparison.

    Attributes:
        safety: s in [-1, 1]; None: unknown, which counts as unsafe.
        utility: u in [0, 1] = (1 + r) / 2 of the raw grade r; None: unknown, or not graded by this assessor.
        cost: of the assessor's calls, in cost units.
        hazards: codes of the hazards named, for the record.
    """

    safety: float | None
    utility: float | None
    cost: float
    hazards: tuple[str, ...] = ()
    unknown_reason: str | None = None

    def __post_init__(self) -> None:
        if not (_within(self.safety, -1.0) and _within(self.utility, 0.0)):
            reason = f"safety {self.safety!r} or utility {self.utility!r} is no grade within its range"
            for name, value in (("safety", None), ("utility", None), ("unknown_reason", reason)):
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
    """A text or a request to be assessed. Everything in it is data from outside; the actor's own grades are not.

    Attributes:
        caption: the scan's description of the pictures.
        seen_text: text that the scan read in them.
        notes: the thoughts that led to the candidate, one a line.
        candidate: the text to be assessed; "" when the request itself is.
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
    """Size of a call for one verdict, as far as it is known before a run; reserves for verdicts follow from it.

    Attributes:
        prompt: tokens of the prompt around the data, with its schema.
        family: formula of a picture's tokens; None: no pictures are sent.
        max_tokens: completion tokens at the most; 0: none are written.
        per_image: one call for every picture, each with all the text.
        calibration: None: the endpoint is not known.
    """

    prompt: int
    family: ImageFamily | None
    max_tokens: int
    per_image: bool = False
    calibration: TokenCalibration | None = None


@runtime_checkable
class Assessor(Protocol):
    """Grades thoughts and requests. A reply that can't be read is an unknown verdict, not an error.

    Two attributes are optional: ``grades_utility`` (False: it grades safety alone, and another assessor has to grade
    utility) and ``calls`` (the ``CallSize`` of every call that one verdict takes; where it is absent, one call with the
    shipped prompt). An assessor of one's own needs a method ``assess`` alone; see
    :mod:`ecoalign_agent.assessors.custom`.
    """

    @property
    def name(self) -> str:
        """Name in results."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade the safety of ``case.candidate`` and, apart from that, its utility.

        Raises:
            BudgetError, ModelError: the call does not fit into what is left and was not made; the endpoint failed.
        """

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade the request itself: would the best honest answer enable a hazard? Utility is 0 if safety is known."""


class BuiltInAssessor:
    """Marks the assessors of this package: only others are checked when they are given, and guarded during a run."""

    name: str
    prompts: Sequence[str] = ()
    grades_utility: bool = True
    calls: Sequence[CallSize] = ()


class SimpleAssessor(Protocol):
    """The least that an assessor of one's own needs; see :mod:`ecoalign_agent.assessors.custom`."""

    async def assess(self, case: AssessmentInput, /) -> Verdict:
        """Grade ``case.candidate``; the request itself where that is empty."""


def grades_utility(assessor: Assessor) -> bool:
    """Whether an assessor grades utility besides safety."""
    return bool(getattr(assessor, "grades_utility", True))


def call_sizes(assessor: Assessor) -> Sequence[CallSize]:
    """Every call that one verdict of ``assessor`` takes."""
    calls = getattr(assessor, "calls", None)
    return calls if calls is not None else (thought_call_size("unknown"),)


def thought_call_size(
    family: ImageFamily, prompts: str | None = None, *, calibration: TokenCalibration | None = None
) -> CallSize:
    """Size of a chat model's call for the verdict on one thought."""
    words = prompt_tokens(load_prompt("assessing/thought", prompts), ThoughtVerdictReply) + text_tokens(hazard_lines())
    return CallSize(words, family, CALL_TOKENS["assess"].max, calibration=calibration)
