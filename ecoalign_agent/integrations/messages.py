"""Messages of the guard's making: answers by a search, refusals, and the end of a budget."""

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar, cast, overload

from langchain.agents.middleware import ExtendedModelResponse, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.types import Command

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.events.result import Result
from ecoalign_agent.integrations.assessment import is_safe_verdict
from ecoalign_agent.integrations.conversation import OUT_OF_BUDGET_TEXT, SEARCH_FAILED_TEXT, refusal_text
from ecoalign_agent.integrations.run_budget import MESSAGE_NAME as NAME
from ecoalign_agent.integrations.run_budget import RunBudget

ToolDone = ToolMessage | Command[Any]
"""What a tool call comes to: a message, or an update of the state."""

M = TypeVar("M", bound=BaseMessage)


def answer_message(result: Result) -> AIMessage:
    """The outcome of a search as a message: its tokens as usage, its receipt in ``response_metadata``."""
    tokens = result.cost.tokens
    read = tokens.prompt + tokens.image + tokens.cached
    receipt = {
        "status": result.status,
        "run_id": result.run_id,
        "safety": result.safety,
        "utility": result.utility,
        "spent": result.cost.spent,
        "failure": result.failure,
    }
    return AIMessage(
        SEARCH_FAILED_TEXT if result.answer is None else result.answer,
        id=uuid.uuid4().hex,
        name=NAME,
        usage_metadata=UsageMetadata(
            input_tokens=read, output_tokens=tokens.completion, total_tokens=read + tokens.completion
        ),
        response_metadata={NAME: receipt},
    )


def out_of_budget_message(messages: Sequence[BaseMessage], safe: Mapping[str, str]) -> AIMessage:
    """The end of a run whose budget is spent: the last text of it that was found safe, and why it ends here."""
    said = [m.text for m in messages if isinstance(m, AIMessage) and m.text and is_safe(m, safe)]
    text = f"{said[-1]}\n\n{OUT_OF_BUDGET_TEXT}" if said else OUT_OF_BUDGET_TEXT
    return AIMessage(text, id=uuid.uuid4().hex, name=NAME, response_metadata={NAME: {"status": "budget"}})


@overload
def refusal_message(message: ToolMessage, verdict: Verdict) -> ToolMessage: ...
@overload
def refusal_message(message: AIMessage, verdict: Verdict) -> AIMessage: ...
def refusal_message(message: AIMessage | ToolMessage, verdict: Verdict) -> AIMessage | ToolMessage:
    """What stands in for a last message, under its id: nothing of what it held is kept."""
    told = {"status": "refused", "safety": verdict.safety, "hazards": list(verdict.hazards)}
    metadata = {NAME: told | {"why_unknown": verdict.unknown_reason}}
    if isinstance(message, ToolMessage):
        return ToolMessage(
            refusal_text(verdict),
            id=message.id,
            name=message.name,
            tool_call_id=message.tool_call_id,
            status="error",
            response_metadata=metadata,
        )
    return AIMessage(refusal_text(verdict), id=message.id, name=NAME, response_metadata=metadata)


def without_text(message: AIMessage) -> AIMessage:
    """A message with its tool calls and without its text."""
    return AIMessage("", id=message.id, name=message.name, tool_calls=message.tool_calls)


def text_with_structure(message: BaseMessage, structured: object = None) -> str:
    """All that a message says to whoever reads it, its structured form too."""
    if structured is None:
        return message.text
    dumped = structured.model_dump(mode="json") if hasattr(structured, "model_dump") else structured
    form = json.dumps(dumped, ensure_ascii=False, default=str)
    return f"{message.text}\n{form}".strip()


def is_safe(message: BaseMessage, safe: Mapping[str, str]) -> bool:
    """Whether a message stands as it was found safe."""
    return message.id is not None and safe.get(message.id) == digest(message)


def digest(message: BaseMessage) -> str:
    """What changes when a message's content does."""
    return hashlib.sha256(json.dumps(message.content, default=str).encode()).hexdigest()[:16]


def last_ai_message(response: ModelResponse[Any]) -> AIMessage | None:
    """The model's message in a response, with an id."""
    return next((_put(response, m, with_id(m)) for m in reversed(response.result) if isinstance(m, AIMessage)), None)


def with_id(message: M) -> M:
    """A message with an id, under which it can be replaced."""
    return message if message.id is not None else message.model_copy(update={"id": uuid.uuid4().hex})


def is_final(said: AIMessage, response: ModelResponse[Any]) -> bool:
    """Whether the run ends with this message: no tool is called, or the structured answer is there."""
    return response.structured_response is not None or not said.tool_calls


def error_message(call: ToolCall, why: str) -> ToolMessage:
    """What a model gets instead of a tool's result."""
    return ToolMessage(why, tool_call_id=call["id"] or "", name=call["name"], status="error")


def apply_verdict(
    response: ModelResponse[Any], said: AIMessage, verdict: Verdict, purse: RunBudget
) -> ExtendedModelResponse[Any]:
    """A plain model's response after the verdict on what it said: as it was, without its text, or a refusal."""
    if is_safe_verdict(verdict):
        return model_update(response, purse, said)
    if is_final(said, response):
        message = refusal_message(said, verdict)
        return model_update(ModelResponse([message]), purse, message)
    _put(response, said, without_text(said))
    return model_update(response, purse)


def model_update(
    response: ModelResponse[Any], purse: RunBudget, safe: BaseMessage | None = None
) -> ExtendedModelResponse[Any]:
    """A response with what the state has to learn.

    Args:
        response: what the model's node says.
        purse: what was spent.
        safe: the message in it that was found safe, or is a fixed sentence.
    """
    learnt = purse.update() | _found(safe)
    return ExtendedModelResponse(response, Command(update=learnt) if learnt else None)


def tool_update(done: ToolDone, purse: RunBudget, safe: BaseMessage | None = None) -> ToolDone:
    """What a tool call came to, with what the state has to learn; see :func:`extended`."""
    learnt = purse.update() | _found(safe)
    if not learnt:
        return done
    if isinstance(done, ToolMessage):
        return Command(update={"messages": [done]} | learnt)
    if isinstance(done, Command) and isinstance(done.update, dict | None):
        return replace(done, update=(done.update or {}) | learnt)
    # Several at once, or an update of another form: the tool node takes them side by side, whatever its type says.
    several: Any = [*(done if isinstance(done, list) else [done]), Command(update=learnt)]
    return cast("ToolDone", several)


def _found(safe: BaseMessage | None) -> dict[str, Any]:
    return {} if safe is None or safe.id is None else {"ecoalign_safe": {safe.id: digest(safe)}}


def _put(response: ModelResponse[Any], old: AIMessage, new: AIMessage) -> AIMessage:
    response.result[:] = [new if message is old else message for message in response.result]
    return new
