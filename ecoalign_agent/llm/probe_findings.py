"""Findings about an endpoint, from the replies of a probe. Pure. Source: ours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from langchain_core.messages import AIMessage
from pydantic import BaseModel

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.llm.endpoint_profile import (
    CapState,
    ImageState,
    ModeState,
    ParallelState,
    ProbeFinding,
    StreamState,
    UsageState,
)
from ecoalign_agent.llm.model_facts import OutputMode
from ecoalign_agent.llm.parsing import CUT_OFF_REASONS, finish_reason, parse_reply, reply_text, visible_output
from ecoalign_agent.llm.probe_calls import COUNTING_TOKENS, NumberReply, ProbeReply
from ecoalign_agent.llm.tokens import reported_usage, text_tokens

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
