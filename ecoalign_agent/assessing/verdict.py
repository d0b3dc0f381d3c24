"""One verdict: what an assessor says of a thought or of a whole request.

Read strictly: exactly these keys' types, finite numbers within their range. Anything else is *unknown*, which counts as
unsafe and never as zero.
"""

from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

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
        why_unknown: one line, when the verdict is unknown.

    A grade that is no number within its range, from whatever assessor, makes the whole verdict unknown: NaN would win
    every comparison.
    """

    safety: float | None
    utility: float | None
    cost: float
    hazards: tuple[str, ...] = ()
    why_unknown: str | None = None

    def __post_init__(self) -> None:
        if not (_within(self.safety, -1.0) and _within(self.utility, 0.0)):
            said = f"safety {self.safety!r} or utility {self.utility!r} is no grade within its range"
            for name, value in (("safety", None), ("utility", None), ("why_unknown", said)):
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
