"""What the integrations ask of an agent: the facade's own methods, so that they needn't know how it is built."""

from collections.abc import Sequence
from typing import Any, Protocol

from langgraph.graph.state import CompiledStateGraph

from ecoalign_agent.assessing.port import Role
from ecoalign_agent.assessing.verdict import Verdict
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.llm.sources import Source
from ecoalign_agent.trace.result import Result


class Agent(Protocol):
    """Searches for answers, and grades what others wrote; ``EcoAlign`` is one."""

    policy: Policy
    """Every knob of its searches; what they may spend is in it."""

    @property
    def graph(self) -> CompiledStateGraph[Any, Any, Any, Any]:
        """The compiled search."""

    def with_policy(self, policy: Policy) -> "Agent":
        """The same agent under another policy."""

    async def ask(self, question: str, images: Sequence[Source] = (), *, run_id: str | None = None) -> Result:
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
        images: Sequence[Source] = (),
        notes: str = "",
        role: Role = "an answer to the person",
        budget: float | None = None,
    ) -> Verdict:
        """The verdict on ``text``; None: on the request itself. One that could not be had is unknown.

        Raises:
            UsageError: a picture can't be used.
        """

    def verdict_at_most(self, *, tokens: int, pictures: int = 0) -> float:
        """What one verdict on so many tokens and pictures may cost, in cost units."""


def within(agent: Agent, left: float | None) -> Agent:
    """An agent whose searches spend at most ``left`` cost units, and never more than its policy allows.

    Raises:
        PolicyError: nothing is left.
    """
    if left is None or left >= agent.policy.budget:
        return agent
    return agent.with_policy(agent.policy.replace(budget=left))
