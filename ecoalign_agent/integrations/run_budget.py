"""The budget of a whole agent run in the agent's state, so that concurrent runs don't mix, and cost estimates. Ours."""

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentState, ModelRequest
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.utils.function_calling import convert_to_openai_tool

from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.integrations.conversation import count_pictures
from ecoalign_agent.llm.tokens import PER_MESSAGE, reported_usage, text_tokens

MESSAGE_NAME = "ecoalign"
"""Name in messages of our making; their usage is that of a search, not of the plain model."""

TYPICAL_REPLY_TOKENS = 300
"""Estimate of the completion tokens of a plain model's reply, where nothing more is known. Ours."""

MAX_PICTURE_SIZE = (1536, 1536)
"""Assumed pixels of a picture of unknown size: about the largest that providers use. Ours."""


class GuardState(AgentState[Any]):
    """State of the agent with the guard's private keys; cost units of plain calls, searches and verdicts."""

    ecoalign_budget: NotRequired[Annotated[float | None, PrivateStateAttr]]
    ecoalign_spent: NotRequired[Annotated[float, PrivateStateAttr, operator.add]]
    ecoalign_safe: NotRequired[Annotated[dict[str, str], PrivateStateAttr, operator.or_]]
    """Id → digest of every text of this run that was found safe, oldest first."""


class RunBudget:
    """The budget of one hook, written to the state at its end: cost units left (None: no budget) and spent."""

    def __init__(self, left: float | None) -> None:
        self.left = left
        self.spent = 0.0

    def book(self, cost: float) -> None:
        """Spend ``cost`` cost units."""
        self.spent += cost
        if self.left is not None:
            self.left = max(0.0, self.left - cost)

    def pays(self, cost: float) -> bool:
        """Whether a call of at most ``cost`` cost units fits."""
        return self.left is None or cost <= self.left

    def update(self) -> dict[str, Any]:
        """The state update."""
        return {"ecoalign_spent": self.spent} if self.spent else {}


def remaining_budget(state: Mapping[str, Any]) -> float | None:
    """Remaining budget of a run in cost units, never negative; None: no budget."""
    total = state.get("ecoalign_budget")
    return None if total is None else max(0.0, total - state.get("ecoalign_spent", 0.0))


def tool_call_share(state: Mapping[str, Any]) -> float | None:
    """Equal share of the remaining budget for one of the parallel tool calls, in cost units; None: no budget."""
    left = remaining_budget(state)
    last = next((m for m in reversed(state.get("messages", [])) if isinstance(m, AIMessage)), None)
    return None if left is None else left / max(1, 0 if last is None else len(last.tool_calls))


def reply_tokens(request: ModelRequest[Any]) -> int:
    """Estimated maximum of completion tokens of the plain model's next reply.

    The model's own limit, else the longest reply of the conversation, at least ``TYPICAL_REPLY_TOKENS``.
    """
    limits = [request.model_settings.get(key) for key in ("max_tokens", "max_completion_tokens")]
    limits.append(getattr(request.model, "max_tokens", None))
    if known := [limit for limit in limits if isinstance(limit, int) and limit > 0]:
        return min(known)
    replies = [m for m in request.messages if isinstance(m, AIMessage) and m.name != MESSAGE_NAME]
    lengths = [m.usage_metadata["output_tokens"] for m in replies if m.usage_metadata]
    return max([TYPICAL_REPLY_TOKENS, *lengths])


def estimate_prompt(request: ModelRequest[Any]) -> Usage:
    """Tokens of the plain model's next prompt, estimated on the high side."""
    messages: list[BaseMessage] = [*([request.system_message] if request.system_message else []), *request.messages]
    tools = sum(text_tokens(json.dumps(convert_to_openai_tool(tool), default=str)) for tool in request.tools)
    pictures = count_pictures(messages)
    family = family_of(getattr(request.model, "model_name", None) or getattr(request.model, "model", None) or "")
    each = image_tokens(MAX_PICTURE_SIZE, "high", family) if pictures else 0
    return Usage(text=tools + sum(text_tokens(message_text(m)) + PER_MESSAGE for m in messages), image=pictures * each)


def reply_cost(messages: Sequence[BaseMessage], prompt: Usage, tariff: Tariff) -> float:
    """Cost of the plain model's replies in cost units; estimated where no usable usage is reported, never 0."""
    replies = [m for m in messages if isinstance(m, AIMessage)]
    return sum(tariff.cost(reported_usage(reply, prompt, message_text(reply))) for reply in replies)


def message_text(message: BaseMessage) -> str:
    """All text of a message that counts as tokens, tool calls included."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return message.text + "".join(f"{call['name']}{json.dumps(call['args'], default=str)}" for call in calls)
