"""``POST /v1/ecoalign/events``: a run's events as server-sent events, in our own contract (``docs/events.md``).

Each event is a frame: ``id`` its number, ``event`` its kind, ``data`` the event as JSON on one line. A mistake that
shows before the first event is an HTTP error; one that shows later is a last frame ``error`` with the same body.

There is no GET: a page that is open in a browser could make one, and every run costs money. A stream can't be taken up
again where it broke off, so a request with ``Last-Event-ID`` is refused: it would run, and cost, anew.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from pydantic import ValidationError

from ecoalign_agent.errors import EcoAlignError
from ecoalign_agent.serving.asking import Asked, told
from ecoalign_agent.serving.faults import ApiError, fault_of
from ecoalign_agent.serving.service import Service
from ecoalign_agent.trace.events import Event
from ecoalign_agent.trace.log import as_json

PATH = "/v1/ecoalign/events"

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

    @router.post(PATH, response_class=StreamingResponse)
    async def events(request: Request) -> Response:
        try:
            asked = _read(await request.body(), request)
            happening = told(service, asked)
            # A mistake should be an HTTP error: the answer begins with the first event.
            first = await anext(happening)
        except (ApiError, EcoAlignError) as error:
            fault = _fault(error)
            return JSONResponse(fault.body, fault.status, fault.headers)
        return StreamingResponse(_frames(first, happening), headers=_HEADERS, media_type="text/event-stream")

    return router


def frame(event: Event) -> str:
    """An event as a server-sent event."""
    return f"id: {event.number}\nevent: {event.kind}\ndata: {as_json(event)}\n\n"


async def _frames(first: Event, happening: AsyncGenerator[Event, None]) -> AsyncIterator[str]:
    async with aclosing(happening) as rest:
        yield frame(first)
        try:
            async for event in rest:
                yield frame(event)
        except (ApiError, EcoAlignError) as error:
            yield f"event: error\ndata: {_as_line(_fault(error))}\n\n"


def _read(body: bytes, request: Request) -> Asked:
    if "last-event-id" in request.headers:
        said = "a stream of events can't be taken up again: it would run, and cost, anew; leave Last-Event-ID out"
        raise ApiError(400, said, param="Last-Event-ID", code="unsupported_parameter")
    try:
        return Asked.model_validate_json(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        said = f"{where or 'the body'}: {first['msg']}"
        raise ApiError(400, said, param=where or None, code="invalid_value") from None


def _fault(error: ApiError | EcoAlignError) -> ApiError:
    if isinstance(error, ApiError):
        return error
    fault = fault_of(error)
    # The table names the fields of OpenAI's request.
    fault.param = {"messages": "images", "ecoalign.budget": "options.budget"}.get(fault.param or "", fault.param)
    return fault


def _as_line(fault: ApiError) -> str:
    return JSONResponse(fault.body).body.decode()  # type: ignore[union-attr]  # bytes, whatever its annotation says
