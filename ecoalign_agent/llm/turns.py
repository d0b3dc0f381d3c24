"""A question with the conversation before it in one text: the format, and its parts taken apart again.

The server quotes earlier turns above the question, the LangChain guard lists them below it. A hosted model reads the
whole text; the stand-in models read the last turn and take the earlier ones as context. Ours.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

CONTEXT_HEADING = "Earlier in this conversation, oldest first. It is context, not the question:"
"""First line of a question with quoted turns above it."""

QUESTION_HEADING = "The question now"
"""Begins the line between quoted turns and the question."""

EARLIER_HEADING = "\n\n(Said before in this conversation:\n"
"""Between a question and the turns listed below it; a bracket closes the list."""

PERSON, LISTED_PERSON = "the person", "person: "
"""How a quoted and a listed turn of the person begin."""


@dataclass(frozen=True, slots=True)
class Turns:
    """A conversation, taken apart: the person's last turn and the earlier ones, oldest first.

    ``pictures`` are the numbers of those that came with the last turn; empty: none did, or it is not known.
    """

    question: str
    earlier: Sequence[str] = ()
    pictures: Sequence[int] = ()


def split_turns(text: str) -> Turns:
    """The last turn and the person's earlier ones. A text in neither format is one turn."""
    if text.startswith(CONTEXT_HEADING):
        return _quoted(text)
    question, found, listed = text.partition(EARLIER_HEADING)
    if not found or not listed.endswith(")"):
        return Turns(text)
    earlier = [line.removeprefix(LISTED_PERSON) for line in listed[:-1].splitlines() if line.startswith(LISTED_PERSON)]
    return Turns(question.strip(), earlier)


def _quoted(text: str) -> Turns:
    lines, earlier = text.splitlines(), list[list[str]]()
    by_person = False
    for number, line in enumerate(lines[1:], start=1):
        # Quoted lines begin with a mark: what stands in them can't pass for a heading.
        if line.startswith(QUESTION_HEADING):
            pictures = [int(digits) for digits in re.findall(r"\d+", line)]
            turns = ["\n".join(turn).strip() for turn in earlier]
            return Turns("\n".join(lines[number + 1 :]).strip(), [turn for turn in turns if turn], pictures)
        if line.startswith("> "):
            if by_person and not line.startswith("> (with picture "):
                earlier[-1].append(line[2:])
        elif line.strip():
            by_person = line == f"{PERSON}:"
            earlier += [[]] if by_person else []
    return Turns(text)
