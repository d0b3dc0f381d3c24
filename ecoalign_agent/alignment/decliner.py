"""Writes a refusal that says what can be done instead."""

from ecoalign_agent.alignment.replies import TextReply
from ecoalign_agent.alignment.scene import NONE
from ecoalign_agent.alignment.task import Task
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelDecliner:
    """One call, in words only. Source: ours."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None, longest: int | None = None) -> None:
        prompt = load_prompt("alignment/decline", prompts)
        self.task = Task(endpoint, prompt, TextReply, "decline", "decline", longest)

    async def decline(self, question: str, caption: str, reason: str, *, meter: Meter) -> Reply[TextReply]:
        """The refusal; see :class:`~ecoalign_agent.alignment.ports.Decliner`."""
        return await self.task.ask(meter=meter, question=question, caption=caption or NONE, reason=reason)
