"""A question over HTTP that is not OpenAI's: what LangServe's routes and the stream of events take, and how it runs.

``POST /v1/ecoalign/events``: a run's events as server-sent events, in our own contract (``docs/events.md``).

Each event is a frame: ``id`` its number, ``event`` its kind, ``data`` the event as JSON on one line. A mistake that
shows before the first event is an HTTP error; one that shows later is a last frame ``error`` with the same body.

There is no GET: a page that is open in a browser could make one, and every run costs money. A stream can't be taken up
again where it broke off, so a request with ``Last-Event-ID`` is refused: it would run, and cost, anew.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.events.events import HEARTBEAT, Answered, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.log import to_json_line
from ecoalign_agent.search.emitter import MIN_HEARTBEAT
from ecoalign_agent.server.errors import ApiError, shutting_down_error, to_api_error
from ecoalign_agent.server.policies import tighten_policy
from ecoalign_agent.server.service import Service


class EventOptions(BaseModel):
    """How a question is answered; it can tighten what the server allows, never loosen it."""

    # No field may be optional: LangServe's playground stays blank where a schema says null.
    model_config = ConfigDict(extra="forbid")

    policy: Literal["ecoalign", "ecoalign-frugal", "ecoalign-strict"] = Field(
        "ecoalign", description="ecoalign, ecoalign-frugal or ecoalign-strict"
    )
    budget: float = Field(0.0, ge=0, allow_inf_nan=False, description="cost units at most; 0: as the policy says")
    deadline: float = Field(0.0, ge=0, allow_inf_nan=False, description="seconds at most; 0: as the server says")


class EventRequest(BaseModel):
    """A question with its pictures."""

    model_config = ConfigDict(extra="forbid")

    question: str = Field(description="what you want to know")
    images: list[str] = Field(default_factory=list, description="pictures as data URLs: data:image/png;base64,…")
    options: EventOptions = Field(default_factory=EventOptions)


async def run_events(service: Service, asked: EventRequest) -> AsyncGenerator[Event, None]:
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
    policy, notes, _ = tighten_policy(service.policies[asked.options.policy], given, None)
    check_image_urls(asked.images, service.config.most_images)
    heartbeat = max(MIN_HEARTBEAT, min(HEARTBEAT, service.config.heartbeat))
    async with service.admission.place():
        events = service.agent.with_policy(policy).stream(asked.question, asked.images, heartbeat=heartbeat)
        async with aclosing(events):
            async for event in events:
                if service.over.is_set():
                    raise shutting_down_error()
                if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                    service.metrics.run(asked.options.policy, event.result)
                    result = event.result.model_copy(update={"notes": [*event.result.notes, *notes]})
                    yield event.model_copy(update={"result": result})
                else:
                    yield event


def check_image_urls(images: list[str], most: int) -> None:
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


EVENTS_PATH = "/v1/ecoalign/events"

_HEADERS = {
    "cache-control": "no-store",
    # Proxies of nginx's kind would hold events back until a buffer is full.
    "x-accel-buffering": "no",
}


def events_router(service: Service) -> APIRouter:
    """The route, for ``app.include_router``.

    Args:
        service: what the routes share.
    """
    router = APIRouter()

    @router.post(EVENTS_PATH, response_class=StreamingResponse)
    async def events(request: Request) -> Response:
        try:
            asked = _read(await request.body(), request)
            happening = run_events(service, asked)
            # A mistake should be an HTTP error: the answer begins with the first event.
            first = await anext(happening)
        except (ApiError, EcoAlignError) as error:
            fault = _fault(error)
            return JSONResponse(fault.body, fault.status, fault.headers)
        return StreamingResponse(_frames(first, happening), headers=_HEADERS, media_type="text/event-stream")

    return router


def frame(event: Event) -> str:
    """An event as a server-sent event."""
    return f"id: {event.number}\nevent: {event.kind}\ndata: {to_json_line(event)}\n\n"


async def _frames(first: Event, happening: AsyncGenerator[Event, None]) -> AsyncIterator[str]:
    async with aclosing(happening) as rest:
        yield frame(first)
        try:
            async for event in rest:
                yield frame(event)
        except (ApiError, EcoAlignError) as error:
            yield f"event: error\ndata: {_as_line(_fault(error))}\n\n"


def _read(body: bytes, request: Request) -> EventRequest:
    if "last-event-id" in request.headers:
        said = "a stream of events can't be taken up again: it would run, and cost, anew; leave Last-Event-ID out"
        raise ApiError(400, said, param="Last-Event-ID", code="unsupported_parameter")
    try:
        return EventRequest.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where or 'the body'}: {first['msg']}"
        raise ApiError(400, said, param=where or None, code="invalid_value") from None


def _fault(error: ApiError | EcoAlignError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    fault = to_api_error(error)
    # The table names the fields of OpenAI's request.
    fault.param = {"messages": "images", "ecoalign.budget": "options.budget"}.get(fault.param or "", fault.param)
    return fault


def _as_line(fault: ApiError) -> str:
    return JSONResponse(fault.body).body.decode()  # type: ignore[union-attr]  # bytes, whatever its annotation says
