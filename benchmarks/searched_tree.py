"""The tree of the language-agent tree search: UCT, rewards, running means; no call. After LATS (arXiv 2310.04406)."""

import math
from dataclasses import dataclass, replace

from ecoalign_agent.bench.methods.base import split_final_answer

DEPTH = 7
"""Steps of a path at the most, as published for questions."""

EXPLORATION = 1.0
"""Weight of what was seldom visited in UCT, as published."""

OWN_RATING = 0.5
"""λ: share of the model's rating in a state's first value; the rest is how many of the samples said the same."""


@dataclass(frozen=True, slots=True)
class State:
    """A state of the tree: the newest step of a path from the root.

    Attributes:
        text: the step.
        parent: its place among the tree's states; None: the root.
        depth: steps from the root to here.
        answer: what it answers; None: it is a step on the way.
        rating: the model's own, in [0, 1].
        value: V, at first from rating and agreement, then the mean of the rewards behind it.
        visits: N, trajectories that went through.
        ended: nothing can be gone on to from here.
    """

    text: str = ""
    parent: int | None = None
    depth: int = 0
    answer: str | None = None
    rating: float = 0.0
    value: float = 0.0
    visits: int = 0
    ended: bool = False

    @property
    def is_open(self) -> bool:
        """Whether it may be gone on from."""
        return self.answer is None and not self.ended and self.depth < DEPTH


Tree = tuple[State, ...]


def selected(tree: Tree) -> int | None:
    """The open leaf that UCT leads to from the root; None: there is no open leaf left."""
    children: dict[int, list[int]] = {}
    for place, one in enumerate(tree):
        if one.parent is not None:
            children.setdefault(one.parent, []).append(place)
    leads: set[int] = set()
    # A child stands behind its parent, so that each is known before its parent is asked for.
    for place in reversed(range(len(tree))):
        below = children.get(place)
        if any(child in leads for child in below) if below else tree[place].is_open:
            leads.add(place)
    if 0 not in leads:
        return None
    at = 0
    while at in children:
        visits = tree[at].visits
        at = max((child for child in children[at] if child in leads), key=lambda child: uct(tree[child], visits))
    return at


def uct(state: State, visits: int) -> float:
    """V + w · √(ln N(parent) / N); a state that was never visited counts as visited once."""
    return state.value + EXPLORATION * math.sqrt(math.log(max(1, visits)) / max(1, state.visits))


def reward(state: State) -> float:
    """Of a trajectory that ends there: the rating of its answer; a path without one earns nothing."""
    return 0.0 if state.answer is None else state.rating


def backpropagated(tree: Tree, at: int) -> Tree:
    """The tree after the reward of the trajectory that ends at ``at`` went up to the root, into running means."""
    earned, changed = reward(tree[at]), list(tree)
    place: int | None = at
    while place is not None:
        one = changed[place]
        mean = (one.value * one.visits + earned) / (one.visits + 1)
        changed[place] = replace(one, value=mean, visits=one.visits + 1)
        place = one.parent
    return tuple(changed)


def told(tree: Tree, at: int) -> str:
    """The steps from the root to there, numbered."""
    path = []
    place: int | None = at
    while place:
        path.append(tree[place].text)
        place = tree[place].parent
    return "\n".join(f"{number}. {text}" for number, text in enumerate(reversed(path), 1)) or "(none)"


def rated(text: str, parent: int, depth: int, rating: float, share: float) -> State:
    """A state as it is before any trajectory went through it; ``share`` of the samples said the same."""
    said = split_final_answer(text)
    value = OWN_RATING * rating + (1 - OWN_RATING) * share
    return State(text, parent, depth, None if said is None else said[1], rating, value)
