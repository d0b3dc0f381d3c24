"""What the state machine carries: request, thought graph, remaining budget, Pareto frontier, outcome.

Everything here survives a checkpoint and comes back equal: plain values, frozen dataclasses and bytes; no picture
objects. The thought graph is carried as its journal of changes in a delta channel, so that a step stores what it
added and not the whole graph; ``growth.py`` folds the journal back into a graph.
"""

from collections.abc import Sequence
from typing import Annotated, Any

from langchain_core.messages import AnyMessage
from langgraph.channels.delta import DeltaChannel
from langgraph.graph.message import add_messages
from typing_extensions import TypedDict

from ecoalign_agent.alignment.scene import Place, Sight
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.experience import Experience
from ecoalign_agent.economics.journal import Expanded, Merged, Pruned, Thought
from ecoalign_agent.economics.pareto import FrontierPath, PathValue
from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.economics.value import Step
from ecoalign_agent.trace.result import Result, StopReason


def _extended(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """A new list: another reader may still hold the old one."""
    return [*before, *(entry for write in writes for entry in write)]


def _latest(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """The last list written: pictures that a run which never ended has left behind are not those of the next."""
    return writes[-1] if writes else before


# The one place that knows how lists are checkpointed; the channel type is beta and may be swapped here.
_GROWING: DeltaChannel[Any] = DeltaChannel(_extended)
_STORED_ONCE: DeltaChannel[Any] = DeltaChannel(_latest)

Journal = Annotated[list[Thought | Pruned | Merged | Expanded], _GROWING]
"""Every change that the thought graph underwent, in order."""

Images = Annotated[list[bytes | str], _STORED_ONCE]
"""Encoded pictures: bytes, or data URLs where they came as JSON. Written once a run, not with every step."""


CHECKPOINTED = frozenset(
    (kind.__module__, kind.__name__)
    for kind in (
        *(Thought, Pruned, Merged, Expanded, Action, Step, FrontierPath, PathValue),
        *(Budget, Ledger, Usage, Experience, Sight, Place, Result),
    )
)
"""Module and name of every type of ours in a checkpoint, for deserialization that only lets known types through.

``compile()`` knows the dataclasses and models of a graph's own state by itself, but no named tuples and nothing of an
inner graph's: a graph that holds EcoAlign as a node gives its checkpointer ``.with_allowlist(CHECKPOINTED)``.
"""


class AlignmentInput(TypedDict, total=False):
    """What a caller gives: a question with pictures, or a conversation whose last human message holds both.

    ``run_id`` names the run in events and result; one is drawn when it is missing.
    """

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str


class AlignmentOutput(TypedDict, total=False):
    """What a caller gets: the result, its answer, and the answer as a message."""

    result: Result
    answer: str | None
    status: str
    messages: Annotated[list[AnyMessage], add_messages]


class SearchState(TypedDict, total=False):
    """Everything between scan and end.

    Attributes:
        started: seconds since the epoch when the run began; deadlines count from there.
        sight: what the first look found.
        growth: the thought graph, as its journal.
        offers: actions that were proposed and not bought yet, with their forecasts.
        buying: ids of the offers that the score node chose.
        simulated: whether look-ahead was bought in this round.
        budget: total, spent, reserved, set aside.
        frontier: the non-dominated answer paths.
        ledger: what was booked, by phase.
        experience: completion tokens by kind of call, so far.
        round: rounds of execute that have ended.
        named: how many actions have been given an id.
        told: how many events have been told.
        waiting: seconds in which at least one model call was open.
        unknown: verdicts that could not be read.
        troubles: endpoint failures, one line each.
        notes: what a reader must know to weigh the result.
        stop: why the search ended; None while it goes on.
        chosen: thought ids of the candidate paths for the answer, best first.
    """

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str
    started: float
    sight: Sight
    growth: Journal
    offers: list[Action]
    buying: list[str]
    simulated: bool
    budget: Budget
    frontier: Annotated[list[FrontierPath], _STORED_ONCE]
    ledger: Ledger
    experience: Experience
    round: int
    named: int
    told: int
    waiting: float
    unknown: int
    troubles: list[str]
    notes: list[str]
    stop: StopReason | None
    chosen: list[list[str]]
    result: Result
    answer: str | None
    status: str
