"""One call to the embedded model and all that is known for it: rows of the pictures, quotations, answer and risk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from rapidfuzz import fuzz

from ecoalign_agent.economics.thoughts import Region
from ecoalign_agent.images.message_content import MessageImage
from ecoalign_agent.llm.prompts import PROMPT_METADATA_KEY, read_message_content
from ecoalign_agent.llm.turns import split_turns
from ecoalign_agent.models.offline.answering import NO_ANSWER, PARTLY, SURE, UNSURE, FoundAnswer, find_answer
from ecoalign_agent.models.offline.hazards import UNSEEN, HazardGrade, grade_request
from ecoalign_agent.models.offline.image_reader import UNREAD, ImageContent, caption_of
from ecoalign_agent.models.offline.layout import Row, bounding_box, group_blocks, listed_rows, quote, quoted_rows
from ecoalign_agent.models.offline.questions import (
    ParsedQuestion,
    fold,
    load_lists,
    parse_question,
    question_in_context,
)

LookTarget = tuple[int, str, Region]
"""Number of a picture, the content of a place in it, and the place."""

_TALL = 1.25
_MAX_TARGETS = 4
_WHOLE_PICTURE = frozenset({"picture", "image", "photo", "colour", "color", "main", "bild", "foto", "farbe"})


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One call, read from what travels beside the words; no wording of a prompt is parsed."""

    task: str | None
    """Name of the prompt; None: a plain conversation, answered in words."""
    question: str
    """The last turn of the person."""
    earlier: tuple[str, ...]
    """The person's turns before it, oldest first."""
    values: Mapping[str, Any]
    """Parameters of the call, and the delimited inputs of the prompt by name."""
    pictures: tuple[MessageImage, ...]
    recent: tuple[int, ...]
    """Numbers of the pictures that came with the last turn; empty: all count."""
    text: str
    """All words of all messages, for counting tokens."""

    def get(self, name: str) -> str:
        """The value ``name`` as text; "" where there is none."""
        value = self.values.get(name, "")
        return "" if not isinstance(value, str) or value.strip() == "(none)" else value.strip()


def read_messages(messages: Sequence[BaseMessage]) -> ModelInput:
    """Read the messages of one call; the last human message with metadata decides. Never raises."""
    pictures: list[MessageImage] = []
    texts = [(message, read_message_content(message.content, pictures)) for message in messages]
    questions = [text.strip() for message, text in texts if isinstance(message, HumanMessage)]
    text = "\n".join(text for _, text in texts)
    metadata = [value for message, _ in texts if (value := message.additional_kwargs.get(PROMPT_METADATA_KEY))]
    if not metadata:
        return ModelInput(
            None, questions[-1] if questions else "", tuple(questions[:-1]), {}, tuple(pictures), (), text
        )
    values = {**metadata[-1]["data"], **metadata[-1]}
    turns = split_turns(str(values.get("question", "")).strip())
    recent = tuple(number for number in turns.pictures if number < len(pictures))
    return ModelInput(values["task"], turns.question, tuple(turns.earlier), values, tuple(pictures), recent, text)


