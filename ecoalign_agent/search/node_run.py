"""One run of one node: the state opened up, the budget that its calls share, and the update it returns."""

import asyncio
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, TypeVar

from langchain_core.messages import AIMessage

from ecoalign_agent.assessors.disclaimers import remove_disclaimers
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.cost import CompletionStats
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.reserve import AnswerReserve, seconds_for_answer
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.events.result import Note, NoteCode, Result
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.actions import ActionFactory, action_identity
from ecoalign_agent.search.context import RequestPictures, SearchContext
from ecoalign_agent.search.cost_model import CostModel, build_cost_model
from ecoalign_agent.search.node_base import MeteredNodeRun
from ecoalign_agent.search.request import EMPTY_TEXT, RequestContext, ScanFindings, thought_lines
from ecoalign_agent.search.schemas import ProposedAction
from ecoalign_agent.search.state import SearchState, find_prior, require_version

PART_INSTRUCTION = "Say also, in one short sentence, that the rest of the request is left out."
"""Added to the harmless part of a request, so that nobody takes it for the whole."""

_MAX_RECORDED_FAILURES = 8

_CLOCK_TOLERANCE = 0.05
"""Seconds: a time-out is measured by another clock than the deadline, and may fire a little before it."""

_TOO_LONG = ("cut off at the cap", "longer than the")
"""Beginnings of the reasons by which ``llm.parsing`` and ``model_calls`` call a reply unreadable for its length."""

T = TypeVar("T")


