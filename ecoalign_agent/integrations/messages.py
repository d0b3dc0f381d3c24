"""Messages of the guard: fixed sentences that need no verdict, answers of a search, refusals; and state updates."""

import hashlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeVar, cast, overload

from langchain.agents.middleware import ExtendedModelResponse, ModelRequest, ModelResponse
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.messages.ai import UsageMetadata
from langgraph.types import Command

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.events.result import Result
from ecoalign_agent.integrations.assessment import is_safe_verdict
from ecoalign_agent.integrations.run_budget import MESSAGE_NAME, RunBudget

SEARCH_FAILED_TEXT = "I can't answer this now: the search for an answer failed. Please ask again."

OUT_OF_BUDGET_TEXT = (
    "I have to stop here: the budget of this run is used up. A larger one, or a smaller question, may do."
)

UNSAFE_TEXT = (
    "I had an answer, but it was found unsafe, so I keep it to myself. If a harmless aim is behind your question, "
    "tell me about it, and I will help with that."
)

UNASSESSED_TEXT = (
    "I had an answer, but its safety could not be checked, so I keep it to myself. Please ask again, or ask for "
    "something more specific."
)

ToolOutput = ToolMessage | Command[Any]
"""Output of a tool call: a message, or an update of the state."""

_Message = TypeVar("_Message", bound=BaseMessage)


def refused_call_message(call: ToolCall, verdict: Verdict) -> ToolMessage:
    """An error for the model in place of a tool's result, where the call is not safe."""
    if verdict.safety is None:
        reason = f"its safety could not be checked ({verdict.unknown_reason or 'no verdict'}), and unknown is not safe"
    else:
        hazards = f", hazards {', '.join(verdict.hazards)}" if verdict.hazards else ""
        reason = f"it was found unsafe (safety {verdict.safety:.2f}{hazards})"
    remedy = "Do not try the same again; find a safe way, or tell the person that there is none."
    return _call_error(call, f"{reason}. {remedy}")


def unaffordable_call_message(call: ToolCall) -> ToolMessage:
    """An error for the model in place of a tool's result, where the run's budget does not pay for the call."""
    return _call_error(call, "the budget of this run is used up. Answer from what is known.")


def _call_error(call: ToolCall, reason: str) -> ToolMessage:
    text = f"{call['name']} was not run: {reason}"
    return ToolMessage(text, tool_call_id=call["id"] or "", name=call["name"], status="error")


def answer_message(result: Result) -> AIMessage:
    """The outcome of a search as a message: its tokens as usage, its receipt in ``response_metadata``."""
    tokens = result.cost.tokens
    input_tokens = tokens.prompt + tokens.image + tokens.cached
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
        name=MESSAGE_NAME,
        usage_metadata=UsageMetadata(
            input_tokens=input_tokens,
            output_tokens=tokens.completion,
            total_tokens=input_tokens + tokens.completion,
        ),
        response_metadata={MESSAGE_NAME: receipt},
    )


def out_of_budget_message(request: ModelRequest[Any]) -> AIMessage:
    """The last message of a run whose budget is spent: its latest safe text, and why it ends here."""
    found = (m for m in request.messages if isinstance(m, AIMessage) and m.text)
    texts = [message.text for message in found if is_safe(message, request.state)]
    return AIMessage(
        "\n\n".join([*texts[-1:], OUT_OF_BUDGET_TEXT]),
        id=uuid.uuid4().hex,
        name=MESSAGE_NAME,
        response_metadata={MESSAGE_NAME: {"status": "budget"}},
    )