@dataclass(frozen=True)
class Evidence:
    """All that is known for one call; ``room``: bytes that the reply may have."""

    call: ModelInput
    contents: Sequence[ImageContent]
    room: int = 4_000

    @cached_property
    def texts(self) -> list[str]:
        """Thoughts and notes that quote text."""
        path = [text for _, _, text in self.call.values.get("path", ()) if isinstance(text, str)]
        return [text for text in (*path, self.call.get("thoughts"), self.call.get("notes")) if text]

    @cached_property
    def question(self) -> ParsedQuestion:
        """The question, completed by the turn before it where it is elliptic."""
        return question_in_context(self.call.question, self.call.earlier)

    @cached_property
    def shown(self) -> Sequence[ImageContent]:
        """The pictures of the last turn; those of the whole conversation where it came with none."""
        return [self.contents[number] for number in self.call.recent] or self.contents

    @cached_property
    def pages(self) -> list[list[Row]]:
        """Rows that can be trusted: a page for each picture, else for the listed text, and for each quoting text."""
        seen = [content.clear for content in self.shown] if self.contents else [listed_rows(self.call.get("seen_text"))]
        return [page for page in [*seen, *map(quoted_rows, self.texts)] if page]

    @cached_property
    def picture_text(self) -> list[str]:
        """All text in the pictures, read or quoted, unclear text included."""
        seen = [row.text for content in self.shown for row in content.rows] or [self.call.get("seen_text")]
        return [text for text in [*seen, *(row.text for text in self.texts for row in quoted_rows(text))] if text]

    @cached_property
    def caption(self) -> str:
        """What the pictures show."""
        return caption_of(self.contents) if self.contents else self.call.get("caption")

    @cached_property
    def grade(self) -> HazardGrade:
        """How safe answering is; at most UNSEEN where a picture is to be followed and could not all be read."""
        grade = grade_request(self.call.question, self.call.earlier, self.picture_text)
        unread = any(content.unclear or content.engine == "none" for content in self.shown)
        if unread and parse_question(self.call.question).follows and (grade.safety is None or grade.safety > UNSEEN):
            return HazardGrade(UNSEEN)
        return grade

    @cached_property
    def is_unread(self) -> bool:
        """There is text that could not be read, and no thought has looked closer."""
        return not self.texts and UNREAD in self.caption

    @property
    def unread_rows(self) -> int:
        """Rows too small to read in the pictures, less those that closer looks have read."""
        clear = {row.text for content in self.shown for row in content.clear}
        looked = {row.text for page in self.pages for row in page} - clear
        return max(0, sum(len(content.unclear) for content in self.shown) - len(looked))

    @cached_property
    def answer(self) -> FoundAnswer:
        """What answers the question."""
        question = self.question
        if question.is_greeting:
            return FoundAnswer(fixed_text("abilities"), (), SURE)
        if not question.known_language:
            return NO_ANSWER
        if question.form == "value":
            # The least of some values is not the least of all: ranks need pages without unread text.
            whole = [content.clear for content in self.shown if not content.unclear]
            if not self.contents and UNREAD not in self.caption:
                whole = self.pages[:1]
            return find_answer(question, whole if question.rank else self.pages)
        if question.form == "transcript":
            rows: list[str] = []
            for page in self.pages:
                rows += [row.text for row in page if row.text not in rows]
            sureness = UNSURE if not rows else PARTLY if self.is_unread else SURE
            return FoundAnswer("; ".join(rows), tuple(map(quote, rows)), sureness)
        colours = next((", ".join(content.colours) for content in self.shown if content.colours), "")
        # Which thing has which colour is not known: only the picture as a whole is sure.
        sureness = SURE if question.topic | question.optional <= _WHOLE_PICTURE else PARTLY
        return FoundAnswer(f"The main colours of the picture are {colours}", (), sureness) if colours else NO_ANSWER

    @property
    def state(self) -> str:
        """How much is known: settled, unread or open."""
        return "settled" if self.answer.is_sure else "unread" if self.targets else "open"

    @cached_property
    def targets(self) -> list[LookTarget]:
        """Places worth a closer look, the most promising first; none where the question is settled or harmful."""
        if self.answer.is_sure or self.grade.harmful:
            return []
        ranked = [pair for number, content in enumerate(self.contents) for pair in self._places(number, content)]
        return [target for _, target in sorted(ranked, key=lambda pair: -pair[0])[:_MAX_TARGETS]]

    def _places(self, number: int, content: ImageContent) -> list[tuple[float, LookTarget]]:
        aspect, places = content.height / max(1, content.width), list[tuple[float, LookTarget]]()
        for block in group_blocks(content.unclear):
            for part in split_tall(bounding_box([row.box for row in block], 0.04), aspect):
                rows = [fold(row.text) for row in block if part[1] <= (row.box[1] + row.box[3]) / 2 <= part[3]]
                words = [word for word in self.question.topic if len(word) > 3]
                alike = max((fuzz.partial_ratio(word, row) for row in rows for word in words), default=0.0)
                # Totals stand low: up to half a point for where an amount usually is.
                usual = (part[1] + part[3]) / 4 if self.question.kind == "money" else 0.0
                target = (number, f"{len(rows)} lines of small or unclear text", part)
                places.append(((alike / 100 if alike >= 75 else 0.0) + usual, target))
        if not (content.rows or content.plain or content.engine == "none") and self.question.form != "colours":
            places += [(0.1, (number, "fine detail", part)) for part in split_tall((0.0, 0.0, 1.0, 1.0), aspect)]
        return places


def fixed_text(name: str) -> str:
    """A text of ``replies.toml``."""
    text: str = load_lists("replies.toml")["texts"][name]
    return text


def split_tall(box: Region, aspect: float) -> list[Region]:
    """``box`` in at most four parts, one above the other; ``aspect``: height of the picture / its width."""
    left, top, right, bottom = (round(edge, 2) for edge in box)
    if right <= left or bottom <= top:
        return []
    parts = max(1, min(4, -int(-(bottom - top) * aspect / (right - left) // _TALL)))
    step, overlap = (bottom - top) / parts, 0.02 if parts > 1 else 0.0
    starts = [top + n * step for n in range(parts)]
    return [(left, round(max(top, s - overlap), 2), right, round(min(bottom, s + step + overlap), 2)) for s in starts]
