"""What a rewrite asks of models: one behaviour, one async method, one port.

Every method books what it spends on the ``meter``, and raises ``BudgetError`` when its call does not fit (it was not
made) and ``ModelError`` when the endpoint fails. What can't be read is None with the reason: unknown, never harmless.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.rewriting.rewrite import RiskReport


@dataclass(frozen=True, slots=True)
class Analysed:
    """What an analysis came to.

    Attributes:
        report: A, the risk report.
        prompt: the new question where the same call wrote one; "" where it found nothing to rewrite; None where
            rewriting is a call of its own.
    """

    report: RiskReport
    prompt: str | None = None


@dataclass(frozen=True, slots=True)
class Checked:
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
class Unread:
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
    ) -> Analysed | Unread:
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
    ) -> str | Unread:
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
    ) -> Checked | Unread:
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
