"""``POST /v1/ecoalign/events``: the events of a run as server-sent events, by our own contract (``docs/events.md``).

``id`` is the event's number, ``event`` its kind, ``data`` its JSON on one line. A mistake found before the first event
is an HTTP error; a later one is a last frame ``error`` with the same body. There is no GET: any page open in a browser
could make one, and every run costs money. ``Last-Event-ID`` is refused: the run would start, and cost, anew.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Literal

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.events.events import Answered, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.log import to_json_line
from ecoalign_agent.events.result import Result
from ecoalign_agent.server.errors import ApiError, invalid_body_error, shutting_down_error, to_api_error
from ecoalign_agent.server.policies import tighten_policy
from ecoalign_agent.server.service import Service

EVENTS_PATH = "/v1/ecoalign/events"

SSE_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    # nginx would hold events back until a buffer is full.
    "x-accel-buffering": "no",
}


def sse_frame(data: str, *, event: str | None = None, number: int | None = None) -> str:
    """One server-sent event; ``data`` is a single line."""
    lines = [] if number is None else [f"id: {number}"]
    lines += [] if event is None else [f"event: {event}"]
    return "\n".join([*lines, f"data: {data}", "", ""])


class EventOptions(BaseModel):
    """Limits of one run, each within the server's."""

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


async def run_events(service: Service, request: EventRequest) -> AsyncGenerator[Event, None]:
    """The events of a search within the server's limits. Leaving the iteration cancels the run."""
    limits = {"budget": request.options.budget, "deadline": request.options.deadline}
    options = {setting: value for setting, value in limits.items() if value}
    policy, notes, _ = tighten_policy(service.policies[request.options.policy], options)
    check_image_urls(request.images, service.config.max_images)

    def stream() -> AsyncGenerator[Event, None]:
        agent = service.agent.with_policy(policy)
        return agent.stream(request.question, request.images, heartbeat=service.heartbeat)

    async with aclosing(admitted_events(service, stream)) as events:
        async for event in events:
            result = final_result(event)
            if result is not None:
                service.metrics.record_run(request.options.policy, result)
                result = result.model_copy(update={"notes": [*result.notes, *notes]})
            yield event if result is None else event.model_copy(update={"result": result})


def final_result(event: Event) -> Result | None:
    """The result in the last event of a search; None for every other event."""
    return event.result if isinstance(event, Answered | Declined | Failed | ReviewAsked) else None


async def admitted_events(
    service: Service, stream: Callable[[], AsyncGenerator[Event, None]]
) -> AsyncGenerator[Event, None]:
    """The events of a stream that starts once a slot is free; ``ApiError`` where none is, or the server is ending."""
    async with service.admission.slot(), aclosing(stream()) as events:
        async for event in events:
            if service.over.is_set():
                raise shutting_down_error()
            yield event


def check_image_urls(images: list[str], max_images: int) -> None:
    """Admit data URLs only, and at most ``max_images`` of them; ``UsageError`` for any other request."""
    if len(images) > max_images:
        raise UsageError(f"the request holds {len(images)} pictures, at most {max_images} are allowed")
    for number, image in enumerate(images):
        # The facade would read anything else as a path or an address: a client must not have files read here.
        if not image[:5].lower() == "data:":
            raise UsageError(f"images[{number}] is {image[:40]!r}, must be a data URL: data:image/png;base64,…")


def events_router(service: Service) -> APIRouter:
    """The route of the events."""
    router = APIRouter()

    @router.post(EVENTS_PATH, response_class=StreamingResponse)
    async def events(request: Request) -> Response:
        try:
            run = run_events(service, _read_request(await request.body(), request))
            # The response begins with the first event, so that a mistake is an HTTP error.
            first = await anext(run)
        except (ApiError, EcoAlignError) as error:
            api_error = _api_error(error)
            return JSONResponse(api_error.body, api_error.status, api_error.headers)
        return StreamingResponse(_frames(first, run), headers=SSE_HEADERS)

    return router


async def _frames(first: Event, run: AsyncGenerator[Event, None]) -> AsyncIterator[str]:
    async with aclosing(run) as events:
        yield _event_frame(first)
        try:
            async for event in events:
                yield _event_frame(event)
        except (ApiError, EcoAlignError) as error:
            yield sse_frame(bytes(JSONResponse(_api_error(error).body).body).decode(), event="error")


def _event_frame(event: Event) -> str:
    return sse_frame(to_json_line(event), event=event.kind, number=event.number)


def _read_request(body: bytes, request: Request) -> EventRequest:
    if "last-event-id" in request.headers:
        text = "a stream of events can't be taken up again: it would run, and cost, anew; leave Last-Event-ID out"
        raise ApiError(400, text, param="Last-Event-ID", code="unsupported_parameter")
    try:
        return EventRequest.model_validate_json(body)
    except ValidationError as error:
        raise invalid_body_error(error) from None


def _api_error(error: ApiError | EcoAlignError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    api_error = to_api_error(error)
    # The mapping names the fields of OpenAI's request.
    fields = {"messages": "images", "ecoalign.budget": "options.budget"}
    api_error.param = fields.get(api_error.param or "", api_error.param)
    return api_error
