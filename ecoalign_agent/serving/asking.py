"""A question over HTTP that is not OpenAI's: what LangServe's routes and the stream of events take, and how it runs."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.alignment.heartbeat import SHORTEST
from ecoalign_agent.errors import UsageError
from ecoalign_agent.serving.faults import shutting_down
from ecoalign_agent.serving.policies import ordered
from ecoalign_agent.serving.service import Service
from ecoalign_agent.trace.events import HEARTBEAT, Answered, Declined, Event, Failed, ReviewAsked


class Options(BaseModel):
    """How a question is answered; it can tighten what the server allows, never loosen it."""

    # No field may be optional: LangServe's playground stays blank where a schema says null.
    model_config = ConfigDict(extra="forbid")

    policy: Literal["ecoalign", "ecoalign-frugal", "ecoalign-strict"] = Field(
        "ecoalign", description="ecoalign, ecoalign-frugal or ecoalign-strict"
    )
    budget: float = Field(0.0, ge=0, allow_inf_nan=False, description="cost units at most; 0: as the policy says")
    deadline: float = Field(0.0, ge=0, allow_inf_nan=False, description="seconds at most; 0: as the server says")


class Asked(BaseModel):
    """A question with its pictures."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="what you want to know")
    images: list[str] = Field(default_factory=list, description="pictures as data URLs: data:image/png;base64,…")
    options: Options = Field(default_factory=Options)


async def told(service: Service, asked: Asked) -> AsyncGenerator[Event, None]:
    """The events of a run for this question, under the server's ceilings. Leaving the iteration cancels the run.

    Args:
        service: what the routes share.
        asked: the question.

    Raises:
        ApiError: no place, an option that can't be, or the server must end.
        UsageError: as in :meth:`EcoAlign.stream`; a picture that is no data URL; too many pictures.
    """
    asked_for = {"budget": asked.options.budget, "deadline": asked.options.deadline}
    given = {knob: value for knob, value in asked_for.items() if value}
    policy, notes, _ = ordered(service.policies[asked.options.policy], given, None)
    check_pictures(asked.images, service.config.most_images)
    heartbeat = max(SHORTEST, min(HEARTBEAT, service.config.heartbeat))
    async with service.admission.place():
        events = service.agent.with_policy(policy).stream(asked.question, asked.images, heartbeat=heartbeat)
        async with aclosing(events):
            async for event in events:
                if service.over.is_set():
                    raise shutting_down()
                if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                    service.metrics.run(asked.options.policy, event.result)
                    result = event.result.model_copy(update={"notes": [*event.result.notes, *notes]})
                    yield event.model_copy(update={"result": result})
                else:
                    yield event


def check_pictures(images: list[str], most: int) -> None:
    """Let only data URLs through, and not too many.

    Raises:
        UsageError: a picture is no data URL, or there are more than ``most``.
    """
    if len(images) > most:
        raise UsageError(f"the request holds {len(images)} pictures, at most {most} are allowed")
    for number, image in enumerate(images):
        # Anything else is a path or an address to the facade: whoever sends JSON must not have files read from here.
        if not image[:5].lower() == "data:":
            raise UsageError(f"images[{number}] is {image[:40]!r}, must be a data URL: data:image/png;base64,…")
