"""``probe_endpoint``: what an endpoint can do, in at most eight small calls.

The first call shows that there is a model at all. The second is the same with a picture: the difference of their
prompts is what the picture costs. Three more ask in one output mode each. The last two, at once, want to write more
than they may, and one of them is streamed: that shows the cap, streaming and parallel calls. One call is to spare, for
the other name of the cap or for a second try. Source: ours.
"""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint
from ecoalign_agent.llm.endpoint_profile import (
    CapState,
    EndpointProfile,
    ModeState,
    ParallelState,
    ProbeFinding,
    UsageState,
    endpoint_identity,
)
from ecoalign_agent.llm.model_facts import OutputMode, can_stream
from ecoalign_agent.llm.probe_calls import (
    AnyObjectReply,
    EndpointProbe,
    FormReply,
    NumberReply,
    ProbeReply,
    StreamingEndpoint,
    counting_prompt,
    draw_number,
    form_prompt,
    formula_estimate,
    number_image,
    number_prompt,
)
from ecoalign_agent.llm.probe_findings import (
    ReplyUsage,
    cap_finding,
    image_finding,
    mode_finding,
    parallel_finding,
    stream_finding,
    usage_finding,
)

_MODE_NAMES: dict[OutputMode, str] = {
    "json_schema": "JSON schema",
    "function_calling": "function call",
    "json_mode": "JSON mode",
}


@dataclass(slots=True)
class _Replies:
    """The reply to each request; ``streamed`` is ``second`` or its second try, None: the model can't stream."""

    bare: ProbeReply
    pictured: ProbeReply
    modes: dict[OutputMode, tuple[ProbeReply, ProbeFinding[ModeState]]]
    first: ProbeReply
    second: ProbeReply
    streamed: ProbeReply | None


def _ignore(name: str, number: int) -> None:
    del name, number


async def probe_endpoint(
    endpoint: Endpoint, *, parallel: bool = True, on_call: Callable[[str, int], None] = _ignore
) -> EndpointProfile:
    """Find out what an endpoint can do, by calls to it, two at once where ``parallel``.

    The endpoint must be as it was built; the name of its cap is set where it had to be found. ``on_call`` is called
    with each request's name and number before it is made.

    Raises:
        ModelError: not even the first, plainest call was answered.
    """
    begun = time.perf_counter()
    number = draw_number()
    picture = await asyncio.to_thread(number_image, number)
    structured: list[OutputMode] = [mode for mode in endpoint.facts.modes if mode != "plain"]
    probe = EndpointProbe(endpoint, on_call, planned=2 + len(structured) + 2)
    bare = await _first(probe)
    pictured = await probe.call("a picture", number_prompt(picture).request("plain"))
    modes = {mode: await _in_mode(probe, mode) for mode in structured}
    limited = probe.limited
    replies = _Replies(bare, pictured, modes, *await _pair(probe, parallel=parallel))
    cap = await _cap(probe, [replies.first, replies.second])
    counts = _counts(endpoint, replies, picture)
    side_by_side: ProbeFinding[ParallelState] = (
        parallel_finding(replies.first, replies.second, limited_before=limited)
        if parallel
        else ProbeFinding(state="unknown", why="not asked: one call at a time is allowed")
    )
    short = [reply for reply in (bare, pictured, *(reply for reply, _ in modes.values())) if reply.message is not None]
    identity, field, ledger = endpoint_identity(endpoint), endpoint.capabilities.max_tokens_field, probe.meter.ledger
    return EndpointProfile(
        provider=type(endpoint.model).__name__,
        base_url="" if identity is None else identity.base_url,
        model=endpoint.facts.model_name,
        asked_at=datetime.now(UTC),
        rungs={mode: found for mode, (_, found) in modes.items()} | {"plain": mode_finding(bare, "plain", NumberReply)},
        images=image_finding(pictured, number),
        image_family=endpoint.family,
        image_estimated=endpoint.images.formula([picture]),
        prompt_estimated=number_prompt(None).request("plain").text_tokens,
        usage=counts.usage,
        prompt_counted=counts.prompt,
        image_counted=counts.image,
        streaming=stream_finding(replies.streamed, formula_estimate(counting_prompt().request("plain"), endpoint)),
        max_tokens_field="none" if field is None else field,
        cap=cap,
        parallel=side_by_side,
        latency=statistics.median(reply.seconds for reply in short),
        calls=probe.calls,
        cost=ledger.cost,
        estimated_calls=ledger.estimated_calls,
        seconds=time.perf_counter() - begun,
        troubles=tuple(probe.troubles),
    )


