"""The first look: caption, text, places worth a look, the risk of the request, a draft where one is allowed, first actions."""

from collections.abc import Sequence
from typing import Any

from ecoalign_agent.offline.brief import Box, Brief
from ecoalign_agent.offline.forecasting import propose_actions
from ecoalign_agent.offline.grading import Grade, grade_request
from ecoalign_agent.offline.knowledge import known_rows, settle, told_as_answer
from ecoalign_agent.offline.question import Question, understand
from ecoalign_agent.offline.reading import Finding, coverage
from ecoalign_agent.offline.rows import Row, around, blocks
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.values import values_in

MOST_PLACES = 4
"""How many places a scan may name."""

_TALL = 1.25
"""A place that is higher than this many times its width is divided, so that its crop keeps its pixels. Ours."""

Place = tuple[int, str, Box]
"""Number of the picture, what is there, and where."""


def scan(brief: Brief, sights: Sequence[Sight], room: int) -> dict[str, Any]:
    """The reply to the scan prompt.

    Args:
        brief: the call.
        sights: what was seen of its pictures.
        room: bytes that the reply may take; the text seen is shortened to fit.
    """
    question = understand(brief.get("question"))
    all_text = [row.text for sight in sights for row in sight.rows]
    grade = grade_request(question.text, all_text)
    caption = caption_of(sights)
    rows = known_rows(sights, ())
    found = settle(question, rows, caption)
    places = [] if grade.safety < 0 else places_of(question, sights, found)
    drafted = brief.draft_from is not None and grade.safety >= brief.draft_from and found.is_sure
    unread = any(sight.unclear for sight in sights)
    return {
        "caption": caption,
        "seen_text": _shortened(rows, question, max(200, room - 1_500 - len(caption.encode()))),
        "regions": [{"picture": n, "what": what, "box": list(box)} for n, what, box in places],
        "hazard": grade.hazard,
        "safety": grade.safety,
        "draft": told_as_answer(question, found, unread=unread, most=300) if drafted else "",
        "actions": propose_actions(question, found, places, grade, kinds=brief.kinds, most=brief.branching),
    }


def caption_of(sights: Sequence[Sight]) -> str:
    """What the pictures show, as far as the embedded model can tell: size, text, colours; and what it could not read."""
    if not sights:
        return "No picture was sent."
    captions = [_caption(sight) for sight in sights]
    return captions[0] if len(captions) == 1 else " ".join(f"Picture {n}: {text}" for n, text in enumerate(captions))


def _caption(sight: Sight) -> str:
    figures = sight.statistics
    if figures is None:
        return "A picture that could not be decoded."
    light = "dark" if figures.brightness < 0.3 else "bright" if figures.brightness > 0.7 else ""
    head = f"A {light + ' ' if light else ''}picture of {figures.width} × {figures.height} pixels"
    colours = ", ".join(name for name, _ in figures.colours) or "mixed"
    behind = ""
    if sight.paper:
        ink = next((name for name, _ in sight.paper[1:]), sight.paper[0][0])
        behind = f"; behind the text: {sight.paper[0][0]}, text: {ink}"
    if sight.engine == "none":
        text = "no OCR: its text was not read"
    elif sight.rows:
        tallest = max(sight.rows, key=lambda row: row.height)
        count = "1 line" if len(sight.rows) == 1 else f"{len(sight.rows)} lines"
        named = f', the largest "{tallest.text}"' if tallest.clear else ""
        text = f"{count} of text on {max(1, round(100 * sight.text_share))} % of it{named}"
        if unclear := len(sight.unclear):
            text += f"; {unclear} of them too small or unclear to read"
    else:
        text = "no text found"
    return f"{head}; {text}. Main colours: {colours}{behind}."


def places_of(question: Question, sights: Sequence[Sight], found: Finding) -> list[Place]:
    """Places worth a closer look, the most promising first; none when the question is settled."""
    if found.is_sure:
        return []
    ranked: list[tuple[float, Place]] = []
    for number, sight in enumerate(sights):
        ranked += [(points, (number, what, box)) for points, what, box in _places(question, sight)]
    ranked.sort(key=lambda pair: -pair[0])
    return [place for _, place in ranked[:MOST_PLACES]]


def _places(question: Question, sight: Sight) -> list[tuple[float, str, Box]]:
    figures = sight.statistics
    if figures is None:
        return []
    aspect = figures.height / figures.width
    places: list[tuple[float, str, Box]] = []
    for block in blocks(sight.unclear):
        boxes = [row.box for row in block if row.box is not None]
        for part in divided(around(boxes, 0.04), aspect):
            inside = [row for row in block if row.box is not None and part[1] <= (row.box[1] + row.box[3]) / 2 <= part[3]]
            points = 1.0 + max(coverage(question, inside), default=0.0) + _usual_place(question, part)
            places.append((points, f"{len(inside)} lines of small or unclear text", part))
    if not places:
        for row in _about_without_value(question, sight.clear):
            box = row.box or (0.0, 0.0, 1.0, 1.0)
            band = (0.0, max(0.0, box[1] - 0.08), 1.0, min(1.0, box[3] + 0.08))
            places.append((0.8, "text about what was asked, without its value", band))
    if not places and not sight.rows:
        places += [(0.5, "fine detail", part) for part in divided(figures.busy or (0.0, 0.0, 1.0, 1.0), aspect)]
    return places


def _usual_place(question: Question, part: Box) -> float:
    """Totals stand low and names high: half a point for where the thing usually is."""
    middle = (part[1] + part[3]) / 2
    if question.wanted == "money":
        return 0.5 * middle
    return 0.5 * (1 - middle) if question.wanted in {"name", "address", "phone", "website"} else 0.0


def _about_without_value(question: Question, rows: Sequence[Row]) -> list[Row]:
    kind = question.wanted
    shares = zip(rows, coverage(question, rows), strict=True)
    about = [row for row, share in shares if question.topic and share >= 0.5]
    if kind in {"time", "money", "date", "phone", "email", "website", "address", "number"}:
        return [row for row in about if not values_in(row.text, kind)][:2]  # type: ignore[arg-type] # narrowed by the test above
    return []


def divided(box: Box, aspect: float) -> list[Box]:
    """``box`` in as many parts, one above the other, as keep each at most 1.25 times as high as wide.

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
    return [
        (left, round(max(top, top + n * step - overlap), 2), right, round(min(bottom, top + (n + 1) * step + overlap), 2))
        for n in range(parts)
    ]


def _shortened(rows: Sequence[Row], question: Question, room: int) -> str:
    """The rows as lines; where they take too much room those furthest from the question go first."""
    shares = coverage(question, rows) if rows else []
    order = sorted(range(len(rows)), key=lambda n: (-shares[n], n))
    kept: set[int] = set()
    used = 0
    for number in order:
        used += len(rows[number].text.encode()) + 2
        if used > room:
            break
        kept.add(number)
    return "\n".join(row.text for number, row in enumerate(rows) if number in kept)


def risk_of(question: str, sights: Sequence[Sight], told: Sequence[str] = ()) -> Grade:
    """The grade of a request from its question and all text in its pictures, seen or told."""
    return grade_request(question, [*(row.text for sight in sights for row in sight.rows), *told])
