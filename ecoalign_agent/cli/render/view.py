"""What a watcher knows of a run so far: the thoughts, the actions on offer, the budget, and what is being done now.

No drawing here: ``tree`` and ``live`` do that. Texts are clean lines already.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

from ecoalign_agent.cli.render.format import STOPPED, amount, count, one_line, who
from ecoalign_agent.events import events as told
from ecoalign_agent.events.result import Result

ROOT = "root"
LONGEST = 400  # characters kept of one text: more than any row shows

Fate = Literal["live", "pruned", "merged", "chosen"]


@dataclass(frozen=True, slots=True)
class ShownThought:
    """A thought as it is shown. ``value`` is the V it was bought at, None when it was not bought as an action."""

    id: str
    kind: str
    text: str
    parents: tuple[str, ...] = ()
    safety: float | None = None
    utility: float | None = None
    cost: float = 0.0
    value: float | None = None
    fate: Fate = "live"
    why: str = ""


@dataclass(frozen=True, slots=True)
class ShownAction:
    """An action as it is shown; ``value`` is its V, None before it is scored or when it may not be executed."""

    id: str
    tip: str
    kind: str
    aim: str
    safety: float
    utility: float
    cost: float
    value: float | None = None
    scored: bool = False
    bought: bool = False


@dataclass(slots=True)
class View:
    """A run as it grows; feed it every event in order."""

    question: str = ""
    pictures: int = 0
    models: str = ""
    tariff: str = ""
    thoughts: dict[str, ShownThought] = field(default_factory=dict)
    offers: dict[str, ShownAction] = field(default_factory=dict)
    total: float = 0.0
    spent: float = 0.0
    left: float = 0.0
    set_aside: float = 0.0
    horizon: int | None = None
    doing: str = "starting"
    result: Result | None = None

    @property
    def begun(self) -> bool:
        """Whether anything has been told yet."""
        return bool(self.models)

    def tell(self, event: told.Event) -> None:
        """Take in what happened."""
        match event:
            case told.RunStarted():
                self.question, self.pictures = one_line(event.question, LONGEST), event.pictures
                self.models, self.tariff = who(event.models), one_line(event.tariff)
                self.total = self.left = event.budget
                self.doing = "a first look" if event.pictures else "weighing the request"
            case told.BudgetMoved():
                self.total, self.spent, self.left = event.total, event.spent, event.left
                self.set_aside, self.horizon = event.set_aside, event.horizon
            case told.ReviewAsked():
                # Not the end of it: what is drawn stays as it is.
                self.result, self.spent = event.result, event.result.cost.spent
                self.doing = STOPPED["review"]
            case told.Reviewed():
                self.doing = f"going on: {event.review.ruling}"
            case told.Answered() | told.Declined() | told.Failed():
                self._end(event.result)
            case told.FrontierMoved():
                pass
            case _:
                self._grow(event)

    def _grow(self, event: told.Event) -> None:
        match event:
            case told.RewriteStarted():
                self.doing = "looking for what could go wrong"
            case told.Analysed():
                self.doing = "checking a new question" if event.safety < 0 else "weighing the request"
            case told.Scanned():
                self._scanned(event)
            case told.Planned():
                self._planned(event)
            case told.Proposed():
                self._offered(event)
            case told.ForecastMade():
                self.doing = "looking ahead"
            case told.Scored():
                self._scored(event)
            case told.ThoughtAdded():
                self._added(event)
            case told.Pruned():
                self._cut(event.id, "pruned", one_line(event.reason))
            case told.Merged():
                self._merge(event)

    def _scanned(self, event: told.Scanned) -> None:
        self.total = event.budget
        self.left = min(self.left, event.budget - self.spent)
        # The scan is the root of the tree: the root itself is not told.
        caption = one_line(event.caption, LONGEST) or one_line(event.seen_text, LONGEST) or "the request"
        self.thoughts.setdefault(ROOT, ShownThought(ROOT, "root", caption, safety=event.safety))
        if event.safety < 0:
            self.doing = "asking the assessor whether the request is harmful"
        elif event.drafted:
            self.doing = "grading the draft answer"
        else:
            self.doing = "choosing what to do first"

    def _planned(self, event: told.Planned) -> None:
        self.doing = "choosing what to do first"
        if not event.text:
            return
        self.thoughts.setdefault(event.id, ShownThought(event.id, "strategy", one_line(event.text, LONGEST)))
        # What the scan offered follows from the strategy now.
        self.offers = {id_: replace(offer, tip=event.id) for id_, offer in self.offers.items()}

    def _offered(self, event: told.Proposed) -> None:
        for action in event.actions:
            self.offers[action.id] = ShownAction(
                action.id,
                action.tip,
                one_line(action.kind, 12),
                one_line(action.aim, LONGEST),
                action.safety,
                action.utility,
                action.cost,
            )
        problem = f" (unreadable: {one_line(event.problem, 60)})" if event.problem else ""
        self.doing = f"valuing {count(len(event.actions), 'action')}{problem}"

    def _scored(self, event: told.Scored) -> None:
        self.horizon = event.horizon
        values = {scored.action: scored for scored in event.actions}
        # What was bought in an earlier round is a thought by now, and what is no longer scored is off the market.
        self.offers = {
            id_: replace(offer, value=values[id_].value, scored=True, bought=values[id_].bought)
            for id_, offer in self.offers.items()
            if id_ in values and not offer.bought
        }
        bought = [offer for offer in self.offers.values() if offer.bought]
        self.doing = "buying " + ", ".join(offer.kind for offer in bought) if bought else "weighing what it has"

    def _added(self, event: told.ThoughtAdded) -> None:
        kind = one_line(event.thought_kind, 12)
        if kind == "root":
            return
        offer = self._paid_by(event.id)
        # Only parents that are known by now: what is drawn as a tree must not be able to close a circle.
        parents = tuple(parent for parent in event.parents if parent in self.thoughts)
        text = one_line(event.text, LONGEST)
        value = offer.value if offer else None
        self.thoughts[event.id] = ShownThought(
            event.id, kind, text, parents, event.safety, event.utility, event.cost, value
        )
        waiting = any(offer.bought for offer in self.offers.values())
        self.doing = self.doing if waiting else f"weighing what {one_line(event.id, 24)} brought"

    def _paid_by(self, thought: str) -> ShownAction | None:
        """The action that became this thought: the two have the same number. It is off the market then."""
        return self.offers.pop(f"a{thought[1:]}", None)

    def _cut(self, id_: str, fate: Fate, why: str) -> None:
        thought = self.thoughts.get(id_)
        # A merged thought is also marked pruned by the graph: "merged" says more, so it stays.
        if thought is not None and thought.fate != "merged":
            self.thoughts[id_] = replace(thought, fate=fate, why=why)

    def _merge(self, event: told.Merged) -> None:
        saving = f", saves {amount(event.saving)}" if event.saving else ""
        self._cut(event.dropped, "merged", f"same as {one_line(event.kept, 24)}{saving}")
        for thought in list(self.thoughts.values()):
            if event.dropped in thought.parents:
                parents = (event.kept if parent == event.dropped else parent for parent in thought.parents)
                self.thoughts[thought.id] = replace(thought, parents=tuple(dict.fromkeys(parents)))

    def _end(self, result: Result) -> None:
        self.result = result
        self.offers.clear()
        self.total, self.spent, self.left = result.cost.budget, result.cost.spent, result.cost.remaining
        self.set_aside = 0.0
        for step in result.path:
            known = self.thoughts.get(
                step.id, ShownThought(step.id, step.kind, one_line(step.text, LONGEST), cost=step.cost)
            )
            self.thoughts[step.id] = replace(known, fate="chosen", safety=step.safety, utility=step.utility)
        self.doing = f"{result.status}: {STOPPED[result.stop_reason]}"

    def parent(self, thought: ShownThought) -> str | None:
        """Under which thought this one is drawn: its first known parent, else the root; None for the root itself."""
        if thought.kind == "root":
            return None
        return next((parent for parent in thought.parents if parent in self.thoughts), next(iter(self.thoughts)))

    def summary(self) -> str:
        """What there is, in a few words: for the status line."""
        cut = sum(thought.fate in {"pruned", "merged"} for thought in self.thoughts.values())
        thoughts = count(sum(thought.kind != "root" for thought in self.thoughts.values()), "thought")
        return f"{thoughts}, {cut} cut" if cut else thoughts
