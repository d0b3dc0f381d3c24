"""What one node has at hand during its turn, and what it hands back at the end."""

import time
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from ecoalign_agent.assessors.base import CallSize
from ecoalign_agent.assessors.disclaimers import remove_disclaimers
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import CompletionStats, Tariff
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.events.result import Note, NoteCode, Result
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.meter import CallJournal, Meter
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import ImageScale, TokenCalibration, text_tokens
from ecoalign_agent.search.checkpointing import current_call_cache
from ecoalign_agent.search.context import RequestPictures, SearchContext
from ecoalign_agent.search.cost_model import TYPICAL_CROP, CostModel
from ecoalign_agent.search.emitter import EventEmitter
from ecoalign_agent.search.request import get_run_id, request_content
from ecoalign_agent.search.state import RequestContext, ScanFindings, SearchState, find_prior

ASSUMED_CHARACTERS = 600
"""Characters of caption and text in the pictures that are reckoned with before the scan has seen any."""

PART_INSTRUCTION = "Say also, in one short sentence, that the rest of the request is left out."
"""What is asked for with the harmless part of a request, so that nobody takes it for the whole."""

_MOST_TROUBLES = 8

_CLOCKS_APART = 0.05
"""Seconds: a time-out is measured by another clock than the deadline, and may fire a little before it."""

_TOO_LONG = ("cut off at the cap", "longer than the")
"""Beginnings of what ``llm.parsing`` and ``model_calls`` say of a reply that is unreadable for its length."""

T = TypeVar("T")


