"""What every route of one server shares."""

import asyncio
from dataclasses import dataclass, field

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.serving.admission import Admission
from ecoalign_agent.serving.config import ServingConfig
from ecoalign_agent.serving.metrics import Metrics
from ecoalign_agent.serving.policies import BASE, policies_under


@dataclass(frozen=True, slots=True)
class Service:
    """What every route of one server shares.

    Attributes:
        config: what it was told.
        agent: answers; its policy is the ceiling.
        policies: by the model names of clients.
        admission: places for runs.
        metrics: counters.
        over: set when runs under way must end now.
    """

    config: ServingConfig
    agent: EcoAlign
    policies: dict[str, Policy]
    admission: Admission
    metrics: Metrics
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def of(cls, config: ServingConfig, agent: EcoAlign) -> "Service":
        """The parts, put together."""
        admission = Admission(runs=config.runs, queue=config.queue, seconds=config.queue_seconds)
        return cls(config, agent, policies_under(config.ceiling), admission, Metrics(admission))

    @property
    def models(self) -> list[str]:
        """Every model that a client can name."""
        return [*self.policies, *([BASE] if self.config.allow_base else [])]

    def closing(self) -> None:
        """Let nobody in any more; what is under way goes on."""
        self.admission.close()
