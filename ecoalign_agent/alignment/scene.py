"""What the search knows about a request besides its thoughts, and how prompts show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.llm.images import ImageView, Picture

NONE = "(none)"
"""What an empty fence holds."""


@dataclass(frozen=True, slots=True)
class Place:
    """A place worth a closer look: ``box`` is left, top, right, bottom as fractions of picture number ``picture``."""

    picture: int
    what: str
    box: list[float]


@dataclass(frozen=True, slots=True)
class Sight:
    """What the first look found.

    Attributes:
        caption: what the pictures show.
        seen_text: the text read in them.
        hazard: the worst hazard of the request, in words.
        safety: s0 in [-1, 1], after a confirmation where there was one.
        places: where a closer look is worth it.
        harmless_part: what of a request that is not harmless as a whole could be answered on its own, in the scan's
            words; "": nothing.
        partly: True: the whole is harmful, as the assessor sees it, too. Only the harmless part is asked for.
    """

    caption: str
    seen_text: str
    hazard: str
    safety: float
    places: list[Place] = field(default_factory=list)
    harmless_part: str = ""
    partly: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """A request in sight: what every port after the scan is told.

    Attributes:
        question: the person's question; where only a part of it is asked for, that part.
        pictures: the pictures, opened.
        views: the pictures, reduced: the context of later calls.
        sight: what the first look found.
        strategy: the text of the strategy thought; "" without one.
    """

    question: str
    pictures: Sequence[Picture]
    views: Sequence[ImageView]
    sight: Sight
    strategy: str = ""

    @property
    def caption(self) -> str:
        """The caption, or what stands for none."""
        return self.sight.caption or NONE

    @property
    def seen_text(self) -> str:
        """The text in the pictures, or what stands for none."""
        return self.sight.seen_text or NONE

    @property
    def regions(self) -> str:
        """The places worth a closer look, one a line."""
        lines = (f"picture {p.picture} {box_line(p.box)}: {folded(p.what)}" for p in self.sight.places)
        return "\n".join(lines) or NONE


def folded(text: str) -> str:
    """``text`` on one line, so that it can't imitate another line of a list."""
    return " ".join(text.split())


def box_line(box: Iterable[float]) -> str:
    """A box as prompts show it."""
    return "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"


def thought_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them, one a line; the root is left out, its content stands in caption and seen text."""
    return "\n".join(f"[{t.id} {t.kind}] {folded(t.text)}" for t in thoughts if t.kind != "root") or NONE


def step_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them that have a fence of its own for the strategy: there it is read, and paid, once."""
    return thought_lines(t for t in thoughts if t.kind != "strategy")
