"""The state of a run: request, thought graph, remaining budget, Pareto frontier, outcome.

Everything here survives a checkpoint and comes back equal: plain values, frozen dataclasses and bytes; no picture
objects. The thought graph is carried as its journal of changes in a delta channel, so that a step stores what it
added and not the whole graph; a node replays the journal.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import CompletionStats, Usage
from ecoalign_agent.economics.pareto import FrontierPath, PathValue
from ecoalign_agent.economics.thoughts import Expansion, Merge, Prune, Thought
from ecoalign_agent.economics.valuation import Step
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Note, Result, Review, Rewrite, RiskReport, StopReason
from ecoalign_agent.search.request import RegionOfInterest, ScanFindings

STATE_VERSION = 2
"""Version of the keys and types of a stored run; raised when a stored run could no longer be read."""


def require_version(state: Mapping[str, Any]) -> None:
    """Raise a ``UsageError`` where another version of the package stored the run."""
    version, prior = state.get("version"), state.get("prior")
    if version != STATE_VERSION or not (prior is None or isinstance(prior, PriorStage)):
        raise UsageError(
            f"run {state.get('run_id')} was stored by another version of ecoalign-agent (state {version or 1}, this "
            f"one reads {STATE_VERSION}): finish it with that version, or ask under another run id"
        )


def _append(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    # A new list: another reader may still hold the old one.
    return [*before, *(entry for write in writes for entry in write)]


def _last_write(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    # A run that never ended may have left pictures behind.
    return writes[-1] if writes else before


# The one place that knows how lists are checkpointed; the channel type is beta and may be swapped here.
_APPENDED: DeltaChannel[Any] = DeltaChannel(_append)
_STORED_ONCE: DeltaChannel[Any] = DeltaChannel(_last_write)

ThoughtJournal = Annotated[list[Thought | Prune | Merge | Expansion], _APPENDED]

Images = Annotated[list[bytes | str], _STORED_ONCE]
"""Encoded pictures: bytes, or data URLs where they came as JSON. Written once a run, not with every step."""


@dataclass(frozen=True, slots=True)
class PriorStage:
    """Work on a request before the search began, in the same run and out of the same budget.

    A node in front of the search hands it on. It is in no input schema and counts only as this very type, so that
    nobody who sends JSON can give one. Ours.
    """

    run_id: str
    """The run that it belongs to; for any other it does not count."""
    started: float
    """Seconds since the epoch when that run began."""
    spent: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    event_count: int = 0
    seconds_waited: float = 0.0
    strategy: str = ""
    """Strategy for the search, assessed like a planner's; no planner is asked. "": none."""
    notes: list[Note] = field(default_factory=list)
    fingerprint: dict[str, str] = field(default_factory=dict)
    """Of the request as it was made; see `request_fingerprint`."""
    rewrite: Rewrite | None = None


def find_prior(state: Mapping[str, Any]) -> PriorStage | None:
    """The work before the search in the run that ``state`` belongs to; None: there was none."""
    prior = state.get("prior")
    return prior if isinstance(prior, PriorStage) and prior.run_id == state.get("run_id") else None


CHECKPOINTED = frozenset(
    (kind.__module__, kind.__name__)
    for kind in (
        *(Thought, Prune, Merge, Expansion, Action, Step, FrontierPath, PathValue),
        *(Budget, Ledger, Usage, CompletionStats, ScanFindings, RegionOfInterest),
        *(Note, Result, Review, PriorStage, Rewrite, RiskReport),
    )
)
"""Module and name of every type of the package in a checkpoint, for deserialization that builds known types alone.

``compile()`` knows the dataclasses and models of a graph's own state by itself, but no named tuples and nothing of an
inner graph's: a graph that holds EcoAlign as a node gives its checkpointer ``.with_allowlist(CHECKPOINTED)``.
"""


class SearchInput(TypedDict, total=False):
    """Input of the graph: a question with pictures, or a conversation; ``run_id`` names the run, drawn when missing."""

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str


class SearchOutput(TypedDict, total=False):
    """Output of the graph: the result, its answer, and the answer as a message."""

    result: Result
    answer: str | None
    status: str
    messages: Annotated[list[AnyMessage], add_messages]


class SearchState(TypedDict, total=False):
    """Everything between scan and end."""

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str
    version: int
    prior: PriorStage | None
    started: float
    """Seconds since the epoch when the run began; deadlines count from there."""
    findings: ScanFindings
    journal: ThoughtJournal
    candidates: list[Action]
    selected: list[str]
    simulated: bool
    """True: look-ahead was bought in this round."""
    budget: Budget
    frontier: Annotated[list[FrontierPath], _STORED_ONCE]
    ledger: Ledger
    completion_stats: CompletionStats
    calibrations: dict[str, Any]
    """How endpoints count prompts, by their names; see `TokenCalibration.export`."""
    round: int
    """Rounds of execute that have ended."""
    action_count: int
    event_count: int
    seconds_waited: float
    """Seconds in which at least one model call was open."""
    unknown_verdicts: int
    endpoint_failures: list[str]
    result_notes: list[Note]
    fingerprint: dict[str, str]
    """See `request_fingerprint`."""
    held_thoughts: list[Thought]
    held_by: str
    reviewing: list[str]
    """Ids of those that still wait for a decision."""
    review_requested: float
    reviews: list[Review]
    stop: StopReason | None
    """None while the search goes on."""
    answer_paths: list[list[str]]
    """Thought ids of the candidate paths for the answer, best first."""
    result: Result
    answer: str | None
    status: str


_REQUEST_KEYS = ("question", "images", "messages", "run_id", "prior")


def begin_state(request: Mapping[str, Any], total: float, **changes: Any) -> SearchState:  # noqa: ANN401 - values
    """The state at the start of a run with B_max ``total``: the request's own keys, its prior stage, and ``changes``.

    Whatever else ``request`` holds, as an earlier run of the thread left it, does not count.
    """
    values: dict[str, Any] = {key: request[key] for key in _REQUEST_KEYS if key in request} | {"version": STATE_VERSION}
    if (prior := find_prior(values)) is not None:
        same = ("ledger", "started", "event_count", "seconds_waited")
        values |= {"budget": Budget(total, prior.spent)} | {key: getattr(prior, key) for key in same}
    return SearchState(**{**values, **changes})  # type: ignore[typeddict-item] # keys of the state
