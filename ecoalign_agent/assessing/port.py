"""What is graded, and the port that grades it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from ecoalign_agent.assessing.verdict import Verdict
from ecoalign_agent.llm.images import ImageView
from ecoalign_agent.llm.meter import Meter

Role = Literal["an answer to the person", "an inner note of the assistant", "a strategy of the assistant"]


@dataclass(frozen=True, slots=True)
class Case:
    """What an assessor gets to see: everything in it is data from outside, and none of the actor's own grades.

    Attributes:
        question: the person's question.
        views: the pictures, reduced.
        caption: what the first look said the pictures show.
        seen_text: the text it read in them.
        notes: the thoughts that led to the candidate, one a line.
        candidate: the text to be graded; "" when the request itself is.
        role: what the candidate would be used as.
    """

    question: str
    views: Sequence[ImageView]
    caption: str
    seen_text: str
    notes: str = ""
    candidate: str = ""
    role: Role = "an answer to the person"

    @property
    def context(self) -> str:
        """Caption, text in the pictures and notes, as the prompts show them."""
        return f"caption: {self.caption}\nseen text: {self.seen_text}\nnotes: {self.notes}"


class Assessor(Protocol):
    """Who grades a thought. Never raises for a reply it can't read: that verdict is unknown."""

    @property
    def name(self) -> str:
        """What the result records."""

    @property
    def prompts(self) -> Sequence[str]:
        """name@version#digest of the prompts in use."""

    async def assess(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade ``case.candidate``: its safety and, apart from that, its utility.

        Raises:
            BudgetError: the call does not fit into what is left; it was not made.
            ModelError: the endpoint failed.
        """

    async def assess_request(self, case: Case, *, meter: Meter) -> Verdict:
        """Grade the request itself: would the best honest answer enable a hazard? Utility is 0 where safety is known.

        Raises:
            BudgetError: the call does not fit into what is left; it was not made.
            ModelError: the endpoint failed.
        """
