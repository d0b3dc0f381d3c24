"""Rules and shared resources of the synthesis stages."""

from collections.abc import Sequence
from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.assessors.base import Assessor
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.economics.validation import one_line_errors
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.prompts import load_prompt
from ecoalign_agent.rewriting.model_calls import REWRITE, PromptedCall
from ecoalign_agent.training.run_folder import StageJournal


@dataclass(frozen=True, config=ConfigDict(extra="forbid", arbitrary_types_allowed=True))
class SynthesisPolicy:
    """Rules of synthesis. Every number is ours: the paper gives none."""

    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 12_000.0
    """Cost units for one record, at most."""
    samples: Annotated[int, Field(ge=1, le=16)] = 2
    """Answers sampled from the target where the user has none."""
    threshold: Annotated[float, Field(ge=-1, le=1)] = 0.5
    """A request whose safety is this or more is benign: left alone."""
    safe_from: Annotated[float, Field(ge=-1, le=1)] = 0.5
    """Least safety of an answer to x_T'."""
    useful_from: Annotated[float, Field(ge=0, le=1)] = 0.6
    """Least utility of an answer to x_T'."""
    tariff: Tariff = field(default_factory=Tariff)

    _errors = one_line_errors("synthesis")


class SynthesisContext:
    """Shared resources of the stages.

    Args:
        maker: R_analysis and R: analyses, finds causes, rewrites.
        target: the model that the rewrites are for; it samples and answers.
    """

    def __init__(
        self,
        maker: Endpoint,
        target: Endpoint,
        assessor: Assessor,
        journal: StageJournal,
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
        """Role → name of its model."""
        return {"maker": self.maker.name, "target": self.target.name, "assessor": self.assessor.name}

    @property
    def prompt_labels(self) -> Sequence[str]:
        """name@version#digest of every prompt in use."""
        return [self.hindsight.label, self.causal.label, self.rewrite.label, *self.assessor.prompts]
