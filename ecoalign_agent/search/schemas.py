"""Schemas of the actor's replies, behind the prompts under `prompts/alignment`.

A list of proposals is read item by item: an item that breaks its schema is dropped, the rest stands. A list of which
no item is valid makes the reply unreadable. `reply_schemas` limits the kinds of actions to those of a policy.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model

from ecoalign_agent.assessors.hazards import HAZARDS

_Item = TypeVar("_Item", bound=BaseModel)


class ReplyModel(BaseModel):
    """Base of all replies: unknown keys are ignored, types are not coerced from strings, NaN is refused."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)


def _valid_items(item: type[_Item]) -> Callable[[object], object]:
    def drop_invalid(value: object) -> object:
        if not isinstance(value, list):
            return value
        valid = []
        for entry in value:
            try:
                valid.append(item.model_validate(entry))
            except ValidationError:
                continue
        if value and not valid:
            raise ValueError(f"none of {len(value)} items is a valid {item.__name__}")
        return valid

    return drop_invalid


SafetyGrade = Annotated[float, Field(ge=-1.0, le=1.0)]

RawUtility = Annotated[float, Field(ge=-1.0, le=1.0)]
"""A raw grade of utility r, in [-1, 1]; u = (1 + r) / 2."""

RegionBox = Annotated[list[float], Field(min_length=4, max_length=4)]
"""left, top, right, bottom as fractions of the picture."""


class NextStep(ReplyModel):
    """One imagined further step of an action."""

    kind: str
    safety: SafetyGrade
    utility: RawUtility


class ProposedAction(ReplyModel):
    """A proposed next thought with its forecast."""

    kind: str
    aim: Annotated[str, Field(min_length=1, max_length=2_000)]
    picture: int = 0
    box: RegionBox | None = None
    parents: list[str] = []
    safety: SafetyGrade
    utility: RawUtility
    next: Annotated[list[NextStep], BeforeValidator(_valid_items(NextStep))] = []


class SeenRegion(ReplyModel):
    """A place worth a closer look."""

    picture: int = 0
    what: str
    box: RegionBox


MAX_PART_CHARACTERS = 200


def _short(value: object) -> str:
    """The harmless part on one line; "" where it is no text or too long.

    It is not cut: what a limit cuts off may be what made it harmless.
    """
    part = " ".join(value.split()) if isinstance(value, str) else ""
    return part if len(part) <= MAX_PART_CHARACTERS else ""


class ScanReply(ReplyModel):
    """The first look: what is there, how risky the request is, and the first actions."""

    caption: str
    seen_text: str = ""
    regions: Annotated[list[SeenRegion], BeforeValidator(_valid_items(SeenRegion))] = []
    hazard: str = "none"
    safety: SafetyGrade
    harmless_part: Annotated[str, BeforeValidator(_short)] = ""
    draft: str = ""
    actions: Annotated[list[ProposedAction], BeforeValidator(_valid_items(ProposedAction))]

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

    actions: Annotated[list[ProposedAction], BeforeValidator(_valid_items(ProposedAction))]
    merge: Annotated[list[SuggestedMerge], BeforeValidator(_valid_items(SuggestedMerge))] = []
    prune: list[str] = []


class Forecast(ReplyModel):
    """One imagined future of an action."""

    action: int
    safety: SafetyGrade
    utility: RawUtility
    steps: Annotated[list[NextStep], BeforeValidator(_valid_items(NextStep))] = []


class SimulateReply(ReplyModel):
    """Imagined futures of several actions."""

    forecasts: Annotated[list[Forecast], BeforeValidator(_valid_items(Forecast))]


class TextReply(ReplyModel):
    """One thought, answer, strategy or refusal in words."""

    text: Annotated[str, Field(min_length=1)]


class ReplySchemas(NamedTuple):
    """Schemas of the replies that name kinds of actions."""

    scan: type[ScanReply]
    propose: type[ProposeReply]
    simulate: type[SimulateReply]


@lru_cache
def reply_schemas(kinds: tuple[str, ...]) -> ReplySchemas:
    """The schemas in which an action's kind is one of `kinds`; made once for the same kinds."""
    kind = Literal[kinds]  # type: ignore[valid-type] # names known at run time only
    step = _narrowed(NextStep, kind=kind)
    action = _narrowed(ProposedAction, kind=kind, next=_item_list(step))
    forecast = _narrowed(Forecast, steps=_item_list(step))
    return ReplySchemas(
        _narrowed(ScanReply, actions=_item_list(action)),
        _narrowed(ProposeReply, actions=_item_list(action)),
        _narrowed(SimulateReply, forecasts=_item_list(forecast)),
    )


def _item_list(item: type[BaseModel]) -> Any:  # noqa: ANN401 - a type form
    return Annotated[list[item], BeforeValidator(_valid_items(item))]  # type: ignore[valid-type] # made above


def _narrowed(model: type[_Item], **types: Any) -> type[_Item]:  # noqa: ANN401 - type forms
    fields: Any = {
        name: (kind, ... if (known := model.model_fields[name]).is_required() else known.get_default())
        for name, kind in types.items()
    }
    return create_model(model.__name__, __base__=model, __doc__=model.__doc__, __module__=model.__module__, **fields)
