"""One kind of call: a prompt, the schema of its reply, and how many tokens it may use."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.experience import LEAST, MOST
from ecoalign_agent.llm.chat import Endpoint, Reply, ask
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Prompt
from ecoalign_agent.llm.usage import text_tokens

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Task(Generic[T]):
    """A kind of call that a port makes.

    Attributes:
        endpoint: the model asked.
        prompt: its prompt, loaded when the port was built.
        schema: what the reply is validated against.
        kind: key of the token tables in ``economics.experience``.
        phase: where its cost is booked.
        longest: completion tokens that a text which may be given out may have; None: what a call of its kind may write.
    """

    endpoint: Endpoint
    prompt: Prompt
    schema: type[T]
    kind: str
    phase: Phase
    longest: int | None = None

    async def ask(self, *, meter: Meter, images: Sequence[ImageView] = (), **inputs: str) -> Reply[T]:
        """Render the prompt with ``inputs`` and ask; the model is told how long its text may be."""
        most, prompt = MOST[self.kind], self.prompt.render(**inputs)
        if self.longest is not None and self.longest < most:
            most = self.longest
            prompt = replace(prompt, system=f"{prompt.system}\nThe text may have {words_in(most)} words at the most.\n")
        reply = await ask(
            self.endpoint,
            prompt,
            self.schema,
            images=images,
            meter=meter,
            phase=self.phase,
            most=most,
            least=min(LEAST[self.kind], most),
        )
        return reply if self.longest is None else _short_enough(reply, self.longest)


def words_in(tokens: int) -> int:
    """Words that so many completion tokens have room for, JSON's own marks left out."""
    return max(5, (tokens - 10) * 3 // 5)


def _short_enough(reply: Reply[T], longest: int) -> Reply[T]:
    """The reply; unreadable where its text is too long, as of models that know no cap on completion tokens."""
    text = getattr(reply.value, "text", "")
    # The provider's count decides; where it is higher, for it covers all attempts, our estimate may still acquit.
    if reply.usage.completion <= longest and not reply.usage.estimated:
        return reply
    if text_tokens(text) <= longest:
        return reply
    return replace(reply, value=None, unreadable=f"longer than the {longest} tokens that an answer may have")
