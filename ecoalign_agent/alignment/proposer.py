"""Proposes the next thoughts from a tip, each with its own forecast."""

from collections.abc import Sequence

from ecoalign_agent.alignment.kinds import kind_lines
from ecoalign_agent.alignment.replies import ProposeReply
from ecoalign_agent.alignment.scene import NONE, Scene, step_lines
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelProposer:
    """One call for each expanded tip. Source: EcoAlign, Propose."""

    def __init__(self, endpoint: Endpoint, policy: Policy, *, prompts: str | None = None) -> None:
        self.task = Task(endpoint, load_prompt("alignment/propose", prompts), ProposeReply, "propose", "propose")
        self._policy = policy

    async def propose(
        self, scene: Scene, path: Sequence[Thought], others: Sequence[Thought], *, branching: int, meter: Meter
    ) -> Reply[ProposeReply]:
        """The next actions; see :class:`~ecoalign_agent.alignment.ports.Proposer`."""
        thoughts = sum(t.kind not in {"root", "strategy"} for t in (*path, *others))
        return await self.task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            regions=scene.regions,
            strategy=scene.strategy or NONE,
            path=step_lines(path),
            others=step_lines(others),
            branching=str(branching),
            kinds=kind_lines(self._policy, thoughts=thoughts),
        )
