"""Question → the rows that answer it, and how sure that is. Published rules; nothing is guessed.

A row counts by how much of the question's topic it holds, itself or by the heading above it; a row for other days than the
one asked for does not count at all. Ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.offline.question import Question, days_in, is_about, words
from ecoalign_agent.offline.rows import Row
from ecoalign_agent.offline.values import CLOSED, ValueType, bounds, minutes, normalised, values_in

SURE = 0.75
"""From here on a finding is called sure: a scan may draft it, an examiner compares with it."""

_VALUE_TYPES: tuple[ValueType, ...] = ("time", "money", "date", "phone", "email", "website", "address", "number")
_WARNING = frozenset(
    "warning danger caution attention hazard flammable toxic corrosive irritant poison poisonous harmful avoid never beware "
    "hot slippery fragile keep prohibited forbidden voltage explosive sharp".split()
)
_CATEGORY = frozenset("museum street lane road avenue square shop market store cafe restaurant station hotel bakery park".split())


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


def find(question: Question, rows: Sequence[Row]) -> Finding:
    """The rows that answer ``question``, the best first. Rows that are not clear never make a finding sure."""
    found = _find(question, rows)
    if found.rows and not all(row.clear for row in found.rows):
        return Finding(found.value, found.rows, min(found.sure, 0.4))
    return found


def _find(question: Question, rows: Sequence[Row]) -> Finding:
    if not rows:
        return NOTHING
    if question.wanted in _VALUE_TYPES:
        return _valued(question, rows, question.wanted)
    if question.wanted == "warning":
        return _warnings(rows)
    if question.wanted == "text":
        return Finding(" / ".join(row.text for row in rows), tuple(rows), 0.9)
    if question.wanted == "name":
        return _named(question, rows)
    if question.wanted == "unknown":
        return _overlapping(question, rows)
    return NOTHING


def value_type(question: Question) -> ValueType | None:
    """The type of value that a question asks for; None when it asks for words."""
    return question.wanted if question.wanted in _VALUE_TYPES else None


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


def _valued(question: Question, rows: Sequence[Row], kind: ValueType) -> Finding:
    if question.yes_no and kind == "time" and (question.days or question.clock):
        return _open_or_not(question, rows)
    pointed = bool(question.topic or question.days)
    scored: list[tuple[float, Row, list[str]]] = []
    for row, share in zip(rows, coverage(question, rows), strict=True):
        row_days = days_in(row.text)
        if question.days and (row_days or kind == "time") and not question.days & row_days:
            continue
        points = share + bool(question.days and row_days)
        if values := values_in(row.text, kind):
            scored.append((points, row, values))
    if not scored:
        return _about_only(question, rows)
    best = max(points for points, _, _ in scored)
    if not pointed or best == 0:
        return _only(question, kind, [(row, values) for _, row, values in scored], pointed=pointed)
    top = [(row, values) for points, row, values in scored if points == best]
    picked = [_pick(question, kind, row.text, values) for row, values in top]
    full = best / (bool(question.topic) + bool(question.days))
    if len({normalised(value) for value in picked}) == 1:
        return Finding(picked[0], (top[0][0],), 0.95 if full >= 0.99 else 0.8 if full >= 0.5 else 0.5)
    return Finding(picked[0], tuple(row for row, _ in top[:3]), 0.45 if full >= 0.5 else 0.3)


def _only(question: Question, kind: ValueType, having: list[tuple[Row, list[str]]], *, pointed: bool) -> Finding:
    """No row is about the topic: a single value may still be meant, and a list of hours answers for all days."""
    if len({normalised(value) for _, values in having for value in values}) == 1:
        row, values = having[0]
        return Finding(values[0], (row,), 0.45 if pointed else 0.85)
    if pointed:
        return Finding("", (), 0.0)
    if kind in {"time", "money"} and len(having) <= 6:
        listed = tuple(row for row, _ in having)
        return Finding("; ".join(row.text for row in listed), listed, 0.8)
    return Finding(having[0][1][0], tuple(row for row, _ in having[:2]), 0.3)


def _pick(question: Question, kind: ValueType, text: str, values: list[str]) -> str:
    if kind == "time":
        span = next((limits for value in values if (limits := bounds(value))), None)
        if span is not None and question.edge is not None:
            return span[1] if question.edge == "last" else span[0]
        return values[-1] if question.edge == "last" else values[0]
    if kind == "money":
        return values[-1]  # prices stand at the end of their row
    low = text.casefold()
    ends = [low.find(word) + len(word) for word in question.topic if word in low]
    after = [value for value in values if ends and text.rfind(value) >= max(ends)]
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


def _warnings(rows: Sequence[Row]) -> Finding:
    found = [row for row in rows if _WARNING & set(words(row.text)) or "do not" in row.text.casefold()]
    return Finding(" / ".join(row.text for row in found), tuple(found), 0.9) if found else NOTHING


def _named(question: Question, rows: Sequence[Row]) -> Finding:
    asked = set(words(question.text)) & _CATEGORY
    holding = [row for row in rows if set(words(row.text)) & _CATEGORY]
    if asked and (same := [row for row in holding if asked & set(words(row.text))]):
        return Finding(same[0].text, (same[0],), 0.9)
    if asked & {"street", "road", "lane"} and (named := [row for row in rows if values_in(row.text.title(), "address")]):
        return Finding(named[0].text, (named[0],), 0.85)
    if question.topic:
        found = _overlapping(question, rows)
        if found.rows:
            return found
    # A title is what stands out: the tallest row of the picture.
    tallest = max(rows, key=lambda row: row.height)
    return Finding(tallest.text, (tallest,), 0.8 if tallest.height > 0 else 0.4)


def _overlapping(question: Question, rows: Sequence[Row]) -> Finding:
    if not question.topic:
        return NOTHING
    shares = coverage(question, rows)
    best = max(shares)
    if best < 0.5:
        return NOTHING
    top = tuple(row for row, share in zip(rows, shares, strict=True) if share == best)[:3]
    return Finding(" / ".join(row.text for row in top), top, 0.8 if best >= 0.99 and len(top) == 1 else 0.5)
