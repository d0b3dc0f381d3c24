"""What the tests of assessors share: a case, pictures, meters, and assessors that are told what to say."""

import io
from typing import Any

from PIL import Image

from ecoalign_agent.assessors.base import AssessmentInput
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.testing import ScriptedModel, task_replies

CASE = AssessmentInput(
    question="When is it open?",
    views=(),
    caption="a notice",
    seen_text="Open 9 to 5",
    candidate="It is open from 9 to 5.",
)


def meter(total: float = 5_000.0, *, deadline: float | None = None) -> Meter:
    """A meter at the default tariff."""
    return Meter(Budget(total), Tariff(), deadline=deadline)


async def view(width: int = 64, height: int = 48) -> ImageView:
    """A picture in one colour, as it is sent."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), (width % 256, 120, 200)).save(file, "PNG")
    return await (await Picture.open(file.getvalue())).small()


def scripted(name: str = "judge", **parts: Any) -> tuple[ModelAssessor, ScriptedModel]:
    """A model as assessor, and the model."""
    model = ScriptedModel(task_replies(**parts))
    return ModelAssessor(Endpoint(model, name=name)), model