@overload
def refusal_message(message: ToolMessage, verdict: Verdict) -> ToolMessage: ...
@overload
def refusal_message(message: AIMessage, verdict: Verdict) -> AIMessage: ...
def refusal_message(message: AIMessage | ToolMessage, verdict: Verdict) -> AIMessage | ToolMessage:
    """The replacement of a last message, under its id and without its content."""
    text = UNASSESSED_TEXT if verdict.safety is None else UNSAFE_TEXT
    receipt = {"status": "refused", "safety": verdict.safety, "hazards": list(verdict.hazards)}
    metadata = {MESSAGE_NAME: receipt | {"why_unknown": verdict.unknown_reason}}
    if isinstance(message, ToolMessage):
        return ToolMessage(
            text,
            id=message.id,
            name=message.name,
            tool_call_id=message.tool_call_id,
            status="error",
            response_metadata=metadata,
        )
    return AIMessage(text, id=message.id, name=MESSAGE_NAME, response_metadata=metadata)


def full_text(message: BaseMessage, structured: object = None) -> str:
    """All text of a message that its reader sees, a structured response included."""
    if structured is None:
        return message.text
    data = structured.model_dump(mode="json") if hasattr(structured, "model_dump") else structured
    return f"{message.text}\n{json.dumps(data, ensure_ascii=False, default=str)}".strip()


def is_safe(message: BaseMessage, state: Mapping[str, Any]) -> bool:
    """Whether a message was found safe in this run and has not changed since."""
    return message.id is not None and state.get("ecoalign_safe", {}).get(message.id) == _digest(message)


def with_id(message: _Message) -> _Message:
    """A message with an id, under which it can be replaced."""
    return message if message.id is not None else message.model_copy(update={"id": uuid.uuid4().hex})


def last_ai_message(response: ModelResponse[Any]) -> AIMessage | None:
    """The last model message of a response, given an id."""
    message = next((m for m in reversed(response.result) if isinstance(m, AIMessage)), None)
    return None if message is None else _replace(response, message, with_id(message))


def is_final(message: AIMessage, response: ModelResponse[Any]) -> bool:
    """Whether the run ends with this message: it calls no tool, or the structured response is there."""
    return response.structured_response is not None or not message.tool_calls


def apply_verdict(
    response: ModelResponse[Any], message: AIMessage, verdict: Verdict, budget: RunBudget
) -> ExtendedModelResponse[Any]:
    """A plain model's response after the verdict on its message: unchanged, without its text, or a refusal."""
    if is_safe_verdict(verdict):
        return model_update(response, budget, message)
    if is_final(message, response):
        refusal = refusal_message(message, verdict)
        return model_update(ModelResponse([refusal]), budget, refusal)
    _replace(response, message, AIMessage("", id=message.id, name=message.name, tool_calls=message.tool_calls))
    return model_update(response, budget)


def model_update(
    response: ModelResponse[Any], budget: RunBudget, safe: BaseMessage | None = None
) -> ExtendedModelResponse[Any]:
    """A response with the guard's state update; ``safe`` is a message found safe in it, or a fixed sentence."""
    update = budget.update() | _safe_update(safe)
    return ExtendedModelResponse(response, Command(update=update) if update else None)


def tool_update(output: ToolOutput, budget: RunBudget, safe: BaseMessage | None = None) -> ToolOutput:
    """A tool call's output with the guard's state update; see :func:`model_update`."""
    update = budget.update() | _safe_update(safe)
    if not update:
        return output
    if isinstance(output, ToolMessage):
        return Command(update={"messages": [output]} | update)
    if isinstance(output, Command) and isinstance(output.update, dict | None):
        return replace(output, update=(output.update or {}) | update)
    # Several outputs, or an update of another form: the tool node accepts a list, whatever its type says.
    outputs: Any = [*(output if isinstance(output, list) else [output]), Command(update=update)]
    return cast("ToolOutput", outputs)


def _safe_update(safe: BaseMessage | None) -> dict[str, Any]:
    return {} if safe is None or safe.id is None else {"ecoalign_safe": {safe.id: _digest(safe)}}


def _digest(message: BaseMessage) -> str:
    return hashlib.sha256(json.dumps(message.content, default=str).encode()).hexdigest()[:16]


def _replace(response: ModelResponse[Any], old: AIMessage, new: AIMessage) -> AIMessage:
    response.result[:] = [new if message is old else message for message in response.result]
    return new
