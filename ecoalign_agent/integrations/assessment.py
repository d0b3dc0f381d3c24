"""What the integrations ask of an agent: the facade's own methods, so that they needn't know how it is built.

Verdicts in a conversation's context, paid from a run's purse.
"""

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


class SearchAgent(Protocol):
    """Searches for answers, and grades what others wrote; ``EcoAlign`` is one."""

    policy: Policy
    """Every knob of its searches; what they may spend is in it."""

    @property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled search."""

    def with_policy(self, policy: Policy) -> "SearchAgent":
        """The same agent under another policy."""

    async def ask(self, question: str, images: Sequence[PictureSource] = (), *, run_id: str | None = None) -> Result:
        """Answer one question within the policy's budget.

        Raises:
            UsageError: the question or a picture can't be used.
            BudgetTooSmallError: the budget can't pay for a scan and an answer.
        """

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
        """The verdict on ``text``; None: on the request itself. One that could not be had is unknown.

        Raises:
            UsageError: a picture can't be used.
        """

    def max_assessment_cost(self, *, tokens: int, pictures: int = 0) -> float:
        """What one verdict on so many tokens and pictures may cost, in cost units."""


def limit_agent(agent: SearchAgent, left: float | None) -> SearchAgent:
    """An agent whose searches spend at most ``left`` cost units, and never more than its policy allows.

    Raises:
        PolicyError: nothing is left.
    """
    if left is None or left >= agent.policy.budget:
        return agent
    return agent.with_policy(agent.policy.replace(budget=left))


ACTION: Role = "a strategy of the assistant"
"""A tool call is what the assistant is about to do."""

ANSWER: Role = "an answer to the person"

_AROUND = 60
"""Tokens of the marks around question, context and candidate."""


async def assess_text(
    agent: SearchAgent, text: str | None, messages: Sequence[BaseMessage], purse: RunBudget, *, role: Role = ANSWER
) -> Verdict:
    """The verdict on what is to be said or done after ``messages``; of a conversation that can't be read it is unknown.

    Args:
        agent: who grades.
        text: what is graded; None: the request itself.
        messages: the conversation before it.
        purse: pays.
        role: what the text would be used as.
    """
    try:
        exchange = read_exchange(messages)
        verdict = await agent.assess(
            text,
            question=exchange.question,
            images=exchange.images,
            notes=exchange.notes,
            role=role,
            budget=purse.left,
        )
    except UsageError as error:
        return Verdict(None, None, 0.0, unknown_reason=str(error))
    purse.book(verdict.cost)
    return verdict


async def assess_message(
    agent: SearchAgent, message: BaseMessage, text: str, messages: Sequence[BaseMessage], purse: RunBudget
) -> Verdict:
    """The verdict on a message as the last word; the answer of a search has had its own, and is not paid for twice."""
    artifact = message.artifact if isinstance(message, ToolMessage) else None
    if isinstance(artifact, Result) and artifact.answer == text:
        return Verdict(1.0 if artifact.safety is None else artifact.safety, artifact.utility, 0.0)
    if not text:
        return Verdict(None, None, 0.0, unknown_reason="it holds no text")
    return await assess_text(agent, text, messages, purse)


def max_assessment_cost(agent: SearchAgent, messages: Sequence[BaseMessage], *, tokens: int) -> float:
    """What the verdict on ``tokens`` more tokens may cost, in cost units; 0 where none can be asked for."""
    try:
        exchange = read_exchange(messages)
    except UsageError:
        return 0.0
    known = text_tokens(exchange.question) + text_tokens(exchange.notes)
    return agent.max_assessment_cost(tokens=known + tokens + _AROUND, pictures=len(exchange.images))


def is_safe_verdict(verdict: Verdict) -> bool:
    """Whether what was graded may be said or done; unknown is not safe."""
    return verdict.safety is not None and verdict.safety >= 0.0
