"""Who judges where no rule can: a chat model that is asked for one verdict in a strict schema.

A verdict that can't be read is unknown; nothing is taken for it. The judge should not be the model that is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from ecoalign_agent.llm.chat import Endpoint, ask
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import Rendered

T = TypeVar("T", bound=BaseModel)

MOST = 400
"""Completion tokens of a verdict, its reason included."""

LEAST = 48
"""Completion tokens below which asking is no use."""


@dataclass(frozen=True, slots=True)
class Judgement(Generic[T]):
    """What a judge said.

    Attributes:
        value: its reply; None: it could not be read, so unknown.
        cost: what asking cost, in cost units.
        why_unknown: one line, where there is no value.
        text: the reply as it came, for the record.
    """

    value: T | None
    cost: float
    why_unknown: str | None = None
    text: str | None = None


class Judge(Protocol):
    """Answers one question about an answer."""

    @property
    def name(self) -> str:
        """Who judges, for the table."""

    async def judge(
        self, prompt: Rendered, reply: type[T], *, images: Sequence[ImageView] = (), meter: Meter
    ) -> Judgement[T]:
        """Judge.

        Args:
            prompt: the question, with everything from outside in fences.
            reply: what the verdict must fit, exactly.
            images: go with the prompt.
            meter: pays.

        Raises:
            BudgetError: the call does not fit into what is free; nothing was asked.
            ModelError: the judge's endpoint failed.
        """


class ModelJudge:
    """A chat model as judge. Source: ours; the benchmarks name theirs, and no two the same."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    @property
    def name(self) -> str:
        """The endpoint's name."""
        return self.endpoint.name

    async def judge(
        self, prompt: Rendered, reply: type[T], *, images: Sequence[ImageView] = (), meter: Meter
    ) -> Judgement[T]:
        """Ask for one verdict; see :class:`Judge`."""
        said = await ask(
            self.endpoint,
            prompt,
            reply,
            images=images,
            meter=meter,
            phase="assess",
            most=MOST,
            least=LEAST,
            exact=True,
        )
        return Judgement(said.value, said.cost, None if said.value is not None else said.unreadable, said.text)
