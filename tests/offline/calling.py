"""Asks the embedded model through our own prompts, as the ports do."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.offline.model import OfflineModel

PICTURES = Path(__file__).parents[2] / "examples" / "images"
KINDS = "answer: answer the person now\nreason: work something out\nlook: look at one place of one picture"
DRAFT = 'the answer itself, in at most two sentences, when the request is plain and safety is at least 0.5; else ""'
NEVER = 'always ""'
ANSWER, NOTE, STRATEGY = (
    "an answer to the person",
    "an inner note of the assistant",
    "a strategy of the assistant",
)


def messages(name: str, views: Sequence[ImageView] = (), **inputs: str) -> list[BaseMessage]:
    """The messages of one call, with the data in its fences and the pictures after it."""
    prompt = load_prompt(name).render(**inputs)
    blocks: list[str | dict[str, Any]] = [{"type": "text", "text": prompt.user}, *(view.block() for view in views)]
    return [SystemMessage(prompt.system), HumanMessage(blocks if views else prompt.user)]


def ask(
    name: str,
    views: Sequence[ImageView] = (),
    *,
    model: OfflineModel | None = None,
    most: int | None = None,
    **inputs: Any,
) -> dict[str, Any]:
    """The reply to one call, parsed."""
    return parsed(told(name, views, model=model, most=most, **inputs))


def told(
    name: str,
    views: Sequence[ImageView] = (),
    *,
    model: OfflineModel | None = None,
    most: int | None = None,
    **inputs: Any,
) -> AIMessage:
    """The message that comes back from one call."""
    limit: dict[str, Any] = {} if most is None else {"max_tokens": most}
    message = (model or OfflineModel()).invoke(messages(name, views, **inputs), **limit)
    assert isinstance(message, AIMessage)
    return message


def parsed(message: AIMessage) -> dict[str, Any]:
    """The one JSON object of a reply."""
    assert isinstance(message.content, str)
    reply = json.loads(message.content)
    assert isinstance(reply, dict)
    return reply


def scan(
    question: str,
    views: Sequence[ImageView] = (),
    *,
    model: OfflineModel | None = None,
    most: int | None = None,
    draft_rule: str = DRAFT,
    kinds: str = KINDS,
    branching: str = "3",
) -> dict[str, Any]:
    """The reply to the scan prompt."""
    return ask(
        "alignment/scan",
        views,
        model=model,
        most=most,
        question=question,
        pictures="one picture",
        branching=branching,
        draft_rule=draft_rule,
        hazards=hazard_lines(),
        kinds=kinds,
    )


def grade(
    question: str,
    candidate: str,
    views: Sequence[ImageView] = (),
    *,
    seen: str = "",
    notes: str = "",
    role: str = ANSWER,
    model: OfflineModel | None = None,
) -> dict[str, Any]:
    """The reply to the prompt that grades a thought."""
    return ask(
        "assessing/thought",
        views,
        model=model,
        question=question,
        context=f"caption: \nseen text: {seen}\nnotes: {notes}",
        candidate=candidate,
        role=role,
        hazards=hazard_lines(),
    )


def grade_request(question: str, views: Sequence[ImageView] = (), *, seen: str = "") -> dict[str, Any]:
    """The reply to the prompt that grades a whole request."""
    context = f"caption: \nseen text: {seen}\nnotes: "
    return ask("assessing/request", views, question=question, context=context, hazards=hazard_lines())


def look(
    question: str, view: ImageView, box: Sequence[float], *, model: OfflineModel | None = None, most: int | None = None
) -> str:
    """What a look at ``box`` says."""
    written = "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"
    aim = "Read the text there."
    return str(ask("alignment/look", [view], model=model, most=most, question=question, aim=aim, box=written)["text"])


def small(source: str | Path | bytes) -> ImageView:
    """A picture as a scan is sent it."""

    async def reduced() -> ImageView:
        return await (await Picture.open(source)).small()

    return asyncio.run(reduced())


def crop(source: str | Path, box: Sequence[float]) -> ImageView:
    """A part of a picture as a look is sent it."""
    left, top, right, bottom = box

    async def cropped() -> ImageView:
        return await (await Picture.open(source)).crop((left, top, right, bottom))

    return asyncio.run(cropped())
