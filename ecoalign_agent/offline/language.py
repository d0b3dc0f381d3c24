"""Words, stems, days: the little English that the reading rules need. Ours."""

import re

_STOP = (
    "ahead attached go hello help hi look ok okay thank thanks "
    "a about all also am an and any are as at be been but by can could did do does doing for from get give "
    "had has have he her here "
    "him his how i if in into is it its just know let like long many may me more most much must my need no "
    "not now of off on one only "
    "or our out over please say says see shall she should show so some such tell than that the their them "
    "then there these they this "
    "those to until up us want was we were what when where which who whose why will with worth would you your"
    " written read stand "
    "stands given asked according exactly"
)
_TYPES = (
    "time price cost fee date day number amount opening open hour close closed closing name called phone "
    "telephone address colour "
    "color euro dollar pay ticket entry admission entrance mean today till answer question line text value exact"
)
_SCENES = (
    "picture image photo photograph screenshot sign notice label receipt poster museum shop store note paper "
    "card board menu bill "
    "invoice timetable schedule place thing"
)
_SYNONYMS: dict[str, frozenset[str]] = {
    "kid": frozenset({"child"}),
    "sum": frozenset({"total"}),
    "bought": frozenset({"date"}),
    "purchase": frozenset({"date"}),
    "issued": frozenset({"date"}),
    "telephone": frozenset({"phone", "tel"}),
    "last": frozenset({"latest"}),
    "reduced": frozenset({"discount", "concession"}),
    "lift": frozenset({"elevator"}),
}
"""Topic word → other words that stand for it in print."""

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""0 is Monday."""

_DAY = r"(mon|tue|wed|thu|fri|sat|sun)(?:day|s|sday|nesday|rs|rsday|urday)?s?"
_SPAN = re.compile(rf"\b{_DAY}\.?\s*(?:-|–|—|to|until|through|till)\s*{_DAY}\b")
_ONE_DAY = re.compile(rf"\b{_DAY}\b")
_GROUPS = ((r"\bdaily\b|\bevery ?day\b", range(7)), (r"\bweekdays?\b", range(5)), (r"\bweekends?\b", range(5, 7)))


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


_IGNORED = frozenset(_STOP.split()) | frozenset(map(stem, f"{_STOP} {_TYPES} {_SCENES}".split()))


def topic_of(text: str) -> tuple[str, ...]:
    """Content words, each once: no stop words, days, names of scenes or of types of values."""
    found = [word for word in words(text) if word not in _IGNORED and len(word) > 1 and not _is_day(word)]
    return tuple(dict.fromkeys(found))


def is_about(word: str, row_words: list[str]) -> bool:
    """Whether a row's words hold a topic word, one that stands for it, or a longer one it was read together with."""
    accepted = {word} | _SYNONYMS.get(word, frozenset())
    return any(w in accepted or (len(word) >= 5 and w.startswith(word)) for w in row_words)


def days_in(text: str) -> frozenset[int]:
    """The weekdays that ``text`` names, ranges such as "Tue - Fri", "daily", "weekdays" and "weekend" included."""
    low = text.casefold()
    days: set[int] = set()
    for first, last in _SPAN.findall(low):
        start, stop = _number(first), _number(last)
        days |= {(start + step) % 7 for step in range((stop - start) % 7 + 1)}
    days |= {_number(day) for day in _ONE_DAY.findall(low)}
    for pattern, named in _GROUPS:
        if re.search(pattern, low):
            days |= set(named)
    return frozenset(days)


def _number(day: str) -> int:
    return next(number for number, name in enumerate(DAYS) if name.startswith(day))


def _is_day(word: str) -> bool:
    return any(word in {stem(day), day[:3]} for day in DAYS) or word in {"weekend", "weekday", "daily"}
