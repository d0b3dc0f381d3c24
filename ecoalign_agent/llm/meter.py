"""What a process that was killed in the middle of a step had been told already: nobody asks, or pays, for it again.

A step (a node of the graph) is carried out again from its start where its process ended before it did. Each request in
it is told by a digest of its content, without what is drawn anew for every call; what came of it was kept the moment it
was in, and is taken instead of asking. By content, and not by the order of calls: parallel calls come in another order
when some of their answers are there at once, and a verdict must never be given to another thought. Equal requests are
exchangeable, so that each kept answer is taken once, by whichever of them comes first. Source: ours.

One node's account of the budget: what a call may cost is held before it is made, and settled to what it did cost.

Source: ours ("The budget is hard"). Parallel calls share one meter, so their reservations count together. Between an
``affordable`` and its ``reserve`` there must be no ``await``: that is what makes them one step.
"""

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError

from ecoalign_agent.economics.budget import Budget, Ledger, Phase
from ecoalign_agent.economics.cost import Tariff, Usage, max_tariff


class CallStore(Protocol):
    """Where a step's calls are kept until the step has ended."""

    async def kept(self) -> Sequence[str]:
        """What was kept for this step, also by a process that has ended since, in order."""

    async def keep(self, entry: str) -> None:
        """Keep one entry; when this returns, it outlives the process."""


class RecordedCall(BaseModel):
    """One request that was paid for.

    Attributes:
        digest: of what was asked.
        answer: what came back, as text; None: nothing did, and it was booked as lost.
        text: uncached prompt tokens of text that were booked.
        image: prompt tokens of pictures.
        cached: cached prompt tokens.
        completion: completion tokens.
        estimated: the provider did not report them.
        seconds: that it took.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    digest: str
    answer: str | None
    text: NonNegativeInt
    image: NonNegativeInt
    cached: NonNegativeInt
    completion: NonNegativeInt
    estimated: bool
    seconds: NonNegativeFloat

    @property
    def usage(self) -> Usage:
        """What was booked, in tokens."""
        return Usage(self.text, self.image, self.cached, self.completion, estimated=self.estimated)


class CallJournal:
    """The calls of one step, over a store.

    Args:
        store: read when the first call is about to be made.
    """

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._left: dict[str, list[RecordedCall]] | None = None
        self._reading = asyncio.Lock()

    async def recall(self, digest: str) -> list[RecordedCall]:
        """What was paid for this request before, each for one taker: what was lost, then at most one answer."""
        async with self._reading:
            if self._left is None:
                self._left = {}
                for entry in _readable(await self._store.kept()):
                    self._left.setdefault(entry.digest, []).append(entry)
        left = self._left.get(digest, [])
        lost = [entry for entry in left if entry.answer is None]
        answered = [entry for entry in left if entry.answer is not None]
        self._left[digest] = answered[1:]
        return lost + answered[:1]

    async def keep(self, digest: str, answer: str | None, used: Usage, seconds: float) -> None:
        """Keep what came of a request that was paid for."""
        entry = RecordedCall(
            digest=digest,
            answer=answer,
            text=used.text,
            image=used.image,
            cached=used.cached,
            completion=used.completion,
            estimated=used.estimated,
            seconds=seconds,
        )
        await self._store.keep(entry.model_dump_json())


def request_digest(parts: Iterable[str | bytes]) -> str:
    """A digest of a request's parts, in order; none can be moved into its neighbour."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()


def dump_message(message: AIMessage) -> str:
    """A reply as JSON text: plain data, whatever an integration put into its metadata."""
    return json.dumps(message.model_dump(exclude={"type"}), default=str)


def load_message(text: str) -> AIMessage | None:
    """The reply that ``message_text`` wrote; None: it is not one."""
    try:
        return AIMessage.model_validate(json.loads(text))
    except ValueError:  # no JSON, or nothing that a message can hold: pydantic's own error is one too
        return None


