"""The model calls of a rewrite: analysis, new question, check; prompted in two calls or in one, or by a trained model.

Each call is booked on the ``meter`` and raises ``BudgetError`` where it does not fit (no call was made) and
``ModelError`` where the endpoint fails. A reply that can't be read is ``Unreadable``: unknown, never harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, NamedTuple, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.assessors.hazards import HAZARDS, hazard_lines
from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import call_in_turns
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.rewriting.template import parse_completion, trained_prompt

_Safety = Annotated[float, Field(ge=-1.0, le=1.0)]
_Finding = Annotated[str, Field(max_length=2_000)]


class _StrictReply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class AnalysisReply(_StrictReply):
    """Possible harm between a question and its pictures."""

    text: _Finding
    image: _Finding
    both: _Finding
    provoking: list[str]
    aim: _Finding
    hazards: list[str]
    safety: _Safety

    def to_report(self) -> RiskReport:
        """The risk report; unknown hazard codes are left out."""
        known = [code for code in self.hazards if code in HAZARDS]
        return RiskReport(**self.model_dump(include=set(AnalysisReply.model_fields)) | {"hazards": known})


class FrugalReply(AnalysisReply):
    """The analysis, and the new question in the same reply; "" where nothing is to be rewritten."""

    prompt: Annotated[str, Field(max_length=20_000)]


class PromptReply(_StrictReply):
    """The new question."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]


class CheckReply(_StrictReply):
    """Whether a good answer to the new question serves the aim, and the safety of answering it."""

    lost: _Finding
    """The part of the aim that got lost, in words."""
    hazards: list[str]
    serves_aim: bool
    safety: _Safety


class Analysis(NamedTuple):
    """A risk report with the new question: "" nothing is to be rewritten; None: rewriting is a call of its own."""

    report: RiskReport
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that could not be read, with the reason in one line."""

    reason: str


_Reply_co = TypeVar("_Reply_co", bound=BaseModel, covariant=True)


@dataclass(frozen=True, slots=True)
class CallKind(Generic[_Reply_co]):
    """A kind of call; the limits of its completion tokens are ours."""

    prompt: str
    schema: type[_Reply_co]
    phase: Phase
    max_tokens: int
    min_tokens: int
    """No call is made with fewer: it would be cut off."""
    subject: str
    """Of the reason where the reply can't be read."""
    exact: bool = True
    """Whether the reply is read as strictly as a verdict."""


ANALYSE = CallKind("rewriting/analyse", AnalysisReply, "analyse", 500, 160, "the analysis")
FRUGAL = CallKind("rewriting/frugal", FrugalReply, "analyse", 900, 240, "the analysis")
REWRITE = CallKind("rewriting/prompt", PromptReply, "rewrite", 500, 80, "the new question", exact=False)
CHECK = CallKind("rewriting/check", CheckReply, "check", 160, 64, "the check")

_NOTHING = "(none)"


