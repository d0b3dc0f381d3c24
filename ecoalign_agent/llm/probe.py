"""``examine``: what an endpoint can do, in at most eight small calls.

The first call shows that there is a model at all. The second is the same with a picture: the difference of their
prompts is what the picture costs. Three more ask in one form each. The last two, at once, want to write more than they
may, and one of them is streamed: that shows the cap, streaming and parallel calls. One call is to spare, for the other
name of the cap or for a second try. Source: ours.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import Question
from ecoalign_agent.llm.endpoint import Endpoint, OutputMode
from ecoalign_agent.llm.endpoint_profile import CapState, EndpointProfile, ProbeFinding, RungState, endpoint_identity
from ecoalign_agent.llm.probe_calls import (
    AnyObject,
    Balls,
    Inquiry,
    Seen,
    StreamedEndpoint,
    Told,
    any_number,
    bare_estimate,
    count,
    form,
    look,
    numbered,
    streams,
)
from ecoalign_agent.llm.probe_findings import (
    Count,
    cap_finding,
    image_finding,
    parallel_finding,
    rung_finding,
    stream_finding,
    usage_finding,
)
from ecoalign_agent.llm.structured_output import rename_cap

_PAIR = 2
_SPOKEN: dict[OutputMode, str] = {
    "json_schema": "JSON schema",
    "function_calling": "function call",
    "json_mode": "JSON mode",
}


@dataclass(slots=True)
class _Replies:
    """What came of each question; ``streamed``: of the pair's second, or its second try; None: there was no stream."""

    bare: Told
    pictured: Told
    forms: dict[OutputMode, tuple[Told, ProbeFinding[RungState]]]
    one: Told
    other: Told
    streamed: Told | None


def _unheard(what: str, number: int) -> None:
    del what, number


async def examine(
    endpoint: Endpoint, *, parallel: bool = True, tell: Callable[[str, int], None] = _unheard
) -> EndpointProfile:
    """Ask an endpoint what it can do.

    Args:
        endpoint: as it was built, with nothing known of it. The name of its cap is set where it had to be found.
        parallel: it may be called twice at once.
        tell: hears what is asked next and how many calls were made with it, before each call.

    Raises:
        ModelError: not even the first, plainest call was answered.
    """
    begun = time.perf_counter()
    number = any_number()
    picture = await asyncio.to_thread(numbered, number)
    structured: list[OutputMode] = [rung for rung in endpoint.facts.rungs if rung != "plain"]
    inquiry = Inquiry(endpoint, tell, planned=2 + len(structured) + _PAIR)
    bare = await _first(inquiry)
    pictured = await inquiry.ask("a picture", look(picture))
    forms = {rung: await _form(inquiry, rung) for rung in structured}
    limited = inquiry.limited
    replies = _Replies(bare, pictured, forms, *await _pair(inquiry, parallel=parallel))
    cap = await _cap(inquiry, [replies.one, replies.other])

    reported = _counts(endpoint, replies, picture)
    before, after = (None if c is None or c.used is None else c.used.prompt for c in reported[:2])
    usage = usage_finding([c for c in reported if c is not None])
    short = [told for told in (bare, pictured, *(told for told, _ in forms.values())) if told.message is not None]
    identity, field, ledger = endpoint_identity(endpoint), endpoint.capabilities.max_tokens_field, inquiry.meter.ledger
    return EndpointProfile(
        provider=type(endpoint.model).__name__,
        base_url="" if identity is None else identity.base_url,
        model=endpoint.facts.model_name,
        asked_at=datetime.now(UTC),
        rungs={rung: found for rung, (_, found) in forms.items()} | {"plain": rung_finding(bare, "plain", Seen)},
        images=image_finding(pictured, number),
        image_family=endpoint.family,
        image_estimated=endpoint.images.formula([picture]),
        # Both prompts are the same but for the picture.
        image_counted=None
        if before is None or after is None or usage.state == "implausible"
        else max(0, after - before),
        usage=usage,
        prompt_estimated=look(None).words("plain"),
        prompt_counted=before,
        streaming=stream_finding(replies.streamed, bare_estimate(count(), "plain", endpoint)),
        max_tokens_field="none" if field is None else field,
        cap=cap,
        parallel=parallel_finding(replies.one, replies.other, limited_before=limited)
        if parallel
        else ProbeFinding(state="unknown", why="not asked: one call at a time is allowed"),
        latency=statistics.median(told.seconds for told in short),
        calls=inquiry.asked,
        cost=ledger.cost,
        estimated_calls=ledger.estimated_calls,
        seconds=time.perf_counter() - begun,
        troubles=tuple(inquiry.troubles),
    )


