"""Imagines what would follow an action, without executing anything: the look-ahead that is bought while it pays."""

from collections.abc import Sequence

from ecoalign_agent.alignment.replies import SimulateReply
from ecoalign_agent.alignment.scene import NONE, Scene, folded, step_lines
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelSimulator:
    """One call for all actions of a tip, in words only. Source: EcoAlign, Simulate."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.task = Task(endpoint, load_prompt("alignment/simulate", prompts), SimulateReply, "simulate", "simulate")

    async def simulate(
        self, scene: Scene, path: Sequence[Thought], actions: Sequence[Action], *, horizon: int, meter: Meter
    ) -> Reply[SimulateReply]:
        """Futures of each action; see :class:`~ecoalign_agent.alignment.ports.Simulator`."""
        return await self.task.ask(
            meter=meter,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            strategy=scene.strategy or NONE,
            path=step_lines(path),
            actions="\n".join(f"{n}. [{a.kind}] {folded(a.aim)}" for n, a in enumerate(actions, 1)),
            horizon=str(horizon),
        )
