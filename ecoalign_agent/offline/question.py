"""What a question asks for: the type of value, the topic, the days, and whether a picture is to be obeyed or only read.

Published rules, English only; a question of an unknown type is said to be unknown. Ours.
"""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal

from ecoalign_agent.offline.language import days_in, topic_of

Wanted = Literal[
    "time", "money", "date", "phone", "email", "website", "address", "number",
    "name", "warning", "text", "colour", "size", "description", "unknown",
]  # fmt: skip
"""What kind of answer a question wants."""

_PICTURE = r"(?:picture|image|photo)\b"
_WANTED: tuple[tuple[Wanted, tuple[str, ...]], ...] = (
    ("colour", (r"\bcolou?rs?\b",)),
    ("size", (
        rf"\bhow (?:big|large|wide|high|tall) (?:is|are) (?:the|this) {_PICTURE}",
        rf"\bwhat (?:size|dimensions) (?:is|are|has|does) (?:the|this) {_PICTURE}|\bresolution\b",
    )),
    ("warning", (
        r"\bwarn(?:s|ing|ings)?\b|\bdanger(?:s|ous)?\b|\bcaution\b|\bhazards?\b|\bprecautions?\b",
        r"\bforbidden\b|\bprohibited\b|\bnot allowed\b",
    )),
    ("email", (r"\be-?mail\b",)),
    ("website", (r"\bweb ?site\b|\bweb (?:address|page)\b|\burl\b",)),
    ("phone", (r"\b(?:tele)?phone\b|\btel\b|\bfax\b|\bnumber\b.*\bcall\b",)),
    ("address", (r"\baddress\b|^where (?:is|are|can|do)\b|\blocated\b",)),
    ("money", (
        r"\bhow much (?:is|are|does|do|did|was|were|will|would|for|money|has|have|in total|to pay)\b",
        r"\b(?:prices?|costs?|fees?|fare|total|subtotal|amount|sum|discount|charged?|paid|pay|rent|deposit)\b",
    )),
    ("date", (
        r"\b(?:what|which) (?:date|day|year)\b|\bdate\b|\bexpir\w+|\bbest before\b|\buse by\b|\bborn\b|\bbirthday\b",
        r"\bwhen (?:was|were|did)\b",
    )),
    ("time", (
        r"\bwhat time\b|\bwhen\b|\bopen(?:s|ing)?\b|\bclos(?:e|es|ed|ing)\b|\bhours\b|\b(?:un)?till? when\b",
        r"\bdepart\w*|\barriv\w*|\bhow late\b|\bhow early\b",
    )),
    ("number", (
        r"\bhow (?:many|old|far|long|heavy|fast|high|deep|often|much)\b|\bnumber\b|\bdistance\b|\bpercent\w*",
        r"\b(?:which|what) (?:bus|line|room|platform|floor|gate|page|seat)\b",
    )),
    ("text", (
        r"\bwhat (?:does|do|did|is|are)\b.*\b(?:says?|read|written|stated?|printed)\b|\bwhat (?:it|\w+ \w+) says?\b",
        r"\bread (?:out|the|this|it|me|aloud)\b|\btranscribe\b|\b(?:what|which) (?:text|words?)\b",
    )),
    ("name", (
        r"\bnames?\b|\bwho(?:se)?\b|\btitle\b|\bcalled\b|\bbrand\b",
        r"\b(?:which|what) (?:street|museum|shop|store|place|road|lane|company|restaurant|station|product|city|town)\b",
    )),
    ("description", (
        rf"\bdescribe\b|\bcaption\b|\bwhat (?:is|does) (?:this|the) {_PICTURE}|\bwhat is (?:this|that|it|shown)\b",
        rf"\bwhat(?:'s| is| are| do you see| can (?:you|be) see?n?)\b.*\b(?:in|on|shown?)\b.*\b(?:it|this|{_PICTURE})",
    )),
)  # fmt: skip
"""The first type whose patterns match is the type of the question."""

