"""One supervised run of a request: a search, or for ``ecoalign/base`` the actor alone, metered and within the limits.

A run is cancelled when its client disconnects and when the server must end.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from starlette.types import Receive

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import BudgetError, EcoAlignError, ServerError, UsageError
from ecoalign_agent.events.events import Event
from ecoalign_agent.events.result import Note, Result, Tokens
from ecoalign_agent.llm.call import CallTotals, ChatCall, metered_call
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text
from ecoalign_agent.llm.tokens import estimate_text_tokens
from ecoalign_agent.server.answer_request import AnswerRequest, Outcome, openai_usage, to_outcome
from ecoalign_agent.server.errors import ApiError, internal_error, shutting_down_error, to_api_error
from ecoalign_agent.server.event_streams import final_result
from ecoalign_agent.server.observability import LOG, log_event
from ecoalign_agent.server.service import Service

_MAX_TOKENS = 8_192
"""Completion tokens where the request has no limit; the budget may lower it."""

_PICTURE_TOKENS = 2_000
"""Estimate for a picture, which is passed on unopened."""


async def answer_unassessed(service: Service, request: AnswerRequest) -> Outcome:
    """Ask the actor alone: one metered call, no search, no assessment."""
    log_event("unassessed", level=logging.WARNING, run_id=request.run_id, model=request.model)
    ceiling, endpoint = service.config.ceiling, service.agent.actor
    deadline = None if ceiling.deadline is None else time.time() + ceiling.deadline
    meter = Meter(Budget(ceiling.budget), ceiling.tariff, deadline=deadline)
    turns, pictures = request.conversation.turns, request.conversation.images
    chat_request = ChatRequest(
        messages=[_message(turn.role, turn.text, turn.images) for turn in turns],
        text_tokens=estimate_text_tokens([turn.text for turn in turns]),
        images=(),
        max_tokens=request.max_tokens or _MAX_TOKENS,
        min_tokens=1,
        unopened_image_tokens=_PICTURE_TOKENS * len(pictures),
    )
    call = ChatCall(endpoint, chat_request, meter, "execute")
    try:
        message = await metered_call(call)
    except BudgetError as error:
        raise UsageError(str(error)) from error
    finally:
        usage = call.totals.usage
        tokens = Tokens(prompt=usage.text, image=usage.image, cached=usage.cached, completion=usage.completion)
        service.metrics.record_cost(request.model, tokens, call.totals.cost)
    text, refusal = reply_text(message), message.additional_kwargs.get("refusal")
    if not text and not refusal:
        raise ServerError(f"{endpoint.name}: its answer is empty")
    finish = {"length": "length", "content_filter": "content_filter"}.get(finish_reason(message) or "", "stop")
    return Outcome(
        text or str(refusal), bool(refusal), finish, openai_usage(tokens), _receipt(request, endpoint, call.totals)
    )


def _receipt(request: AnswerRequest, endpoint: Endpoint, totals: CallTotals) -> dict[str, Any]:
    unassessed = Note(code="unassessed", text="the bare model: nothing was searched, nothing was assessed")
    return {
        "status": "unassessed",
        "notes": [note.model_dump() for note in (unassessed, *request.notes)],
        "cost": {"spent": totals.cost, "calls": totals.calls, "estimated": totals.usage.estimated},
        "models": {"actor": endpoint.name},
        "run_id": request.run_id,
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
    """The client has left."""


RunSignal = Event | Outcome | ApiError | ClientDisconnected
"""A signal of a supervised run: events, and at the end exactly one of the others."""

_Signals = asyncio.Queue[RunSignal]


@asynccontextmanager
async def supervise(service: Service, request: AnswerRequest, receive: Receive) -> AsyncIterator[_Signals]:
    """Start a run whose signals come through a queue of size one. Leaving the context cancels the run and its calls."""
    signals: _Signals = asyncio.Queue(1)

    async def watch_client() -> None:
        while (await receive())["type"] != "http.disconnect":
            continue
        service.metrics.record_cancellation("client_left")
        await signals.put(ClientDisconnected())

    async def watch_server() -> None:
        await service.over.wait()
        service.metrics.record_cancellation("shutting_down")
        await signals.put(shutting_down_error())

    async def run() -> None:
        await signals.put(await _run(service, request, signals))

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run()), group.create_task(watch_client()), group.create_task(watch_server())]
        try:
            yield signals
        finally:
            for task in tasks:
                task.cancel()


async def _run(service: Service, request: AnswerRequest, signals: _Signals) -> Outcome | ApiError:
    try:
        async with service.admission.slot():
            if request.policy is None:
                return await answer_unassessed(service, request)
            result = await _search(service, request, request.policy, signals)
        if result.status == "waiting":
            service.remember(result.run_id, request.policy)
        service.metrics.record_run(request.model, result)
        if request.notes:
            result = result.model_copy(update={"notes": [*result.notes, *request.notes]})
        return to_outcome(result, limited=request.max_tokens is not None)
    except ApiError as error:
        return error
    except EcoAlignError as error:
        return to_api_error(error)
    except Exception:  # noqa: BLE001 - the outermost frame of a run: logged, and answered by 500
        LOG.error("unexpected", exc_info=True)
        return internal_error()


async def _search(service: Service, request: AnswerRequest, policy: Policy, signals: _Signals) -> Result:
    agent, conversation = service.agent.with_policy(policy), request.conversation
    if not request.progress:
        return await agent.ask(conversation.question, conversation.images, run_id=request.run_id)
    stream = agent.stream(
        conversation.question, conversation.images, run_id=request.run_id, heartbeat=service.heartbeat
    )
    async with aclosing(stream) as events:
        async for event in events:
            if (result := final_result(event)) is not None:
                return result
            await signals.put(event)
    raise AssertionError("a run ends with its result")
