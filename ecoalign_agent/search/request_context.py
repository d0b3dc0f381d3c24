"""The request as the model calls after the scan see it, and the lines in which prompts show it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.images.image import ImageView, Picture

EMPTY_TEXT = "(none)"
"""Content of a prompt's input that is empty."""


@dataclass(frozen=True, slots=True)
class RegionOfInterest:
    """A region worth a closer look: `box` is left, top, right, bottom as fractions of picture number `picture`."""

    picture: int
    description: str
    box: list[float]


@dataclass(frozen=True, slots=True)
class ScanFindings:
    """Findings of the scan."""

    caption: str
    """Description of the pictures."""
    seen_text: str
    """The text read in them."""
    hazard: str
    """The worst hazard of the request, in words."""
    safety: float
    """s0 in [-1, 1], after a confirmation where there was one."""
    regions: list[RegionOfInterest] = field(default_factory=list)
    """Regions worth a closer look."""
    harmless_part: str = ""
    """Part of a harmful request that could be answered on its own, in the scan's words; "": none."""
    partial: bool = False
    """True: the assessor, too, finds the whole harmful. Only the harmless part is asked for."""

    @property
    def texts(self) -> str:
        """All texts that later prompts may carry."""
        return f"{self.caption}{self.seen_text}{self.harmless_part}"


@dataclass(frozen=True, slots=True)
class RequestContext:
    """A request after the scan."""

    question: str
    """The person's question; where only a part of it is asked for, that part."""
    pictures: Sequence[Picture]
    """The pictures, opened."""
    views: Sequence[ImageView]
    """The pictures, reduced."""
    findings: ScanFindings
    """The scan's findings."""
    strategy: str = ""
    """Text of the strategy thought; "" without one."""

    @property
    def caption(self) -> str:
        """The caption, or `EMPTY_TEXT`."""
        return self.findings.caption or EMPTY_TEXT

    @property
    def seen_text(self) -> str:
        """The text in the pictures, or `EMPTY_TEXT`."""
        return self.findings.seen_text or EMPTY_TEXT

    @property
    def strategy_text(self) -> str:
        """The strategy, or `EMPTY_TEXT`."""
        return self.strategy or EMPTY_TEXT

    @property
    def region_lines(self) -> str:
        """The regions of interest, one a line."""
        lines = (
            f"picture {region.picture} {box_line(region.box)}: {single_line(region.description)}"
            for region in self.findings.regions
        )
        return "\n".join(lines) or EMPTY_TEXT


def single_line(text: str) -> str:
    """`text` on one line, so that it can't imitate another line of a list."""
    return " ".join(text.split())


def box_line(box: Iterable[float]) -> str:
    """A box as prompts show it."""
    return "[" + ", ".join(f"{edge:.2f}" for edge in box) + "]"


def thought_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts as prompts show them, one a line; without the root, whose content is caption and seen text."""
    return "\n".join(f"[{t.id} {t.kind}] {single_line(t.text)}" for t in thoughts if t.kind != "root") or EMPTY_TEXT


def thought_texts(thoughts: Iterable[Thought]) -> list[tuple[str, str, str]]:
    """Id, kind and text of thoughts, without root and strategy: a parameter of calls to stand-in models."""
    return [(t.id, t.kind, t.text) for t in thoughts if t.kind not in {"root", "strategy"}]


def step_lines(thoughts: Iterable[Thought]) -> str:
    """Thoughts for prompts that show the strategy apart: without it, so that it is sent and paid once."""
    return thought_lines(t for t in thoughts if t.kind != "strategy")
