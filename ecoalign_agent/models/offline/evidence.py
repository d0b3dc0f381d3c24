"""All that is known for one question: rows of the pictures, quotations of thoughts, the answer in them, the risk."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from rapidfuzz import fuzz

from ecoalign_agent.models.offline.answering import NOTHING, PARTLY, SURE, UNSURE, Finding, find_answer
from ecoalign_agent.models.offline.hazards import UNSEEN, Grade, grade_request, topic_of
from ecoalign_agent.models.offline.image_reader import UNREAD, ImageContent, caption_of
from ecoalign_agent.models.offline.layout import Box, Row, around, blocks, quoted, rows_of_text, rows_quoted_in
from ecoalign_agent.models.offline.prompt_input import PromptInput
from ecoalign_agent.models.offline.questions import Manner, Question, parse_question, question_in_context
from ecoalign_agent.models.offline.word_lists import fold

Region = tuple[int, str, Box]
"""Number of a picture, what is there, and where."""

MAX_REGIONS = 4
ABILITIES = (
    "I can read the text in a picture and find what stands in it: a price, a time, a date, a total, a seat. "
    "Send a picture and ask about its text."
)
NOT_FOUND = "I could not find this in the text that I can read."
NO_TEXT = "I found no text that I can read in the picture."
REFUSAL = "I can't help with this. I can describe what is visible in a picture or read out its text, if it is harmless."
UNKNOWN = (
    "I can't judge this: my word lists do not cover its language. Please ask in English, German, French, Spanish, "
    "Italian, Portuguese or Chinese."
)
_SERVES = "Please check this with a pharmacist, a doctor or another professional."
_TALL = 1.25
_WHOLE_PICTURE = frozenset({"picture", "image", "photo", "colour", "color", "main", "bild", "foto", "farbe"})


@dataclass(frozen=True)
class Evidence:
    """All that is known for one question: what the pictures hold, and what thoughts quote.

    Attributes:
        call: the call.
        contents: of its pictures.
        texts: thoughts and notes that quote text.
    """

    call: PromptInput
    contents: Sequence[ImageContent]
    texts: Sequence[str] = ()

    @cached_property
    def question(self) -> Question:
        """The question, completed by the turn before it where it is elliptic."""
        return question_in_context(self.call.question, self.call.earlier)

    @cached_property
    def shown(self) -> Sequence[ImageContent]:
        """The pictures of the last turn; those of the whole conversation where it came with none."""
        return [self.contents[number] for number in self.call.recent] or self.contents

    @cached_property
    def pages(self) -> list[list[Row]]:
        """Rows that can be trusted, a page for each picture and each text that quotes some."""
        pages = [content.clear for content in self.shown]
        if not self.contents:
            pages.append(rows_of_text(self.call.get("seen_text")))
        return [page for page in [*pages, *map(rows_quoted_in, self.texts)] if page]

    @property
    def _whole_pages(self) -> list[list[Row]]:
        """The pages on which nothing is unread: the least of some values is not the least of all."""
        if not self.contents:
            return [] if UNREAD in self.caption else self.pages[:1]
        return [content.clear for content in self.shown if not content.unclear and content.rows]

    @cached_property
    def written(self) -> list[str]:
        """All text in the pictures, seen or told, unclear text included."""
        seen = [row.text for content in self.shown for row in content.rows]
        return seen or [self.call.get("seen_text"), *(row.text for text in self.texts for row in rows_quoted_in(text))]

    @cached_property
    def caption(self) -> str:
        """What the pictures show."""
        return caption_of(self.contents) if self.contents else self.call.get("caption")

    @cached_property
    def grade(self) -> Grade:
        """How safe answering is; at most UNSEEN where a picture is to be followed and could not all be read."""
        quotes = [row.text for text in self.texts for row in rows_quoted_in(text)]
        grade = grade_request(self.call.question, self.call.earlier, [*self.written, *quotes])
        unread = any(content.unclear or content.engine == "none" for content in self.shown)
        if unread and parse_question(self.call.question).follows and (grade.safety is None or grade.safety > UNSEEN):
            return Grade(UNSEEN)
        return grade

    @cached_property
    def unread(self) -> bool:
        """There is text that could not be read, and no thought has looked closer."""
        return not self.texts and (UNREAD in self.caption or any(content.unclear for content in self.contents))

    @cached_property
    def finding(self) -> Finding:
        """What answers the question."""
        question, manner = self.question, self.question.manner
        if question.greeting:
            return Finding(ABILITIES, (), SURE)
        if question.known_language and manner == "transcript":
            rows = [row.text for page in self.pages for row in page]
            sureness = UNSURE if not rows else PARTLY if self.unread else SURE
            return Finding("; ".join(rows), tuple(map(quoted, rows)), sureness)
        if question.known_language and manner == "value":
            return find_answer(question, self.pages if question.rank is None else self._whole_pages)
        return self._seen(manner) if question.known_language else NOTHING

    def _seen(self, manner: Manner) -> Finding:
        """Colours, size or description of the picture."""
        content = next((content for content in self.shown if content.width), None)
        if content is None:
            return NOTHING
        if manner == "size":
            return Finding(f"{content.width} × {content.height} pixels", (), SURE)
        if manner == "description":
            return Finding(self.caption, (), PARTLY)
        # Which thing has which colour is not known: only the picture as a whole is sure.
        whole = self.question.words <= _WHOLE_PICTURE
        text = f"The main colours of the picture are {', '.join(content.colours)}"
        return Finding(text, (), SURE if whole else PARTLY) if content.colours else NOTHING

    @property
    def state(self) -> str:
        """How much is known: settled, unread or open."""
        return "settled" if self.finding.is_sure else "unread" if self.regions else "open"

    @cached_property
    def regions(self) -> list[Region]:
        """Places worth a closer look, the most promising first; none when the question is settled."""
        if self.finding.is_sure or self.grade.harmful:
            return []
        ranked = [ranked for number, content in enumerate(self.contents) for ranked in self._places(number, content)]
        return [region for _, region in sorted(ranked, key=lambda pair: -pair[0])[:MAX_REGIONS]]

    def _places(self, number: int, content: ImageContent) -> list[tuple[float, Region]]:
        if not content.width:
            return []
        aspect, places = content.height / content.width, []
        for block in blocks(content.unclear):
            for part in divided(around([row.box for row in block if row.box], 0.04), aspect):
                rows = [row for row in block if row.box and part[1] <= (row.box[1] + row.box[3]) / 2 <= part[3]]
                likeness = max(
                    (fuzz.partial_ratio(w, fold(row.text)) for row in rows for w in self.question.topic if len(w) > 3),
                    default=0.0,
                )
                # Totals stand low: up to half a point for where an amount usually is.
                usual = (part[1] + part[3]) / 4 if self.question.kind == "money" else 0.0
                places.append(
                    (
                        (likeness if likeness >= 75 else 0.0) / 100 + usual,
                        (number, f"{len(rows)} lines of small or unclear text", part),
                    )
                )
        if (
            not content.rows
            and not content.plain
            and content.engine != "none"
            and self.question.manner in {"value", "transcript"}
        ):
            places += [(0.1, (number, "fine detail", part)) for part in divided((0.0, 0.0, 1.0, 1.0), aspect)]
        return places

    def answer(self, room: int) -> str:
        """The answer in words, in about ``room`` bytes."""
        if self.grade.harmful:
            return refusal_of(self.call.question, self.grade)
        if self.grade.safety is None and not self.finding.is_sure:
            return UNKNOWN
        text = self._answer(room)
        return f"{text} {_SERVES}" if "S6" in self.grade.hazards else text

    def _answer(self, room: int) -> str:
        finding, quotes = self.finding, fitting(self.finding.quotes, max(60, room - 200))
        if self.question.manner == "transcript":
            return f"It reads: {quotes}." if quotes else NO_TEXT
        if finding.sureness and finding.value:
            value = finding.value[:1].upper() + finding.value[1:]
            end = "" if value.endswith((".", "!", "?")) else "."
            return f"{value}{end}" + (f" The picture reads: {quotes}." if quotes else "")
        if quotes:
            return f"I could not find one certain answer. What comes closest: {quotes}."
        return NOT_FOUND if self.written and any(self.written) else f"{NOT_FOUND} {NO_TEXT}"


def refusal_of(question: str, grade: Grade) -> str:
    """The refusal that fits the hazard."""
    topic = grade.topics[0] if grade.topics else topic_of(question)
    return REFUSAL if topic is None else topic.refusal


def fitting(quotes: Sequence[str], room: int) -> str:
    """As many quotes as fit into ``room`` characters, at least the first."""
    text = "; ".join(quotes[:1])
    for quote in quotes[1:]:
        if len(text) + len(quote) + 2 > room:
            break
        text += f"; {quote}"
    return text


def divided(box: Box, aspect: float) -> list[Box]:
    """``box`` in as many parts, one above the other, as leave each at most 1.25 times as high as wide; at most four.

    Args:
        box: the place.
        aspect: height of the picture by its width.
    """
    left, top, right, bottom = (round(edge, 2) for edge in box)
    if right <= left or bottom <= top:
        return []
    parts = max(1, min(4, -int(-(bottom - top) * aspect / (right - left) // _TALL)))
    step, overlap = (bottom - top) / parts, 0.02 if parts > 1 else 0.0
    starts = [top + n * step for n in range(parts)]
    return [(left, round(max(top, s - overlap), 2), right, round(min(bottom, s + step + overlap), 2)) for s in starts]
