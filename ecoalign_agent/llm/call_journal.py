"""What a process that was killed in the middle of a step had been told already: nobody asks, or pays, for it again.

A step (a node of the graph) is carried out again from its start where its process ended before it did. Each request in
it is told by a digest of its content, without what is drawn anew for every call; what came of it was kept the moment it
was in, and is taken instead of asking. By content, and not by the order of calls: parallel calls come in another order
when some of their answers are there at once, and a verdict must never be given to another thought. Equal requests are
exchangeable, so that each kept answer is taken once, by whichever of them comes first. Source: ours.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from langchain_core.messages import AIMessage
from pydantic import BaseModel, ConfigDict, NonNegativeFloat, NonNegativeInt, ValidationError

from ecoalign_agent.economics.tariff import Usage


class CallStore(Protocol):
    """Where a step's calls are kept until the step has ended."""

    async def kept(self) -> Sequence[str]:
        """What was kept for this step, also by a process that has ended since, in order."""

    async def keep(self, entry: str) -> None:
        """Keep one entry; when this returns, it outlives the process."""


class KeptCall(BaseModel):
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
        self._left: dict[str, list[KeptCall]] | None = None
        self._reading = asyncio.Lock()

    async def recall(self, digest: str) -> list[KeptCall]:
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
        entry = KeptCall(
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


def digest_of(parts: Iterable[str | bytes]) -> str:
    """A digest of a request's parts, in order; none can be moved into its neighbour."""
    whole = hashlib.sha256()
    for part in parts:
        data = part.encode(errors="surrogatepass") if isinstance(part, str) else part
        whole.update(b"%d:" % len(data))
        whole.update(data)
    return whole.hexdigest()


def message_text(message: AIMessage) -> str:
    """A reply as JSON text: plain data, whatever an integration put into its metadata."""
    return json.dumps(message.model_dump(exclude={"type"}), default=str)


def read_message(text: str) -> AIMessage | None:
    """The reply that ``message_text`` wrote; None: it is not one."""
    try:
        return AIMessage.model_validate(json.loads(text))
    except ValueError:  # no JSON, or nothing that a message can hold: pydantic's own error is one too
        return None


def _readable(entries: Iterable[Any]) -> list[KeptCall]:
    """The entries that are whole; one that is not is as good as none: its call is made again."""
    found = []
    for entry in entries:
        try:
            found.append(KeptCall.model_validate_json(entry))
        except ValidationError:
            continue
    return found
