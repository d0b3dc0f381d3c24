"""One kind of call: a prompt, the schema of its reply, and how many tokens it may use."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.experience import LEAST, MOST
from ecoalign_agent.llm.chat import Endpoint, Reply, ask
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Prompt

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
    """

    endpoint: Endpoint
    prompt: Prompt
    schema: type[T]
    kind: str
    phase: Phase

    async def ask(self, *, meter: Meter, images: Sequence[ImageView] = (), **inputs: str) -> Reply[T]:
        """Render the prompt with ``inputs`` and ask."""
        return await ask(
            self.endpoint,
            self.prompt.render(**inputs),
            self.schema,
            images=images,
            meter=meter,
            phase=self.phase,
            most=MOST[self.kind],
            least=LEAST[self.kind],
        )
