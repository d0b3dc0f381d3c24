"""Writes the answer from the thoughts of the chosen path."""

from collections.abc import Sequence

from ecoalign_agent.alignment.replies import TextReply
from ecoalign_agent.alignment.scene import Scene, thought_lines
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelSynthesizer:
    """One call, with the reduced pictures. Source: EcoAlign, the answer from P*."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        prompt = load_prompt("alignment/synthesize", prompts)
        self.task = Task(endpoint, prompt, TextReply, "synthesize", "synthesize", longest)

    async def synthesize(self, scene: Scene, path: Sequence[Thought], *, meter: Meter) -> Reply[TextReply]:
        """The answer; see :class:`~ecoalign_agent.alignment.ports.Synthesizer`."""
        return await self.task.ask(
            meter=meter,
            images=scene.views,
            question=scene.question,
            caption=scene.caption,
            seen_text=scene.seen_text,
            path=thought_lines(path),
        )
