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
        utility: u in [0, 1] = (1 + r) / 2 of the raw grade r; None: unknown.
        cost: what asking cost, in cost units.
        hazards: codes of the hazards named, for the record.
        why_unknown: one line, when the verdict is unknown.
    """

    safety: float | None
    utility: float | None
    cost: float
    hazards: tuple[str, ...] = ()
    why_unknown: str | None = None

    @property
    def known(self) -> bool:
        """Whether there is a verdict at all."""
        return self.safety is not None and self.utility is not None
