"""One node's account of the budget: what a call may cost is reserved before it, and settled to what it did cost.

Parallel calls share one meter, so their reservations count together. Between ``affordable`` and its ``reserve`` there
must be no ``await``: that is what makes them one step.

The journal keeps the calls of one step (a node of the graph). A step whose process ended before it did is carried out
again from its start; a request that was paid for then takes its stored answer. Requests are found by a digest of their
content, without what is drawn anew for every call, and not by their order: parallel calls come in another order when
some of their answers are there at once, and a verdict must never be given to another thought. Source: ours.
"""

import asyncio
import contextlib
import hashlib
import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, ValidationError

from ecoalign_agent.economics.budget import Budget, Ledger, Phase
from ecoalign_agent.economics.cost import Tariff, Usage, max_tariff


class CallStore(Protocol):
    """Storage for a step's calls until the step has ended."""

    async def entries(self) -> Sequence[str]:
        """Entries of this step, also by a process that has ended since, in order."""

    async def append(self, entry: str) -> None:
        """Store one entry; when this returns, it outlives the process."""


class RecordedCall(BaseModel):
    """One request that was paid for: its digest and the tokens booked; ``answer`` None: it was booked as lost."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    digest: str
    answer: str | None
    usage: Usage
    seconds: NonNegativeFloat


class CallJournal:
    """The calls of one step, over a store that is read when the first call is about to be made."""

    def __init__(self, store: CallStore) -> None:
        self._store = store
        self._left: dict[str, list[RecordedCall]] | None = None
        self._reading = asyncio.Lock()

    async def recall(self, digest: str) -> list[RecordedCall]:
        """Earlier calls of this request, each returned once: those that were lost, then at most one with an answer."""
        async with self._reading:
            if self._left is None:
                self._left = {}
                for entry in await self._store.entries():
                    # One that is not whole is as good as none: its call is made again.
                    with contextlib.suppress(ValidationError):
                        call = RecordedCall.model_validate_json(entry)
                        self._left.setdefault(call.digest, []).append(call)
        # Lost ones first: each of them comes before an answer.
        left = sorted(self._left.get(digest, []), key=lambda call: call.answer is not None)
        end = sum(call.answer is None for call in left) + 1
        self._left[digest] = left[end:]
        return left[:end]

    async def record(self, call: RecordedCall) -> None:
        """Store the outcome of a request that was paid for."""
        await self._store.append(call.model_dump_json())


def request_digest(parts: Iterable[str | bytes]) -> str:
    """A digest of a request's parts, in order; none can be moved into its neighbour."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def dump_message(message: AIMessage) -> str:
    """A reply as JSON text: plain data, whatever an integration put into its metadata."""
    return json.dumps(message.model_dump(exclude={"type"}), default=str)


def load_message(text: str) -> AIMessage | None:
    """The reply that ``dump_message`` wrote; None: it is not one."""
    try:
        return AIMessage.model_validate(json.loads(text))
    except ValueError:  # no JSON, or nothing that a message can hold: pydantic's own error is one too
        return None


class Meter:
    """Reserves and settles calls against one budget.

    Attributes:
        tariffs: by endpoint, where each has its own; one that is not in it costs what the dearest does.
        deadline: seconds since the epoch (``time.time()``) by which the request must end; None: none.
        journal: None: no calls are stored.
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

    def _reserving_tariff(self, endpoint: str) -> Tariff:
        own = self.tariff_at(endpoint)
        if own.cached <= min(own.text, own.image):
            return own
        return replace(own, text=max(own.text, own.cached), image=max(own.image, own.cached))

    def affordable(self, prompt: Usage, *, max_tokens: int, min_tokens: int, endpoint: str = "") -> int | None:
        """Completion tokens with which the most that a call can cost is free; None: fewer than ``min_tokens``."""
        request = Usage(prompt.text, prompt.image, prompt.cached)
        tariff = self._reserving_tariff(endpoint)
        free = self.budget.free
        room = free - tariff.cost(request)
        tokens = math.floor(max(0.0, min(max_tokens, room / tariff.completion))) if room > 0 else 0
        # Division and product round differently: the reservation itself must fit.
        while tokens > 0 and tariff.cost(replace(request, completion=tokens)) > free:
            tokens -= 1
        return tokens if tokens >= max(1, min_tokens) else None

    def reserve(self, max_usage: Usage, *, endpoint: str = "") -> float:
        """Reserve the most a call to ``endpoint`` can cost; returns it, in cost units, or raises a BudgetError."""
        cost = self._reserving_tariff(endpoint).cost(max_usage)
        self.budget = self.budget.reserve(cost)
        return cost

    def settle(
        self,
        reserved: float,
        actual: Usage,
        phase: Phase,
        seconds: float,
        *,
        endpoint: str = "",
        image_estimated: int = 0,
    ) -> float:
        """Release a reservation and book what the call did cost; returns that, in cost units."""
        cost = self.tariff_at(endpoint).cost(actual)
        self.budget = self.budget.settle(reserved, cost)
        self.ledger = self.ledger.book(phase, actual, cost, seconds, endpoint=endpoint, image_estimated=image_estimated)
        return cost

    def ending(self) -> "Meter":
        """Release what is reserved for the final phase. Returns this meter."""
        self.budget = self.budget.with_answer_reserve(0.0)
        return self

    def seconds_left(self) -> float | None:
        """Seconds until the deadline, never negative; None: there is no deadline."""
        return None if self.deadline is None else max(0.0, self.deadline - time.time())
