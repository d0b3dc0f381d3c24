"""The token budget of a whole agent run: it lies in the agent's state, so that concurrent runs don't mix. Ours."""

import json
import operator
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NotRequired

from langchain.agents.middleware import AgentState, ModelRequest
from langchain.agents.middleware.types import PrivateStateAttr
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.utils.function_calling import convert_to_openai_tool
from langgraph.types import Overwrite

from ecoalign_agent.economics.cost import Tariff, Usage
from ecoalign_agent.events.result import Result
from ecoalign_agent.images.image_tokens import family_of, image_tokens
from ecoalign_agent.integrations.conversation import count_pictures
from ecoalign_agent.llm.tokens import PER_MESSAGE, reported_usage, text_tokens

MESSAGE_NAME = "ecoalign"
"""Who speaks in messages of our making; the usage of a search says nothing about a reply of the plain model."""

TYPICAL_REPLY_TOKENS = 300
"""Completion tokens that a plain model's next reply is reckoned with, where nothing more is known. Ours."""

MAX_PICTURE_SIZE = (1536, 1536)
"""Pixels that a picture is reckoned with whose size is not known: about the most that providers look at. Ours."""


class GuardState(AgentState[Any]):
    """What the guard keeps in the agent's state, private to it.

    Attributes:
        ecoalign_budget: cost units that the run may spend; None: any.
        ecoalign_spent: cost units that it has spent: the plain model's calls, searches and verdicts.
        ecoalign_safe: id → digest of every text of this run that was found safe, oldest first.
    """

    ecoalign_budget: NotRequired[Annotated[float | None, PrivateStateAttr]]
    ecoalign_spent: NotRequired[Annotated[float, PrivateStateAttr, operator.add]]
    ecoalign_safe: NotRequired[Annotated[dict[str, str], PrivateStateAttr, operator.or_]]


def initial_state(budget: float | None) -> dict[str, Any]:
    """The update with which a run begins: a thread may hold an earlier run's."""
    return {"ecoalign_budget": budget, "ecoalign_spent": Overwrite(0.0), "ecoalign_safe": Overwrite({})}


class RunBudget:
    """What one hook may spend and has spent; the state learns of it in the end.

    Attributes:
        left: cost units that are left in this moment; None: there is no budget.
        spent: cost units that this hook has spent.
    """

    def __init__(self, left: float | None) -> None:
        self.left = left
        self.spent = 0.0

    def book(self, cost: float) -> None:
        """Take ``cost`` cost units out."""
        self.spent += cost
        if self.left is not None:
            self.left = max(0.0, self.left - cost)

    def pays(self, cost: float) -> bool:
        """Whether a call that may cost so much fits."""
        return self.left is None or cost <= self.left

    def update(self) -> dict[str, Any]:
        """What the state has to learn."""
        return {"ecoalign_spent": self.spent} if self.spent else {}


def remaining_budget(state: Mapping[str, Any]) -> float | None:
    """What is left of a run's budget, in cost units, never negative; None: there is no budget."""
    total = state.get("ecoalign_budget")
    return None if total is None else max(0.0, total - state.get("ecoalign_spent", 0.0))


def safe_digests(state: Mapping[str, Any]) -> Mapping[str, str]:
    """Id → digest of what was found safe in this run."""
    found: Mapping[str, str] = state.get("ecoalign_safe", {})
    return found


def tool_call_share(state: Mapping[str, Any]) -> float | None:
    """What one of the tool calls under way may spend: they run in parallel, and each gets the same part."""
    left = remaining_budget(state)
    return None if left is None else left / max(1, _under_way(state.get("messages", [])))


def reply_tokens(request: ModelRequest[Any]) -> int:
    """Completion tokens of the plain model's next reply at the most, as far as can be known.

    What the model is limited to, else the longest reply of the conversation, at least ``USUAL_REPLY``.
    """
    limits = [request.model_settings.get(key) for key in ("max_tokens", "max_completion_tokens")]
    limits.append(getattr(request.model, "max_tokens", None))
    known = [limit for limit in limits if isinstance(limit, int) and limit > 0]
    said = [m for m in request.messages if isinstance(m, AIMessage) and m.name != MESSAGE_NAME]
    seen = [m.usage_metadata["output_tokens"] for m in said if m.usage_metadata]
    return min(known) if known else max([TYPICAL_REPLY_TOKENS, *seen])


def estimate_prompt(request: ModelRequest[Any]) -> Usage:
    """What the plain model's next call will read, estimated on the high side, in tokens."""
    messages: list[BaseMessage] = [*([request.system_message] if request.system_message else []), *request.messages]
    tools = sum(text_tokens(json.dumps(convert_to_openai_tool(tool), default=str)) for tool in request.tools)
    pictures = count_pictures(messages)
    family = family_of(getattr(request.model, "model_name", None) or getattr(request.model, "model", None) or "")
    each = image_tokens(MAX_PICTURE_SIZE, "high", family) if pictures else 0
    return Usage(text=tools + sum(text_tokens(message_text(m)) + PER_MESSAGE for m in messages), image=pictures * each)


def _under_way(messages: Sequence[BaseMessage]) -> int:
    last = next((m for m in reversed(messages) if isinstance(m, AIMessage)), None)
    return 0 if last is None else len(last.tool_calls)


def reply_cost(messages: Sequence[BaseMessage], prompt: Usage, tariff: Tariff) -> float:
    """What the plain model's replies did cost; where it reports nothing usable, what is estimated: never nothing."""
    replies = [m for m in messages if isinstance(m, AIMessage)]
    return sum(tariff.cost(reported_usage(reply, prompt, message_text(reply))) for reply in replies)


def tool_cost(message: object) -> float:
    """What a tool reports to have spent: the receipt of a search; 0 for tools that ask no model of ours."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    return artifact.cost.spent if isinstance(artifact, Result) else 0.0


def message_text(message: BaseMessage) -> str:
    """All text of a message that counts as tokens, its tool calls too."""
    calls = message.tool_calls if isinstance(message, AIMessage) else []
    return message.text + "".join(f"{call['name']}{json.dumps(call['args'], default=str)}" for call in calls)
