"""``probe_endpoint``: what an endpoint can do, in at most eight small calls.

The first call shows that there is a model at all. The second is the same with a picture: the difference of their
prompts is what the picture costs. Three more ask in one output mode each. The last two, at once, want to write more
than they may, and one of them is streamed: that shows the cap, streaming and parallel calls. One call is to spare, for
the other name of the cap or for a second try. Source: ours.
"""

import asyncio
import re
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.endpoint import ChatRequest, Endpoint, OutputMode, can_stream
from ecoalign_agent.llm.endpoint_profile import (
    CapState,
    EndpointProfile,
    ImageState,
    ModeState,
    ParallelState,
    ProbeFinding,
    StreamState,
    UsageState,
    endpoint_identity,
)
from ecoalign_agent.llm.parsing import CUT_OFF_REASONS, finish_reason, parse_reply, reply_text, visible_output
from ecoalign_agent.llm.probe_calls import (
    COUNTING_TOKENS,
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
from ecoalign_agent.llm.tokens import reported_usage, text_tokens

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
    usage, prompt_counted, image_counted = _counts(endpoint, replies, picture)
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
        usage=usage,
        prompt_counted=prompt_counted,
        image_counted=image_counted,
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


def _counts(
    endpoint: Endpoint, replies: _Replies, picture: ImageView
) -> tuple[ProbeFinding[UsageState], int | None, int | None]:
    """Usage reports, and reported tokens of the prompt and of the picture in it; None: not known."""
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
        return usage, bare, None
    # Both prompts are the same but for the picture.
    return usage, bare, max(0, pictured - bare)


_ABOUT_PICTURES = re.compile(r"\b(?:images?|vision|multi-?modal|mmproj|pictures?)\b", re.IGNORECASE)

_TOO_QUICK = 0.05
"""Seconds; where both calls take less, their order says nothing about the server."""

_OVERLAP, _SERIAL = 1.4, 1.65
"""Of two equal calls at once the slower takes as long as the quicker, or twice as long; else it is unknown."""

_TOKEN = 20
"""Characters that no token is longer than, on the average of a text."""


def mode_finding(reply: ProbeReply, mode: OutputMode, schema: type[BaseModel]) -> ProbeFinding[ModeState]:
    """Whether a way of asking works, by one reply to it."""
    if reply.message is None:
        return ProbeFinding(state="refused" if reply.refused else "unknown", why=reply.why)
    reading = parse_reply(reply.message, mode, schema, exact=False)
    if reading.kind == "final":
        return ProbeFinding(state="unknown", why=reading.reason or "")
    if reading.kind != "value":
        return ProbeFinding(state="ignored", why=reading.reason or "")
    strictly = parse_reply(reply.message, mode, schema, exact=True)
    if strictly.kind != "value":
        return ProbeFinding(state="inexact", why=strictly.reason or "")
    return ProbeFinding(state="works")


def image_finding(reply: ProbeReply, number: int) -> ProbeFinding[ImageState]:
    """Whether the number in a picture was read."""
    if reply.message is None:
        about = reply.failure is not None and reply.failure.status is not None and not reply.limited
        refused = reply.refused or (about and _ABOUT_PICTURES.search(reply.why) is not None)
        return ProbeFinding(state="refused" if refused else "unknown", why=reply.why)
    reading = parse_reply(reply.message, "plain", NumberReply, exact=False)
    if reading.kind == "final":
        return ProbeFinding(state="unknown", why=reading.reason or "")
    found = [str(reading.value.number)] if reading.value is not None and reading.value.number is not None else []
    found = found or ([] if reading.value is not None else re.findall(r"\d+", reply_text(reply.message)))
    if str(number) in found:
        return ProbeFinding(state="yes", why=f"read {number}")
    if found:
        return ProbeFinding(state="misread", why=f"read {found[0][:12]} where {number} stands")
    return ProbeFinding(state="blind", why=f"told of no number where {number} stands")


@dataclass(frozen=True, slots=True)
class ReplyUsage:
    """One reply's tokens: as reported, our estimate of its prompt, and what it visibly wrote."""

    message: AIMessage
    estimate: Usage

    @property
    def used(self) -> Usage | None:
        """The server's own count; None: it reports none, or none that can be first."""
        used = reported_usage(self.message, self.estimate, visible_output(self.message))
        return None if used.estimated else used

    @property
    def doubt(self) -> str | None:
        """Why the count can't be right; None: it may be. Bounds are wide: templates add text, tokenizers differ."""
        used = self.used
        if used is None:
            if not (self.message.usage_metadata or self.message.response_metadata.get("token_usage")):
                return None
            return "the counts reported are no counts"
        text = self.estimate.text
        # Pictures are counted in so many ways that they are left out here; they have their own row.
        if used.prompt < text / 4 or (not self.estimate.image and used.prompt > 2 * text + 300):
            return f"{used.prompt:,} prompt tokens where we estimate {self.estimate.prompt:,}"
        output_tokens = text_tokens(visible_output(self.message))
        if used.completion < output_tokens / 6:
            return f"{used.completion:,} completion tokens for a text of about {output_tokens:,}"
        return None


def usage_finding(counts: Sequence[ReplyUsage]) -> ProbeFinding[UsageState]:
    """Whether replies report what they used, and whether it can be right."""
    if not counts:
        return ProbeFinding(state="unknown")
    doubt = next((count.doubt for count in counts if count.doubt is not None), None)
    if doubt is not None:
        return ProbeFinding(state="implausible", why=doubt)
    silent = sum(count.used is None for count in counts)
    if silent == 0:
        return ProbeFinding(state="plausible")
    if silent == len(counts):
        return ProbeFinding(state="absent")
    return ProbeFinding(state="partly", why=f"{len(counts) - silent} of {len(counts)} replies report it")


def stream_finding(reply: ProbeReply | None, estimate: Usage) -> ProbeFinding[StreamState]:
    """Whether a streamed reply reports its usage."""
    if reply is None:
        return ProbeFinding(state="no streaming")
    if reply.message is None:
        return ProbeFinding(state="refused" if reply.refused else "unknown", why=reply.why)
    reported = ReplyUsage(reply.message, estimate).used is not None
    return ProbeFinding(state="usage" if reported else "no usage")


def cap_finding(replies: Sequence[ProbeReply], estimate: Usage) -> ProbeFinding[CapState]:
    """Whether a reply that wants to be longer ends where its cap says: by its reason, its count and its length."""
    verdicts = [_capped(reply.message, estimate) for reply in replies if reply.message is not None]
    # One reply that went on is proof; that another ended is none against it.
    for state in ("ignored", "honoured", "unknown"):
        if (found := next((verdict for verdict in verdicts if verdict.state == state), None)) is not None:
            return found
    return ProbeFinding(state="unknown", why=next((reply.why for reply in replies if reply.why), ""))


def _capped(message: AIMessage, estimate: Usage) -> ProbeFinding[CapState]:
    count, output = ReplyUsage(message, estimate), visible_output(message)
    reason = (finish_reason(message) or "").lower()
    completion = None if count.used is None or count.doubt is not None else count.used.completion
    if (completion is not None and completion > COUNTING_TOKENS + 1) or len(output) > COUNTING_TOKENS * _TOKEN:
        amount = f"{len(output):,} characters" if completion is None else f"{completion:,} tokens"
        return ProbeFinding(state="ignored", why=f"{amount} came where {COUNTING_TOKENS} tokens were allowed")
    if reason in CUT_OFF_REASONS:
        return ProbeFinding(state="honoured", why=f"cut off at {COUNTING_TOKENS} tokens")
    return ProbeFinding(state="unknown", why=f"the reply ended by itself after {len(output):,} characters")


def parallel_finding(first: ProbeReply, second: ProbeReply, *, limited_before: bool) -> ProbeFinding[ParallelState]:
    """Whether two equal calls at once run side by side; ``limited_before``: one that was alone was answered 429 too."""
    if first.limited or second.limited:
        return ProbeFinding(state="limited", why=f"429 with two calls open{', and with one' if limited_before else ''}")
    if first.message is None or second.message is None:
        return ProbeFinding(state="unknown", why=first.why or second.why)
    quick, slow = sorted((first.seconds, second.seconds))
    times = f"{quick:.2f} s and {slow:.2f} s"
    if slow < _TOO_QUICK:
        return ProbeFinding(state="unknown", why=f"too quick to tell: {times}")
    if slow <= _OVERLAP * quick:
        return ProbeFinding(state="overlap", why=times)
    if slow >= _SERIAL * quick:
        return ProbeFinding(state="serialised", why=times)
    return ProbeFinding(state="unknown", why=f"{times}: neither alike nor one after the other")
