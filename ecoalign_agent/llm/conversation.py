"""``converse``: a conversation in plain turns to a model that answers in a few words, metered like every call.

Guard models bring their own prompt in their chat template: they take what the person and the assistant said as turns,
and no system message. Source: ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.errors import BudgetError
from ecoalign_agent.llm.attempt import Asking, Question, attempt
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.failures import AttemptError
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.picture import ImageView
from ecoalign_agent.llm.prompts import Rendered
from ecoalign_agent.llm.retry import retrying
from ecoalign_agent.llm.usage import words_estimate


class Said(NamedTuple):
    """What came of a conversation: the reply, and what all attempts cost, in cost units."""

    message: AIMessage
    cost: float


@dataclass(frozen=True, slots=True)
class _Conversation(Question[BaseModel]):
    """A question that goes out as turns; the first is the prompt's user text."""

    answered: str | None

    def messages(self, rung: Rung) -> list[BaseMessage]:
        """The turns as chat messages."""
        del rung
        person = HumanMessage(self.prompt.user)
        if self.images:
            person = HumanMessage([{"type": "text", "text": self.prompt.user}, *(view.block() for view in self.images)])
        return [person] if self.answered is None else [person, AIMessage(self.answered)]

    def words(self, rung: Rung) -> int:
        """Tokens of the turns' text, by our estimate; the template's own text comes on top."""
        del rung
        texts = [self.prompt.user] if self.answered is None else [self.prompt.user, self.answered]
        return words_estimate(texts, schema_tokens=TEMPLATE_TOKENS)


TEMPLATE_TOKENS = 700
"""Tokens that a guard's own template adds: the taxonomy with its descriptions."""


async def converse(
    endpoint: Endpoint,
    person: str,
    answered: str | None,
    *,
    images: Sequence[ImageView] = (),
    meter: Meter,
    phase: Phase,
    most: int,
    least: int,
) -> Said:
    """Hand over a conversation and take one reply.

    Args:
        endpoint: whom to ask.
        person: the person's turn.
        answered: the assistant's turn after it; None: there is none yet.
        images: go with the person's turn.
        meter: pays; every attempt is reserved before it is made and booked after.
        phase: what the call is booked under.
        most: completion tokens at the most.
        least: completion tokens below which the call is not worth making.

    Raises:
        BudgetError: the first attempt does not fit into what is free; nothing was asked.
        ModelError: the endpoint failed, and retrying did not help; or the deadline passed.
    """
    turns = Rendered(system="", user=person, name="conversation", version=1, digest="")
    # A plain call: no schema goes along, and none is read back.
    question = _Conversation(turns, BaseModel, images, most, least, exact=True, answered=answered)
    asking: Asking[BaseModel] = Asking(endpoint, question, meter, phase)
    try:
        message: AIMessage = await retrying(meter, backoff=endpoint.backoff)(attempt, asking, "plain")
    except BudgetError:
        if asking.tally.failure is None:
            raise
        # Only the retry does not fit: what failed before is what the caller has to know.
        raise asking.tally.failure.error from asking.tally.failure.cause
    except AttemptError as failed:
        raise failed.failure.error from failed.failure.cause
    return Said(message, asking.tally.cost)
