"""Thoughts, and the other changes of a thought graph: prunes, merges and expansions.

A graph is the sum of its changes: a replay builds it again, so only the changes are stored or sent.
"""

import math
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TypeAlias

Region: TypeAlias = tuple[float, float, float, float]
"""A part of a picture: left, top, right, bottom, each relative to its size, in [0, 1]."""


def as_region(corners: Sequence[float] | None) -> Region | None:
    """The four corners as a tuple: a checkpoint turns tuples into lists."""
    if corners is None:
        return None
    if len(corners) != 4:
        raise ValueError(f"a region has four numbers: left, top, right, bottom; these are {list(corners)!r}")
    left, top, right, bottom = corners
    return (float(left), float(top), float(right), float(bottom))


@dataclass(frozen=True, slots=True)
class Thought:
    """A generated and assessed piece of reasoning: a node of the thought graph. A figure out of range is a ValueError.

    Source: EcoAlign, thought graph; `unassessed`, `region` and `round` are ours.
    """

    id: str
    kind: str
    """`root`, `strategy`, or the kind of the action that made it; `answer` for all that propose an answer."""
    text: str
    parents: tuple[str, ...]
    """Ids of the thoughts that it follows from, as given: a merge may redirect them in the graph. None for the root."""
    safety: float
    """s in [-1, 1]; below 0 is unsafe."""
    utility: float
    """u in [0, 1]: the raw grade made non-negative, u = (1 + r) / 2."""
    cost: float
    """c in cost units, above 0: of the calls that generated and assessed it. The root's may be 0."""
    _: KW_ONLY
    region: Region | None = None
    picture: int = 0
    round: int = 0
    raw: float | None = None
    """The assessor's own grade r in [-1, 1]; None: there was none."""
    unassessed: bool = False
    """True: the verdict is unknown, which counts as unsafe: s is -1 and u is 0."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "parents", tuple(self.parents))
        object.__setattr__(self, "region", as_region(self.region))
        if not self.kind.isidentifier():
            raise ValueError(f"thought {self.id!r}: kind is {self.kind!r}, must be the name of a kind")
        if not self.id:
            raise ValueError("a thought needs an id")
        # "Not inside" also refuses NaN, which compares false with everything.
        raw = 0.0 if self.raw is None else self.raw
        for name, grade, low in (("safety", self.safety, -1), ("utility", self.utility, 0), ("raw grade", raw, -1)):
            if not low <= grade <= 1:
                raise ValueError(f"thought {self.id!r}: {name} is {grade!r}, not in [{low}, 1]")
        free = self.kind == "root" and self.cost == 0
        if not math.isfinite(self.cost) or (self.cost <= 0 and not free):
            raise ValueError(f"thought {self.id!r}: cost is {self.cost!r}; it must be finite and above 0")
        if self.unassessed and (self.safety != -1.0 or self.utility != 0.0):
            raise ValueError(f"thought {self.id!r}: unassessed, so its safety must be -1 and its utility 0")

    @property
    def unsafe(self) -> bool:
        """True if s < 0: never expanded, never on a path."""
        return self.safety < 0


@dataclass(frozen=True, slots=True)
class Prune:
    """Change: a thought is taken out of the search. It stays in the graph, marked with the reason."""

    id: str
    reason: str
    """Shown in the result."""


@dataclass(frozen=True, slots=True)
class Merge:
    """Change: two thoughts that say the same become one: `kept` gets the children of `dropped`, which is pruned."""

    kept: str
    dropped: str
    saving: float = 0.0
    """Future cost avoided, in cost units: booked as such, never as a negative cost."""


@dataclass(frozen=True, slots=True)
class Expansion:
    """Change: actions are proposed from a thought."""

    tip: str


Change: TypeAlias = Thought | Prune | Merge | Expansion
"""One entry of a graph's journal; a `Thought` means that it was added."""