async def _first(probe: EndpointProbe) -> ProbeReply:
    """The plainest call; under the other name of the token cap, where that was refused."""
    request = number_prompt(None).request("plain")
    reply = await probe.call("a plain question", request)
    if reply.failure is not None and probe.endpoint.capabilities.adapt_max_tokens_field(reply.failure):
        reply = await probe.call("a plain question, with the other name of the cap", request, planned=False)
    if reply.failure is not None:
        raise reply.failure.error from reply.failure.cause
    return reply


async def _in_mode(probe: EndpointProbe, mode: OutputMode) -> tuple[ProbeReply, ProbeFinding[ModeState]]:
    """One structured reply in ``mode``. JSON mode binds to no schema: there any object will do."""
    schema = AnyObjectReply if mode == "json_mode" else FormReply
    if mode not in probe.endpoint.output_modes(schema, exact=False):
        probe.planned -= 1
        why = probe.endpoint.capabilities.refused.get(mode, "the model's class does not take it")
        return ProbeReply(why=why), ProbeFinding(state="refused", why=why)
    reply = await probe.call(_MODE_NAMES[mode], form_prompt(schema).request(mode))
    return reply, mode_finding(reply, mode, schema)


async def _pair(probe: EndpointProbe, *, parallel: bool) -> tuple[ProbeReply, ProbeReply, ProbeReply | None]:
    """Two calls that want to write too much, at once where that is allowed; the third is the streamed one of them."""
    endpoint, request = probe.endpoint, counting_prompt().request("plain")
    streams = can_stream(endpoint.model)
    beside = StreamingEndpoint.beside(endpoint) if streams else endpoint
    name = "a streamed reply" if streams else "a second one at once"
    try:
        if not parallel:
            first = await probe.call_once("a reply that is too long", request)
            second = await probe.call_once(name, request, endpoint=beside)
        else:
            async with asyncio.TaskGroup() as group:
                left = group.create_task(probe.call_once("a reply that is too long", request))
                right = group.create_task(probe.call_once(name, request, endpoint=beside))
            first, second = left.result(), right.result()
        streamed = second
        pause = probe.pause(second.failure)
        if streams and second.message is None and pause is not None and probe.spare >= 1:
            # The failure may have been due to the other call at the same time.
            await asyncio.sleep(pause)
            streamed = await probe.call_once(f"{name}, alone", request, endpoint=beside, planned=False)
    finally:
        if beside is not endpoint:
            await beside.aclose()
    return first, second, streamed if streams else None


async def _cap(probe: EndpointProbe, replies: Sequence[ProbeReply]) -> ProbeFinding[CapState]:
    """Whether the cap holds; where it does not, and a call is to spare, whether it does under its other name."""
    endpoint, request = probe.endpoint, counting_prompt().request("plain")
    field, estimate = endpoint.capabilities.max_tokens_field, formula_estimate(request, endpoint)
    if field is None:
        return ProbeFinding(state="ignored", why="the model's class takes no cap")
    found = cap_finding(replies, estimate)
    if found.state != "ignored" or not endpoint.facts.compatible or probe.spare < 1:
        return found
    endpoint.capabilities.swap_max_tokens_field()
    reply = await probe.call_once("the other name of the cap", request, planned=False)
    swapped = cap_finding([reply], estimate)
    if swapped.state == "honoured":
        return ProbeFinding(state="honoured", why=f"{swapped.why}; {field} is not heeded")
    endpoint.capabilities.max_tokens_field = field
    return found


class _Counts(NamedTuple):
    """Tokens that replies report: the prompt's, and the picture's part of it; None: not known."""

    usage: ProbeFinding[UsageState]
    prompt: int | None
    image: int | None


def _counts(endpoint: Endpoint, replies: _Replies, picture: ImageView) -> _Counts:
    pairs: list[tuple[ProbeReply, ChatRequest]] = [
        (replies.bare, number_prompt(None).request("plain")),
        (replies.pictured, number_prompt(picture).request("plain")),
        *((reply, form_prompt(FormReply).request(mode)) for mode, (reply, _) in replies.modes.items()),
        (replies.first, counting_prompt().request("plain")),
    ]
    reported = [
        None if reply.message is None else ReplyUsage(reply.message, formula_estimate(request, endpoint))
        for reply, request in pairs
    ]
    usage = usage_finding([count for count in reported if count is not None])
    bare, pictured = (None if count is None or count.used is None else count.used.prompt for count in reported[:2])
    if bare is None or pictured is None or usage.state == "implausible":
        return _Counts(usage, bare, None)
    # Both prompts are the same but for the picture.
    return _Counts(usage, bare, max(0, pictured - bare))
