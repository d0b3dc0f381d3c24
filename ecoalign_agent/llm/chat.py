"""``ask``: one structured question to a model, metered. The only way a call is made.

A reply that can't be read is *unknown*, not an error: its cost is booked, its value is None. Source: ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.llm.attempt import Asking, Question
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.ladder import down_the_ladder
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.picture import ImageView
from ecoalign_agent.llm.prompts import Rendered
from ecoalign_agent.llm.reading import finish_reason, text_of
from ecoalign_agent.llm.usage import text_tokens

__all__ = ["Endpoint", "Reply", "ask", "text_tokens"]

T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Reply(Generic[T]):
    """What came of one question.

    Attributes:
        value: the validated reply; None: unreadable, so unknown.
        usage: tokens of all attempts.
        cost: of all attempts, in cost units.
        finish_reason: why the model stopped, in its provider's word; None: not told.
        rung: how the last attempt asked.
        unreadable: one line, when there is no value.
        seconds: of all attempts, waiting between them left out.
        calls: attempts made.
        text: the last reply's text, for the record; it is never read again.
    """

    value: T | None
    usage: Usage
    cost: float
    finish_reason: str | None
    rung: Rung
    unreadable: str | None
    seconds: float
    calls: int
    text: str | None


async def ask(
    endpoint: Endpoint,
    prompt: Rendered,
    schema: type[T],
    *,
    images: Sequence[ImageView] = (),
    meter: Meter,
    phase: Phase,
    most: int,
    least: int = 32,
    exact: bool = False,
) -> Reply[T]:
    """Ask one question and read the reply, going down the ladder where the endpoint can't do better.

    Args:
        endpoint: whom to ask.
        prompt: what to ask.
        schema: what the reply must fit.
        images: go with the prompt, in order.
        meter: pays; every attempt is reserved before it is made and booked after.
        phase: what the call is booked under.
        most: completion tokens at the most.
        least: completion tokens below which the call is not worth making.
        exact: for verdicts: the whole reply must be one JSON object, as the model wrote it.

    Raises:
        BudgetError: the first attempt does not fit into what is free; nothing was asked.
        ModelError: the endpoint failed, and retrying did not help; or the deadline passed.
        TypeError: ``schema`` can't be asked for; see ``strict_schema``.
    """
    question = Question(prompt, schema, images, most, least, exact)
    asking = Asking(endpoint, question, meter, phase)
    outcome = await down_the_ladder(asking)
    tally = asking.tally
    return Reply(
        value=outcome.reading.value,
        usage=tally.usage,
        cost=tally.cost,
        finish_reason=None if outcome.message is None else finish_reason(outcome.message),
        rung=outcome.rung,
        unreadable=outcome.reading.why,
        seconds=tally.seconds,
        calls=tally.calls,
        text=None if outcome.message is None else text_of(outcome.message),
    )