class PromptedCall(Generic[_Reply_co]):
    """One kind of call to one endpoint."""

    def __init__(self, endpoint: Endpoint, kind: CallKind[_Reply_co], prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self._kind = kind
        self._prompt = load_prompt(kind.prompt, prompts)
        self.label = self._prompt.label

    async def generate(
        self, views: Sequence[ImageView], meter: Meter, *, facts: Sequence[str] = (), **inputs: str
    ) -> _Reply_co | Unreadable:
        """Render the prompt with ``inputs`` and call the model; ``facts`` go beside the words, for stand-in models."""
        kind = self._kind
        reply = await call_with_fallback(
            self.endpoint,
            self._prompt.render(**inputs).with_parameters({"keep": tuple(facts)}),
            kind.schema,
            images=views,
            meter=meter,
            phase=kind.phase,
            max_tokens=kind.max_tokens,
            min_tokens=kind.min_tokens,
            exact=kind.exact,
        )
        if reply.value is None:
            return Unreadable(reply.unreadable or f"{kind.subject} could not be read")
        return reply.value


RewriteForm = Literal["two_calls", "frugal", "trained"]
"""Analysis and new question in two calls, as published; in one; or by a fine-tuned model in one."""


class RewriteCalls:
    """All model calls of a rewrite; without a ``checker`` only rules check the new question.

    Source: VLMGuard-R1, causal analysis and prompt optimisation; the joined call and the check are ours.
    """

    def __init__(
        self, endpoint: Endpoint, form: RewriteForm, *, checker: Endpoint | None = None, prompts: str | None = None
    ) -> None:
        self._endpoint, self._form = endpoint, form
        kind: CallKind[AnalysisReply] = FRUGAL if form == "frugal" else ANALYSE
        self._analyse = None if form == "trained" else PromptedCall(endpoint, kind, prompts)
        self._rewrite = PromptedCall(endpoint, REWRITE, prompts) if form == "two_calls" else None
        self._check = None if checker is None else PromptedCall(checker, CHECK, prompts)
        names = [f"trained:{endpoint.name}" if form == "trained" else endpoint.name]
        self.models = list(dict.fromkeys(names + ([] if checker is None else [checker.name])))
        self.prompts = [call.label for call in (self._analyse, self._rewrite, self._check) if call is not None]
        """name@version#digest of the prompts."""
        self.has_check = checker is not None

    async def analyse(
        self, question: str, views: Sequence[ImageView], *, facts: Sequence[str], threshold: float, meter: Meter
    ) -> Analysis | Unreadable:
        """The risk report of a question with its pictures.

        Args:
            facts: to be preserved by a rewrite.
            threshold: safety at or above which nothing is to be rewritten; a trained model has learnt its own.
        """
        if self._analyse is None:
            return await _analyse_trained(self._endpoint, question, views, meter)
        inputs = {"question": question, "pictures": describe_pictures(views), "hazards": hazard_lines()}
        if self._form == "frugal":
            inputs |= {"keep": _lines(facts), "threshold": f"{threshold:g}"}
        reply = await self._analyse.generate(views, meter, **inputs)
        if isinstance(reply, Unreadable):
            return reply
        return Analysis(reply.to_report(), reply.prompt if isinstance(reply, FrugalReply) else None)

    async def rewrite(
        self, question: str, views: Sequence[ImageView], report: RiskReport, *, facts: Sequence[str], meter: Meter
    ) -> str | Unreadable:
        """The new question, in the form of two calls. Source: VLMGuard-R1, x_T' = R(x_T, x_I, A)."""
        assert self._rewrite is not None  # noqa: S101 - the other forms rewrite with the analysis
        return await generate_question(self._rewrite, question, views, report, facts=facts, meter=meter)

    async def check(
        self, question: str, views: Sequence[ImageView], rewritten: str, report: RiskReport, *, meter: Meter
    ) -> CheckReply | Unreadable:
        """Whether the new question serves the aim, and the safety of answering it. Ours."""
        assert self._check is not None  # noqa: S101 - see has_check
        return await self._check.generate(
            views,
            meter,
            question=question,
            rewritten=rewritten,
            aim=report.aim or _NOTHING,
            hazards=hazard_lines(),
        )


async def generate_question(
    call: PromptedCall[PromptReply],
    question: str,
    views: Sequence[ImageView],
    report: RiskReport,
    *,
    facts: Sequence[str],
    meter: Meter,
) -> str | Unreadable:
    """The new question from a risk report, by a call of the kind ``REWRITE``."""
    reply = await call.generate(
        views,
        meter,
        facts=facts,
        question=question,
        report=report.words,
        aim=report.aim or _NOTHING,
        keep=_lines(facts),
        pictures=describe_pictures(views),
    )
    if isinstance(reply, Unreadable):
        return reply
    return reply.prompt.strip() or Unreadable("the new question is empty")


async def _analyse_trained(
    endpoint: Endpoint, question: str, views: Sequence[ImageView], meter: Meter
) -> Analysis | Unreadable:
    reply = await call_in_turns(
        endpoint,
        trained_prompt(question),
        images=views,
        meter=meter,
        phase="analyse",
        max_tokens=900,
        min_tokens=160,
    )
    finish = finish_reason(reply.message)
    if finish not in {None, "stop", "end_turn"}:
        return Unreadable(f"the rewriter's reply did not end by itself (finish reason {finish})")
    completion = parse_completion(reply_text(reply.message))
    if completion is None:
        return Unreadable("the reply is not one analysis followed by one outcome")
    report, prompt = completion
    return Analysis(report, prompt or "")


def describe_pictures(views: Sequence[ImageView]) -> str:
    """The number of pictures as a prompt words it."""
    return {0: "no picture", 1: "one picture"}.get(len(views), f"{len(views)} pictures")


def _lines(facts: Sequence[str]) -> str:
    return "\n".join(" ".join(fact.split()) for fact in facts) or _NOTHING
