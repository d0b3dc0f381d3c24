"""Texts of models and figures of runs in the form that a screen shows.

Text from models is data: it is never read as markup and never reaches a terminal as a control sequence. Everything that
a screen shows of a model goes through ``clean`` or ``one_line``.
"""

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it loads pydantic, which the words of --help and of a mistyped option can do without
    from ecoalign_agent.events.result import Models, Result, StopReason

# Whole sequences go, not only their first character: what is left of "ESC [ 2 J" would still read as "[2J".
_SEQUENCES = re.compile(
    r"""
      (?: \x1b [P\]X^_] | [\x90\x98\x9d-\x9f] )       # strings: window titles, links, the clipboard
      [^\x07\x1b\x90-\x9f]* (?: \x07 | \x1b\\ | \x9c )
    | (?: \x1b \[ | \x9b ) [0-?]* [ -/]* [@-~]?        # cursor, colour, screen
    | \x1b [ -/]* [0-~]?                               # short ones, and strings that never end
    """,
    re.VERBOSE,
)
# Left out: C0 and C1 controls but tab and newline; what reorders or hides text (bidirectional overrides and isolates,
# tag characters, line separators, byte-order marks); halves of surrogate pairs, which no terminal can encode.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)

STOP_REASONS: "dict[StopReason, str]" = {
    "satisfied": "the answer is safe and useful enough",
    "no_value": "nothing more was worth its cost",
    "no_open_tip": "nothing was left to pursue",
    "budget": "too little was left for another round",
    "deadline": "the deadline was near",
    "rounds": "the round limit was reached",
    "unsafe_request": "the request is harmful",
    "unreadable_scan": "the first look could not be read",
    "endpoint": "a model's endpoint failed",
    "review": "a person's verdict is waited for",
}
"""A search's end in words."""

NOT_USEFUL = "no useful answer found"
"""Said of an answer whose utility is below the policy's."""


def clean(text: str) -> str:
    """The text without control sequences and invisible characters; lines and tabs stay."""
    return _INVISIBLE.sub("", _SEQUENCES.sub("", text.replace("\r\n", "\n").replace("\r", "\n")))


def one_line(text: str, max_length: int = 160) -> str:
    """The text, clean, as one line of at most ``max_length`` characters, with an ellipsis where text is left out."""
    # A long text is cut before it is folded: a megabyte of model text must not stall the screen.
    line = " ".join(clean(text[: 8 * max_length + 1]).split())
    if len(line) <= max_length and len(text) <= 8 * max_length:
        return line
    return line[: max_length - 1].rstrip() + "…"


def amount(cost: float) -> str:
    """Cost units for people: whole ones from a hundred on, three digits below (a budget may be in money)."""
    if 0 < abs(cost) < 1e-3:
        # A thought may cost a hundredth of a cent: its digits are easier to read than an exponent.
        return f"{cost:.{2 - math.floor(math.log10(abs(cost)))}f}"
    return f"{cost:,.0f}" if abs(cost) >= 99.95 or cost == 0 else f"{cost:.3g}"


def share(part: float, whole: float) -> str:
    """A part in per cent of a whole, a dash where there is no whole."""
    return f"{100 * part / whole:.0f} %" if whole > 0 else "-"


def signed(safety: float | None) -> str:
    """Safety in [-1, 1]; a question mark when it is unknown, never a number."""
    return "?" if safety is None else f"{safety:+.2f}"


def fraction(utility: float | None) -> str:
    """Utility in [0, 1]; a question mark when it is unknown, never a number."""
    return "?" if utility is None else f"{utility:.2f}"


def rate(value: float | None) -> str:
    """V or gamma, per cost unit: two digits that count; a dash when there is none."""
    if value is None:
        return "-"
    # Per cost unit they are small: as many places as two digits take, rather than an exponent.
    places = min(7, max(1, 1 - math.floor(math.log10(abs(value))))) if value else 1
    return f"{value:.{places}f}"


def count(number: int, noun: str) -> str:
    """A number with its noun: "1 call", "2 calls"."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def thought_label(kind: str, id_: str) -> str:
    """A thought's kind and id: "look t1"; an id that begins with the kind says it already."""
    kind, id_ = one_line(kind, 12), one_line(id_, 12)
    return id_ if id_.startswith(kind) else f"{kind} {id_}"


def models_line(models: "Models") -> str:
    """Actor and assessor in one line."""
    assessor = f"assessor {one_line(models.assessor)}" if models.independent else "its own assessor"
    return f"{one_line(models.actor)} · {assessor}"


def is_useless(result: "Result") -> bool:
    """Whether an answer's utility is below the policy's."""
    return result.status == "answered" and not result.satisfied


def outcome_line(result: "Result") -> str:
    """Status and end of a run in words."""
    useless = f"{NOT_USEFUL}, " if is_useless(result) else ""
    return f"{result.status}: {useless}{STOP_REASONS[result.stop_reason]}"
