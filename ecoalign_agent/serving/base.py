"""``ecoalign/base``: the actor as it is, metered and within the server's limits; nothing is searched or assessed."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.errors import BudgetError, ServerError, UsageError
from ecoalign_agent.llm.attempt import Asking, Question, attempt
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.failures import AttemptError
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Rendered
from ecoalign_agent.llm.reading import finish_reason, text_of
from ecoalign_agent.llm.retry import retrying
from ecoalign_agent.llm.usage import prompt_estimate
from ecoalign_agent.serving.conversation import Conversation
from ecoalign_agent.serving.logs import tell
from ecoalign_agent.serving.order import Order
from ecoalign_agent.serving.outcome import Outcome, usage_of
from ecoalign_agent.serving.service import Service
from ecoalign_agent.trace.result import Tokens

_MOST = 8_192
"""Completion tokens where the request names no cap; the budget may lower it."""

_PICTURE_TOKENS = 2_000
"""What a picture is reckoned with: it is handed on unopened."""


@dataclass(frozen=True, slots=True)
class _Bare(Question[BaseModel]):
    """A question that goes out as the client wrote it."""

    conversation: Conversation

    def messages(self, rung: Rung) -> list[BaseMessage]:
        """The turns as chat messages."""
        del rung
        return [_message(turn.role, turn.text, turn.images) for turn in self.conversation.turns]

    def estimate(self, endpoint: Endpoint, rung: Rung) -> Usage:
        """What the turns will use, in tokens."""
        del rung
        text = prompt_estimate([turn.text for turn in self.conversation.turns], [], endpoint.family)
        return Usage(text=text.text, image=_PICTURE_TOKENS * len(self.conversation.images))


async def bare_answer(service: Service, order: Order) -> Outcome:
    """Ask the actor and nobody else.

    Raises:
        UsageError: the conversation does not fit into the budget.
        ModelError: the endpoint failed, or the deadline passed.
    """
    tell("unassessed", level=logging.WARNING, run_id=order.run_id, model=order.model)
    ceiling, endpoint = service.config.ceiling, service.agent.actor
    deadline = None if ceiling.deadline is None else time.time() + ceiling.deadline
    meter = Meter(Budget(ceiling.budget), ceiling.tariff, deadline=deadline)
    prompt = Rendered(system="", user="", name="base", version=1, digest="")
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
    text, refusal = text_of(message), message.additional_kwargs.get("refusal")
    if not text and not refusal:
        raise ServerError(f"{endpoint.name}: its answer is empty")
    finish = {"length": "length", "content_filter": "content_filter"}.get(finish_reason(message) or "", "stop")
    return Outcome(text or str(refusal), bool(refusal), finish, usage_of(tokens), _receipt(order, endpoint, asking))


def _receipt(order: Order, endpoint: Endpoint, asking: Asking[BaseModel]) -> dict[str, Any]:
    return {
        "status": "unassessed",
        "notes": ["the bare model: nothing was searched, nothing was assessed", *order.notes],
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
