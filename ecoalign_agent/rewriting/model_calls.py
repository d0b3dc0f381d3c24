"""What a rewrite asks of models: one behaviour, one async method, one port.

Every method books what it spends on the ``meter``, and raises ``BudgetError`` when its call does not fit (it was not
made) and ``ModelError`` when the endpoint fails. What can't be read is None with the reason: unknown, never harmless.

What the rewriter's models are asked to reply: the schemas behind the prompts under ``prompts/rewriting``.

The rewriter's ports over chat models: prompted in two calls, prompted in one, and trained.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.assessors.hazards import HAZARDS, hazard_lines
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import call_in_turns
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.rewriting.template import parse_completion, trained_prompt


@dataclass(frozen=True, slots=True)
class Analysis:
    """What an analysis came to.

    Attributes:
        report: A, the risk report.
        prompt: the new question where the same call wrote one; "" where it found nothing to rewrite; None where
            rewriting is a call of its own.
    """

    report: RiskReport
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """What the check of a new question came to.

    Attributes:
        serves_aim: whether a good answer to it gives the person what they may legitimately want.
        safety: of answering it, in [-1, 1].
        lost: what of the aim got lost, in words.
    """

    serves_aim: bool
    safety: float
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A reply that could not be read: unknown.

    Attributes:
        why: one line.
    """

    why: str


class Analyst(Protocol):
    """Reasons about text and image, and may write the new question in the same call."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def analyse(
        self, question: str, views: Sequence[ImageView], *, keep: Sequence[str], threshold: float, meter: Meter
    ) -> Analysis | Unreadable:
        """The risk report of a question with its pictures; at ``threshold`` or more nothing is to be rewritten."""


class Writer(Protocol):
    """Writes the question anew from the risk report."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def rewrite(
        self, question: str, views: Sequence[ImageView], report: RiskReport, *, keep: Sequence[str], meter: Meter
    ) -> str | Unreadable:
        """The new question. Source: VLMGuard-R1, prompt optimisation: x_T' = R(x_T, x_I, A)."""


class Checker(Protocol):
    """Compares the new question with the old one."""

    @property
    def name(self) -> str:
        """The model's name."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def check(
        self, question: str, views: Sequence[ImageView], rewritten: str, report: RiskReport, *, meter: Meter
    ) -> CheckOutcome | Unreadable:
        """Whether the new question serves the aim, and how safe answering it is."""


@dataclass(frozen=True, slots=True)
class RewritePorts:
    """Everything a rewrite asks of models.

    Attributes:
        analyst: the first call.
        writer: None: the analyst writes the new question itself.
        checker: None: only the rules of ``kept.py`` check a new question, and the result says so.
    """

    analyst: Analyst
    writer: Writer | None
    checker: Checker | None


Safety = Annotated[float, Field(ge=-1.0, le=1.0)]
Finding = Annotated[str, Field(max_length=2_000)]


class _Strict(BaseModel):
    """Types are not coerced from strings, NaN is refused, and every key but the known ones makes a reply unreadable."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class AnalysisReply(_Strict):
    """What could go wrong between a question and its pictures."""

    text: Finding
    image: Finding
    both: Finding
    provoking: list[str]
    aim: Finding
    hazards: list[str]
    safety: Safety


class FrugalReply(AnalysisReply):
    """The analysis, and the new question in the same reply; "" where nothing is to be rewritten."""

    prompt: Annotated[str, Field(max_length=20_000)]


class PromptReply(_Strict):
    """The new question."""

    prompt: Annotated[str, Field(min_length=1, max_length=20_000)]


class CheckReply(_Strict):
    """Whether the new question still serves the aim, and how safe answering it is."""

    lost: Finding
    hazards: list[str]
    serves_aim: bool
    safety: Safety


MOST = {"analyse": 500, "frugal": 900, "rewrite": 500, "check": 160, "trained": 900}
"""Completion tokens a call may use at the most. Ours."""

LEAST = {"analyse": 160, "frugal": 240, "rewrite": 80, "check": 64, "trained": 160}
"""Completion tokens below which a call is not worth making: it would be cut off. Ours."""

NOTHING = "(none)"


