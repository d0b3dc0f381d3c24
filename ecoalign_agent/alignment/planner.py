"""Writes the strategy that a sensitive request is answered under."""

from ecoalign_agent.alignment.replies import TextReply
from ecoalign_agent.alignment.scene import Scene
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelPlanner:
    """One call in words; the pictures are not sent again, their caption and text are."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.task = Task(endpoint, load_prompt("alignment/plan", prompts), TextReply, "plan", "plan")

    async def plan(self, scene: Scene, *, meter: Meter) -> Reply[TextReply]:
        """The strategy; see :class:`~ecoalign_agent.alignment.ports.Planner`."""
        return await self.task.ask(
            meter=meter,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            hazard=scene.sight.hazard,
        )
