"""Verdicts in the context of a conversation, booked on a run's budget; the interface of an agent that gives them."""

from collections.abc import Sequence
from typing import Any, Protocol

from langchain_core.messages import BaseMessage, ToolMessage
from langgraph.graph.state import CompiledStateGraph

from ecoalign_agent.assessors.base import Role, Verdict
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Result
from ecoalign_agent.images.sources import PictureSource
from ecoalign_agent.integrations.conversation import read_exchange
from ecoalign_agent.integrations.run_budget import RunBudget
from ecoalign_agent.llm.tokens import text_tokens

TOOL_CALL_ROLE: Role = "a strategy of the assistant"
ANSWER_ROLE: Role = "an answer to the person"

_PROMPT_MARKS_TOKENS = 60
"""Tokens of the delimiters around question, context and candidate."""


class SearchAgent(Protocol):
    """Searches for answers and assesses texts; ``EcoAlign`` is one."""

    policy: Policy
    """Settings of its searches, with their budget."""

    @property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled search."""

    def with_policy(self, policy: Policy) -> "SearchAgent":
        """The same agent under another policy."""

    async def ask(self, question: str, images: Sequence[PictureSource] = (), *, run_id: str | None = None) -> Result:
        """Answer one question within the policy's budget; ``BudgetTooSmallError`` where that pays for no answer."""

    async def assess(
        self,
        text: str | None,
        *,
        question: str = "",
        images: Sequence[PictureSource] = (),
        notes: str = "",
        role: Role = "an answer to the person",
        budget: float | None = None,
    ) -> Verdict:
        """The verdict on ``text``; None: on the request itself. A failed assessment is unknown."""

    def max_assessment_cost(self, *, tokens: int, pictures: int = 0) -> float:
        """Upper bound of one verdict's cost in cost units."""


def limit_agent(agent: SearchAgent, budget: float | None) -> SearchAgent:
    """The agent with searches of at most ``budget`` cost units, above 0, and never more than its policy allows."""
    if budget is None or budget >= agent.policy.budget:
        return agent
    return agent.with_policy(agent.policy.replace(budget=budget))


async def assess_in_conversation(
    agent: SearchAgent,
    text: str | None,
    messages: Sequence[BaseMessage],
    budget: RunBudget,
    *,
    role: Role = ANSWER_ROLE,
) -> Verdict:
    """The verdict on a text that would follow ``messages``; unknown where the conversation can't be read.

    ``text`` None: on the request itself. ``role`` is the intended use of the text; ``budget`` books the cost.
    """
    try:
        exchange = read_exchange(messages)
        verdict = await agent.assess(
            text,
            question=exchange.question,
            images=exchange.images,
            notes=exchange.notes,
            role=role,
            budget=budget.left,
        )
    except UsageError as error:
        return Verdict(None, None, 0.0, unknown_reason=str(error))
    budget.book(verdict.cost)
    return verdict


async def assess_message(
    agent: SearchAgent, message: BaseMessage, text: str, messages: Sequence[BaseMessage], budget: RunBudget
) -> Verdict:
    """The verdict on a last message; a search's answer keeps its own verdict and costs nothing more."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    if isinstance(artifact, Result) and artifact.answer == text:
        return Verdict(1.0 if artifact.safety is None else artifact.safety, artifact.utility, 0.0)
    if not text:
        return Verdict(None, None, 0.0, unknown_reason="it holds no text")
    return await assess_in_conversation(agent, text, messages, budget)


def max_cost_in_conversation(agent: SearchAgent, messages: Sequence[BaseMessage], *, tokens: int) -> float:
    """Upper bound of the cost of a verdict on ``tokens`` more tokens; 0 where the conversation can't be read."""
    try:
        exchange = read_exchange(messages)
    except UsageError:
        return 0.0
    context = text_tokens(exchange.question) + text_tokens(exchange.notes)
    return agent.max_assessment_cost(tokens=context + tokens + _PROMPT_MARKS_TOKENS, pictures=len(exchange.images))


def is_safe_verdict(verdict: Verdict) -> bool:
    """Whether the assessed text may be used; unknown is not safe."""
    return verdict.safety is not None and verdict.safety >= 0.0