class PromptedAnalyst:
    """Asks any vision model for the risk report, or, ``frugal``, for report and new question in one call.

    Source: VLMGuard-R1, causal analysis; the joined call is ours: the published pipeline's cost was its limitation.
    """

    def __init__(self, endpoint: Endpoint, *, frugal: bool, prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self.frugal = frugal
        self._prompt = load_prompt("rewriting/frugal" if frugal else "rewriting/analyse", prompts)
        self._hazards = hazard_lines()

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def prompts(self) -> Sequence[str]:
        """The one prompt in use."""
        return (self._prompt.label,)

    async def analyse(
        self, question: str, views: Sequence[ImageView], *, keep: Sequence[str], threshold: float, meter: Meter
    ) -> Analysis | Unreadable:
        """See :class:`~ecoalign_agent.rewriting.model_calls.Analyst`."""
        told = {"question": question, "pictures": describe_pictures(views), "hazards": self._hazards}
        kind = "analyse"
        if self.frugal:
            kind, told = "frugal", told | {"keep": _lines(keep), "threshold": f"{threshold:g}"}
        reply = await call_with_fallback(
            self.endpoint,
            self._prompt.render(**told),
            FrugalReply if self.frugal else AnalysisReply,
            images=views,
            meter=meter,
            phase="analyse",
            max_tokens=MOST[kind],
            min_tokens=LEAST[kind],
            exact=True,
        )
        if reply.value is None:
            return Unreadable(reply.unreadable or "the analysis could not be read")
        return Analysis(to_report(reply.value), reply.value.prompt if isinstance(reply.value, FrugalReply) else None)


class PromptedWriter:
    """Asks any vision model for the new question."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self._prompt = load_prompt("rewriting/prompt", prompts)

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def prompts(self) -> Sequence[str]:
        """The one prompt in use."""
        return (self._prompt.label,)

    async def rewrite(
        self, question: str, views: Sequence[ImageView], report: RiskReport, *, keep: Sequence[str], meter: Meter
    ) -> str | Unreadable:
        """See :class:`~ecoalign_agent.rewriting.model_calls.Writer`."""
        reply = await call_with_fallback(
            self.endpoint,
            self._prompt.render(
                question=question,
                report=report.words,
                aim=report.aim or NOTHING,
                keep=_lines(keep),
                pictures=describe_pictures(views),
            ),
            PromptReply,
            images=views,
            meter=meter,
            phase="rewrite",
            max_tokens=MOST["rewrite"],
            min_tokens=LEAST["rewrite"],
        )
        if reply.value is None:
            return Unreadable(reply.unreadable or "the new question could not be read")
        return reply.value.prompt.strip() or Unreadable("the new question is empty")


class PromptedChecker:
    """Asks a model whether the new question serves the aim; read as strictly as a verdict. Ours."""

    def __init__(self, endpoint: Endpoint, *, prompts: str | None = None) -> None:
        self.endpoint = endpoint
        self._prompt = load_prompt("rewriting/check", prompts)
        self._hazards = hazard_lines()

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    @property
    def prompts(self) -> Sequence[str]:
        """The one prompt in use."""
        return (self._prompt.label,)

    async def check(
        self, question: str, views: Sequence[ImageView], rewritten: str, report: RiskReport, *, meter: Meter
    ) -> CheckOutcome | Unreadable:
        """See :class:`~ecoalign_agent.rewriting.model_calls.Checker`."""
        prompt = self._prompt.render(
            question=question, rewritten=rewritten, aim=report.aim or NOTHING, hazards=self._hazards
        )
        reply = await call_with_fallback(
            self.endpoint,
            prompt,
            CheckReply,
            images=views,
            meter=meter,
            phase="check",
            max_tokens=MOST["check"],
            min_tokens=LEAST["check"],
            exact=True,
        )
        if reply.value is None:
            return Unreadable(reply.unreadable or "the check could not be read")
        return CheckOutcome(reply.value.serves_aim, reply.value.safety, reply.value.lost)


class TrainedAnalyst:
    """A fine-tuned rewriter behind an endpoint: asked with the template it was trained on, in one call.

    Source: VLMGuard-R1, the trained R; the template is ours.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def name(self) -> str:
        """``trained:`` and the endpoint's name."""
        return f"trained:{self.endpoint.name}"

    @property
    def prompts(self) -> Sequence[str]:
        """None of the prompt files: its template is part of the program."""
        return ()

    async def analyse(
        self, question: str, views: Sequence[ImageView], *, keep: Sequence[str], threshold: float, meter: Meter
    ) -> Analysis | Unreadable:
        """See :class:`~ecoalign_agent.rewriting.model_calls.Analyst`; it was trained to decide by itself what stays."""
        del keep, threshold
        reply = await call_in_turns(
            self.endpoint,
            trained_prompt(question),
            images=views,
            meter=meter,
            phase="analyse",
            max_tokens=MOST["trained"],
            min_tokens=LEAST["trained"],
        )
        ended = finish_reason(reply.message)
        if ended not in {None, "stop", "end_turn"}:
            return Unreadable(f"the rewriter's reply did not end by itself (finish reason {ended})")
        read = parse_completion(reply_text(reply.message))
        if read is None:
            return Unreadable("the reply is not one analysis followed by one outcome")
        report, prompt = read
        return Analysis(report, prompt or "")


def to_report(reply: AnalysisReply) -> RiskReport:
    """A model's analysis as a risk report; hazard codes that nobody knows are left out."""
    return RiskReport(
        text=reply.text,
        image=reply.image,
        both=reply.both,
        aim=reply.aim,
        provoking=reply.provoking,
        hazards=[code for code in reply.hazards if code in HAZARDS],
        safety=reply.safety,
    )


def describe_pictures(views: Sequence[ImageView]) -> str:
    """How a prompt speaks of the pictures."""
    return {0: "no picture", 1: "one picture"}.get(len(views), f"{len(views)} pictures")


def _lines(facts: Sequence[str]) -> str:
    return "\n".join(" ".join(fact.split()) for fact in facts) or NOTHING
