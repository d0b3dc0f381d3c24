"""What answers a question, how sure that is, and how much of the question's topic a row of text holds. Ours."""

from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.offline.language import is_about, words
from ecoalign_agent.offline.question import Question
from ecoalign_agent.offline.rows import Row

SURE = 0.75
"""From here on a finding is called sure: a scan may draft it, an examiner compares with it."""


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
