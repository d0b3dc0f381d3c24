"""Down the ladder: ask in the form that binds the model most, and in a looser one where the endpoint can't do that.

Source: ours. A rung that the server rejects costs nothing, so the next is tried at once; an unreadable reply was paid
for, so only one more rung is tried after it.

``ask``: one structured question to a model, metered. The only way a call is made.

A reply that can't be read is *unknown*, not an error: its cost is booked, its value is None. Source: ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import Asking, Question, attempt
from ecoalign_agent.llm.endpoint import Capabilities, Endpoint, OutputMode
from ecoalign_agent.llm.failures import AttemptError, Failure
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import ParsedReply, finish_reason, parse_reply, reply_text
from ecoalign_agent.llm.prompts import RenderedPrompt
from ecoalign_agent.llm.rate_limit import retrying

T = TypeVar("T", bound=BaseModel)

_NAMES_A_RUNG = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|tools?\b|tool_choice|function|grammar|guided",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """Where the ladder ended.

    Attributes:
        reading: what the last reply says.
        rung: how it was asked for.
        message: the last reply; None: there is none.
    """

    reading: ParsedReply[T]
    rung: OutputMode
    message: AIMessage | None


async def down_the_ladder(asking: Asking[T]) -> Outcome[T]:
    """Ask until a reply is read, or no rung is left that is worth its cost.

    Raises:
        BudgetError: the first attempt does not fit.
        ModelError: the endpoint failed, or the deadline passed.
    """
    capabilities = asking.endpoint.capabilities
    outcome: Outcome[T] = Outcome(ParsedReply("final", why="no other way of asking fits the budget"), "plain", None)
    suspects: dict[OutputMode, str] = {}
    spare = True
    for rung in asking.endpoint.rungs(asking.question.schema, exact=asking.question.exact):
        try:
            message = await _on(asking, rung)
        except BudgetError:
            if asking.tally.calls == 0:
                raise
            break
        except AttemptError as failed:
            failure = failed.failure
            if not _rejects(rung, failure, capabilities):
                raise failure.error from failure.cause
            suspects[rung] = failure.text
            continue
        # The server took this request: so it was the rung that it refused before, not the question.
        for suspect in list(suspects):
            capabilities.cannot(suspect, suspects.pop(suspect))
        outcome = Outcome(
            parse_reply(message, rung, asking.question.schema, exact=asking.question.exact), rung, message
        )
        if outcome.reading.kind == "value":
            capabilities.works(rung)
        if outcome.reading.kind in {"value", "final"}:
            break
        if outcome.reading.kind == "silent" and capabilities.silent(rung):
            continue
        if not spare:
            break
        spare = False
    return outcome


async def _on(asking: Asking[T], rung: OutputMode) -> AIMessage:
    """One reply on one rung, retried, and asked again under the other name of the token cap where that was refused."""
    capabilities = asking.endpoint.capabilities
    field = capabilities.max_tokens_field
    try:
        return await _retried(asking, rung)
    except AttemptError as failed:
        if not rename_cap(capabilities, failed.failure):
            raise
    try:
        return await _retried(asking, rung)
    except AttemptError:
        # The other name did not help: it was not the name.
        capabilities.max_tokens_field = field
        raise


async def _retried(asking: Asking[T], rung: OutputMode) -> AIMessage:
    asking.tally.failure = None
    failures: list[AttemptError] = []
    try:
        return await attempt(asking, rung)
    except AttemptError as failed:
        failures.append(failed)

    async def again() -> AIMessage:
        # The attempt above counts as the first one. Nearly every call ends with it, and it needs no machinery.
        if failures:
            raise failures.pop()
        return await attempt(asking, rung)

    try:
        # Typed by hand: tenacity's own signature loses the result's type.
        message: AIMessage = await retrying(asking.meter, backoff=asking.endpoint.backoff)(again)
    except BudgetError:
        if asking.tally.failure is None:
            raise
        # Only the retry does not fit: what failed before is what the caller has to know.
        raise AttemptError(asking.tally.failure) from None
    return message


def _rejects(rung: OutputMode, failure: Failure, capabilities: Capabilities) -> bool:
    """Whether a failure may be about the rung rather than about the question: then the next rung is worth a try."""
    if rung == "plain" or failure.hopeless or failure.status not in {400, 404, 422, 501}:
        return False
    named = _NAMES_A_RUNG.search(failure.text) is not None
    return named or (failure.status in {400, 422} and not capabilities.proven(rung))


def rename_cap(capabilities: Capabilities, failure: Failure) -> bool:
    """Whether the cap's name was refused; then the other one is set, or none where the model's class takes none."""
    field = capabilities.max_tokens_field
    if field is None or field not in failure.text:
        return False
    if failure.status in {400, 422}:
        capabilities.rename_cap()
        return True
    if not failure.billed and failure.status is None:
        capabilities.max_tokens_field = None
        return True
    return False


@dataclass(frozen=True, slots=True)
class ModelReply(Generic[T]):
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
    rung: OutputMode
    unreadable: str | None
    seconds: float
    calls: int
    text: str | None


async def call_with_fallback(
    endpoint: Endpoint,
    prompt: RenderedPrompt,
    schema: type[T],
    *,
    images: Sequence[ImageView] = (),
    meter: Meter,
    phase: Phase,
    most: int,
    least: int = 32,
    exact: bool = False,
) -> ModelReply[T]:
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
    return ModelReply(
        value=outcome.reading.value,
        usage=tally.usage,
        cost=tally.cost,
        finish_reason=None if outcome.message is None else finish_reason(outcome.message),
        rung=outcome.rung,
        unreadable=outcome.reading.why,
        seconds=tally.seconds,
        calls=tally.calls,
        text=None if outcome.message is None else reply_text(outcome.message),
    )
