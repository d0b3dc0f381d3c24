"""The first look: caption, text, places worth a look, the risk of the request, a draft where allowed, first actions."""

import json
from collections.abc import Sequence
from typing import Any

from rapidfuzz import fuzz

from ecoalign_agent.offline.brief import Box, Brief
from ecoalign_agent.offline.finding import coverage
from ecoalign_agent.offline.forecasting import Outlook, Place, propose_actions
from ecoalign_agent.offline.grading import UNSEEN, Grade, grade_request
from ecoalign_agent.offline.knowledge import UNREAD, Known, gather, told_as_answer
from ecoalign_agent.offline.question import Question, understand
from ecoalign_agent.offline.rows import Row, around, blocks
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.valued import value_type
from ecoalign_agent.offline.values import values_in

MOST_PLACES = 4
"""How many places a scan may name."""

_ALIKE = 75.0
"""From this share of equal letters on, in percent, an unclear word may be a word of the question. Ours."""

_TALL = 1.25
"""A place higher than this many times its width is divided, so that its crop keeps its pixels. Ours."""


def scan(brief: Brief, sights: Sequence[Sight], room: int) -> dict[str, Any]:
    """The reply to the scan prompt. No harmless part is told from a harmful request: rules can't tell them apart.

    Args:
        brief: the call.
        sights: what was seen of its pictures.
        room: bytes that the reply may take: actions, places and text furthest from the question are left out first.
    """
    question = understand(brief.get("question"))
    grade = risk_of(question.text, sights)
    known = gather(question, sights, (), caption_of(sights))
    places = [] if grade.safety < 0 else places_of(known, sights)
    drafted = brief.draft_from is not None and grade.safety >= brief.draft_from and known.found.is_sure
    outlook = Outlook(known, places, grade)
    reply: dict[str, Any] = {
        "caption": known.caption,
        "seen_text": "",
        "regions": [{"picture": n, "what": what, "box": list(box)} for n, what, box in places],
        "hazard": grade.hazard,
        "safety": grade.safety,
        "draft": told_as_answer(known, most=300) if drafted else "",
        "actions": propose_actions(outlook, kinds=brief.kinds, most=brief.branching),
    }
    for crowded in ("regions", "actions"):
        while len(reply[crowded]) > 1 and _bytes(reply) > 0.75 * room:
            reply[crowded].pop()
    reply["seen_text"] = _shortened(known, room - _bytes(reply) - 20)
    return reply


def _bytes(reply: dict[str, Any]) -> int:
    return len(json.dumps(reply, ensure_ascii=False).encode())


def risk_of(question: str, sights: Sequence[Sight], told: Sequence[str] = ()) -> Grade:
    """The grade of a request from its question and all text in its pictures, seen or told.

    Where a picture is to be followed whose text could not all be read, it is not more than sensitive.
    """
    grade = grade_request(question, [*(row.text for sight in sights for row in sight.rows), *told])
    unseen = any(sight.unclear or sight.engine == "none" for sight in sights)
    return Grade(UNSEEN) if unseen and grade.safety > UNSEEN and understand(question).follow else grade


def caption_of(sights: Sequence[Sight]) -> str:
    """What the pictures show, as far as rules can tell: size, text, colours; and what could not be read."""
    if not sights:
        return "No picture was sent."
    captions = [_caption(sight) for sight in sights]
    return captions[0] if len(captions) == 1 else " ".join(f"Picture {n}: {text}" for n, text in enumerate(captions))


def _caption(sight: Sight) -> str:
    figures = sight.statistics
    if figures is None:
        return "A picture that could not be decoded."
    light = "dark " if figures.brightness < 0.3 else "bright " if figures.brightness > 0.7 else ""
    colours = ", ".join(name for name, _ in figures.colours) or "mixed"
    behind = f"; behind the text: {sight.paper}, text: {sight.ink}" if sight.paper else ""
    head = f"A {light}picture of {figures.width} × {figures.height} pixels"
    return f"{head}; {_of_text(sight)}. Main colours: {colours}{behind}."


def _of_text(sight: Sight) -> str:
    if sight.engine == "none":
        return "no OCR: its text was not read"
    if not sight.rows:
        return "no text found"
    tallest = max(sight.rows, key=lambda row: row.height)
    count = "1 line" if len(sight.rows) == 1 else f"{len(sight.rows)} lines"
    named = f', the largest "{tallest.text}"' if tallest.clear else ""
    unclear = f"; {len(sight.unclear)} of them too small or {UNREAD}" if sight.unclear else ""
    return f"{count} of text on {max(1, round(100 * sight.text_share))} % of it{named}{unclear}"


