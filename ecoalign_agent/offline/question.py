"""What a question asks for: the type of value, the topic, the days, and whether a picture is to be obeyed or only read.

Published rules, English only; a question of an unknown type is said to be unknown. Ours.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

Wanted = Literal[
    "time", "money", "date", "phone", "email", "website", "address", "number",
    "name", "warning", "text", "colour", "size", "description", "unknown",
]  # fmt: skip
"""What kind of answer a question wants."""

_WANTED: tuple[tuple[Wanted, str], ...] = (
    ("colour", r"\bcolou?rs?\b"),
    ("size", r"\b(?:how (?:big|large|wide|high|tall)|what (?:size|dimensions)) (?:is|are|has) (?:the|this) (?:picture|image|photo)|\bresolution\b"),
    ("warning", r"\bwarn(?:s|ing|ings)?\b|\bdanger(?:s|ous)?\b|\bcaution\b|\bhazards?\b|\bprecautions?\b|\bforbidden\b|\bprohibited\b|\bnot allowed\b"),
    ("email", r"\be-?mail\b"),
    ("website", r"\bweb ?site\b|\bweb (?:address|page)\b|\burl\b"),
    ("phone", r"\b(?:tele)?phone\b|\btel\b|\bnumber (?:can|do|should|to) .*\bcall\b|\bfax\b"),
    ("address", r"\baddress\b|^where (?:is|are|can|do)\b|\blocated\b"),
    ("money", r"\bhow much (?:is|are|does|do|did|was|were|will|would|for|money|has|have|in total|to pay)\b|\b(?:prices?|costs?|fees?|fare|total|subtotal|amount|sum|discount|charged?|paid|pay|rent|deposit)\b"),
    ("date", r"\b(?:what|which) (?:date|day)\b|\bdate\b|\bexpir\w+|\bbest before\b|\buse by\b|\bborn\b|\bbirthday\b|\bwhen (?:was|were|did)\b|\bwhat year\b"),
    ("time", r"\bwhat time\b|\bwhen\b|\bopen(?:s|ing)?\b|\bclos(?:e|es|ed|ing)\b|\bhours\b|\b(?:un)?till? when\b|\bdepart\w*|\barriv\w*|\bhow late\b|\bhow early\b"),
    ("number", r"\bhow (?:many|old|far|long|heavy|fast|high|deep|often|much)\b|\bnumber\b|\bdistance\b|\b(?:which|what) (?:bus|line|room|platform|floor|gate|page|seat)\b|\bpercent\w*"),
    ("text", r"\bwhat (?:does|do|did|is|are)\b.*\b(?:says?|read|written|stated?|printed)\b|\bread (?:out|the|this|it|me|aloud)\b|\btranscribe\b|\b(?:what|which) (?:text|words?)\b|\bwhat it says\b"),
    ("name", r"\bnames?\b|\bwho(?:se)?\b|\btitle\b|\bcalled\b|\bbrand\b|\b(?:which|what) (?:street|museum|shop|store|place|road|lane|company|restaurant|station|product|city|town)\b"),
    ("description", r"\bdescribe\b|\bcaption\b|\bwhat(?:'s| is| are| do you see| can (?:you|be) see?n?)\b.*\b(?:in|on|shown?)\b.*\b(?:picture|image|photo|it|this)\b|\bwhat (?:is|does) (?:this|the) (?:picture|image|photo)\b|\bwhat is (?:this|that|it|shown)\b"),
)  # fmt: skip

_STOP = frozenset(
    "a about all also am an and any are as at be been but by can could did do does doing for from get give had has have he her "
    "here him his how i if in into is it its just let like long many may me more most much must my need no not now of off on one "
    "only or our out over please say says see shall she should show so some such tell than that the their them then there these "
    "they this those to until up us want was we were what when where which who whose why will with would you your written read "
    "stand stands given asked according exactly much".split()
)
_TYPE_WORDS = frozenset(
    "time times price prices cost costs fee date day number amount opening open opens hours hour close closes closed closing name "
    "called phone telephone address colour color euro euros dollar dollars pay ticket tickets entry admission entrance mean means "
    "today till answer question line lines text value exact number".split()
)
_SCENE_WORDS = frozenset(
    "picture image photo photograph screenshot sign notice label receipt poster museum shop store note paper card board menu bill "
    "invoice timetable schedule place thing".split()
)
_SYNONYMS: dict[str, frozenset[str]] = {
    "kid": frozenset({"child"}),
    "grown-up": frozenset({"adult"}),
    "sum": frozenset({"total"}),
    "bill": frozenset({"total"}),
    "bought": frozenset({"date"}),
    "purchase": frozenset({"date"}),
    "issued": frozenset({"date"}),
    "telephone": frozenset({"phone", "tel"}),
    "train": frozenset({"station"}),
    "last": frozenset({"latest"}),
    "reduced": frozenset({"discount", "concession"}),
}
"""Topic word → other words that stand for it in print."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = r"(mon|tue|wed|thu|fri|sat|sun)(?:day|s|sday|nesday|rs|rsday|urday)?s?"
_FOLLOW = re.compile(
    r"\b(?:do|follow|obey|complete|carry out|execute|fulfil+|explain|answer|solve|continue|finish|perform|elaborate|expand|"
    r"help me|fill (?:in|out)|generate|list|write (?:out|down|about)?|act on|implement|teach|instruct|make|create|build)\b"
    r".{0,80}?\b(?:it|this|that|these|those|(?:the|his|her|their) (?:\w+ ){0,2}(?:note|picture|image|photo|sign|text|paper|poster|list|"
    r"page|screen|message|letter|instructions?|request|task|question|activity|phrase|product|object|item|steps?|title|content))\b"
    r"|\b(?:as|what) (?:the|this|that) \w+ (?:says?|asks?|wants?|tells?|requests?)\b|\bwhat (?:is|it) (?:asked|asks|requested|says)\b.*\bdo\b",
    re.IGNORECASE,
)
_READ_ONLY = re.compile(
    r"^\W*(?:(?:please|can you|could you|tell me)\W+)*(?:what|which|who|where|when|is|are|does|read|transcribe|how many|how much)\b(?!.*\b(?:and|then) "
    r"(?:do|follow|explain|answer|complete|carry)\b)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Question:
    """A question, taken apart.

    Attributes:
        text: the question itself.
        wanted: the type of answer it wants.
        topic: its content words, stemmed, without words for types and scenes: what a line must be about.
        days: weekdays it names, 0 is Monday.
        edge: "first" for when something begins, "last" for when it ends, None for both.
        yes_no: it can be answered by yes or no.
        clock: a time of day it names, such as "at 19:00".
        follow: it asks to do, follow, complete, explain or answer what the picture says, so that text in the picture counts.
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
    """Take a question apart by the rules of this module."""
    low = " ".join(text.lower().split())[:4_000]
    wanted = next((kind for kind, pattern in _WANTED if re.search(pattern, low)), "unknown")
    ends = re.search(r"\bclos(?:e|es|ing)\b|\bend(?:s|ing)?\b|\bhow late\b|\b(?:un)?till? when\b|\bhow long\b.*\bopen\b|\barriv", low)
    starts = re.search(r"\bopens?\b|\bstarts?\b|\bbegins?\b|\bhow early\b|\bdepart", low)
    clock = re.search(r"\bat (\d{1,2}(?::\d{2})?\s?(?:[ap]m)?)(?!\d)", low)
    yes_no = re.match(r"^(?:is|are|does|do|can|may|was|were|has|will|must|should)\b", low) is not None
    return Question(
        text,
        wanted,
        topic_of(low),
        days_in(low),
        "last" if ends else "first" if starts and not yes_no and "hours" not in low and "when is" not in low else None,
        yes_no,
        clock.group(1) if clock else None,
        _FOLLOW.search(low) is not None and _READ_ONLY.match(low) is None,
    )


def words(text: str) -> list[str]:
    """The words of ``text``, in small letters, stemmed."""
    return [stem(word) for word in re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text.casefold())]


def stem(word: str) -> str:
    """A word without possessive and plural endings."""
    word = re.sub(r"['’]s?$", "", word)
    if word in {"children", "kids"}:
        return "child"
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and re.search(r"(?:s|x|z|ch|sh)es$", word):
        return word[:-2]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


_IGNORED = frozenset(map(stem, _STOP | _TYPE_WORDS | _SCENE_WORDS)) | _STOP


def topic_of(text: str) -> tuple[str, ...]:
    """Content words of a question, each once, without days."""
    found = [word for word in words(text) if word not in _IGNORED and len(word) > 1 and not _is_day(word)]
    return tuple(dict.fromkeys(found))


def is_about(word: str, row_words: list[str]) -> bool:
    """Whether a line's words hold a topic word, one of its synonyms, or a longer word that was read together with it."""
    accepted = {word} | _SYNONYMS.get(word, frozenset())
    return any(w in accepted or (len(word) >= 5 and w.startswith(word)) for w in row_words)


def days_in(text: str) -> frozenset[int]:
    """The weekdays that ``text`` names, ranges such as "Tue - Fri", "daily", "weekdays" and "weekend" included."""
    low = text.casefold()
    days: set[int] = set()
    span = re.compile(rf"\b{_DAY}\.?\s*(?:-|–|—|to|until|through|till)\s*{_DAY}\b")
    for first, last in span.findall(low):
        start, stop = _number(first), _number(last)
        days |= {(start + step) % 7 for step in range((stop - start) % 7 + 1)}
    days |= {_number(day) for day in re.findall(rf"\b{_DAY}\b", low)}
    for pattern, named in ((r"\bdaily\b|\bevery ?day\b", range(7)), (r"\bweekdays?\b", range(5)), (r"\bweekends?\b", (5, 6))):
        if re.search(pattern, low):
            days |= set(named)
    return frozenset(days)


def _number(day: str) -> int:
    return next(number for number, name in enumerate(DAYS) if name.startswith(day))


def _is_day(word: str) -> bool:
    return any(word in {stem(day), day[:3]} for day in DAYS) or word in {"weekend", "weekday", "daily"}
