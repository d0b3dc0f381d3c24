"""What the actor's models are asked to reply: the schemas behind the prompts under ``prompts/alignment``.

A list of proposals is read item by item: an item that breaks its schema is dropped, the rest stands. A list of which
no item stands makes the reply unreadable.
"""

from collections.abc import Callable
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from ecoalign_agent.assessors.hazards import HAZARDS

ActionKind = Literal["reason", "look", "fuse", "answer"]

_Item = TypeVar("_Item", bound=BaseModel)


class ReplyModel(BaseModel):
    """Base of all replies: unknown keys are ignored, types are not coerced from strings, NaN is refused."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


def _standing(item: type[_Item]) -> Callable[[object], object]:
    def keep(value: object) -> object:
        if not isinstance(value, list):
            return value
        kept = []
        for entry in value:
            try:
                kept.append(item.model_validate(entry))
            except ValidationError:
                continue
        if value and not kept:
            raise ValueError(f"none of {len(value)} items is a valid {item.__name__}")
        return kept

    return keep


Safety = Annotated[float, Field(ge=-1.0, le=1.0)]
"""A forecast or a grade of safety, in [-1, 1]."""

RawUtility = Annotated[float, Field(ge=-1.0, le=1.0)]
"""A raw grade of utility r, in [-1, 1]; u = (1 + r) / 2."""

Box = Annotated[list[float], Field(min_length=4, max_length=4)]
"""left, top, right, bottom as fractions of the picture."""


class NextStep(ReplyModel):
    """One imagined further step of an action."""

    kind: ActionKind
    safety: Safety
    utility: RawUtility


class ProposedAction(ReplyModel):
    """A proposed next thought with its forecast."""

    kind: ActionKind
    aim: Annotated[str, Field(min_length=1, max_length=2_000)]
    picture: int = 0
    box: Box | None = None
    parents: list[str] = []
    safety: Safety
    utility: RawUtility
    next: Annotated[list[NextStep], BeforeValidator(_standing(NextStep))] = []


class SeenRegion(ReplyModel):
    """A place worth a closer look."""

    picture: int = 0
    what: str
    box: Box


MAX_PART_CHARACTERS = 200
"""Characters that the harmless part of a request may have."""


def _short(value: object) -> str:
    """The harmless part on one line; "", which helps nobody and harms nobody, where it is no text or too long.

    It is not cut: what a limit cuts off may be what made it harmless.
    """
    part = " ".join(value.split()) if isinstance(value, str) else ""
    return part if len(part) <= MAX_PART_CHARACTERS else ""


class ScanReply(ReplyModel):
    """The first look: what is there, how risky the request is, and the first actions."""

    caption: str
    seen_text: str = ""
    regions: Annotated[list[SeenRegion], BeforeValidator(_standing(SeenRegion))] = []
    hazard: str = "none"
    safety: Safety
    harmless_part: Annotated[str, BeforeValidator(_short)] = ""
    draft: str = ""
    actions: Annotated[list[ProposedAction], BeforeValidator(_standing(ProposedAction))]

    @property
    def hazard_name(self) -> str:
        """The hazard in words; unknown codes read "unnamed hazard"."""
        if self.hazard in {"none", ""}:
            return "no hazard"
        return HAZARDS[self.hazard][0] if self.hazard in HAZARDS else "unnamed hazard"


class SuggestedMerge(ReplyModel):
    """Two thoughts that say the same, as a proposer sees it; the graph checks it."""

    keep: str
    drop: str


class ProposeReply(ReplyModel):
    """The next actions from one tip, and the structural operations that the proposer suggests."""

    actions: Annotated[list[ProposedAction], BeforeValidator(_standing(ProposedAction))]
    merge: Annotated[list[SuggestedMerge], BeforeValidator(_standing(SuggestedMerge))] = []
    prune: list[str] = []


class Forecast(ReplyModel):
    """One imagined future of an action."""

    action: int
    safety: Safety
    utility: RawUtility
    steps: Annotated[list[NextStep], BeforeValidator(_standing(NextStep))] = []


class SimulateReply(ReplyModel):
    """Imagined futures of several actions."""

    forecasts: Annotated[list[Forecast], BeforeValidator(_standing(Forecast))]


class TextReply(ReplyModel):
    """One thought, answer, strategy or refusal in words."""

    text: Annotated[str, Field(min_length=1)]
