"""Asks the embedded model through our own prompts, as the ports do."""

import asyncio
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.structured_output import StructuredPrompt
from ecoalign_agent.models.offline.model import OfflineModel
from ecoalign_agent.search.schemas import TextReply

PICTURES = Path(__file__).parents[3] / "examples" / "images"
KINDS = ("answer", "reason", "look")
ANSWER, NOTE, STRATEGY = (
    "an answer to the person",
    "an inner note of the assistant",
    "a strategy of the assistant",
)


def messages(
    name: str, views: Sequence[ImageView] = (), *, parameters: Mapping[str, Any] | None = None, **inputs: str
) -> list[BaseMessage]:
    """The messages of one call: fenced data, pictures after it, and the metadata beside the words."""
    prompt = load_prompt(name).render(**inputs).with_parameters(parameters or {})
    return list(StructuredPrompt(prompt, TextReply, views, 1, 1).request("plain").messages)


def ask(
    name: str,
    views: Sequence[ImageView] = (),
    *,
    model: OfflineModel | None = None,
    most: int | None = None,
    **inputs: Any,
) -> dict[str, Any]:
    """The reply to one call, parsed."""
    return parsed(reply_message(name, views, model=model, most=most, **inputs))


def reply_message(
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
    draft_from: float | None = 0.5,
    kinds: Sequence[str] = KINDS,
    branching: int = 3,
) -> dict[str, Any]:
    """The reply to the scan prompt."""
    return ask(
        "alignment/scan",
        views,
        model=model,
        most=most,
        question=question,
        pictures="one picture",
        branching=str(branching),
        draft_rule="",
        hazards=hazard_lines(),
        kinds="",
        parameters={"branching": branching, "draft_from": draft_from, "kinds": kinds},
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
        context="",
        candidate=candidate,
        role=role,
        hazards=hazard_lines(),
        parameters={"role": role, "caption": "", "seen_text": seen, "notes": notes},
    )


def grade_request(question: str, views: Sequence[ImageView] = (), *, seen: str = "") -> dict[str, Any]:
    """The reply to the prompt that grades a whole request."""
    parameters = {"caption": "", "seen_text": seen, "notes": ""}
    hazards = hazard_lines()
    return ask("assessing/request", views, question=question, context="", hazards=hazards, parameters=parameters)


def look(
    question: str, view: ImageView, box: Sequence[float], *, model: OfflineModel | None = None, most: int | None = None
) -> str:
    """What a look at ``box`` says."""
    written = "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"
    inputs: dict[str, Any] = {"question": question, "aim": "Read the text there.", "box": written}
    reply = ask("alignment/look", [view], model=model, most=most, parameters={"box": tuple(box)}, **inputs)
    return str(reply["text"])


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
