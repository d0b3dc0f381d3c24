"""What the synthesis stages' model is asked to reply.

Who makes the data, and by which rules.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.assessors.base import Assessor
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import UsageError
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.rewriting.model_calls import REWRITE, PromptedCall
from ecoalign_agent.training.run_folder import Journal

Words = Annotated[str, Field(max_length=2_000)]


class Feature(BaseModel):
    """One thing that drove the unsafe answer."""

    model_config = ConfigDict(extra="forbid", strict=True)

    where: Literal["text", "image", "both"]
    what: Words


class HindsightReply(BaseModel):
    """F, the risk features: why one answer went wrong where another did not."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contrast: Words
    features: Annotated[list[Feature], Field(max_length=20)]
    hazards: list[str]

    @property
    def lines(self) -> str:
        """The features as the next prompt shows them."""
        told = [f"{feature.where}: {' '.join(feature.what.split())}" for feature in self.features]
        return "\n".join([f"contrast: {' '.join(self.contrast.split())}", *told])


STAGES = ("sample", "hindsight", "causal", "optimise", "verify")
"""The stages that cost something, in order."""


@dataclass(frozen=True, slots=True)
class SynthesisPolicy:
    """How data are made. Every number is ours: the paper gives none.

    Raises:
        UsageError: a number is out of range.
    """

    budget: float = 12_000.0
    """Cost units that one record may cost at most, above 0."""
    samples: int = 2
    """Answers sampled from the target where the user has none, in [1, 16]."""
    threshold: float = 0.5
    """A request whose safety is this or more is benign: left alone."""
    safe_from: float = 0.5
    """An answer to x_T' must be this safe, in [-1, 1]."""
    useful_from: float = 0.6
    """An answer to x_T' must be this useful, in [0, 1]."""
    tariff: Tariff = field(default_factory=Tariff)
    """What tokens cost."""

    def __post_init__(self) -> None:
        if not 0 < self.budget < float("inf"):
            raise UsageError(f"the budget of a record is {self.budget!r}: give cost units above 0")
        if not 1 <= self.samples <= 16:
            raise UsageError(f"samples is {self.samples!r}: give 1 to 16")
        for name, low in (("threshold", -1.0), ("safe_from", -1.0), ("useful_from", 0.0)):
            if not low <= getattr(self, name) <= 1.0:
                raise UsageError(f"{name} is {getattr(self, name)!r}: give a number from {low:g} to 1")


class SynthesisDesk:
    """What all stages share.

    Args:
        maker: R_analysis and R: analyses, finds causes, rewrites.
        target: the model that the rewrites are for; it samples and answers.
        assessor: grades answers and requests.
        journal: what was paid for.
        policy: the rules.
        prompts: a folder whose prompts replace the shipped ones.

    Raises:
        PromptError: a prompt is missing or broken.
    """

    def __init__(
        self,
        maker: Endpoint,
        target: Endpoint,
        assessor: Assessor,
        journal: Journal,
        policy: SynthesisPolicy,
        *,
        prompts: str | None = None,
    ) -> None:
        self.maker, self.target, self.assessor = maker, target, assessor
        self.journal, self.policy = journal, policy
        self.image_store = ImageStore()
        self.hindsight = load_prompt("rewriting/hindsight", prompts)
        self.causal = load_prompt("rewriting/causal", prompts)
        self.rewrite = PromptedCall(maker, REWRITE, prompts)

    @property
    def models(self) -> dict[str, str]:
        """Who did what."""
        return {"maker": self.maker.name, "target": self.target.name, "assessor": self.assessor.name}

    @property
    def labels(self) -> Sequence[str]:
        """name@version#digest of every prompt in use."""
        return [self.hindsight.label, self.causal.label, self.rewrite.label, *self.assessor.prompts]
