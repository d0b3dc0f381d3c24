"""A chat model as judge of answers that no rule can score: one verdict in a strict schema.

A verdict that can't be read is unknown. The judge should not be the model whose answers are judged. The benchmarks'
prompts and replies stand beside their readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from ecoalign_agent.bench.datasets.samples import Image
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import RenderedPrompt
from ecoalign_agent.llm.structured_output import call_with_fallback

_MAX_TOKENS = 400
"""Completion tokens of a verdict, its reason included."""

_MIN_TOKENS = 48
"""Completion tokens below which a call is not worth making."""

_IMAGE_SIDE = 1024
"""Pixels of the longer side of a picture that a judge gets. Ours."""

ReplyT = TypeVar("ReplyT", bound=BaseModel)


class JudgeReply(BaseModel):
    """Base of the verdicts. The reason comes first, so that the judge thinks before it decides; it is never read."""

    model_config = ConfigDict(extra="forbid", strict=True)

    reason: str


@dataclass(frozen=True, slots=True)
class Judgement(Generic[ReplyT]):
    """A judge's verdict.

    Attributes:
        value: the reply; None: it could not be read, so unknown.
        cost: of the call, in cost units.
        unknown_reason: one line, where there is no value.
        text: the raw reply, for the record.
    """

    value: ReplyT | None
    cost: float
    unknown_reason: str | None = None
    text: str | None = None


class Judge:
    """A chat model as judge. Source: ours; each benchmark names another one."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def name(self) -> str:
        """Name of the endpoint, for tables."""
        return self.endpoint.name

    async def judge(
        self, prompt: RenderedPrompt, reply: type[ReplyT], *, images: Sequence[ImageView] = (), meter: Meter
    ) -> Judgement[ReplyT]:
        """Call the model for one verdict.

        Args:
            prompt: the question, with everything from outside in fences.
            reply: schema that the verdict must fit exactly.
            images: pictures beside the prompt.
            meter: pays for the call.

        Raises:
            BudgetError: the call does not fit into the free budget; no call was made.
            ModelError: the endpoint failed.
        """
        answer = await call_with_fallback(
            self.endpoint,
            prompt,
            reply,
            images=images,
            meter=meter,
            phase="assess",
            max_tokens=_MAX_TOKENS,
            min_tokens=_MIN_TOKENS,
            exact=True,
        )
        reason = None if answer.value is not None else answer.unreadable or "no verdict"
        return Judgement(answer.value, answer.cost, reason, answer.text)


async def open_judge_view(image: Image) -> ImageView:
    """The whole picture at the size that judges get.

    Raises:
        ImageError: it can't be read.
    """
    picture = await Picture.open(image if isinstance(image, bytes) else str(image))
    return await picture.crop((0.0, 0.0, 1.0, 1.0), max_side=_IMAGE_SIDE)
