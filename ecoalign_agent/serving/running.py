"""A run under watch: it is cancelled when its client leaves, and when the server must end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager

from starlette.types import Receive

from ecoalign_agent.errors import EcoAlignError
from ecoalign_agent.serving.base import bare_answer
from ecoalign_agent.serving.faults import ApiError, fault_of, internal, shutting_down
from ecoalign_agent.serving.logs import LOG
from ecoalign_agent.serving.order import Order
from ecoalign_agent.serving.outcome import Outcome, outcome_of
from ecoalign_agent.serving.service import Service
from ecoalign_agent.trace.events import HEARTBEAT, Answered, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.trace.result import Result


class Left:
    """The client has left: there is nobody to answer."""


Happening = Event | Outcome | ApiError | Left
"""What a watched run tells: events, and in the end exactly one of the others."""

Hear = Callable[[Event], Awaitable[None]]


@asynccontextmanager
async def watched(service: Service, order: Order, receive: Receive) -> AsyncIterator["asyncio.Queue[Happening]"]:
    """Begin a run; what happens comes through the queue. Leaving the context ends it and its calls.

    The queue holds one thing: a run goes on only as its events are taken.

    Args:
        service: what the routes share.
        order: what is to be answered.
        receive: of the connection, whose body has been read.
    """
    happenings: asyncio.Queue[Happening] = asyncio.Queue(1)

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        service.metrics.cancelled("client_left")
        await happenings.put(Left())

    async def over() -> None:
        await service.over.wait()
        service.metrics.cancelled("shutting_down")
        await happenings.put(shutting_down())

    async with asyncio.TaskGroup() as group:
        answering = _told(lambda: _answered(service, order, happenings.put), happenings)
        tasks = [group.create_task(answering), group.create_task(left()), group.create_task(over())]
        try:
            yield happenings
        finally:
            for task in tasks:
                task.cancel()


async def _told(run: Callable[[], Awaitable[Outcome]], happenings: "asyncio.Queue[Happening]") -> None:
    end: Happening
    try:
        end = await run()
    except ApiError as error:
        end = error
    except EcoAlignError as error:
        end = fault_of(error)
    except Exception:  # noqa: BLE001 - the outermost border of a run: it is logged, and told as 500
        LOG.error("unexpected", exc_info=True)
        end = internal()
    await happenings.put(end)


async def _answered(service: Service, order: Order, hear: Hear) -> Outcome:
    async with service.admission.place():
        if order.policy is None:
            return await bare_answer(service, order)
        agent = service.agent.with_policy(order.policy)
        conversation = order.conversation
        if not order.progress:
            result = await agent.ask(conversation.question, conversation.images, run_id=order.run_id)
        else:
            result = await _followed(
                agent.stream(
                    conversation.question,
                    conversation.images,
                    run_id=order.run_id,
                    heartbeat=min(HEARTBEAT, service.config.heartbeat),
                ),
                hear,
            )
    if result.status == "waiting":
        service.remember(result.run_id, order.policy)
    service.metrics.run(order.model, result)
    if order.notes:
        result = result.model_copy(update={"notes": [*result.notes, *order.notes]})
    return outcome_of(result, capped=order.longest is not None)


async def _followed(events: AsyncGenerator[Event, None], hear: Hear) -> Result:
    """The result at the end of a run's events; the others are heard."""
    async with aclosing(events) as told:
        async for event in told:
            if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                return event.result
            await hear(event)
    raise AssertionError("a run ends with its result")
