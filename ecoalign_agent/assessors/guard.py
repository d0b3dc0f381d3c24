r"""A guard model as assessor: it answers ``safe``, or ``unsafe`` and on the next line the codes of hazards.

That is Llama Guard's format with MLCommons' categories S1 to S14. The guard's own chat template holds its prompt, and
the roles of the conversation are its fences: the person's turn is the question with the text of the pictures, the
assistant's turn is the candidate. Marks that a template would read as the end of a turn are broken up in both.

``safe`` is 1, ``unsafe`` is -1; anything else is unknown. A guard grades no utility. Source: ours.
"""

import re
from collections.abc import Sequence

from langchain_core.messages import AIMessage

from ecoalign_agent.assessors.base import AssessmentInput, BuiltInAssessor, CallSize, Verdict
from ecoalign_agent.assessors.combined import assess_weakest
from ecoalign_agent.assessors.hazards import HAZARDS
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.call import GUARD_TEMPLATE_TOKENS, call_in_turns
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.parsing import finish_reason, reply_text

GUARD_MAX_TOKENS, GUARD_MIN_TOKENS = 48, 8
"""Completion tokens: room for all fourteen codes; "unsafe" and one code."""

_UNSAFE = re.compile(r"unsafe\r?\n(S\d{1,2}(?:, ?S\d{1,2})*)\Z", re.ASCII)
_COMPLETE = frozenset({"stop", "stop_sequence", "end_turn", "eos", "eos_token", "complete"})
"""How providers say that a reply came to its own end. One that ended otherwise may lack its second half."""

_MARKS = re.compile(r"<\||\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:BEGIN|END) ", re.IGNORECASE)
_SEEING = re.compile(r"vision|guard-?4", re.IGNORECASE)
_NOTHING = {"", "(none)"}


class GuardAssessor(BuiltInAssessor):
    """Calls a guard model; see the module for how its answer is read.

    Attributes:
        sees: whether it is sent pictures, each with all the text, as guards take one at a time; else it gets the
            caption and the text that the scan read. None: as its name says ("vision", "guard-4").
    """

    grades_utility = False

    def __init__(self, endpoint: Endpoint, *, sees: bool | None = None) -> None:
        self.endpoint = endpoint
        self.sees = _SEEING.search(endpoint.name) is not None if sees is None else sees
        self.name = f"guard:{endpoint.name}" + ("" if self.sees else " (sees no pictures)")
        family, calibration = endpoint.family if self.sees else None, endpoint.calibration
        call = CallSize(GUARD_TEMPLATE_TOKENS, family, GUARD_MAX_TOKENS, per_image=True, calibration=calibration)
        self.calls = (call,)

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade one thought's safety; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await self._assess(case, escape_template_marks(case.candidate) or "(none)", meter)

    async def assess_request(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        """Grade a whole request; see :class:`~ecoalign_agent.assessors.base.Assessor`."""
        return await self._assess(case, None, meter)

    async def _assess(self, case: AssessmentInput, assistant: str | None, meter: Meter) -> Verdict:
        user = escape_template_marks(_user_turn(case))
        views: list[Sequence[ImageView]] = [(view,) for view in case.views] if self.sees else []
        calls = [self._call(user, assistant, images, meter) for images in views or [()]]
        return await assess_weakest(calls, [False] * len(calls))

    async def _call(self, user: str, assistant: str | None, images: Sequence[ImageView], meter: Meter) -> Verdict:
        reply = await call_in_turns(
            self.endpoint,
            user,
            assistant,
            images=images,
            meter=meter,
            phase="assess",
            max_tokens=GUARD_MAX_TOKENS,
            min_tokens=GUARD_MIN_TOKENS,
        )
        return parse_guard_reply(reply.message, reply.cost)


def parse_guard_reply(message: AIMessage, cost: float = 0.0) -> Verdict:
    """A guard's answer as a verdict on safety; blank lines around its words do not count."""
    reason = finish_reason(message)
    if reason is not None and reason.lower() not in _COMPLETE:
        return Verdict(
            None, None, cost, unknown_reason=f"the guard's reply did not end by itself (finish reason {reason})"
        )
    if message.tool_calls or message.invalid_tool_calls or message.additional_kwargs.get("refusal"):
        return Verdict(None, None, cost, unknown_reason="a guard that calls functions or refuses to reply")
    text = reply_text(message).strip(" \t\r\n")
    if text == "safe":
        return Verdict(1.0, None, cost)
    match = _UNSAFE.match(text)
    codes = re.split(r", ?", match[1]) if match else []
    if not codes or len(set(codes)) < len(codes) or not HAZARDS.keys() >= set(codes):
        return Verdict(None, None, cost, unknown_reason="neither 'safe' nor 'unsafe' with codes from S1 to S14")
    return Verdict(-1.0, None, cost, tuple(codes))


def escape_template_marks(text: str) -> str:
    """``text`` with a gap in everything that a chat template could read as a mark of its own."""
    return _MARKS.sub(lambda mark: f"{mark[0][0]} {mark[0][1:]}", text)


def _user_turn(case: AssessmentInput) -> str:
    parts = [("The pictures show", case.caption), ("Text in the pictures", case.seen_text)]
    lines = [f"({label}: {text})" for label, text in parts if text.strip() not in _NOTHING]
    return "\n\n".join([case.question, *lines])
