"""What a rewriter hands back, alone and as part of a run's result."""

from typing import Literal

from pydantic import Field

from ecoalign_agent.trace.record import Record, Tokens

RewriteStatus = Literal["unchanged", "rewritten", "kept", "unknown", "failed"]
"""How a rewrite ended.

``unchanged``: the question is harmless and comes back word for word. ``rewritten``: written anew, and the check agreed.
``kept``: written anew, but the check or the rules found that the aim got lost or the danger did not: the original comes
back. ``unknown``: a reply could not be read, so nothing is known of the question's safety: the original comes back.
``failed``: the endpoint failed, or the budget or the deadline did not allow the calls: the original comes back.
"""


class RiskReport(Record):
    """A, the risk report: what could go wrong between text and image. Source: VLMGuard-R1, causal analysis."""

    text: str = ""
    """What in the wording provokes harm; "" for nothing."""
    image: str = ""
    """What in the pictures provokes harm."""
    both: str = ""
    """How the two amplify each other."""
    aim: str = ""
    """What the person may legitimately want."""
    provoking: list[str] = Field(default_factory=list)
    """The words of the question that provoke harm."""
    hazards: list[str] = Field(default_factory=list)
    """Codes of the hazards named."""
    safety: float | None = None
    """Of answering the question as asked, in [-1, 1]; None: unknown, which counts as unsafe."""

    @property
    def words(self) -> str:
        """The report as the prompts of later calls show it."""
        return f"text: {self.text or '(none)'}\nimage: {self.image or '(none)'}\nboth: {self.both or '(none)'}"


class RewriteCost(Record):
    """What a rewrite cost."""

    budget: float
    """Cost units it might have spent."""
    spent: float
    """Cost units it spent."""
    by_phase: dict[str, float]
    """Cost units by analyse, rewrite, check."""
    tokens: Tokens
    """Tokens in parts."""
    calls: int
    """Calls made, the failed ones too."""
    estimated: int
    """Those among them whose usage is our estimate."""
    overrun: float
    """Cost units beyond the budget: 0 unless a provider counted more than was reserved."""
    tariff: str
    """What one cost unit is."""


class Rewrite(Record):
    """The outcome of one rewrite."""

    prompt: str
    """x_T': what the target model is to be asked. The original, word for word, unless ``status`` is "rewritten"."""
    original: str
    """x_T: the person's question."""
    changed: bool
    """Whether the two differ."""
    report: RiskReport
    """A: why."""
    status: RewriteStatus
    """How it ended."""
    rejected: str | None = None
    """The new question that was not used, where ``status`` is "kept"."""
    cost: RewriteCost
    """What it cost."""
    seconds: float
    """How long it took."""
    models: list[str]
    """Who analysed, rewrote and checked."""
    prompts: list[str]
    """name@version#digest of every prompt in use."""
    notes: list[str] = Field(default_factory=list)
    """What the caller has to know, one line each."""
    run_id: str
    """The run's name."""

    @property
    def told(self) -> "Rewrite":
        """The same for events and results: a new question that failed its check is withheld."""
        return self.model_copy(update={"rejected": None})
