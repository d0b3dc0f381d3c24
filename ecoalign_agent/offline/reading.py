"""Question → the rows that answer it, and how sure that is. Published rules; nothing is guessed.

A row counts by how much of the question's topic it holds, itself or by the heading above it; a row for other days than
the one asked for does not count at all. Ours.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ecoalign_agent.offline.language import days_in, is_about, words
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.rows import Row
from ecoalign_agent.offline.values import CLOSED, VALUE_TYPES, ValueType, bounds, minutes, normalised, values_in

SURE = 0.75
"""From here on a finding is called sure: a scan may draft it, an examiner compares with it."""

_WARNING = frozenset(
    {
        "warning", "danger", "caution", "attention", "hazard", "flammable", "toxic", "corrosive", "irritant", "poison",
        "poisonous", "harmful", "avoid", "never", "beware", "hot", "slippery", "fragile", "keep", "prohibited",
        "forbidden", "voltage", "explosive", "sharp",
    }
)  # fmt: skip
_CATEGORY = frozenset(
    {
        "museum", "street", "lane", "road", "avenue", "square", "shop", "market", "store", "cafe", "restaurant",
        "station", "hotel", "bakery", "park",
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Finding:
    """What answers a question.

    Attributes:
        value: what was asked for, as it is written; "" when the rows are about it but hold no such value.
        rows: the rows it was read from.
        sure: in [0, 1]; 0 says that nothing was found.
    """

    value: str = ""
    rows: tuple[Row, ...] = ()
    sure: float = 0.0

    @property
    def is_sure(self) -> bool:
        """Whether it can be told as it is."""
        return self.sure >= SURE


NOTHING = Finding()
"""No row answers the question."""


def find(question: Question, rows: Sequence[Row], *, unread: bool = False) -> Finding:
    """The rows that answer ``question``, the best first.

    Args:
        question: what is asked.
        rows: what was read.
        unread: there is text that could not be read. Then only a row that holds the whole topic is sure: a better one
            may be among those.
    """
    if not rows:
        return NOTHING
    found = _way_to(question)(question, rows)
    return replace(found, sure=min(found.sure, 0.7)) if unread and found.sure < 0.9 else found


def value_type(question: Question) -> ValueType | None:
    """The type of value that a question asks for; None when it asks for words."""
    return next((kind for kind in VALUE_TYPES if kind == question.wanted), None)


def coverage(question: Question, rows: Sequence[Row]) -> list[float]:
    """How much of the topic each row holds, in [0, 1]; half of what the heading above it holds counts too."""
    shares = []
    heading = 0.0
    for row in rows:
        row_words = words(row.text)
        held = sum(is_about(word, row_words) for word in question.topic) / max(len(question.topic), 1)
        if not any(character.isdigit() for character in row.text):
            heading = held
        shares.append(max(held, heading / 2))
    return shares


def _way_to(question: Question) -> Callable[[Question, Sequence[Row]], Finding]:
    if value_type(question) is not None:
        timed = question.wanted == "time" and question.yes_no and (question.days or question.clock)
        return _open_or_not if timed else _valued
    ways = {"warning": _warnings, "text": _all_text, "name": _named, "unknown": _overlapping}
    return ways.get(question.wanted, _none)


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row
    points: float
    values: tuple[str, ...]


def _valued(question: Question, rows: Sequence[Row]) -> Finding:
    kind = value_type(question) or "number"
    having = [candidate for candidate in _candidates(question, rows, kind) if candidate.values]
    if not having:
        return _about_only(question, rows)
    distinct = {normalised(value) for candidate in having for value in candidate.values}
    best = max(candidate.points for candidate in having)
    if best == 0 or not (question.topic or question.days):
        return _unpointed(question, kind, having, single=len(distinct) == 1)
    top = [candidate for candidate in having if candidate.points == best]
    picked = [_pick(question, kind, candidate) for candidate in top]
    full = best / (bool(question.topic) + bool(question.days))
    if len({normalised(value) for value in picked}) > 1:
        if kind == "time" and len(question.days) > 1:
            return _listed([candidate.row for candidate in top], 0.85)
        return Finding(picked[0], tuple(candidate.row for candidate in top[:3]), 0.45 if full >= 0.5 else 0.3)
    sure = 0.95 if full >= 0.99 else 0.8 if full >= 0.5 or len(distinct) == 1 else 0.5
    return Finding(picked[0], (top[0].row,), sure)


def _candidates(question: Question, rows: Sequence[Row], kind: ValueType) -> list[_Candidate]:
    found = []
    for row, share in zip(rows, coverage(question, rows), strict=True):
        row_days = days_in(row.text)
        if question.days and (row_days or kind == "time") and not question.days & row_days:
            continue
        points = share + bool(question.days and row_days)
        found.append(_Candidate(row, points, tuple(values_in(row.text, kind))))
    return found


def _unpointed(question: Question, kind: ValueType, having: Sequence[_Candidate], *, single: bool) -> Finding:
    """No row is about the topic: a single value may still be meant, and a list of hours answers for all days."""
    pointed = bool(question.topic or question.days)
    if single:
        return Finding(having[0].values[0], (having[0].row,), 0.45 if pointed else 0.85)
    if pointed:
        return NOTHING
    if kind in {"time", "money"} and len(having) <= 6:
        return _listed([candidate.row for candidate in having], 0.8)
    return Finding(having[0].values[0], tuple(candidate.row for candidate in having[:2]), 0.3)


def _listed(rows: Sequence[Row], sure: float) -> Finding:
    return Finding("; ".join(row.text for row in rows), tuple(rows), sure)


def _pick(question: Question, kind: ValueType, candidate: _Candidate) -> str:
    values = candidate.values
    if kind == "time":
        span = next((limits for value in values if (limits := bounds(value))), None)
        if span is not None and question.edge is not None:
            return span[1] if question.edge == "last" else span[0]
        return values[-1] if question.edge == "last" else values[0]
    if kind == "money":
        return values[-1]  # prices stand at the end of their row
    text = candidate.row.text.casefold()
    ends = [text.find(word) + len(word) for word in question.topic if word in text]
    after = [value for value in values if ends and text.rfind(value.casefold()) >= max(ends)]
    return (after or values)[0]


def _about_only(question: Question, rows: Sequence[Row]) -> Finding:
    best = max(zip(coverage(question, rows), rows, strict=True), key=lambda pair: pair[0])
    return Finding("", (best[1],), 0.25) if question.topic and best[0] >= 0.5 else NOTHING


def _open_or_not(question: Question, rows: Sequence[Row]) -> Finding:
    for row in rows:
        hours = values_in(row.text, "time")
        if not hours or (question.days and not question.days & days_in(row.text)):
            continue
        span = bounds(hours[0])
        if CLOSED.search(row.text) and span is None:
            return Finding("No", (row,), 0.95)
        at = minutes(question.clock) if question.clock else None
        if span is None or (question.clock and at is None):
            continue
        if at is None:
            return Finding(f"Yes, {hours[0]}", (row,), 0.95)
        start, stop = minutes(span[0]), minutes(span[1])
        if start is not None and stop is not None and question.days:
            return Finding("Yes" if start <= at < stop else "No", (row,), 0.95)
    return NOTHING


def _warnings(_: Question, rows: Sequence[Row]) -> Finding:
    found = [row for row in rows if _WARNING & set(words(row.text)) or "do not" in row.text.casefold()]
    return Finding(" / ".join(row.text for row in found), tuple(found), 0.85) if found else NOTHING


def _all_text(_: Question, rows: Sequence[Row]) -> Finding:
    return Finding(" / ".join(row.text for row in rows), tuple(rows), 0.85)


def _none(_: Question, __: Sequence[Row]) -> Finding:
    return NOTHING


def _named(question: Question, rows: Sequence[Row]) -> Finding:
    asked = set(words(question.text)) & _CATEGORY
    if same := [row for row in rows if asked & set(words(row.text))]:
        return Finding(same[0].text, (same[0],), 0.9)
    if asked & {"street", "road"} and (roads := [row for row in rows if values_in(row.text.title(), "address")]):
        return Finding(roads[0].text, (roads[0],), 0.9)
    if question.topic and (found := _overlapping(question, rows)).rows:
        return found
    # A title is what stands out: the tallest row of the picture.
    by_height = sorted(rows, key=lambda row: -row.height)
    stands_out = len(rows) == 1 or by_height[0].height > 1.2 * by_height[1].height
    return Finding(by_height[0].text, (by_height[0],), 0.9 if stands_out and by_height[0].height else 0.4)


def _overlapping(question: Question, rows: Sequence[Row]) -> Finding:
    shares = coverage(question, rows)
    best = max(shares)
    if not question.topic or best < 0.5:
        return NOTHING
    top = tuple(row for row, share in zip(rows, shares, strict=True) if share == best)[:3]
    return Finding(" / ".join(row.text for row in top), top, 0.8 if best >= 0.99 and len(top) == 1 else 0.5)