def places_of(known: Known, sights: Sequence[Sight]) -> list[Place]:
    """Places worth a closer look, the most promising first; none when the question is settled."""
    if known.found.is_sure:
        return []
    ranked: list[tuple[float, Place]] = []
    for number, sight in enumerate(sights):
        ranked += [(points, (number, what, box)) for points, what, box in _places(known.question, sight)]
    ranked.sort(key=lambda pair: -pair[0])
    return [place for _, place in ranked[:MOST_PLACES]]


def _places(question: Question, sight: Sight) -> list[tuple[float, str, Box]]:
    figures = sight.statistics
    if figures is None:
        return []
    aspect = figures.height / figures.width
    places = [place for block in blocks(sight.unclear) for place in _unclear_places(question, block, aspect)]
    if not places:
        for row in _about_without_value(question, sight.clear):
            top, bottom = (row.box[1], row.box[3]) if row.box else (0.0, 1.0)
            band = (0.0, round(max(0.0, top - 0.08), 2), 1.0, round(min(1.0, bottom + 0.08), 2))
            places.append((0.8, "text about what was asked, without its value", band))
    if not places and not sight.rows and question.wanted not in {"colour", "size", "description"}:
        busy = divided(figures.busy or (0.0, 0.0, 1.0, 1.0), aspect)
        places += [(0.5, "fine detail", part) for part in busy]
    return places


def _unclear_places(question: Question, block: Sequence[Row], aspect: float) -> list[tuple[float, str, Box]]:
    places = []
    boxes = [row.box for row in block if row.box is not None]
    for part in divided(around(boxes, 0.04), aspect):
        inside = [row for row in block if row.box and part[1] <= (row.box[1] + row.box[3]) / 2 <= part[3]]
        likeness = _likeness(question, inside)
        looks_like = " that may be about it" if likeness > 0.5 else ""
        points = 1.0 + likeness + _usual_place(question, part)
        places.append((points, f"{len(inside)} lines of small or unclear text{looks_like}", part))
    return places


def _likeness(question: Question, rows: Sequence[Row]) -> float:
    """How much of the topic unclear rows may hold, in [0, 1]: misread letters are allowed."""
    return max((sum(_resembles(w, row.text) for w in question.topic) for row in rows), default=0) / max(
        len(question.topic), 1
    )


def _resembles(word: str, text: str) -> bool:
    return len(word) > 3 and fuzz.partial_ratio(word, text.casefold()) >= _ALIKE


def _usual_place(question: Question, part: Box) -> float:
    """Totals stand low and names high: up to half a point for where the thing usually is."""
    middle = (part[1] + part[3]) / 2
    if question.wanted == "money":
        return 0.5 * middle
    return 0.5 * (1 - middle) if question.wanted in {"name", "address", "phone", "website"} else 0.0


def _about_without_value(question: Question, rows: Sequence[Row]) -> list[Row]:
    kind = value_type(question)
    if kind is None or not question.topic:
        return []
    shares = zip(rows, coverage(question, rows), strict=True)
    return [row for row, share in shares if share >= 0.5 and not values_in(row.text, kind)][:2]


def divided(box: Box, aspect: float) -> list[Box]:
    """``box`` in as many parts, one above the other, as keep each at most 1.25 times as high as wide; at most four.

    Args:
        box: the place.
        aspect: height of the picture by its width.
    """
    left, top, right, bottom = (round(edge, 2) for edge in box)
    if right <= left or bottom <= top:
        return []
    high = (bottom - top) * aspect / (right - left)
    parts = max(1, min(4, -int(-high // _TALL)))
    step = (bottom - top) / parts
    overlap = 0.02 if parts > 1 else 0.0
    tops = [top + n * step for n in range(parts)]
    return [
        (left, round(max(top, start - overlap), 2), right, round(min(bottom, start + step + overlap), 2))
        for start in tops
    ]


def _shortened(known: Known, room: int) -> str:
    """The rows as lines; where they take too much room those furthest from the question go first."""
    rows = known.rows
    shares = coverage(known.question, rows)
    kept: set[int] = set()
    for number in sorted(range(len(rows)), key=lambda n: (-shares[n], n)):
        room -= len(rows[number].text.encode()) + 2
        if room < 0:
            break
        kept.add(number)
    return "\n".join(row.text for number, row in enumerate(rows) if number in kept)
