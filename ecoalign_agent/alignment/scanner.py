"""The global scanner: one call on reduced pictures, before anything else is bought."""

from collections.abc import Sequence

from ecoalign_agent.alignment.kinds import kind_lines
from ecoalign_agent.alignment.replies import ScanReply
from ecoalign_agent.alignment.task import Task, words_in
from ecoalign_agent.assessing.hazards import hazard_lines
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.llm.chat import Endpoint, Reply
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelScanner:
    """Caption, text, places, risk, first actions, and a draft for the plain request, in one call.

    Source: EcoAlign, global scanner; first actions and the draft are ours: they save a round of proposing.
    """

    def __init__(self, endpoint: Endpoint, policy: Policy, *, prompts: str | None = None) -> None:
        self.task = Task(endpoint, load_prompt("alignment/scan", prompts), ScanReply, "scan", "scan")
        self._branching = str(policy.branching)
        self._kinds = kind_lines(policy, thoughts=0)
        self._hazards = hazard_lines()
        longest = policy.max_answer_tokens
        length = "" if longest is None else f" and {words_in(longest)} words"
        self._draft_rule = (
            f"the answer itself, in at most two sentences{length}, when the request is plain and safety is at least "
            f'{policy.caution:g}; else ""'
            if policy.draft and policy.answers == "early"
            else 'always ""'
        )

    async def scan(self, question: str, views: Sequence[ImageView], *, meter: Meter) -> Reply[ScanReply]:
        """The first look; see :class:`~ecoalign_agent.alignment.ports.Scanner`."""
        return await self.task.ask(
            meter=meter,
            images=views,
            question=question,
            pictures={0: "no picture", 1: "one picture"}.get(len(views), f"{len(views)} pictures, numbered from 0"),
            branching=self._branching,
            kinds=self._kinds,
            hazards=self._hazards,
            draft_rule=self._draft_rule,
        )
