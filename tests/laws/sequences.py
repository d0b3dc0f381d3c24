"""The search under drive: every call waits until a driver says what becomes of it, and books are kept beside its own.

A driver is a state machine, or a seeded draw. What it may do: answer an open call with any report of its usage, fail
it, let it hang, cancel the run, leave its stream, let its deadline pass. When a run is over, ``Rig.audit`` holds it to
its promises by the second set of books, which knows nothing but what was sent and what was reported.
"""

import asyncio
import json
import random
import time
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from ecoalign_agent import EcoAlign, Policy, Result, Tariff
from ecoalign_agent.assessors.disclaimers import remove_disclaimers
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetTooSmallError
from ecoalign_agent.factory import compile_search
from ecoalign_agent.images.image_tokens import image_tokens
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.testing import ScriptedCall
from tests.laws.fates import FAILURES, Mind, Report, Size, message, told
from tests.laws.provider import PAYS, Asked, Provider, Sent, Watched

Door = Literal["graph", "ask", "stream"]
"""Where a run is begun."""

DOORS: tuple[Door, ...] = ("graph", "ask", "stream")

_HANGS = 300.0
"""Seconds after which a run that comes to nothing is called hanging."""


@dataclass
class Audit:
    """What a run came to, when it kept its promises."""

    status: str
    """answered, declined, failed; cancelled: it was left; refused: its budget was too small to begin with."""
    calls: int
    overshoot: float
    """Cost units spent beyond the budget."""
    bound: float
    """What the calls of its last round reported beyond what was reserved for them."""
    spent: float
    budget: float
    seconds: float


