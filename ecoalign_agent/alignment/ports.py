"""What the search asks of models: one behaviour, one async method, one port.

Every method books what it spends on the ``meter``, and raises ``BudgetError`` when its call does not fit (it was not
made) and ``ModelError`` when the endpoint fails. A reply that can't be read has the value None.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ecoalign_agent.alignment.replies import ProposeReply, ScanReply, SimulateReply, TextReply
from ecoalign_agent.alignment.scene import Scene
from ecoalign_agent.assessing.port import Assessor
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.chat import Reply
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter


class Scanner(Protocol):
    """The global scanner: the first look, on reduced pictures."""

    async def scan(self, question: str, views: Sequence[ImageView], *, meter: Meter) -> Reply[ScanReply]:
        """Caption, text, places, the risk s0 of the whole request, first actions, and a draft where one is allowed."""


class Planner(Protocol):
    """Writes the strategy that a sensitive request is answered under."""

    async def plan(self, scene: Scene, *, meter: Meter) -> Reply[TextReply]:
        """The strategy, in a few sentences."""


class Proposer(Protocol):
    """Proposes next thoughts from a tip."""

    async def propose(
        self, scene: Scene, path: Sequence[Thought], others: Sequence[Thought], *, branching: int, meter: Meter
    ) -> Reply[ProposeReply]:
        """At most ``branching`` actions from the last thought of ``path``; ``others`` are the other live thoughts."""


class Simulator(Protocol):
    """Imagines futures without executing them: the valuator's eyes."""

    async def simulate(
        self, scene: Scene, path: Sequence[Thought], actions: Sequence[Action], *, horizon: int, meter: Meter
    ) -> Reply[SimulateReply]:
        """One or two futures of at most ``horizon`` steps for each action; actions are numbered from 1."""


class Executor(Protocol):
    """Carries an action out."""

    async def execute(self, scene: Scene, action: Action, path: Sequence[Thought], *, meter: Meter) -> Reply[TextReply]:
        """The thought's text. ``path`` holds, for a fuse, the thoughts to be joined."""


class Synthesizer(Protocol):
    """Writes the answer from the chosen path."""

    async def synthesize(self, scene: Scene, path: Sequence[Thought], *, meter: Meter) -> Reply[TextReply]:
        """The answer."""


class Decliner(Protocol):
    """Writes a refusal that says what can be done instead."""

    async def decline(self, question: str, caption: str, reason: str, *, meter: Meter) -> Reply[TextReply]:
        """The refusal."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything the search asks of models."""

    scanner: Scanner
    planner: Planner
    proposer: Proposer
    simulator: Simulator
    executor: Executor
    synthesizer: Synthesizer
    decliner: Decliner
    assessor: Assessor
