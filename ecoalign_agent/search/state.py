"""What the search knows about a request besides its thoughts, and how prompts show it.

What the state machine carries: request, thought graph, remaining budget, Pareto frontier, outcome.

Everything here survives a checkpoint and comes back equal: plain values, frozen dataclasses and bytes; no picture
objects. The thought graph is carried as its journal of changes in a delta channel, so that a step stores what it
added and not the whole graph; a node replays the journal.
"""

from collections.abc import Iterable, Mapping, Sequence
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
from ecoalign_agent.events.result import Note, Result, Review, Rewrite, RiskReport, StopReason
from ecoalign_agent.images.image import ImageView, Picture

EMPTY_TEXT = "(none)"
"""What an empty fence holds."""


@dataclass(frozen=True, slots=True)
class RegionOfInterest:
    """A place worth a closer look: ``box`` is left, top, right, bottom as fractions of picture number ``picture``."""

    picture: int
    what: str
    box: list[float]


@dataclass(frozen=True, slots=True)
class ScanFindings:
    """What the first look found.

    Attributes:
        caption: what the pictures show.
        seen_text: the text read in them.
        hazard: the worst hazard of the request, in words.
        safety: s0 in [-1, 1], after a confirmation where there was one.
        places: where a closer look is worth it.
        harmless_part: what of a request that is not harmless as a whole could be answered on its own, in the scan's
            words; "": nothing.
        partly: True: the whole is harmful, as the assessor sees it, too. Only the harmless part is asked for.
    """

    caption: str
    seen_text: str
    hazard: str
    safety: float
    places: list[RegionOfInterest] = field(default_factory=list)
    harmless_part: str = ""
    partly: bool = False


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request in sight: what every port after the scan is told.

    Attributes:
        question: the person's question; where only a part of it is asked for, that part.
        pictures: the pictures, opened.
        views: the pictures, reduced: the context of later calls.
        sight: what the first look found.
        strategy: the text of the strategy thought; "" without one.
    """

    question: str
    pictures: Sequence[Picture]
    views: Sequence[ImageView]
    sight: ScanFindings
    strategy: str = ""

    @property
    def caption(self) -> str:
        """The caption, or what stands for none."""
        return self.sight.caption or EMPTY_TEXT

    @property
    def seen_text(self) -> str:
        """The text in the pictures, or what stands for none."""
        return self.sight.seen_text or EMPTY_TEXT

    @property
    def regions(self) -> str:
        """The places worth a closer look, one a line."""
        lines = (f"picture {p.picture} {box_line(p.box)}: {single_line(p.what)}" for p in self.sight.places)
        return "\n".join(lines) or EMPTY_TEXT


def single_line(text: str) -> str:
    """``text`` on one line, so that it can't imitate another line of a list."""
    return " ".join(text.split())


def box_line(box: Iterable[float]) -> str:
    """A box as prompts show it."""
    return "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"


def thought_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them, one a line; the root is left out, its content stands in caption and seen text."""
    return "\n".join(f"[{t.id} {t.kind}] {single_line(t.text)}" for t in thoughts if t.kind != "root") or EMPTY_TEXT


def step_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them that have a fence of its own for the strategy: there it is read, and paid, once."""
    return thought_lines(t for t in thoughts if t.kind != "strategy")


def _extended(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """A new list: another reader may still hold the old one."""
    return [*before, *(entry for write in writes for entry in write)]


def _latest(before: list[Any], writes: Sequence[list[Any]]) -> list[Any]:
    """The last list written: pictures that a run which never ended has left behind are not those of the next."""
    return writes[-1] if writes else before


# The one place that knows how lists are checkpointed; the channel type is beta and may be swapped here.
_GROWING: DeltaChannel[Any] = DeltaChannel(_extended)
_STORED_ONCE: DeltaChannel[Any] = DeltaChannel(_latest)

Journal = Annotated[list[Thought | Prune | Merge | Expansion], _GROWING]
"""Every change that the thought graph underwent, in order."""

Images = Annotated[list[bytes | str], _STORED_ONCE]
"""Encoded pictures: bytes, or data URLs where they came as JSON. Written once a run, not with every step."""


@dataclass(frozen=True, slots=True)
class PriorStage:
    """What was done about a request before the search began, in the same run and out of the same budget.

    A node in front of the search hands it on. It is in no input schema and counts only as this very type, so that
    nobody who sends JSON can give one. Ours.

    Attributes:
        run_id: the run that it belongs to; for any other it does not count.
        started: seconds since the epoch when that run began.
        spent: cost units of the budget that are gone.
        ledger: what they were spent for.
        told: events told.
        waiting: seconds in which at least one model call was open.
        strategy: what a search is to go by; graded like a planner's, and no planner is asked. "": none.
        notes: what a reader must know to weigh the result.
        begun: digests of the request as it was made; see ``request_fingerprint``.
        rewrite: what a rewriter made of the question; None: there was none.
    """

    run_id: str
    started: float
    spent: float = 0.0
    ledger: Ledger = field(default_factory=Ledger)
    told: int = 0
    waiting: float = 0.0
    strategy: str = ""
    notes: list[Note] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)
    rewrite: Rewrite | None = None