@dataclass
class Rig:
    """An agent under drive, for one run after the other.

    Attributes:
        open: calls that wait for what becomes of them.
        calls: all calls of this run.
        honest: the provider has reported nothing but the truth, or nothing, in any run so far.
        broken: promises that were broken while calls were made.
        sees: the share of our formula that the provider counts for pictures where it is honest.
    """

    policy: Policy
    open: list[Asked] = field(default_factory=list)
    calls: list[Asked] = field(default_factory=list)
    honest: bool = True
    sees: float = 1.0
    broken: list[str] = field(default_factory=list)
    _meters: list[Meter] = field(default_factory=list)
    _together: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.agent = EcoAlign(Provider(rig=self), policy=self.policy)
        (self._endpoint,) = (one for one in self.agent.endpoints if isinstance(one, Endpoint))
        self._endpoint.backoff = 0.0
        context = self.agent._context
        model: Any = Watched(context.model, self._meters)
        assessor: Any = Watched(context.assessor, self._meters)
        self.agent.graph = compile_search(replace(context, model=model, assessor=assessor))

    @property
    def tariff(self) -> Tariff:
        return self.policy.tariff

    @property
    def least(self) -> float:
        """What rounding may come to, in cost units."""
        return 1e-9 * max(self.policy.budget, sum(call.booked for call in self.calls))

    def begin(self, door: Door, images: list[bytes], *, seed: int, leave_after: int | None = None) -> None:
        """Begin a run; a stream may be left after so many events."""
        assert not self.open
        self.calls.clear()
        self._meters.clear()
        self._together.clear()
        self.mind, self.begun = Mind(seed), time.perf_counter()
        self.run = asyncio.create_task(self._through(door, images, leave_after))

    async def _through(self, door: Door, images: list[bytes], leave_after: int | None) -> dict[str, Any]:
        question = "Who is at the door?"
        if door == "ask":
            return {"result": await self.agent.ask(question, images)}
        if door == "graph":
            request: Any = {"question": question, "images": images}
            state: dict[str, Any] = await self.agent.graph.ainvoke(
                request, output_keys=["result", "budget", "ledger", "status"]
            )
            return state
        last: Any = None
        async with aclosing(self.agent.stream(question, images)) as events:
            async for last in events:
                if last.number == leave_after:
                    return {}
        return {"result": last.result}

    def arrived(self, call: ScriptedCall, pictures: list[Sent]) -> Asked:
        """A call has been sent; what is committed fits into the budget."""
        formula = sum(image_tokens((p.width, p.height), p.detail, self._endpoint.family) for p in pictures)
        # As it was reckoned when it was reserved for, which was just now.
        expected = self._endpoint.calibration.estimate(call.prompt_tokens, pictures)  # type: ignore[arg-type] # as sent
        assert call.max_tokens is not None
        size = Size(expected.text, expected.image, call.max_tokens, call.prompt_tokens, formula)
        tariff = self.tariff
        # Any of the prompt may turn out to come from the cache.
        prompt = size.text * max(tariff.text, tariff.cached) + size.image * max(tariff.image, tariff.cached)
        most, usual = prompt + tariff.completion * size.most, Usage(size.text, size.image, 0, size.most)
        asked = Asked(call, size, PAYS.get(), asyncio.get_running_loop().create_future(), most, tariff.cost(usual))
        self.calls.append(asked)
        self.open.append(asked)
        self._together = list(self.open)
        self.check_committed()
        held, needed = asked.meter.budget.reserved, sum(call.reserved for call in self.open)
        self._hold(held >= needed - self.least, f"{held} held for open calls that can cost {needed}")
        # What is set aside for the ending is out of this call's reach.
        left, aside = asked.meter.budget.left, asked.meter.budget.answer_reserve
        self._hold(not self.honest or left >= aside - self.least, f"{left} left, {aside} set aside")
        return asked

    def check_committed(self) -> None:
        """With an honest provider, what was booked and what open calls may cost never exceed the budget, jointly."""
        if self.honest and self._meters:
            committed, total = sum(call.booked for call in self.calls), self._meters[-1].budget.total
            self._hold(committed <= total + self.least, f"{committed} committed of {total}")

    def _hold(self, promise: bool, otherwise: str) -> None:
        # Raised where a call is made, it would pass for an error of the endpoint.
        if not promise:
            self.broken.append(otherwise)

    def answer(self, which: int, report: Report, dice: random.Random) -> None:
        """Reply to an open call, where there still is one."""
        if (asked := self._picked(which)) is None:
            return
        text = self.mind.writes(asked.call, dice)
        usage, booked = told(report, asked.size, text, dice, sees=self.sees)
        asked.booked, asked.estimated = self.tariff.cost(booked), booked.estimated
        # What an endpoint reported once is learnt from: a lie in one run is believed in the next.
        self.honest = self.honest and report in {"honest", "silent"}
        asked.fate.set_result(message(text, usage))

    def fail(self, which: int, failure: str) -> None:
        """Let an open call fail, where there still is one."""
        if (asked := self._picked(which)) is None:
            return
        error, billed = FAILURES[failure]
        if not billed:
            asked.booked, asked.estimated = 0.0, False
        asked.fate.set_exception(error())

    def _picked(self, which: int) -> Asked | None:
        """One of the open calls; None: a deadline has cut them off in the meantime."""
        waiting = [asked for asked in self.open if not asked.fate.done()]
        return waiting[which % len(waiting)] if waiting else None

    async def until_asked(self) -> bool:
        """Wait for an open call; False: the run is over."""
        limit = time.perf_counter() + _HANGS
        while not self.run.done():
            if any(not asked.fate.done() for asked in self.open):
                return True
            assert time.perf_counter() < limit, "the run hangs"
            await asyncio.sleep(0)
        return False

    async def until_over(self) -> None:
        """Wait until the run has ended by itself."""
        done, _ = await asyncio.wait({self.run}, timeout=_HANGS)
        assert done, "the run hangs"

    async def audit(self) -> Audit:
        """Hold a run that is over to its promises.

        Raises:
            AssertionError: it broke one.
        """
        await asyncio.wait({self.run}, timeout=_HANGS)
        assert self.run.done(), "the run hangs"
        # A loop's own shutting down of generators may take a turn; work of ours may not.
        assert asyncio.all_tasks() <= {asyncio.current_task()}, "a task is left running"
        assert not self.broken, self.broken[0]
        assert not self.open, "a call is left open at the model"
        seconds = time.perf_counter() - self.begun
        cut_short = self.run.cancelled()
        if not cut_short and isinstance(self.run.exception(), BudgetTooSmallError):
            assert not self.calls, "a budget that was too small was spent from"
            return Audit("refused", 0, 0.0, 0.0, 0.0, self.policy.budget, seconds)
        state = {} if cut_short else self.run.result()
        result = state.get("result")
        overshoot, bound = self._check_money()
        if "budget" in state:
            assert abs(state["budget"].reserved) <= self.least
            assert state["ledger"].calls == len(self.calls)
        if result is not None:
            self._check_result(result, overshoot)
        spent, total = self._standing()
        status = "cancelled" if result is None else result.status
        return Audit(status, len(self.calls), overshoot, bound, spent, total, seconds)

    def _standing(self) -> tuple[float, float]:
        return (self._meters[-1].budget.spent, self._meters[-1].budget.total) if self._meters else (0.0, 0.0)

    def _check_money(self) -> tuple[float, float]:
        """Both sets of books agree, nothing stays reserved; overshoot and its bound."""
        for meter in self._meters:
            assert abs(meter.budget.reserved) <= self.least, f"{meter.budget.reserved} stay reserved"
        booked = sum(meter.ledger.calls for meter in self._meters)
        assert booked == len(self.calls), f"{booked} calls booked, {len(self.calls)} made"
        spent, total = self._standing()
        ledgers = sum(meter.ledger.cost for meter in self._meters)
        assert abs(spent - ledgers) <= self.least, f"{spent} spent, the ledgers hold {ledgers}"
        ours = sum(call.booked for call in self.calls)
        assert abs(spent - ours) <= self.least, f"{spent} spent, {ours} used"
        overshoot = max(0.0, spent - total)
        # When the last call was reserved for, all fitted: only those that were open then can have gone beyond it.
        bound = sum(max(0.0, call.booked - call.reserved) for call in self._together)
        assert overshoot <= bound + self.least, f"{overshoot} over the budget, one round explains {bound}"
        assert not self.honest or overshoot <= self.least, f"{overshoot} over the budget at an honest provider"
        return overshoot, bound

    def _check_result(self, result: Result, overshoot: float) -> None:
        """The result says what the books say, and is released only where an assessor found it safe."""
        spent, total = self._standing()
        cost = result.cost
        assert cost.budget == total <= self.policy.budget
        assert abs(cost.spent - spent) <= self.least
        assert abs(sum(cost.by_phase.values()) - spent) <= self.least
        tokens = cost.tokens
        weighed = self.tariff.cost(Usage(tokens.prompt, tokens.image, tokens.cached, tokens.completion))
        assert abs(weighed - spent) <= self.least
        assert abs(cost.overrun - overshoot) <= self.least
        assert cost.calls == len(self.calls)
        assert cost.estimated == sum(call.estimated for call in self.calls)
        noted = result.has_note("budget_overrun")
        assert noted == (cost.overrun > 0), "an overrun that the notes don't tell"
        assert json.loads(result.model_dump_json(), parse_constant=_no_constant)["run_id"] == result.run_id
        assert (result.answer is None) == (result.status == "failed")
        if result.status == "answered":
            assert result.safety is not None
            assert result.safety >= 0
            assert result.answer in self.mind.found_safe, "answered with what was never found safe"
            bare = remove_disclaimers(result.answer or "")
            assert not bare or bare in self.mind.found_safe, "its manners made it pass"


def _no_constant(word: str) -> float:
    raise AssertionError(f"{word} in a result's JSON")
