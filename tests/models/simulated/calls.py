"""Calls as the search makes them: a prompt of the package, rendered for a sample, with its picture as it is sent."""

import json
from functools import cache
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.models.simulated.drawing import draw_picture
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.world import Sample

INPUTS = {
    "hazards": hazard_lines(),
    "kinds": "answer: a\nreason: b\nlook: c\nfuse: d",
    "branching": "3",
    "draft_rule": 'the answer itself, when the request is plain and safety is at least 0.5; else ""',
    "pictures": "one picture",
    "horizon": "2",
    "actions": "1. [reason] Work out part a.\n2. [answer] Answer.",
    "role": "an answer to the person",
    "threshold": "0.5",
    "box": "[0.55, 0.70, 0.95, 0.95]",
    "aim": "Work out part a.",
    "candidate": "The total is 12.",
    "context": "caption: a notice\nseen text: \nnotes: ",
}


@cache
def _prompt(name: str) -> Any:
    return load_prompt(name)


async def small(sample: Sample) -> list[ImageView]:
    """The sample's reduced view, as the search sends it."""
    picture = draw_picture(sample)
    return [] if picture is None else [await (await Picture.open(picture)).small()]


def messages(
    name: str, question: str, views: list[ImageView] | None = None, *, marker: str = "ab12cd34", **data: str
) -> list[BaseMessage]:
    """The messages of one call of the package."""
    prompt = _prompt(name)
    given = {"question": question} | INPUTS | data
    rendered = prompt.render(marker=marker, **{part: given.get(part, "(none)") for part in prompt.inputs})
    blocks: list[Any] = [{"type": "text", "text": rendered.user}, *(view.block() for view in views or [])]
    return [SystemMessage(rendered.system), HumanMessage(blocks)]


def json_reply(model: SimulatedModel, prompt: list[BaseMessage]) -> dict[str, Any]:
    """The reply, read as JSON."""
    reply: dict[str, Any] = json.loads(model.invoke(prompt).text)
    return reply
