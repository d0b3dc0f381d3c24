"""Questions for a value: the time, price, date or number in the row that is about the topic.

A row counts by how much of the question's topic it holds, itself or by the heading above it; a row for other days than
the one asked for does not count at all. Ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.offline.finding import NOTHING, Finding, coverage
from ecoalign_agent.offline.language import days_in
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.rows import Row
from ecoalign_agent.offline.values import CLOSED, VALUE_TYPES, ValueType, bounds, minutes, normalised, values_in


def value_type(question: Question) -> ValueType | None:
    """The type of value that a question asks for; None when it asks for words."""
    return next((kind for kind in VALUE_TYPES if kind == question.wanted), None)


@dataclass(frozen=True, slots=True)
class _Candidate:
    row: Row
    points: float
    values: tuple[str, ...]


def find_value(question: Question, rows: Sequence[Row]) -> Finding:
    """The value that the question asks for, from the row that holds most of its topic."""
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


def open_or_not(question: Question, rows: Sequence[Row]) -> Finding:
    """Whether something is open on the day, or at the time, that the question names: "Yes" or "No" first."""
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
