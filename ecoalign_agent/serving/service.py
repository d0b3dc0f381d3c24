"""What every route of one server shares."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.serving.admission import Admission
from ecoalign_agent.serving.config import ServingConfig
from ecoalign_agent.serving.metrics import Metrics
from ecoalign_agent.serving.policies import BASE, policies_under

MOST_WAITING = 10_000
"""Runs that wait for a person whose policy is remembered; older ones are told theirs again."""


@dataclass(slots=True)
class Service:
    """What every route of one server shares.

    Attributes:
        config: what it was told.
        agent: answers; its policy is the ceiling. Replaced once, when the application starts, where runs are kept.
        policies: by the model names of clients.
        admission: places for runs.
        metrics: counters.
        over: set when runs under way must end now.
        waiting: id of a run that waits for a person → its policy.
    """

    config: ServingConfig
    agent: EcoAlign
    policies: dict[str, Policy]
    admission: Admission
    metrics: Metrics
    over: asyncio.Event = field(default_factory=asyncio.Event)
    waiting: OrderedDict[str, Policy] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, config: ServingConfig, agent: EcoAlign) -> "Service":
        """The parts, put together."""
        admission = Admission(runs=config.runs, queue=config.queue, seconds=config.queue_seconds)
        return cls(config, agent, policies_under(config.ceiling), admission, Metrics(admission))

    @property
    def models(self) -> list[str]:
        """Every model that a client can name."""
        return [*self.policies, *([BASE] if self.config.allow_base else [])]

    def remember(self, run_id: str, policy: Policy) -> None:
        """A run waits for a person: it goes on under the policy that it was begun under."""
        self.waiting[run_id] = policy
        if len(self.waiting) > MOST_WAITING:
            self.waiting.popitem(last=False)

    def closing(self) -> None:
        """Let nobody in any more; what is under way goes on."""
        self.admission.close()
