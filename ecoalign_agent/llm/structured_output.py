"""Structured output: a call in the form that binds the model most, and in a looser one where the endpoint refuses that.

A mode that the server rejects costs nothing, so the next is tried at once; an unreadable reply was paid for, so only
one more mode is tried after it. A reply that can't be read is *unknown*, not an error: its cost is booked, its value
is None. Source: ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from langchain_core.messages import AIMessage, SystemMessage
from pydantic import BaseModel

from ecoalign_agent.economics.budget import Phase
from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.errors import BudgetError, ModelError
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import CallTotals, ChatCall, metered_call, user_message
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint, OutputMode
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import ParsedReply, finish_reason, parse_reply, reply_text
from ecoalign_agent.llm.prompts import PROMPT_METADATA_KEY, RenderedPrompt
from ecoalign_agent.llm.tokens import estimate_text_tokens

T = TypeVar("T", bound=BaseModel)

_JSON_PLEASE = "\nReply with one JSON object and nothing else.\n"


@dataclass(frozen=True, slots=True)
class StructuredPrompt(Generic[T]):
    """A prompt with the schema of its reply, for any endpoint. The fields are those of ``call_with_fallback``."""

    prompt: RenderedPrompt
    schema: type[T]
    images: Sequence[ImageView]
    max_tokens: int
    min_tokens: int

    def request(self, mode: OutputMode) -> ChatRequest:
        """The prompt as chat messages that ask for the reply in ``mode``."""
        prompt, system, user = self.prompt, self.prompt.system, self.prompt.user
        if mode == "json_mode" and "json" not in (system + user).lower():
            # Servers refuse JSON mode for prompts that don't ask for JSON.
            system += _JSON_PLEASE
        schema_tokens = sent_schema(self.schema).tokens if mode in {"json_schema", "function_calling"} else 0
        metadata = {**prompt.parameters, "task": prompt.name, "data": dict(prompt.data)}
        return ChatRequest(
            messages=[SystemMessage(system), user_message(user, self.images, {PROMPT_METADATA_KEY: metadata})],
            text_tokens=estimate_text_tokens([system, user], schema_tokens=schema_tokens),
            images=self.images,
            max_tokens=self.max_tokens,
            min_tokens=self.min_tokens,
            mode=mode,
            schema=self.schema,
            marker=prompt.marker,
        )


@dataclass(frozen=True, slots=True)
class ModelReply(Generic[T]):
    """A structured reply, with tokens, cost (cost units) and seconds of all attempts, without the waits between them.

    Attributes:
        value: None: unreadable, so unknown; ``unreadable`` says why, in one line.
        mode: form in which the last attempt asked for the reply.
        text: the last reply's text, for the record; it is never read again.
    """

    value: T | None
    usage: Usage
    cost: float
    finish_reason: str | None
    mode: OutputMode
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
    max_tokens: int,
    min_tokens: int = 32,
    exact: bool = False,
) -> ModelReply[T]:
    """Call a model for one structured reply, in looser modes where the endpoint can't do better; metered.

    An ``exact`` reply, a verdict, must be one JSON object as a whole, as the model wrote it. Errors as of
    :func:`~ecoalign_agent.llm.call.metered_call`.
    """
    structured = StructuredPrompt(prompt, schema, images, max_tokens, min_tokens)
    capabilities, totals = endpoint.capabilities, CallTotals()
    parsed: ParsedReply[T] = ParsedReply("final", reason="no other way of asking fits the budget")
    last_mode: OutputMode = "plain"
    message: AIMessage | None = None
    # Modes that the server may have refused: known once it takes the same request in another mode.
    suspects: dict[OutputMode, str] = {}
    may_try_again = True
    for mode in endpoint.output_modes(schema, exact=exact):
        try:
            message = await metered_call(ChatCall(endpoint, structured.request(mode), meter, phase, totals))
        except BudgetError:
            if totals.calls == 0:
                raise
            break
        except ModelError:
            if totals.failure is None or not capabilities.may_refuse(mode, totals.failure):
                raise
            suspects[mode] = totals.failure.text
            continue
        for suspect, reason in suspects.items():
            capabilities.refuse(suspect, reason)
        suspects.clear()
        parsed, last_mode = parse_reply(message, mode, schema, exact=exact), mode
        if parsed.kind == "value":
            capabilities.confirm(mode)
        if parsed.kind in {"value", "final"}:
            break
        if parsed.kind == "silent" and capabilities.count_without_json(mode):
            continue
        if not may_try_again:
            break
        may_try_again = False
    return _reply(parsed, last_mode, message, totals)


def _reply(parsed: ParsedReply[T], mode: OutputMode, message: AIMessage | None, totals: CallTotals) -> ModelReply[T]:
    return ModelReply(
        value=parsed.value,
        usage=totals.usage,
        cost=totals.cost,
        finish_reason=None if message is None else finish_reason(message),
        mode=mode,
        unreadable=parsed.reason,
        seconds=totals.seconds,
        calls=totals.calls,
        text=None if message is None else reply_text(message),
    )