class NodeRun:
    """One node's turn: the state opened up to work with, and what is handed back at the end.

    Args:
        desk: what all nodes share.
        state: what the state machine carries.
        ending: the final phase: what was set aside is free, and the whole deadline may be used.
    """

    def __init__(self, desk: SearchContext, state: SearchState, *, ending: bool = False) -> None:
        self.desk, self.policy, self.ports = desk, desk.policy, desk.ports
        self.state = state
        self.run_id = get_run_id(state)
        self.prior = find_prior(state)
        self.started = state.get("started") or time.time()
        self.question, self.images = request_content(state)
        self.experience = state.get("experience", CompletionStats())
        told = [desk.gauge, *(call.gauge for call in desk.sizes.verdict if call.gauge is not None)]
        self._gauges = {gauge.name: gauge for gauge in told}
        for name, known in state.get("counted", {}).items():
            if name in self._gauges:
                # The run may have begun in another process, whose endpoints knew more than those of this one.
                self._gauges[name].recall(known)
        self.unknown = state.get("unknown", 0)
        self.troubles = list(state.get("troubles", []))
        self.notes = list(state.get("result_notes", []))
        self.reviews = list(state.get("reviews", []))
        self.named = state.get("named", 0)
        self._ledger = state.get("ledger", Ledger())
        self._budget = state.get("budget", Budget(self.policy.budget))
        self._graph: ThoughtGraph | None = None
        self._frontier: ParetoFrontier | None = None
        self._labelled_version = 0
        self._opened: RequestPictures | None = None
        self._costing: CostModel | None = None
        self._teller = EventEmitter(
            self.run_id,
            started=self.started,
            told=state.get("told", 0),
            spent=lambda: self.budget.spent,
            waited=state.get("waiting", 0.0),
        )
        deadline = self._deadline(ending=ending)
        calls = current_call_cache()
        journal = None if calls is None else CallJournal(calls)
        self.meter = Meter(self._budget, self.policy.tariff, deadline=deadline, tariffs=desk.tariffs, journal=journal)
        self._ending = ending
        if ending:
            self.meter.ending()

    @property
    def budget(self) -> Budget:
        """The budget as it stands in this moment."""
        return self.meter.budget

    @property
    def ledger(self) -> Ledger:
        """Everything booked in the run so far."""
        return self._ledger + self.meter.ledger

    @property
    def graph(self) -> ThoughtGraph:
        """The thought graph, replayed from the journal once a node."""
        if self._graph is None:
            self._graph = ThoughtGraph.replay(self.state.get("growth", []))
        return self._graph

    @property
    def frontier(self) -> ParetoFrontier:
        """The Pareto labels of the thought graph as it stands; made again only after the graph has changed."""
        graph = self.graph
        if self._frontier is None or self._labelled_version != graph.version:
            self._frontier = ParetoFrontier.under(self.policy, graph, self._budget.total)
            self._labelled_version = graph.version
        return self._frontier

    @property
    def horizon(self) -> int:
        """h_t of this moment, in steps."""
        return self.policy.horizon_at(self.budget.total, self.budget.spent)

    @property
    def times(self) -> int:
        """How often an answer is graded as it stands."""
        return 2 if self.policy.assess_answers_twice else 1

    @property
    def verdicts(self) -> int:
        """How often an answer is graded at the most: as it stands, and once without its manners."""
        return self.times + 1

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return self._teller.elapsed

    @property
    def out_of_time(self) -> bool:
        """Whether the time for this turn's calls is up: then a call that failed was cut off."""
        left = self.meter.seconds_left()
        return left is not None and left <= _CLOCKS_APART

    @property
    def waited(self) -> float:
        """Seconds of the run in which a model call was open."""
        return self._teller.waited

    def strategy(self) -> str:
        """Id of the live strategy thought, else of the root: where first actions grow from."""
        for thought in self.graph:
            if thought.kind == "strategy" and self.graph.live(thought.id):
                return thought.id
        return "root"

    @property
    def part(self) -> str:
        """The part of the request that is asked for alone from here on; "": the whole is.

        Where the whole is harmful, from the first; else from the round after a thought was found unsafe: a model that
        was asked in full and told what it must not is not asked the same again. The verdict is on the full request
        all the while. Ours.
        """
        sight = self.state.get("sight")
        if sight is None or not sight.harmless_part:
            return ""
        return sight.harmless_part if sight.partly or self.first_unsafe is not None else ""

    @property
    def first_unsafe(self) -> int | None:
        """The round of the first thought that an assessor found unsafe, -1 for a strategy; None: there is none."""
        found = (t for t in self.graph if t.unsafe and not t.unassessed and t.kind != "root")
        return min((-1 if thought.kind == "strategy" else thought.round for thought in found), default=None)

    async def opened(self) -> RequestPictures:
        """The request's pictures, opened and reduced; once a run.

        Raises:
            ImageError: one of them can't be read.
        """
        if self._opened is None:
            kept = self.desk.opened.get(self.run_id)
            # An id is the caller's choice: another run under the same one may be about other pictures.
            self._opened = kept if kept is not None and kept.sources == self.images else None
        if self._opened is None:
            pictures = [await self.desk.image_store.open(image) for image in self.images]
            views = [await picture.small() for picture in pictures]
            self._opened = self.desk.opened[self.run_id] = RequestPictures(self.images, pictures, views)
        return self._opened

    async def scene(self, sight: ScanFindings | None = None) -> RequestContext:
        """The request in sight."""
        sight = sight or self.state["sight"]
        opened = await self.opened()
        tip = self.strategy()
        text = self.graph[tip].text if tip != "root" and tip in self.graph else ""
        part = self.part
        question = f"{part}\n\n{PART_INSTRUCTION}" if part else self.question
        return RequestContext(question, opened.pictures, opened.views, sight, text)

    async def views(self) -> Sequence[ImageView]:
        """The pictures, reduced."""
        return (await self.opened()).views

    async def costing(self, sight: ScanFindings | None = None) -> CostModel:
        """What calls cost in this run, as far as is known."""
        if self._costing is None:
            views, desk = await self.views(), self.desk
            sight = sight or self.state.get("sight")
            known = f"{sight.caption}{sight.seen_text}{sight.harmless_part}" if sight else "x" * ASSUMED_CHARACTERS
            scene = text_tokens(self.question) + text_tokens(known)
            verdict = desk.sizes.verdict
            self._costing = CostModel(
                replace(desk.sizes, crop=desk.gauge.images.of_size(TYPICAL_CROP, "high")),
                self._reckoned(desk.gauge),
                scene,
                desk.gauge.images.estimate(views) if views else 0,
                [_view_tokens(views, call) for call in verdict],
                self.experience,
                pictures=len(views),
                assessor_tariffs=[self._reckoned(call.gauge) for call in verdict],
            )
        return self._costing.with_experience(self.experience)

    async def reckoned_again(self) -> CostModel:
        """The same, after endpoints have reported: what is known of their counting may have changed."""
        self._costing = None
        return await self.costing()

    def _reckoned(self, gauge: TokenCalibration | None) -> Tariff:
        """The tariff of an endpoint, for text as we estimate it: one that counts more is dearer by as much."""
        tariff = self.meter.tariff_at(gauge.name if gauge is not None else "")
        factor = 1.0 if gauge is None else gauge.texts.factor
        return tariff if factor == 1.0 else replace(tariff, text=tariff.text * factor)

    def next_id(self) -> str:
        """An id for the next action, and with "t" for the thought that it becomes."""
        self.named += 1
        return f"a{self.named}"

    async def attempt(self, call: Awaitable[T]) -> T | None:
        """Await a port.

        None: it did not fit, its endpoint failed, or time is up; noted, and the search goes on without.
        """
        try:
            return await self.awaited(call)
        except BudgetError:
            return None
        except ModelError as error:
            if not self.out_of_time and len(self.troubles) < _MOST_TROUBLES:
                self.troubles.append(str(error))
            return None

    async def awaited(self, call: Awaitable[T]) -> T:
        """Await a port; whoever listens hears by heartbeats that the run is still there."""
        return await self._teller.awaited(call)

    def note(self, code: NoteCode, text: str) -> None:
        """Add a note to the run's result."""
        self.notes.append(Note(code=code, text=text))

    def note_unreadable(self, name: str, reply: ModelReply[Any]) -> None:
        """Note that a paid reply could not be read, and whether its length was the reason."""
        code: NoteCode = "reply_too_long" if (reply.unreadable or "").startswith(_TOO_LONG) else "unreadable_reply"
        self.note(code, f"{name} could not be read: {reply.unreadable}")

    def learn(self, kind: str, completion: int) -> None:
        """Remember what a call of ``kind`` used."""
        self.experience = self.experience.seen(kind, completion)

    async def tell(self, event: type[Any], **fields: Any) -> None:  # noqa: ANN401 - the fields are the event's own
        """Tell everyone who listens: LangGraph's custom stream, and LangChain's callbacks where there are any."""
        await self._teller.tell(event, **fields)

    def update(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - LangGraph's update is a plain dict
        """What the node returns: ``changes``, and all that this turn booked, learned, told and grew."""
        base: dict[str, Any] = {
            "run_id": self.run_id,
            "started": self.started,
            # The next node of the ending sets its own part free again.
            "budget": replace(self.budget, answer_reserve=self._budget.answer_reserve) if self._ending else self.budget,
            "ledger": self.ledger,
            "told": self._teller.told,
        }
        if self._graph is not None and (fresh := self._graph.changes_since(len(self.state.get("growth", [])))):
            base["growth"] = fresh
        counted = {name: known for name, gauge in self._gauges.items() if (known := gauge.known())}
        rarely = {
            "counted": counted or self.state.get("counted"),
            "experience": self.experience,
            "unknown": self.unknown,
            "troubles": self.troubles,
            "result_notes": self.notes,
            "reviews": self.reviews,
            "named": self.named,
            "waiting": self._teller.waited,
        }
        base |= {key: value for key, value in rarely.items() if value != self.state.get(key)}
        return base | changes

    def closing(self, result: Result) -> dict[str, Any]:
        """The changes that end a run: its outcome, and a thread made ready for another request."""
        self.desk.opened.pop(self.run_id, None)
        said = {"messages": [AIMessage(result.answer, name="ecoalign")]} if result.answer is not None else {}
        outcome = {"result": result, "answer": result.answer, "status": result.status}
        blank: dict[str, Any] = {"question": "", "images": [], "run_id": ""}
        return outcome | said | blank | ({} if self.state.get("prior") is None else {"prior": None})

    @contextmanager
    def held(self, cost: float) -> Iterator[None]:
        """Hold ``cost`` cost units for a call that follows; where they are not free, nothing is held."""
        fits = cost <= self.budget.free
        if fits:
            self.meter.budget = self.budget.reserve(cost)
        try:
            yield
        finally:
            if fits:
                self.meter.budget = self.budget.settle(cost, 0.0)

    def regrading(self, costing: CostModel) -> float:
        """The part of what is set aside for grading an answer once more, without its manners, in cost units.

        Every answer may draw on it, also one of the search: it is as good as the final one.
        """
        least, whole = (costing.ending(verdicts=number) for number in (self.times, self.verdicts))
        return max(0.0, min(whole, self.budget.answer_reserve) - least)

    def needed_for(self, costing: CostModel, action: Action, *, path: int = 0) -> float:
        """What must be free for an action to be bought; an answer may draw on what is kept for grading one again.

        Args:
            costing: what calls cost.
            action: what is bought.
            path: tokens of the thoughts that its prompts carry.
        """
        if action.kind != "answer":
            return costing.thought_at_most(action.kind, path=path)
        polite = action.draft is not None and remove_disclaimers(action.draft) is not None
        verdicts = self.times + polite
        most = costing.thought_at_most("answer", path=path, drafted=action.draft is not None, verdicts=verdicts)
        return max(0.0, most - self.regrading(costing))

    @contextmanager
    def drawing(self, cost: float) -> Iterator[None]:
        """Let calls draw ``cost`` cost units of what is set aside; what they leave of it is kept again."""
        aside = self.budget.answer_reserve
        self.meter.budget = self.budget.with_answer_reserve(max(0.0, aside - cost))
        try:
            yield
        finally:
            self.meter.budget = self.budget.with_answer_reserve(aside)

    def _deadline(self, *, ending: bool) -> float | None:
        """Epoch seconds at which calls of this turn are cancelled; the search leaves time for the ending."""
        if self.policy.deadline is None:
            return None
        whole = self.started + self.policy.deadline
        return whole if ending else whole - self.ending_seconds()

    def ending_seconds(self) -> float:
        """Time that the final answer and its verdict will take.

        Two calls of this run's mean length, at most a quarter.
        """
        if self.policy.deadline is None or not self._ledger.calls:
            return 0.0
        return min(0.25 * self.policy.deadline, 2.0 * self._ledger.seconds / self._ledger.calls)


def _view_tokens(views: Sequence[ImageView], call: CallSize) -> int:
    """What the pictures count where this call goes, all of them, also where each has a call of its own."""
    if call.family is None or not views:
        return 0
    scale = ImageScale(call.family) if call.gauge is None else call.gauge.images
    if call.each_picture:
        return sum(scale.of_size((view.width, view.height), view.detail) for view in views)
    return scale.estimate(views)
