"""A moderation endpoint as assessor: category scores → safety. Ours.

The rule: safety = 1 - 2 · (the highest category score), so that 0 stands for an even chance of harm; where the server
flags the input, as a whole or in any category, safety is at most -0.5, whatever the scores. Utility is not graded.

Of a thought its own text is sent, of a request the question with the text in the pictures, and each time the pictures,
one to a request (OpenAI takes no more). The lowest safety over the requests counts.
"""

from collections.abc import Sequence
from typing import Annotated

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.assessors.base import AssessmentInput, BuiltInAssessor, CallSize, Verdict
from ecoalign_agent.assessors.combined import assess_weakest
from ecoalign_agent.errors import ServerError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.llm.parsing import parse_reply
from ecoalign_agent.llm.tokens import PER_MESSAGE

FLAGGED = -0.5
"""Safety, at most, of what the server flags: "helps somebody towards a hazard" on the scale of the verdict prompt."""

_CODES = {
    "sexual/minors": "S4",
    "sexual": "S12",
    "illicit/violent": "S9",
    "illicit": "S2",
    "violence": "S1",
    "self-harm": "S11",
    "hate": "S10",
    "harassment": "S10",
}
"""Categories by how their names begin, the longer ones first → MLCommons' codes; for the record only."""

Score = Annotated[float, Field(ge=0.0, le=1.0)]


class ModerationResult(BaseModel):
    """One result of the server; other fields are ignored."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    flagged: bool
    categories: dict[str, bool] = Field(min_length=1)
    category_scores: dict[str, Score] = Field(min_length=1)


class ModerationReply(BaseModel):
    """The body of an answer: one result for one request."""

    model_config = ConfigDict(extra="ignore", strict=True, allow_inf_nan=False)

    results: list[ModerationResult] = Field(min_length=1, max_length=1)


class ModerationAssessor(BuiltInAssessor):
    """Calls a moderation endpoint; see the module for the request and how its answer is read."""

    grades_utility = False

    def __init__(self, endpoint: ModerationEndpoint) -> None:
        self.endpoint = endpoint
        self.name = endpoint.name
        call = CallSize(PER_MESSAGE, endpoint.family, 0, per_image=True, calibration=endpoint.calibration)
        self.calls = () if endpoint.free else (call,)

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade one thought's safety; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await self._assess(case.candidate, case.views, meter)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await self._assess(f"{case.question}\n{case.seen_text}", case.views, meter)

    async def _assess(self, text: str, views: Sequence[ImageView], meter: Meter) -> Verdict:
        calls = [self._call(text, view, meter) for view in (views or (None,))]
        return await assess_weakest(calls, [False] * len(calls))

    async def _call(self, text: str, view: ImageView | None, meter: Meter) -> Verdict:
        # An empty text is refused by servers; a blank stands for it.
        answer = await self.endpoint.moderate(text or " ", view, meter=meter, phase="assess")
        if not answer.body.lstrip().startswith("{"):
            raise ServerError(f"{self.name}: the answer is no JSON; check the base URL, it may lack /v1")
        return parse_moderation_reply(answer.body, answer.cost)


def parse_moderation_reply(body: str, cost: float = 0.0) -> Verdict:
    """A server's answer as a verdict on safety, by the rule of the module; unknown where it does not fit exactly."""
    if not body.strip().startswith("{"):
        return Verdict(None, None, cost, unknown_reason="no JSON object")
    reading = parse_reply(AIMessage(body), "plain", ModerationReply, exact=True)
    if reading.value is None:
        return Verdict(None, None, cost, unknown_reason=reading.reason or "no moderation")
    result = reading.value.results[0]
    if result.categories.keys() != result.category_scores.keys():
        return Verdict(None, None, cost, unknown_reason="categories and category_scores differ in their keys")
    raised = [category for category, flagged in result.categories.items() if flagged]
    safety = 1.0 - 2.0 * max(result.category_scores.values())
    if result.flagged or raised:
        safety = min(safety, FLAGGED)
    return Verdict(safety, None, cost, _hazards(raised))


def _hazards(categories: Sequence[str]) -> tuple[str, ...]:
    named = (next((code for start, code in _CODES.items() if c.startswith(start)), None) for c in categories)
    return tuple(dict.fromkeys(code for code in named if code is not None))