async def _first(inquiry: Inquiry) -> Told:
    """The plainest call; under the other name of the token cap, where that was refused.

    Raises:
        ModelError: it was not answered.
    """
    told = await inquiry.ask("a plain question", look(None))
    if told.failure is not None and rename_cap(inquiry.endpoint.capabilities, told.failure):
        told = await inquiry.ask("a plain question, with the other name of the cap", look(None), planned=False)
    if told.failure is not None:
        raise told.failure.error from told.failure.cause
    return told


async def _form(inquiry: Inquiry, rung: OutputMode) -> tuple[Told, ProbeFinding[RungState]]:
    """One way of asking for structured output. JSON mode binds to no schema: there any object will do."""
    schema = AnyObject if rung == "json_mode" else Balls
    if rung not in inquiry.endpoint.rungs(schema, exact=False):
        inquiry.planned -= 1
        why = inquiry.endpoint.capabilities.refused.get(rung, "the model's class does not take it")
        return Told(why=why), ProbeFinding(state="refused", why=why)
    told = await inquiry.ask(_SPOKEN[rung], form(schema), rung)
    return told, rung_finding(told, rung, schema)


async def _pair(inquiry: Inquiry, *, parallel: bool) -> tuple[Told, Told, Told | None]:
    """Two calls that want to write too much, at once where that is allowed; the third is the streamed one of them."""
    endpoint = inquiry.endpoint
    can_stream = streams(endpoint.model)
    second = StreamedEndpoint.beside(endpoint) if can_stream else endpoint
    what = "a streamed reply" if can_stream else "a second one at once"
    try:
        if not parallel:
            one = await inquiry.once("a reply that is too long", count())
            other = await inquiry.once(what, count(), endpoint=second)
        else:
            async with asyncio.TaskGroup() as group:
                left = group.create_task(inquiry.once("a reply that is too long", count()))
                right = group.create_task(inquiry.once(what, count(), endpoint=second))
            one, other = left.result(), right.result()
        streamed = other
        if can_stream and other.message is None and other.failure is not None and other.failure.retry:
            # What was wrong may have been the other call beside it.
            streamed = await _alone(inquiry, what, second, other)
    finally:
        if second is not endpoint:
            await second.aclose()
    return one, other, streamed if can_stream else None


async def _alone(inquiry: Inquiry, what: str, second: Endpoint, failed: Told) -> Told:
    pause = inquiry.pause(failed.failure)
    if pause is None or inquiry.spare < 1:
        return failed
    await asyncio.sleep(pause)
    return await inquiry.once(f"{what}, alone", count(), endpoint=second, planned=False)


async def _cap(inquiry: Inquiry, counting: Sequence[Told]) -> ProbeFinding[CapState]:
    """Whether the cap holds; where it does not, and a call is to spare, whether it does under its other name."""
    endpoint = inquiry.endpoint
    field, estimate = endpoint.capabilities.max_tokens_field, bare_estimate(count(), "plain", endpoint)
    if field is None:
        return ProbeFinding(state="ignored", why="the model's class takes no cap")
    found = cap_finding(counting, estimate)
    if found.state != "ignored" or not endpoint.facts.compatible or inquiry.spare < 1:
        return found
    endpoint.capabilities.rename_cap()
    told = await inquiry.once("the other name of the cap", count(), planned=False)
    renamed = cap_finding([told], estimate)
    if renamed.state == "honoured":
        return ProbeFinding(state="honoured", why=f"{renamed.why}; {field} is not heeded")
    endpoint.capabilities.max_tokens_field = field
    return found


def _counts(endpoint: Endpoint, replies: _Replies, picture: ImageView) -> list[Count | None]:
    """What each reply that was not streamed reported; the one without a picture first, then the one with it."""
    asked: list[tuple[Told, Question[Any], OutputMode]] = [
        (replies.bare, look(None), "plain"),
        (replies.pictured, look(picture), "plain"),
        *((told, form(Balls), rung) for rung, (told, _) in replies.forms.items()),
        (replies.one, count(), "plain"),
    ]
    return [
        None if told.message is None else Count(told.message, bare_estimate(question, rung, endpoint))
        for told, question, rung in asked
    ]
