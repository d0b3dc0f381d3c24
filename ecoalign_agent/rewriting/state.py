"""What a rewrite's state machine carries: request, remaining budget, risk report, outcome."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Rewrite, RewriteStatus, RiskReport
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.rewriting.model_calls import Analyst, Checker, RewritePorts, Writer
from ecoalign_agent.search.state import Images

_NUMBER = (int, float)
_KNOBS: dict[str, Any] = {
    "budget": _NUMBER,
    "threshold": _NUMBER,
    "frugal": bool,
    "check": bool,
    "deadline": _NUMBER,
}
"""What a table may name, and of which type it is."""


@dataclass(frozen=True, slots=True)
class RewritePolicy:
    """How one rewrite is governed. Every number is ours: the paper gives none.

    Raises:
        UsageError: a number is out of range.
    """

    budget: float = 2_500.0
    """Cost units that one rewrite may spend at most, above 0."""
    threshold: float = 0.5
    """A question whose safety is this or more stays as it is, in (-1, 1]."""
    frugal: bool = True
    """Analysis and new question in one call; False: in two, as published."""
    check: bool = True
    """Whether a model checks the new question; the rules of ``kept.py`` always do."""
    deadline: float | None = None
    """Seconds that one rewrite may take, above 0; None: no limit."""
    tariff: Tariff = field(default_factory=Tariff)
    """What tokens cost."""

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> "RewritePolicy":
        """A policy from a table, as JSON or TOML holds one; what it does not name stays at its default.

        Raises:
            UsageError: a knob is not known, of the wrong type or out of range.
        """
        for knob, value in table.items():
            kind = _KNOBS.get(knob)
            if kind is None:
                raise UsageError(f"the rewrite's policy has no knob {str(knob)[:40]!r}: it has {', '.join(_KNOBS)}")
            if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
                wanted = "true or false" if kind is bool else "a number"
                raise UsageError(f"the rewrite's {knob} is {str(value)[:40]!r}, must be {wanted}")
        return cls(**table)

    def __post_init__(self) -> None:
        if not 0 < self.budget < float("inf"):
            raise UsageError(f"the rewrite's budget is {self.budget!r}: give cost units above 0")
        if not -1 < self.threshold <= 1:
            raise UsageError(f"the rewrite's threshold is {self.threshold!r}: give a safety above -1, at most 1")
        if self.deadline is not None and not 0 < self.deadline < float("inf"):
            raise UsageError(f"the rewrite's deadline is {self.deadline!r}: give seconds above 0")


@dataclass(frozen=True, slots=True)
class RewriteContext:
    """What all nodes of one compiled graph share.

    Attributes:
        ports: what is asked of models.
        policy: how a rewrite is governed.
        image_store: pictures by content.
        tariffs: tokens → cost units by endpoint's name, where each has its own; else all have the policy's.
        reserve_for_search: reserves what the search after the rewrite needs and returns the cost units left for the
            rewrite; None: no search follows.
    """

    ports: RewritePorts
    policy: RewritePolicy
    image_store: ImageStore
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    reserve_for_search: Callable[[Mapping[str, Any]], Awaitable[float]] | None = None

    @property
    def models(self) -> list[str]:
        """Every model in use, once."""
        return list(dict.fromkeys(port.name for port in self._all))

    @property
    def prompts(self) -> list[str]:
        """Every prompt in use."""
        return [label for port in self._all for label in port.prompts]

    @property
    def _all(self) -> Sequence[Analyst | Writer | Checker]:
        ports = (self.ports.analyst, self.ports.writer, self.ports.checker)
        return [port for port in ports if port is not None]


class QuestionRewriter(Protocol):
    """A rewriter that can stand in front of a search: ``ecoalign_agent.Rewriter``."""

    @property
    def desk(self) -> RewriteContext:
        """What its nodes share."""

    @property
    def endpoints(self) -> Sequence[Endpoint]:
        """Whom it asks."""


class RewriteInput(TypedDict, total=False):
    """A request: ``question`` with ``images``, or ``messages``."""

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str


class RewriteOutput(TypedDict, total=False):
    """The outcome: what the target model is to be asked, and the whole record."""

    prompt: str
    rewrite: Rewrite


class RewriteState(RewriteInput, RewriteOutput, total=False):
    """Everything the nodes hand on.

    Attributes:
        offered: the new question before its check.
        ended: how the rewrite ended; None while it goes on.
        told: how many events have been told.
        waiting: seconds in which at least one model call was open.
    """

    started: float
    budget: Budget
    ledger: Ledger
    report: RiskReport
    offered: str
    ended: RewriteStatus | None
    notes: list[str]
    told: int
    waiting: float