class NodeRun(MeteredNodeRun):
    """One run of one node: the state in, an update out.

    ``ending``: the final phase; the answer's reserve is free, and the whole deadline may be used.
    """

    def __init__(self, context: SearchContext, state: SearchState, *, ending: bool = False) -> None:
        require_version(state)
        self.prior = find_prior(state)
        self.context, self.policy, self.model, self.state = context, context.policy, context.model, state
        super().__init__(state, self.policy.budget, self.policy.tariff, context.tariffs, self.policy.deadline)
        self.stats = state.get("completion_stats", CompletionStats())
        self.unknown_verdicts = state.get("unknown_verdicts", 0)
        self.endpoint_failures = list(state.get("endpoint_failures", []))
        self.notes = list(state.get("result_notes", []))
        self.reviews = list(state.get("reviews", []))
        self.assessments = 2 if self.policy.assess_answers_twice else 1
        """Assessments of an answer as it stands."""
        self.max_assessments = self.assessments + 1
        """The same, and once without its disclaimers."""
        self._action_count = state.get("action_count", 0)
        self._ending = ending
        self._graph: ThoughtGraph | None = None
        self._frontier: ParetoFrontier | None = None
        self._labelled_version = 0
        self._pictures: RequestPictures | None = None
        self._costs: CostModel | None = None
        self._calibrations = self._recall_calibrations()
        if ending:
            self.meter.budget = self.budget.with_answer_reserve(0.0)
        elif self.meter.deadline is not None:
            self.meter.deadline -= self.answer_seconds()
        self.emit, self.call = self.emitter.emit, self.emitter.watch

    def _recall_calibrations(self) -> dict[str, Any]:
        """Calibrations of the endpoints, with what another process that began the run knew of them."""
        assessors = (call.calibration for call in self.context.sizes.assessment)
        known = {c.name: c for c in (self.context.calibration, *assessors) if c is not None}
        for name, stored in self.state.get("calibrations", {}).items():
            if name in known:
                known[name].restore(stored)
        return known

    @property
    def graph(self) -> ThoughtGraph:
        """The thought graph, replayed from the journal once a node."""
        if self._graph is None:
            self._graph = ThoughtGraph.replay(self.state.get("journal", []))
        return self._graph

    @property
    def frontier(self) -> ParetoFrontier:
        """The Pareto labels of the thought graph as it stands; made again only after the graph has changed."""
        graph = self.graph
        if self._frontier is None or self._labelled_version != graph.version:
            self._frontier = ParetoFrontier.under(self.policy, graph, self.initial_budget.total)
            self._labelled_version = graph.version
        return self._frontier

    def path_to(self, tip: str) -> tuple[Thought, ...]:
        """The best path to ``tip``, root first."""
        return tuple(self.graph[thought_id] for thought_id in self.frontier.path_to(tip))

    @property
    def permitted_question(self) -> str:
        """The part of the request that is asked for alone from here on; "": the whole is.

        Where the whole is harmful, from the first; else from the round after a thought was found unsafe: a model that
        was asked in full and wrote something unsafe is not asked the same again. The assessor sees the full request
        all the while. Ours.
        """
        findings = self.state.get("findings")
        if findings is None or not findings.harmless_part:
            return ""
        return findings.harmless_part if findings.partial or self.first_unsafe_round is not None else ""

    @property
    def first_unsafe_round(self) -> int | None:
        """The round of the first thought that an assessor found unsafe, -1 for a strategy; None: there is none."""
        found = (t for t in self.graph if t.unsafe and not t.unassessed and t.kind != "root")
        return min((-1 if thought.kind == "strategy" else thought.round for thought in found), default=None)

    async def pictures(self) -> RequestPictures:
        """The request's pictures, opened and reduced once a run, or an ``ImageError``."""
        if self._pictures is None:
            stored = self.context.open_pictures.get(self.run_id)
            # An id is the caller's choice: another run under the same one may be about other pictures.
            if stored is None or stored.sources != self.images:
                pictures = [await self.context.image_store.open(image) for image in self.images]
                views = [await picture.small() for picture in pictures]
                self.context.open_pictures[self.run_id] = stored = RequestPictures(self.images, pictures, views)
            self._pictures = stored
        return self._pictures

    async def request(self) -> RequestContext:
        """The request as model calls after the scan see it."""
        _, pictures, views = await self.pictures()
        part = self.permitted_question
        question = f"{part}\n\n{PART_INSTRUCTION}" if part else self.question
        strategies = (t.text for t in self.graph if t.kind == "strategy" and self.graph.live(t.id))
        return RequestContext(question, pictures, views, self.state["findings"], next(strategies, "") or EMPTY_TEXT)

    @property
    def horizon(self) -> int:
        """h_t of this moment, in steps."""
        return self.policy.horizon_at(self.budget.total, self.budget.spent)

    async def costs(self, findings: ScanFindings | None = None, *, recalibrated: bool = False) -> CostModel:
        """The costs of this run's calls, as far as is known; ``recalibrated``: by what endpoints have reported now."""
        if self._costs is None or recalibrated:
            views, findings = (await self.pictures()).views, findings or self.state.get("findings")
            self._costs = build_cost_model(
                self.context.sizes,
                self.context.calibration,
                self.meter,
                question=self.question,
                scanned=None if findings is None else findings.caption + findings.seen_text + findings.harmless_part,
                views=views,
            )
        return replace(self._costs, stats=self.stats)

    async def answer_reserve(self, path: Sequence[Thought] = ()) -> AnswerReserve:
        """Reserve for the final answer, written from ``path``."""
        return (await self.costs()).answer_reserve(
            path=text_tokens(thought_lines(path)) if path else 0,
            min_assessments=self.assessments,
            max_assessments=self.max_assessments,
        )

    def set_answer_reserve(self, amount: float) -> None:
        """Keep ``amount`` cost units for the final answer and its assessments."""
        self.meter.budget = self.budget.with_answer_reserve(amount)

    async def reserve_for_path(self, path: Sequence[Thought]) -> None:
        """Raise the answer's reserve to what an answer from ``path`` costs, where that is longer than assumed."""
        reserve = await self.answer_reserve(path)
        self.set_answer_reserve(reserve.for_path(reserved=self.budget.answer_reserve, left=self.budget.left))

    async def reassessment_reserve(self) -> float:
        """Part of the answer's reserve that every answer may use for its assessments, in cost units."""
        return (await self.answer_reserve()).reassessment(self.budget.answer_reserve)

    @contextmanager
    def reserve(self, cost: float) -> Iterator[None]:
        """Hold ``cost`` cost units for a call that follows; where they are not free, nothing is held."""
        fits = cost <= self.budget.free
        if fits:
            self.meter.budget = self.budget.reserve(cost)
        try:
            yield
        finally:
            if fits:
                self.meter.budget = self.budget.settle(cost, 0.0)

    @contextmanager
    def use_reserve(self, cost: float) -> Iterator[None]:
        """Make ``cost`` cost units of the answer's reserve free meanwhile; what is left of them is reserved again."""
        reserved = self.budget.answer_reserve
        self.set_answer_reserve(max(0.0, reserved - cost))
        try:
            yield
        finally:
            self.set_answer_reserve(reserved)

    async def max_action_cost(self, action: Action, *, path: int = 0) -> float:
        """Amount that must be free for an action, with ``path`` tokens; an answer may use the reassessment reserve."""
        costs = await self.costs()
        if not action.is_answer:
            return costs.max_thought(action.kind, path=path)
        drafted = action.draft is not None
        assessments = self.assessments + (action.draft is not None and remove_disclaimers(action.draft) is not None)
        cost = costs.max_thought(action.kind, path=path, drafted=drafted, assessments=assessments)
        reserve = await self.answer_reserve()
        return reserve.needed_for_answer(cost, reserved=self.budget.answer_reserve)

    @property
    def out_of_time(self) -> bool:
        """True if the time for this node's calls is up: then a call that failed was cut off."""
        left = self.meter.seconds_left()
        return left is not None and left <= _CLOCK_TOLERANCE

    def answer_seconds(self) -> float:
        """Seconds of the deadline reserved for the final answer and its assessment."""
        return seconds_for_answer(
            self.policy.deadline, calls=self.initial_ledger.calls, seconds=self.initial_ledger.seconds
        )

    async def try_call(self, call: Awaitable[T]) -> T | None:
        """Await a model call. None: it did not fit, its endpoint failed (which is recorded), or time is up."""
        try:
            return await self.call(call)
        except BudgetError:
            return None
        except ModelError as error:
            if not self.out_of_time and len(self.endpoint_failures) < _MAX_RECORDED_FAILURES:
                self.endpoint_failures.append(str(error))
            return None

    async def try_calls(self, calls: Sequence[Awaitable[T]]) -> list[T | None]:
        """Await model calls in parallel, each as in ``try_call``."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self.try_call(call)) for call in calls]
        return [task.result() for task in tasks]

    def record_completion(self, kind: str, completion: int) -> None:
        """Count the completion tokens of a call of ``kind``."""
        self.stats = self.stats.with_call(kind, completion)

    def note(self, code: NoteCode, text: str) -> None:
        """Add a note to the run's result."""
        self.notes.append(Note(code=code, text=text))

    def note_unreadable(self, name: str, reply: ModelReply[Any]) -> None:
        """Note that a paid reply could not be read, and whether its length was the reason."""
        code: NoteCode = "reply_too_long" if (reply.unreadable or "").startswith(_TOO_LONG) else "unreadable_reply"
        self.note(code, f"{name} could not be read: {reply.unreadable}")

    async def build_actions(
        self, proposals: Sequence[ProposedAction], tip: str, *, path: int, candidates: Sequence[Action]
    ) -> list[Action]:
        """The new candidates among a reply's proposals, at most ``branching``."""
        costs, pictures = await self.costs(), (await self.pictures()).pictures
        factory = ActionFactory(self.context.kinds, self.graph, self.policy, costs, pictures)
        known, made = set(map(action_identity, candidates)), []
        for proposal in proposals[: self.policy.branching]:
            action = factory.from_proposal(proposal, tip=tip, name=self.next_action_id(), path=path)
            if action is not None and action_identity(action) not in known:
                known.add(action_identity(action))
                made.append(action)
        return made

    def next_action_id(self) -> str:
        """An id for the next action; with "t" in place of "a" that of the thought that it becomes."""
        self._action_count += 1
        return f"a{self._action_count}"

    def update(self, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - LangGraph's update is a plain dict
        """The node's update: ``changes``, and all that this run of it booked, recorded and emitted."""
        budget = self.budget
        if self._ending:
            # The next node of the ending releases the reserve itself.
            budget = replace(budget, answer_reserve=self.initial_budget.answer_reserve)
        base: dict[str, Any] = {
            "run_id": self.run_id,
            "version": self.state["version"],
            "started": self.started,
            "budget": budget,
            "ledger": self.ledger,
            "event_count": self.emitter.count,
        }
        if self._graph is not None and (fresh := self._graph.changes[len(self.state.get("journal", [])) :]):
            base["journal"] = fresh
        calibrations = {name: known for name, c in self._calibrations.items() if (known := c.export())}
        seldom_changed = {
            "calibrations": calibrations or self.state.get("calibrations"),
            "completion_stats": self.stats,
            "unknown_verdicts": self.unknown_verdicts,
            "endpoint_failures": self.endpoint_failures,
            "result_notes": self.notes,
            "reviews": self.reviews,
            "action_count": self._action_count,
            "seconds_waited": self.emitter.waited,
        }
        base |= {key: value for key, value in seldom_changed.items() if value != self.state.get(key)}
        return base | changes

    def final_update(self, result: Result, **changes: Any) -> dict[str, Any]:  # noqa: ANN401 - as above
        """The update that ends a run: its outcome, and a thread made ready for another request."""
        self.context.open_pictures.pop(self.run_id, None)
        outcome: dict[str, Any] = {"result": result, "answer": result.answer, "status": result.status}
        if result.answer is not None:
            outcome["messages"] = [AIMessage(result.answer, name="ecoalign")]
        blank: dict[str, Any] = {"question": "", "images": [], "run_id": ""}
        if self.state.get("prior") is not None:
            blank["prior"] = None
        return self.update(**outcome, **blank, **changes)
