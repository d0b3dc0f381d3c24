"""What is known for one question: rows seen in the pictures, rows told by earlier steps, and what answers the question. Ours."""

import re
from collections.abc import Iterable, Sequence

from ecoalign_agent.offline.brief import boxes_in
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.reading import NOTHING, Finding, find
from ecoalign_agent.offline.rows import Row, quoted, told
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.values import normalised

NOT_FOUND = "I could not find"
"""How every text begins that says that nothing was found: an honest unknown."""

_THOUGHT = re.compile(r"^\[(\S+) (\w+)\] (.*)$")
_SURFACE = re.compile(r"\b(?:sign|paper|note|notice|label|poster|card|receipt|sticker|plate|board|page|sheet|background)\b", re.IGNORECASE)
_LETTERS = re.compile(r"\b(?:text|letters?|letterings?|words?|writing|ink|print)\b", re.IGNORECASE)
_IN_CAPTION = re.compile(r"Main colours: ([a-z, ]+?)(?:; behind the text: ([a-z ]+), text: ([a-z ]+))?\.")
_SIZE = re.compile(r"(\d+) × (\d+) pixels")


def thoughts_in(lines: Iterable[str]) -> list[tuple[str, str, str]]:
    """(id, kind, text) of each thought in lines such as ``[t3 look] …``; a line of another form has no id and no kind."""
    found = (_THOUGHT.match(line) for line in lines)
    return [(m.group(1), m.group(2), m.group(3)) if m else ("", "", line) for m, line in zip(found, lines, strict=True)]


def known_rows(sights: Sequence[Sight], texts: Iterable[str]) -> list[Row]:
    """Everything that can be trusted, each row once: clear rows of the pictures, then what texts tell."""
    rows = [row for sight in sights for row in sight.clear]
    for text in texts:
        rows += told(without_boxes(text))
    unique: dict[str, Row] = {}
    for row in rows:
        unique.setdefault(normalised(row.text), row)
    return list(unique.values())


def without_boxes(text: str) -> str:
    """``text`` without boxes and thought ids: their numbers answer no question."""
    text = re.sub(r"\[\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){3}\s*\]", "", text)
    return re.sub(r"^\[\S+ \w+\] ", "", text, flags=re.MULTILINE)


def looked_at(texts: Iterable[str]) -> list[tuple[float, float, float, float]]:
    """The boxes that thoughts say they looked at."""
    return [box for text in texts for box in boxes_in(text)]


def settle(question: Question, rows: Sequence[Row], caption: str) -> Finding:
    """What answers the question: rows for values and words, the caption for colours, size and description."""
    if question.wanted == "colour":
        return _colour(question, caption)
    if question.wanted == "size" and (size := _SIZE.search(caption)):
        return Finding(f"{size.group(1)} × {size.group(2)} pixels, as it was sent to me", (), 0.9)
    if question.wanted == "description" and caption:
        return Finding(caption, (), 0.8)
    return find(question, rows)


def _colour(question: Question, caption: str) -> Finding:
    found = _IN_CAPTION.search(caption)
    if found is None:
        return NOTHING
    colours, paper, ink = found.group(1), found.group(2), found.group(3)
    if paper and _LETTERS.search(question.text):
        return Finding(ink, (), 0.8)
    if paper and _SURFACE.search(question.text):
        return Finding(paper, (), 0.9)
    return Finding(colours, (), 0.8 if re.search(r"\b(?:picture|image|photo)\b|colou?rs\b", question.text.lower()) else 0.3)


def told_as_answer(question: Question, found: Finding, *, unread: bool, most: int = 900) -> str:
    """A finding in words for the person: what was asked for first, then where it stands.

    Args:
        question: what was asked.
        found: what was found.
        unread: there is text that could not be read.
        most: characters that the quotations may take.
    """
    if not found.sure or not (found.value or found.rows):
        why = " Some of its text is too small or unclear to read." if unread else ""
        return f"{NOT_FOUND} the answer in what I can read.{why}"
    quotes = fitting(found.rows, most)
    if question.wanted in {"text", "warning"} or not found.value:
        lead = "It warns" if question.wanted == "warning" else "It reads" if found.value else "What comes closest"
        return f"{lead}: {quotes}."
    value = found.value[:1].upper() + found.value[1:]
    if question.wanted == "unknown" or found.value == "; ".join(row.text for row in found.rows):
        return f"It reads: {quotes}."
    if question.wanted == "description":
        return value
    return f"{value}." + (f" The picture reads: {quotes}." if found.rows else "")


def fitting(rows: Sequence[Row], most: int) -> str:
    """As many rows, quoted, as fit into ``most`` characters; at least one, cut if need be."""
    kept: list[Row] = []
    for row in rows:
        if kept and len(quoted([*kept, row])) > most:
            break
        kept.append(row)
    return quoted(kept)[: max(most, 20)] if kept else ""
