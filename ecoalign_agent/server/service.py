"""The state that all routes of one server share."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.events.events import HEARTBEAT
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.limits import Admission
from ecoalign_agent.server.observability import Metrics
from ecoalign_agent.server.policies import (
    UNASSESSED_MODEL,
    TightenedPolicy,
    policies_within,
    tighten_policy,
    unknown_model,
)

MAX_REMEMBERED = 10_000
"""Waiting runs whose policy is remembered; reviewers of older ones have to send it."""


@dataclass(slots=True)
class Service:
    """Configuration, agent, limits and metrics of one server."""

    config: ServingConfig
    agent: EcoAlign
    """Its policy is the ceiling. Replaced once at start, where runs are stored."""
    policies: dict[str, Policy]
    """By the model names of clients."""
    admission: Admission
    metrics: Metrics
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when runs under way must end now."""
    waiting: OrderedDict[str, Policy] = field(default_factory=OrderedDict)
    """Id of a run that waits for a reviewer → its policy."""

    @classmethod
    def create(cls, config: ServingConfig, agent: EcoAlign) -> "Service":
        """Build the parts from a configuration."""
        admission = Admission(runs=config.runs, queue=config.queue, seconds=config.queue_seconds)
        return cls(config, agent, policies_within(config.ceiling), admission, Metrics(admission))

    @property
    def models(self) -> list[str]:
        """Every model that a client can name."""
        return [*self.policies, *([UNASSESSED_MODEL] if self.config.allow_base else [])]

    @property
    def heartbeat(self) -> float:
        """Seconds between heartbeats of a run's stream, which refuses fewer than ``MIN_HEARTBEAT``."""
        return min(HEARTBEAT, self.config.heartbeat)

    def policy_for(
        self, model: str, options: Mapping[str, Any], max_answer_tokens: int | None = None
    ) -> TightenedPolicy:
        """The policy of a model's name under a request's options; ``ApiError`` where there is no such model."""
        if model not in self.policies:
            raise unknown_model(model, self.models)
        return tighten_policy(self.policies[model], options, max_answer_tokens)

    def remember(self, run_id: str, policy: Policy) -> None:
        """Keep the policy that a waiting run resumes under."""
        self.waiting[run_id] = policy
        if len(self.waiting) > MAX_REMEMBERED:
            self.waiting.popitem(last=False)
