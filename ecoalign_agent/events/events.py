"""Typed, versioned events of a run.

Every event carries ``kind``, ``version``, the run's id, its number in the run (from 0) and the seconds since the run
began. The text of a thought is in an event only after its verdict, and only when the thought is safe.

``schema.py`` publishes these models as JSON Schema; ``docs/events.md`` says when each comes. Within a version a kind
may be added, and a field that has a default; a reader passes over kinds that it does not know.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from ecoalign_agent.events.result import FrontierPoint, Models, Record, Result, Review, Rewrite

EVENT_VERSION = 1

HEARTBEAT = 5.0
"""Seconds between heartbeats of a run that waits for a model."""


class _Event(Record):
    version: Literal[1] = 1
    run_id: str = ""
    number: int = 0
    at: float = 0.0


class RewriteStarted(_Event):
    """A rewrite of the question began. ``budget``: what it may spend at most, in cost units of ``tariff``."""

    kind: Literal["rewrite_started"] = "rewrite_started"
    question: str
    pictures: int
    budget: float
    tariff: str
    models: list[str]


class Analysed(_Event):
    """The risk report is in: what in wording, pictures and both provokes harm, "" for nothing.

    ``safety`` of answering the question as asked, in [-1, 1]; ``aim``: what the person may legitimately want.
    """

    kind: Literal["analysed"] = "analysed"
    safety: float
    text: str
    image: str
    both: str
    aim: str
    hazards: list[str]


class Rewritten(_Event):
    """The rewrite ended: the last event of one that stands alone.

    ``rewrite.prompt`` is what the target model is to be asked: present only after the check. A new question that was
    rejected is withheld.
    """

    kind: Literal["rewritten"] = "rewritten"
    rewrite: Rewrite


class RunStarted(_Event):
    """The run began. ``budget`` is B_max, in cost units of ``tariff``."""

    kind: Literal["run_started"] = "run_started"
    question: str
    pictures: int
    budget: float
    tariff: str
    models: Models


class Scanned(_Event):
    """The first look is in.

    ``safety`` is s0, ``budget`` is B after scaling by risk, ``drafted`` whether a draft answer came along.
    """

    kind: Literal["scanned"] = "scanned"
    safety: float
    hazard: str
    caption: str
    seen_text: str
    regions: int
    actions: int
    drafted: bool
    budget: float


class Planned(_Event):
    """A strategy was written and found safe; its text is empty when it was not."""

    kind: Literal["planned"] = "planned"
    id: str
    text: str


class OfferedAction(Record):
    """An action that can be bought.

    Its forecast safety in [-1, 1], utility in [0, 1], and estimated cost in cost units.
    """

    id: str
    tip: str
    kind: str
    aim: str
    safety: float
    utility: float
    cost: float


class Proposed(_Event):
    """Actions were proposed from a tip. ``problem``: why the proposals could not be read, else ""."""

    kind: Literal["proposed"] = "proposed"
    tip: str
    actions: list[OfferedAction]
    problem: str = ""


class ForecastStep(Record):
    """An imagined step: safety in [-1, 1], utility in [0, 1], cost in cost units."""

    safety: float
    utility: float
    cost: float


class ForecastMade(_Event):
    """Imagined futures of one action came from the simulate node."""

    kind: Literal["forecast"] = "forecast"
    action: str
    futures: list[list[ForecastStep]]


class ScoredAction(Record):
    """An action's value V; None: never to be executed (unsafe, or it does not fit into what is left)."""

    action: str
    value: float | None
    bought: bool


class Scored(_Event):
    """The actions on offer were valued, best first. ``horizon`` is h_t, ``simulated`` whether look-ahead was bought."""

    kind: Literal["scored"] = "scored"
    round: int
    horizon: int
    simulated: bool
    actions: list[ScoredAction]


class ThoughtAdded(_Event):
    """A thought was generated and assessed. ``text`` is withheld ("") when it is unsafe or its verdict unknown."""

    kind: Literal["thought"] = "thought"
    id: str
    thought_kind: str
    parents: list[str]
    text: str
    safety: float | None
    utility: float | None
    cost: float
    gamma: float | None
    round: int


class Pruned(_Event):
    """A thought was cut, and why."""

    kind: Literal["pruned"] = "pruned"
    id: str
    reason: str


class Merged(_Event):
    """Two thoughts said the same. ``saving``: cost units that need not be spent now."""

    kind: Literal["merged"] = "merged"
    kept: str
    dropped: str
    saving: float


class BudgetMoved(_Event):
    """Budget left, in cost units, and the look-ahead horizon."""

    kind: Literal["budget"] = "budget"
    total: float
    spent: float
    left: float
    set_aside: float
    horizon: int
    round: int


class FrontierMoved(_Event):
    """The non-dominated answer paths changed."""

    kind: Literal["frontier"] = "frontier"
    points: list[FrontierPoint]


class Heartbeat(_Event):
    """Nothing happened for a while: the run waits for a model.

    ``elapsed`` in seconds since the run began, ``open_calls`` under way, ``spent`` in cost units, ``waiting_for`` the
    part of the run whose calls are open: scan, plan, propose, simulate, execute, synthesize or decline; of a rewrite
    analyse, rewrite or check.
    """

    kind: Literal["heartbeat"] = "heartbeat"
    elapsed: float
    open_calls: int
    spent: float
    waiting_for: str


class ReviewAsked(_Event):
    """The run waits for a person's verdict on ``result.waiting``, and emits nothing more until it is there.

    The thought's text is withheld: the reviewer reads it in the stored run.
    """

    kind: Literal["review_asked"] = "review_asked"
    result: Result


class Reviewed(_Event):
    """A person's verdict on a thought came, and the run goes on."""

    kind: Literal["reviewed"] = "reviewed"
    review: Review


class Answered(_Event):
    """The run ended with an assessed answer."""

    kind: Literal["answered"] = "answered"
    result: Result


class Declined(_Event):
    """The run ended with a refusal."""

    kind: Literal["declined"] = "declined"
    result: Result


class Failed(_Event):
    """The run ended with neither; ``result.failure`` says why."""

    kind: Literal["failed"] = "failed"
    result: Result


Event = Annotated[
    RewriteStarted
    | Analysed
    | Rewritten
    | RunStarted
    | Scanned
    | Planned
    | Proposed
    | ForecastMade
    | Scored
    | ThoughtAdded
    | Pruned
    | Merged
    | BudgetMoved
    | FrontierMoved
    | Heartbeat
    | ReviewAsked
    | Reviewed
    | Answered
    | Declined
    | Failed,
    Field(discriminator="kind"),
]
"""Any event; ``event_adapter`` reads one from JSON."""

event_adapter: TypeAdapter[Event] = TypeAdapter(Event)
