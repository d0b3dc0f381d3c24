"""What is known for one question: rows seen in the pictures, rows told by earlier steps, what answers it. Ours."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ecoalign_agent.offline.brief import Box, boxes_in
from ecoalign_agent.offline.finding import NOTHING, Finding
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.reading import find
from ecoalign_agent.offline.rows import Row, quoted, told
from ecoalign_agent.offline.sight import Sight
from ecoalign_agent.offline.values import normalised

_THOUGHT = re.compile(r"^\[(\S+) (\w+)\] (.*)$")
_SURFACE = re.compile(
    r"\b(?:sign|paper|note|notice|label|poster|card|receipt|sticker|plate|board|page|sheet|background)\b"
)
_LETTERS = re.compile(r"\b(?:text|letters?|letterings?|words?|writing|ink|print)\b")
_COLOURS = re.compile(r"Main colours: ([a-z, ]+?)(?:; behind the text: ([a-z ]+), text: ([a-z ]+))?\.")
_SIZE = re.compile(r"(\d+) × (\d+) pixels")
UNREAD = "unclear to read"
"""How a caption says that there is text which could not be read."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known for a question.

    Attributes:
        question: what is asked.
        rows: everything that was read and can be trusted, each row once.
        caption: what the pictures show.
        unread: there is text that could not be read, and nobody has looked closer yet.
    """

    question: Question
    rows: tuple[Row, ...]
    caption: str
    unread: bool = False

    @property
    def found(self) -> Finding:
        """What answers the question: rows for values and words, the caption for colours, size and description."""
        match self.question.wanted:
            case "colour":
                return _colour(self.question.text.lower(), self.caption)
            case "size":
                size = _SIZE.search(self.caption)
                return Finding(f"{size[1]} × {size[2]} pixels, as it was sent to me", (), 0.9) if size else NOTHING
            case "description" if self.caption:
                return Finding(self.caption, (), 0.8)
            case _:
                return find(self.question, self.rows, unread=self.unread)

    def with_text(self, text: str) -> "Known":
        """What would be known with one more text."""
        more = gather(self.question, (), [text], self.caption)
        return replace(self, rows=(*self.rows, *more.rows), unread=self.unread and more.unread)


def gather(question: Question, sights: Sequence[Sight], texts: Iterable[str], caption: str) -> Known:
    """What is known from ``sights`` and from what ``texts`` tell: lines of text, or thoughts that quote some."""
    texts = list(texts)
    rows = [row for sight in sights for row in sight.clear]
    for text in texts:
        rows += told(without_boxes(text))
    unique: dict[str, Row] = {}
    for row in rows:
        unique.setdefault(normalised(row.text), row)
    closer = any(boxes_in(text) for text in texts)
    unread = not closer and (UNREAD in caption or any(sight.unclear for sight in sights))
    return Known(question, tuple(unique.values()), caption, unread)


def thoughts_in(lines: Iterable[str]) -> list[tuple[str, str, str]]:
    """(id, kind, text) of each thought in lines such as ``[t3 look] …``; another line has no id and no kind."""
    found = [(_THOUGHT.match(line), line) for line in lines]
    return [(m.group(1), m.group(2), m.group(3)) if m else ("", "", line) for m, line in found]


def without_boxes(text: str) -> str:
    """``text`` without boxes and thought ids: their numbers answer no question."""
    text = re.sub(r"\[\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){3}\s*\]", "", text)
    return re.sub(r"^\[\S+ \w+\] ", "", text, flags=re.MULTILINE)


def looked_at(texts: Iterable[str]) -> list[Box]:
    """The boxes that thoughts say they looked at."""
    return [box for text in texts for box in boxes_in(text)]


def _colour(asked: str, caption: str) -> Finding:
    found = _COLOURS.search(caption)
    if found is None:
        return NOTHING
    colours, paper, ink = found.groups()
    if paper and _LETTERS.search(asked):
        return Finding(ink, (), 0.8)
    if paper and _SURFACE.search(asked):
        return Finding(paper, (), 0.9)
    # What has which colour can't be told without seeing things: only the picture as a whole is sure.
    return Finding(colours, (), 0.8 if re.search(r"\b(?:picture|image|photo|colou?rs)\b", asked) else 0.3)


def told_as_answer(known: Known, *, most: int = 900) -> str:
    """What is known, in words for the person: what was asked for first, then where it stands.

    Args:
        known: what is known.
        most: characters that the quotations may take.
    """
    found, wanted = known.found, known.question.wanted
    if not found.sure or not (found.value or found.rows):
        why = " Some of its text is too small or unclear to read." if known.unread else ""
        return f"I could not find the answer in what I can read.{why}"
    quotes = fitting(found.rows, most)
    if not found.value or (found.sure < 0.5 and found.rows):
        sought = {"unknown": "answer", "money": "amount"}.get(wanted, wanted)
        return f"I could not find the {sought} for certain. What comes closest: {quotes}."
    if wanted == "warning":
        return f"It warns: {quotes}."
    if wanted in {"text", "unknown"} or found.value == "; ".join(row.text for row in found.rows):
        return f"It reads: {quotes}."
    if wanted == "description":
        return found.value
    value = found.value[:1].upper() + found.value[1:]
    return f"{value}." + (f" The picture reads: {quotes}." if found.rows else "")


def fitting(rows: Sequence[Row], most: int) -> str:
    """As many rows, quoted, as fit into ``most`` characters; at least one, cut if need be."""
    kept: list[Row] = []
    for row in rows:
        if kept and len(quoted([*kept, row])) > most:
            break
        kept.append(row)
    return quoted(kept)[: max(most, 20)] if kept else ""
