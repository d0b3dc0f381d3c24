"""The state of a run on a screen: thoughts, candidate actions, budget and present activity. Texts are clean lines."""

from dataclasses import dataclass, field, replace
from typing import Literal

from ecoalign_agent.cli.render.format import STOP_REASONS, amount, count, models_line, one_line, outcome_line
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Result

ROOT = "root"
MAX_TEXT = 400  # characters kept of one text: more than any row shows

Fate = Literal["live", "pruned", "merged", "chosen"]


@dataclass(frozen=True, slots=True)
class ShownThought:
    """A thought as it is shown; ``value`` is the V of its action, None when it was no action."""

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
    selected: bool = False


@dataclass(slots=True)
class View:
    """A run as it grows; feed it every event in order."""

    question: str = ""
    pictures: int = 0
    models: str = ""
    tariff: str = ""
    thoughts: dict[str, ShownThought] = field(default_factory=dict)
    candidates: dict[str, ShownAction] = field(default_factory=dict)
    total: float = 0.0
    spent: float = 0.0
    left: float = 0.0
    reserved: float = 0.0
    horizon: int | None = None
    activity: str = "starting"
    result: Result | None = None

    def update(self, event: events.Event) -> None:
        """Take in an event."""
        match event:
            case events.RunStarted():
                self.question, self.pictures = one_line(event.question, MAX_TEXT), event.pictures
                self.models, self.tariff = models_line(event.models), one_line(event.tariff)
                self.total = self.left = event.budget
                self.activity = "a first look" if event.pictures else "weighing the request"
            case events.BudgetMoved():
                self.total, self.spent, self.left = event.total, event.spent, event.left
                self.reserved, self.horizon = event.set_aside, event.horizon
            case events.ReviewAsked():
                # Not the end of it: what is drawn stays as it is.
                self.result, self.spent = event.result, event.result.cost.spent
                self.activity = STOP_REASONS["review"]
            case events.Reviewed():
                self.activity = f"going on: {event.review.ruling}"
            case events.Answered() | events.Declined() | events.Failed():
                self._end(event.result)
            case events.FrontierMoved():
                pass
            case _:
                self._grow(event)

    def _grow(self, event: events.Event) -> None:
        match event:
            case events.RewriteStarted():
                self.activity = "looking for what could go wrong"
            case events.Analysed():
                self.activity = "checking a new question" if event.safety < 0 else "weighing the request"
            case events.Scanned():
                self._scanned(event)
            case events.Planned():
                self._planned(event)
            case events.Proposed():
                self._proposed(event)
            case events.ForecastMade():
                self.activity = "looking ahead"
            case events.Scored():
                self._scored(event)
            case events.ThoughtAdded():
                self._added(event)
            case events.Pruned():
                self._cut(event.id, "pruned", one_line(event.reason))
            case events.Merged():
                self._merge(event)

    def _scanned(self, event: events.Scanned) -> None:
        self.total = event.budget
        self.left = min(self.left, event.budget - self.spent)
        # The scan is the root of the tree: the root itself is not events.
        caption = one_line(event.caption, MAX_TEXT) or one_line(event.seen_text, MAX_TEXT) or "the request"
        self.thoughts.setdefault(ROOT, ShownThought(ROOT, "root", caption, safety=event.safety))
        calm = "grading the draft answer" if event.drafted else "choosing what to do first"
        self.activity = "asking the assessor whether the request is harmful" if event.safety < 0 else calm

    def _planned(self, event: events.Planned) -> None:
        self.activity = "choosing what to do first"
        if not event.text:
            return
        self.thoughts.setdefault(event.id, ShownThought(event.id, "strategy", one_line(event.text, MAX_TEXT)))
        # The scan's actions follow from the strategy now.
        self.candidates = {id_: replace(action, tip=event.id) for id_, action in self.candidates.items()}

    def _proposed(self, event: events.Proposed) -> None:
        for offer in event.actions:
            kind, aim = one_line(offer.kind, 12), one_line(offer.aim, MAX_TEXT)
            figures = offer.safety, offer.utility, offer.cost
            self.candidates[offer.id] = ShownAction(offer.id, offer.tip, kind, aim, *figures)
        problem = f" (unreadable: {one_line(event.problem, 60)})" if event.problem else ""
        self.activity = f"valuing {count(len(event.actions), 'action')}{problem}"

    def _scored(self, event: events.Scored) -> None:
        self.horizon = event.horizon
        values = {scored.action: scored for scored in event.actions}
        # An action selected in an earlier round is a thought by now, and one without a score is no candidate any more.
        self.candidates = {
            id_: replace(action, value=values[id_].value, scored=True, selected=values[id_].bought)
            for id_, action in self.candidates.items()
            if id_ in values and not action.selected
        }
        selected = ", ".join(action.kind for action in self.candidates.values() if action.selected)
        self.activity = f"buying {selected}" if selected else "weighing what it has"

    def _added(self, event: events.ThoughtAdded) -> None:
        kind = one_line(event.thought_kind, 12)
        if kind == "root":
            return
        # The action that became this thought has the same number; it is no candidate any more.
        action = self.candidates.pop(f"a{event.id[1:]}", None)
        # Only parents that are known by now: what is drawn as a tree must not be able to close a circle.
        parents = tuple(parent for parent in event.parents if parent in self.thoughts)
        text, figures = one_line(event.text, MAX_TEXT), (event.safety, event.utility, event.cost)
        value = action.value if action else None
        self.thoughts[event.id] = ShownThought(event.id, kind, text, parents, *figures, value)
        if not any(action.selected for action in self.candidates.values()):
            self.activity = f"weighing what {one_line(event.id, 24)} brought"

    def _cut(self, id_: str, fate: Fate, why: str) -> None:
        thought = self.thoughts.get(id_)
        # A merged thought is also marked pruned by the graph: "merged" says more, so it stays.
        if thought is not None and thought.fate != "merged":
            self.thoughts[id_] = replace(thought, fate=fate, why=why)

    def _merge(self, event: events.Merged) -> None:
        saving = f", saves {amount(event.saving)}" if event.saving else ""
        self._cut(event.dropped, "merged", f"same as {one_line(event.kept, 24)}{saving}")
        for thought in list(self.thoughts.values()):
            if event.dropped in thought.parents:
                parents = (event.kept if parent == event.dropped else parent for parent in thought.parents)
                self.thoughts[thought.id] = replace(thought, parents=tuple(dict.fromkeys(parents)))

    def _end(self, result: Result) -> None:
        self.result = result
        self.candidates.clear()
        self.total, self.spent, self.left = result.cost.budget, result.cost.spent, result.cost.remaining
        self.reserved = 0.0
        for step in result.path:
            unknown = ShownThought(step.id, step.kind, one_line(step.text, MAX_TEXT), cost=step.cost)
            known = self.thoughts.get(step.id, unknown)
            self.thoughts[step.id] = replace(known, fate="chosen", safety=step.safety, utility=step.utility)
        self.activity = outcome_line(result)

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
