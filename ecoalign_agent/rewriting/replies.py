"""What the rewriter's models are asked to reply: the schemas behind the prompts under ``prompts/rewriting``."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Safety = Annotated[float, Field(ge=-1.0, le=1.0)]
Finding = Annotated[str, Field(max_length=2_000)]


class _Strict(BaseModel):
    """Types are not coerced from strings, NaN is refused, and every key but the known ones makes a reply unreadable."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class AnalysisReply(_Strict):
    """What could go wrong between a question and its pictures."""

    text: Finding
    image: Finding
    both: Finding
    provoking: list[str]
    aim: Finding
    hazards: list[str]
    safety: Safety


class FrugalReply(AnalysisReply):
    """The analysis, and the new question in the same reply; "" where nothing is to be rewritten."""

    prompt: Annotated[str, Field(max_length=20_000)]


class PromptReply(_Strict):
    """The new question."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]


class CheckReply(_Strict):
    """Whether the new question still serves the aim, and how safe answering it is."""

    lost: Finding
    hazards: list[str]
    serves_aim: bool
    safety: Safety
