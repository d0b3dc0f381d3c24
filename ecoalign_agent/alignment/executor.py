"""Carries an action out: reason, look, fuse or answer."""

from collections.abc import Sequence

from ecoalign_agent.alignment.replies import TextReply
from ecoalign_agent.alignment.scene import NONE, Scene, box_line, step_lines, thought_lines
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt

WHOLE = (0.0, 0.0, 1.0, 1.0)


class ModelExecutor:
    """One call for each action; a look sends a crop at full resolution, a fuse sends no picture.

    Source: EcoAlign, Execute.
    """

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        self.tasks = {
            kind: Task(
                endpoint,
                load_prompt(f"alignment/{kind}", prompts),
                TextReply,
                kind,
                "execute",
                longest if kind == "answer" else None,
            )
            for kind in ("reason", "look", "fuse", "answer")
        }

    async def execute(self, scene: Scene, action: Action, path: Sequence[Thought], *, meter: Meter) -> Reply[TextReply]:
        """The thought's text; see :class:`~ecoalign_agent.alignment.ports.Executor`."""
        task = self.tasks[action.kind]
        if action.kind == "look":
            return await self._look(scene, action, meter)
        strategy = scene.strategy or NONE
        if action.kind == "fuse":
            return await task.ask(
                meter=meter,
                question=scene.question,
                strategy=strategy,
                thoughts=thought_lines(path),
                aim=action.aim,
            )
        return await task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            strategy=strategy,
            path=step_lines(path),
            aim=action.aim,
        )

    async def _look(self, scene: Scene, action: Action, meter: Meter) -> Reply[TextReply]:
        region = action.region or WHOLE
        crop = await scene.pictures[action.picture].crop(region)
        return await self.tasks["look"].ask(
            meter=meter, images=(crop,), question=scene.question, aim=action.aim, box=box_line(region)
        )
