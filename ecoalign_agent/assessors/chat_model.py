"""A chat model as assessor: the actor's own, or better another one. One call a verdict, in a strict schema.

Everything that is assessed is fenced in the prompt. Source: ours; EcoAlign leaves the assessor open.
"""

from ecoalign_agent.assessors.base import (
    AssessmentInput,
    BuiltInAssessor,
    RequestVerdictReply,
    ThoughtVerdictReply,
    Verdict,
    thought_call_size,
)
from ecoalign_agent.assessors.hazards import hazard_lines
from ecoalign_agent.economics.cost import CALL_TOKENS
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import RenderedPrompt, load_prompt
from ecoalign_agent.llm.structured_output import call_with_fallback


class ModelAssessor(BuiltInAssessor):
    """Calls a chat model for each verdict."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self._thought = load_prompt("assessing/thought", prompts)
        self._request = load_prompt("assessing/request", prompts)
        self._hazards = hazard_lines()
        self.name = endpoint.name
        self.prompts = (self._thought.label, self._request.label)
        self.calls = (thought_call_size(endpoint.family, prompts, calibration=endpoint.calibration),)

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade one thought; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        prompt = self._thought.render(
            question=case.question,
            context=case.context,
            candidate=case.candidate or "(none)",
            role=case.role,
            hazards=self._hazards,
        ).with_parameters({"role": case.role, **_context(case)})
        return await self._verdict(case, prompt, ThoughtVerdictReply, meter)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        prompt = self._request.render(
            question=case.question, context=case.context, hazards=self._hazards
        ).with_parameters(_context(case))
        return await self._verdict(case, prompt, RequestVerdictReply, meter)

    async def _verdict(
        self,
        case: AssessmentInput,
        prompt: RenderedPrompt,
        schema: type[ThoughtVerdictReply] | type[RequestVerdictReply],
        meter: Meter,
    ) -> Verdict:
        reply = await call_with_fallback(
            self.endpoint,
            prompt,
            schema,
            images=case.views,
            meter=meter,
            phase="assess",
            max_tokens=CALL_TOKENS["assess"].max,
            min_tokens=CALL_TOKENS["assess"].min,
            exact=True,
        )
        return verdict_from_reply(reply.value, reply.cost, reply.unreadable)


def _context(case: AssessmentInput) -> dict[str, str]:
    return {"caption": case.caption, "seen_text": case.seen_text, "notes": case.notes}


def verdict_from_reply(
    value: ThoughtVerdictReply | RequestVerdictReply | None, cost: float, reason: str | None
) -> Verdict:
    """A reply as a verdict, None: unreadable, for ``reason``; of a request the utility is 0."""
    if value is None:
        return Verdict(None, None, cost, unknown_reason=reason or "no verdict")
    utility = (1.0 + value.utility) / 2.0 if isinstance(value, ThoughtVerdictReply) else 0.0
    return Verdict(value.safety, utility, cost, tuple(value.hazards))
