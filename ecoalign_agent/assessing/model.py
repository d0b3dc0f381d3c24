"""A chat model as assessor: the actor's own, or better another one."""

from collections.abc import Sequence

from ecoalign_agent.assessing.hazards import hazard_lines
from ecoalign_agent.assessing.port import Case
from ecoalign_agent.assessing.verdict import RequestVerdictReply, ThoughtVerdictReply, Verdict
from ecoalign_agent.economics.experience import LEAST, MOST
from ecoalign_agent.llm.chat import Endpoint, Reply, ask
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import load_prompt


class ModelAssessor:
    """Asks a chat model for one verdict in a strict schema; everything it grades is fenced.

    Source: ours; EcoAlign leaves the assessor open.
    """

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self._thought = load_prompt("assessing/thought", prompts)
        self._request = load_prompt("assessing/request", prompts)
        self._hazards = hazard_lines()

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of both prompts."""
        return (self._thought.label, self._request.label)

    async def assess(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade one thought; see :class:`~ecoalign_agent.assessing.port.Assessor`."""
        prompt = self._thought.render(
            question=case.question,
            context=case.context,
            candidate=case.candidate or "(none)",
            role=case.role,
            hazards=self._hazards,
        )
        reply = await ask(
            self.endpoint,
            prompt,
            ThoughtVerdictReply,
            images=case.views,
            meter=meter,
            phase="assess",
            most=MOST["assess"],
            least=LEAST["assess"],
            exact=True,
        )
        if reply.value is None:
            return _unknown(reply)
        utility = (1.0 + reply.value.utility) / 2.0
        return Verdict(reply.value.safety, utility, reply.cost, tuple(reply.value.hazards))

    async def assess_request(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessing.port.Assessor`."""
        prompt = self._request.render(question=case.question, context=case.context, hazards=self._hazards)
        reply = await ask(
            self.endpoint,
            prompt,
            RequestVerdictReply,
            images=case.views,
            meter=meter,
            phase="assess",
            most=MOST["assess"],
            least=LEAST["assess"],
            exact=True,
        )
        if reply.value is None:
            return _unknown(reply)
        return Verdict(reply.value.safety, 0.0, reply.cost, tuple(reply.value.hazards))


def _unknown(reply: "Reply[ThoughtVerdictReply] | Reply[RequestVerdictReply]") -> Verdict:
    return Verdict(None, None, reply.cost, why_unknown=reply.unreadable or "no verdict")