def _readable(entries: Iterable[Any]) -> list[RecordedCall]:
    """The entries that are whole; one that is not is as good as none: its call is made again."""
    found = []
    for entry in entries:
        try:
            found.append(RecordedCall.model_validate_json(entry))
        except ValidationError:
            continue
    return found


class Meter:
    """Reserves and settles calls against one budget.

    Attributes:
        budget: as it stands now, in cost units.
        ledger: what was booked through this meter.
        tariff: what turns tokens into cost units.
        tariffs: the same by endpoint, where each has its own; one that is not in it costs what the dearest does.
        deadline: seconds since the epoch (``time.time()``) by which the request must end; None: none.
        journal: what was paid for in this step already, by a process that ended before it did; None: nothing is kept.
    """

    def __init__(
        self,
        budget: Budget,
        tariff: Tariff,
        ledger: Ledger | None = None,
        *,
        deadline: float | None = None,
        tariffs: Mapping[str, Tariff] | None = None,
        journal: CallJournal | None = None,
    ) -> None:
        self.budget = budget
        self.tariff = tariff
        self.tariffs = tariffs or {}
        self.ledger = Ledger() if ledger is None else ledger
        self.deadline = deadline
        self.journal = journal

    def tariff_at(self, endpoint: str) -> Tariff:
        """The tariff of calls to ``endpoint``."""
        own = self.tariffs.get(endpoint) if self.tariffs else self.tariff
        return max_tariff([self.tariff, *self.tariffs.values()]) if own is None else own

    def _holding(self, endpoint: str) -> Tariff:
        """The tariff of what is held: any of a prompt may turn out to come from the cache, and may be dearer there."""
        own = self.tariff_at(endpoint)
        if own.cached <= min(own.text, own.image):
            return own
        return replace(own, text=max(own.text, own.cached), image=max(own.image, own.cached))

    def affordable(self, prompt: Usage, *, most: int, least: int, at: str = "") -> int | None:
        """Completion tokens that a call may be allowed, so that all it can cost fits into what is free.

        Args:
            prompt: estimate of the call's prompt, in tokens; its completion part is not read.
            most: completion tokens wanted.
            least: completion tokens below which the call is not worth making.
            at: the endpoint's name.

        Returns:
            From ``least`` to ``most``; None: not even ``least`` fits.
        """
        asked = Usage(prompt.text, prompt.image, prompt.cached)
        tariff = self._holding(at)
        room = self.budget.free - tariff.cost(asked)
        tokens = math.floor(max(0.0, min(most, room / tariff.completion))) if room > 0 else 0
        # Division and product round differently: the reservation itself must fit.
        while tokens > 0 and tariff.cost(replace(asked, completion=tokens)) > self.budget.free:
            tokens -= 1
        return tokens if tokens >= max(1, least) else None

    def reserve(self, at_most: Usage, *, at: str = "") -> float:
        """Hold the most a call to the endpoint ``at`` can cost; returns it, in cost units.

        Raises:
            BudgetError: it does not fit into what is free.
        """
        cost = self._holding(at).cost(at_most)
        self.budget = self.budget.reserve(cost)
        return cost

    def settle(
        self, reserved: float, actual: Usage, phase: Phase, seconds: float, *, at: str = "", image_estimated: int = 0
    ) -> float:
        """Release a reservation and book what the call did cost; returns that, in cost units.

        Args:
            reserved: what :meth:`reserve` returned.
            actual: the call's usage; ``Usage()`` for a call that was refused before it cost anything.
            phase: what the call was for.
            seconds: how long it took.
            at: the endpoint's name.
            image_estimated: tokens of its pictures by our formula.
        """
        cost = self.tariff_at(at).cost(actual)
        self.budget = self.budget.settle(reserved, cost)
        self.ledger = self.ledger.book(phase, actual, cost, seconds, endpoint=at, image_estimated=image_estimated)
        return cost

    def ending(self) -> "Meter":
        """The final phase begins: what was set aside for it may be spent now. Returns this meter."""
        self.budget = self.budget.release_answer_reserve()
        return self

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None: there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())
