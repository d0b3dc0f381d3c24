"""One attempt at one question: a place among the endpoint's calls, a reservation, a time limit, the call, the booking.

Whatever happens, an attempt that was begun is booked: by the reported usage, by nothing where the server refused it,
and by all that was reserved where it is not known what it cost. Source: ours ("The budget is hard", "Anytime").
"""

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.errors import BudgetError, ModelTimeoutError
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.failures import AttemptError, Failure, failure_of
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.picture import ImageView
from ecoalign_agent.llm.places import place
from ecoalign_agent.llm.prompts import Rendered
from ecoalign_agent.llm.reading import written_by
from ecoalign_agent.llm.strict_schema import sent_schema
from ecoalign_agent.llm.usage import prompt_estimate, usage_of

T = TypeVar("T", bound=BaseModel)

_JSON_PLEASE = "\nReply with one JSON object and nothing else.\n"


@dataclass(frozen=True, slots=True)
class Question(Generic[T]):
    """What is asked, of nobody in particular. The parameters are those of ``ask``."""

    prompt: Rendered
    schema: type[T]
    images: Sequence[ImageView]
    most: int
    least: int
    exact: bool

    def system(self, rung: Rung) -> str:
        """The system message. Servers refuse JSON mode for prompts that don't ask for JSON: there it is made to."""
        if rung == "json_mode" and "json" not in (self.prompt.system + self.prompt.user).lower():
            return self.prompt.system + _JSON_PLEASE
        return self.prompt.system

    def messages(self, rung: Rung) -> list[BaseMessage]:
        """The prompt as chat messages."""
        user = HumanMessage(self.prompt.user)
        if self.images:
            user = HumanMessage([{"type": "text", "text": self.prompt.user}, *(view.block() for view in self.images)])
        return [SystemMessage(self.system(rung)), user]

    def estimate(self, endpoint: Endpoint, rung: Rung) -> Usage:
        """What the prompt will use at ``endpoint``, in tokens."""
        travels = sent_schema(self.schema).tokens if rung in {"json_schema", "function_calling"} else 0
        texts = [self.system(rung), self.prompt.user]
        return prompt_estimate(texts, self.images, endpoint.family, schema_tokens=travels)


@dataclass(slots=True)
class Tally:
    """What the attempts at one question came to.

    Attributes:
        usage: tokens, in parts.
        cost: in cost units.
        seconds: spent waiting for the model.
        calls: attempts made.
        failure: of the last attempt, when it failed.
    """

    usage: Usage = field(default_factory=Usage)
    cost: float = 0.0
    seconds: float = 0.0
    calls: int = 0
    failure: Failure | None = None

    def add(self, usage: Usage, cost: float, seconds: float) -> None:
        """Enter one attempt."""
        self.usage += usage
        self.cost += cost
        self.seconds += seconds
        self.calls += 1


@dataclass(frozen=True, slots=True)
class Asking(Generic[T]):
    """A question on its way to an endpoint.

    Attributes:
        endpoint: whom it is for.
        question: what is asked.
        meter: pays.
        phase: what the attempts are booked under.
        tally: what they came to.
    """

    endpoint: Endpoint
    question: Question[T]
    meter: Meter
    phase: Phase
    tally: Tally = field(default_factory=Tally)


async def attempt(asking: Asking[T], rung: Rung) -> AIMessage:
    """Make one request and book it.

    Raises:
        BudgetError: it does not fit into what is free; it was not made.
        ModelTimeoutError: the deadline passed before it could be made.
        AttemptError: it failed.
    """
    endpoint, question, meter, tally = asking.endpoint, asking.question, asking.meter, asking.tally
    prompt = question.estimate(endpoint, rung)
    async with endpoint.turn() if meter.deadline is None else place(endpoint.name, endpoint.turn(), meter):
        # From here to the reservation nothing is awaited: parallel calls can't be promised the same units.
        cap = _affordable(asking, prompt)
        reserved = meter.reserve(Usage(prompt.text, prompt.image, prompt.cached, cap))
        # Until it is known what the call used, it used everything.
        used = Usage(prompt.text, prompt.image, prompt.cached, cap, estimated=True)
        limit = min(endpoint.timeout, math.inf if (left := meter.seconds_left()) is None else left)
        tally.failure = None
        begun = time.perf_counter()
        try:
            async with asyncio.timeout(limit):
                message = await endpoint.call(question.messages(rung), rung, question.schema, most=cap)
            used = usage_of(message, prompt, written_by(message))
            if used.estimated:
                # Our own estimate is on the high side; the server was told to write no more than this.
                used = Usage(used.text, used.image, used.cached, min(used.completion, cap), estimated=True)
        except Exception as error:  # noqa: BLE001 - whatever an integration raises; it goes on as an AttemptError below
            tally.failure = _failure(error, endpoint, limit)
            if not tally.failure.billed:
                used = Usage()
        finally:
            seconds = time.perf_counter() - begun
            tally.add(used, meter.settle(reserved, used, asking.phase, seconds), seconds)
    if tally.failure is not None:
        raise AttemptError(tally.failure)
    return message


def _affordable(asking: Asking[T], prompt: Usage) -> int:
    question, meter, ceiling = asking.question, asking.meter, asking.endpoint.facts.ceiling
    most = question.most if ceiling is None else min(question.most, ceiling)
    least = min(question.least, most)
    cap = meter.affordable(prompt, most=most, least=least)
    if cap is None:
        needed = meter.tariff.cost(replace(prompt, completion=least))
        raise BudgetError(
            f"{asking.endpoint.name}, {asking.phase}: {prompt.prompt} prompt and {least} completion tokens need "
            f"{needed:g} cost units, {meter.budget.free:g} are free; raise the budget"
        )
    return cap


def _failure(error: Exception, endpoint: Endpoint, limit: float) -> Failure:
    if type(error) is TimeoutError:
        message = f"{endpoint.name}: no answer within {limit:.3g} s; try again, or raise the time-out or the deadline"
        return Failure(ModelTimeoutError(message), cause=error)
    return failure_of(
        error,
        name=endpoint.name,
        address=endpoint.facts.address,
        secrets=endpoint.facts.secrets,
        compatible=endpoint.facts.compatible,
    )
