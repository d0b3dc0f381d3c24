"""``ecoalign/base``: the actor as it is, metered and within the server's limits; nothing is searched or assessed.

A run under watch: it is cancelled when its client leaves, and when the server must end.
"""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel
from starlette.types import Receive

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, EcoAlignError, ServerError, UsageError
from ecoalign_agent.events.events import HEARTBEAT, Answered, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.result import Note, Result, Tokens
from ecoalign_agent.llm.call import Asking, Question, attempt
from ecoalign_agent.llm.endpoint import Endpoint, OutputMode
from ecoalign_agent.llm.failures import AttemptError
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text
from ecoalign_agent.llm.prompts import RenderedPrompt
from ecoalign_agent.llm.rate_limit import retrying
from ecoalign_agent.llm.tokens import prompt_estimate
from ecoalign_agent.server.answer_request import AnswerRequest, Outcome, openai_usage, to_outcome
from ecoalign_agent.server.conversation import ChatConversation
from ecoalign_agent.server.errors import ApiError, internal_error, shutting_down_error, to_api_error
from ecoalign_agent.server.request_log import LOG, log_event
from ecoalign_agent.server.service import Service

_MOST = 8_192
"""Completion tokens where the request names no cap; the budget may lower it."""

_PICTURE_TOKENS = 2_000
"""What a picture is reckoned with: it is handed on unopened."""


@dataclass(frozen=True, slots=True)
class _Bare(Question[BaseModel]):
    """A question that goes out as the client wrote it."""

    conversation: ChatConversation

    def messages(self, rung: OutputMode) -> list[BaseMessage]:
        """The turns as chat messages."""
        del rung
        return [_message(turn.role, turn.text, turn.images) for turn in self.conversation.turns]

    def estimate(self, endpoint: Endpoint, rung: OutputMode) -> Usage:
        """What the turns will use, in tokens."""
        del rung
        text = prompt_estimate([turn.text for turn in self.conversation.turns], [], endpoint.family)
        return Usage(text=text.text, image=_PICTURE_TOKENS * len(self.conversation.images))


async def answer_unassessed(service: Service, order: AnswerRequest) -> Outcome:
    """Ask the actor and nobody else.

    Raises:
        UsageError: the conversation does not fit into the budget.
        ModelError: the endpoint failed, or the deadline passed.
    """
    log_event("unassessed", level=logging.WARNING, run_id=order.run_id, model=order.model)
    ceiling, endpoint = service.config.ceiling, service.agent.actor
    deadline = None if ceiling.deadline is None else time.time() + ceiling.deadline
    meter = Meter(Budget(ceiling.budget), ceiling.tariff, deadline=deadline)
    prompt = RenderedPrompt(system="", user="", name="base", version=1, digest="")
    question = _Bare(
        prompt, BaseModel, (), order.longest or _MOST, least=1, exact=False, conversation=order.conversation
    )
    asking: Asking[BaseModel] = Asking(endpoint, question, meter, "execute")
    try:
        message: AIMessage = await retrying(meter, backoff=endpoint.backoff)(attempt, asking, "plain")
    except BudgetError as error:
        if asking.tally.failure is None:
            raise UsageError(str(error)) from error
        raise asking.tally.failure.error from asking.tally.failure.cause
    except AttemptError as failed:
        raise failed.failure.error from failed.failure.cause
    finally:
        usage = asking.tally.usage
        tokens = Tokens(prompt=usage.text, image=usage.image, cached=usage.cached, completion=usage.completion)
        service.metrics.spent(order.model, tokens, asking.tally.cost)
    text, refusal = reply_text(message), message.additional_kwargs.get("refusal")
    if not text and not refusal:
        raise ServerError(f"{endpoint.name}: its answer is empty")
    finish = {"length": "length", "content_filter": "content_filter"}.get(finish_reason(message) or "", "stop")
    return Outcome(text or str(refusal), bool(refusal), finish, openai_usage(tokens), _receipt(order, endpoint, asking))


UNASSESSED = Note(code="unassessed", text="the bare model: nothing was searched, nothing was assessed")


def _receipt(order: AnswerRequest, endpoint: Endpoint, asking: Asking[BaseModel]) -> dict[str, Any]:
    return {
        "status": "unassessed",
        "notes": [note.model_dump() for note in (UNASSESSED, *order.notes)],
        "cost": {"spent": asking.tally.cost, "calls": asking.tally.calls, "estimated": asking.tally.usage.estimated},
        "models": {"actor": endpoint.name},
        "run_id": order.run_id,
    }


def _message(role: str, text: str, images: Sequence[str]) -> BaseMessage:
    if role == "assistant":
        return AIMessage(text)
    if role in {"system", "developer"}:
        return SystemMessage(text)
    if not images:
        return HumanMessage(text)
    pictures = [{"type": "image_url", "image_url": {"url": image}} for image in images]
    return HumanMessage([{"type": "text", "text": text}, *pictures])


class ClientDisconnected:
    """The client has left: there is nobody to answer."""


RunSignal = Event | Outcome | ApiError | ClientDisconnected
"""What a watched run tells: events, and in the end exactly one of the others."""

Hear = Callable[[Event], Awaitable[None]]


@asynccontextmanager
async def supervise(
    service: Service, order: AnswerRequest, receive: Receive
) -> AsyncIterator["asyncio.Queue[RunSignal]"]:
    """Begin a run; what happens comes through the queue. Leaving the context ends it and its calls.

    The queue holds one thing: a run goes on only as its events are taken.

    Args:
        service: what the routes share.
        order: what is to be answered.
        receive: of the connection, whose body has been read.
    """
    happenings: asyncio.Queue[RunSignal] = asyncio.Queue(1)

    async def left() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        service.metrics.cancelled("client_left")
        await happenings.put(ClientDisconnected())

    async def over() -> None:
        await service.over.wait()
        service.metrics.cancelled("shutting_down")
        await happenings.put(shutting_down_error())

    async with asyncio.TaskGroup() as group:
        answering = _told(lambda: _answered(service, order, happenings.put), happenings)
        tasks = [group.create_task(answering), group.create_task(left()), group.create_task(over())]
        try:
            yield happenings
        finally:
            for task in tasks:
                task.cancel()


async def _told(run: Callable[[], Awaitable[Outcome]], happenings: "asyncio.Queue[RunSignal]") -> None:
    end: RunSignal
    try:
        end = await run()
    except ApiError as error:
        end = error
    except EcoAlignError as error:
        end = to_api_error(error)
    except Exception:  # noqa: BLE001 - the outermost border of a run: it is logged, and told as 500
        LOG.error("unexpected", exc_info=True)
        end = internal_error()
    await happenings.put(end)


async def _answered(service: Service, order: AnswerRequest, hear: Hear) -> Outcome:
    async with service.admission.place():
        if order.policy is None:
            return await answer_unassessed(service, order)
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
    return to_outcome(result, capped=order.longest is not None)


async def _followed(events: AsyncGenerator[Event, None], hear: Hear) -> Result:
    """The result at the end of a run's events; the others are heard."""
    async with aclosing(events) as told:
        async for event in told:
            if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                return event.result
            await hear(event)
    raise AssertionError("a run ends with its result")
