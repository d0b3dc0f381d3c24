"""Question → the rows that answer it, and how sure that is. Published rules; nothing is guessed. Ours."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from ecoalign_agent.offline.finding import NOTHING, Finding, coverage
from ecoalign_agent.offline.language import words
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.rows import Row
from ecoalign_agent.offline.valued import find_value, open_or_not, value_type
from ecoalign_agent.offline.values import values_in

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


def _way_to(question: Question) -> Callable[[Question, Sequence[Row]], Finding]:
    if value_type(question) is not None:
        timed = question.wanted == "time" and question.yes_no and (question.days or question.clock)
        return open_or_not if timed else find_value
    ways = {"warning": _warnings, "text": _all_text, "name": _named, "unknown": _overlapping}
    return ways.get(question.wanted, _none)


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