def find_prior(state: Mapping[str, Any]) -> PriorStage | None:
    """What was done before the search in the run that ``state`` belongs to; None: nothing."""
    prior = state.get("prior")
    return prior if isinstance(prior, PriorStage) and prior.run_id == state.get("run_id") else None


CHECKPOINTED = frozenset(
    (kind.__module__, kind.__name__)
    for kind in (
        *(Thought, Prune, Merge, Expansion, Action, Step, FrontierPath, PathValue),
        *(
            Budget,
            Ledger,
            Usage,
            CompletionStats,
            ScanFindings,
            RegionOfInterest,
            Note,
            Result,
            Review,
            PriorStage,
            Rewrite,
            RiskReport,
        ),
    )
)
"""Module and name of every type of ours in a checkpoint, for deserialization that only lets known types through.

``compile()`` knows the dataclasses and models of a graph's own state by itself, but no named tuples and nothing of an
inner graph's: a graph that holds EcoAlign as a node gives its checkpointer ``.with_allowlist(CHECKPOINTED)``.
"""


class SearchInput(TypedDict, total=False):
    """What a caller gives: a question with pictures, or a conversation whose last human message holds both.

    ``run_id`` names the run in events and result, in at most 128 of A-Z, a-z, 0-9, _ and -; one is drawn when it is
    missing.
    """

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str


class SearchOutput(TypedDict, total=False):
    """What a caller gets: the result, its answer, and the answer as a message."""

    result: Result
    answer: str | None
    status: str
    messages: Annotated[list[AnyMessage], add_messages]


class SearchState(TypedDict, total=False):
    """Everything between scan and end.

    Attributes:
        prior: what was done about the request before the search.
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
        counted: what is known of how endpoints count prompts, by their names; see ``Gauge.known``.
        round: rounds of execute that have ended.
        named: how many actions have been given an id.
        told: how many events have been told.
        waiting: seconds in which at least one model call was open.
        unknown: verdicts that could not be read.
        troubles: endpoint failures, one line each.
        result_notes: what a reader must know to weigh the result.
        begun: digests of the request and of how it is carried out; see ``request_fingerprint``.
        held: thoughts that a node made and holds back until a person has decided; see ``reviewing``.
        held_by: the node that holds them.
        reviewing: ids of those that still wait for a verdict.
        asked_at: seconds since the epoch when the verdict was asked for.
        reviews: the verdicts of persons.
        stop: why the search ended; None while it goes on.
        chosen: thought ids of the candidate paths for the answer, best first.
    """

    question: str
    images: Images
    messages: Annotated[list[AnyMessage], add_messages]
    run_id: str
    prior: PriorStage | None
    started: float
    sight: ScanFindings
    growth: Journal
    offers: list[Action]
    buying: list[str]
    simulated: bool
    budget: Budget
    frontier: Annotated[list[FrontierPath], _STORED_ONCE]
    ledger: Ledger
    experience: CompletionStats
    counted: dict[str, Any]
    round: int
    named: int
    told: int
    waiting: float
    unknown: int
    troubles: list[str]
    result_notes: list[Note]
    begun: dict[str, str]
    held: list[Thought]
    held_by: str
    reviewing: list[str]
    asked_at: float
    reviews: list[Review]
    stop: StopReason | None
    chosen: list[list[str]]
    result: Result
    answer: str | None
    status: str
