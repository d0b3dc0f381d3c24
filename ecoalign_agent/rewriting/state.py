"""Policy, shared context and state of a rewrite."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Protocol

from langchain_core.messages import AnyMessage
from langgraph.graph.message import add_messages
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as validated
from typing_extensions import TypedDict

from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.economics.validation import one_line_errors, require_known_names
from ecoalign_agent.errors import PolicyError
from ecoalign_agent.events.result import Rewrite, RewriteStatus, RiskReport
from ecoalign_agent.images.store import ImageStore
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.rewriting.model_calls import RewriteCalls
from ecoalign_agent.search.state import Images


@validated(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class RewritePolicy:
    """Settings of one rewrite. Every number is ours: the paper gives none."""

    budget: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2_500.0
    """Maximum for one rewrite in cost units, above 0."""
    threshold: Annotated[float, Field(gt=-1, le=1)] = 0.5
    """Safety at or above which a question stays as it is, in (-1, 1]."""
    frugal: bool = True
    """Analysis and new question in one call; False: in two, as published."""
    check: bool = True
    """True: a model checks the new question; the rules of ``preserved_facts.py`` always do."""
    deadline: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """Seconds that one rewrite may take, above 0; None: no limit."""
    tariff: Tariff = field(default_factory=Tariff)
    """Cost of tokens."""

    _errors = one_line_errors("rewrite policy", PolicyError)

    @classmethod
    def from_mapping(cls, table: Mapping[str, Any]) -> "RewritePolicy":
        """A policy from a table, as JSON or TOML holds one; other settings stay at their defaults."""
        known = {setting.name for setting in fields(cls)} - {"tariff"}
        require_known_names(table, known, subject="rewrite policy")
        return cls(**table)


@dataclass(frozen=True, slots=True)
class RewriteContext:
    """Shared by all nodes of one compiled graph."""

    calls: RewriteCalls
    policy: RewritePolicy
    image_store: ImageStore
    tariffs: Mapping[str, Tariff] = field(default_factory=dict)
    """By endpoint's name, where each has its own; else all have the policy's."""
    reserve_for_search: Callable[[Mapping[str, Any]], Awaitable[float]] | None = None
    """Cost units left for the rewrite beside the least that the search after it needs; None: no search follows."""


class QuestionRewriter(Protocol):
    """A rewriter that can stand in front of a search: ``ecoalign_agent.Rewriter``."""

    context: RewriteContext
    endpoints: Sequence[Endpoint]


class RewriteInput(TypedDict, total=False):
    """A request: ``question`` with ``images``, or ``messages``."""

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str


class RewriteOutput(TypedDict, total=False):
    """The outcome: the prompt for the target model, and the whole record."""

    prompt: str
    rewrite: Rewrite


class RewriteState(RewriteInput, RewriteOutput, total=False):
    """The state of the graph."""

    started: float
    budget: Budget
    ledger: Ledger
    report: RiskReport
    new_question: str
    """Before its check."""
    rewrite_status: RewriteStatus | None
    """The end of the rewrite; None while it goes on."""
    notes: list[str]
    event_count: int
    seconds_waited: float