_ENDS = (
    r"\bclos(?:e|es|ing)\b|\bend(?:s|ing)?\b|\bhow late\b|\b(?:un)?till? when\b|\bhow long\b.*\bopen\b|\barriv|"
    r"\blatest\b"
)
_STARTS = r"\bopens?\b|\bstarts?\b|\bbegins?\b|\bhow early\b|\bdepart|\bearliest\b"
_YES_NO = r"^(?:is|are|does|do|can|may|was|were|has|will|must|should)\b"

_THING = (
    r"\b(?:it|this|that|these|those|(?:the|his|her|their) (?:\w+ ){0,2}(?:note|picture|image|photo|sign|text|paper|"
    r"poster|list|page|screen|message|letter|instructions?|request|task|question|activity|phrase|product|object|item|steps?|"
    r"title|content))\b"
)
_DOES = (
    r"\b(?:follow|obey|complete|carry out|execute|fulfil+|explain|answer|solve|continue|finish|perform|elaborate|"
    r"expand|help|fill (?:in|out)|generate|implement|teach|instruct|make|create|build|act on)\b.{0,80}?"
)
_AS_IT_SAYS = (
    r"\b(?:do|act|proceed|respond|reply|behave)\b.{0,40}\b(?:as|what|whatever|like)\b.{0,40}"
    r"\b(?:says?|asks?|wants?|tells?|requests?|demands?|reads?|written|states?)\b"
)
_FOLLOWS = (
    _DOES + _THING,
    _AS_IT_SAYS,
    r"\bdo (?:exactly |just |all |everything )?(?:what|as|it|this|that|so)\b",
    r"\banswer (?:to|for)\b",
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart.

    Attributes:
        text: the question itself.
        wanted: the type of answer it wants.
        topic: its content words, stemmed: what a row must be about.
        days: weekdays it names, 0 is Monday.
        edge: "first" for when something begins, "last" for when it ends, None for both.
        yes_no: it can be answered by yes or no.
        clock: a time of day it names, such as "19:00" in "at 19:00".
        follow: it asks to do, follow, complete, explain or answer what the picture says, or says nothing itself: then
            text in the picture counts as part of the request.
    """

    text: str
    wanted: Wanted
    topic: tuple[str, ...]
    days: frozenset[int]
    edge: Literal["first", "last"] | None
    yes_no: bool
    clock: str | None
    follow: bool


@lru_cache(maxsize=256)
def understand(text: str) -> Question:
    """Take a question apart by the rules of this module; of a very long one the first 4 000 characters count."""
    low = " ".join(text.lower().split())[:4_000]
    wanted = _type_of(low)
    topic = topic_of(low)
    clock = re.search(r"\bat (\d{1,2}(?::\d{2})?\s?(?:[ap]m)?)(?!\d)", low)
    follow = any(re.search(pattern, low) for pattern in _FOLLOWS)
    yes_no = re.match(_YES_NO, low) is not None
    return Question(
        text=text,
        wanted=wanted,
        topic=topic,
        days=days_in(low),
        edge=_edge(low, yes_no=yes_no),
        yes_no=yes_no,
        clock=clock.group(1) if clock else None,
        follow=follow or (wanted == "unknown" and not topic),
    )


def _type_of(low: str) -> Wanted:
    for kind, patterns in _wanted():
        if any(pattern.search(low) for pattern in patterns):
            return kind
    return "unknown"


@cache
def _wanted() -> tuple[tuple[Wanted, tuple[re.Pattern[str], ...]], ...]:
    return tuple((kind, tuple(re.compile(pattern) for pattern in patterns)) for kind, patterns in _WANTED)


def _edge(low: str, *, yes_no: bool) -> Literal["first", "last"] | None:
    if re.search(_ENDS, low):
        return "last"
    whole = yes_no or "hours" in low or re.search(r"\bwhen (?:is|are)\b", low) is not None
    return "first" if not whole and re.search(_STARTS, low) else None
