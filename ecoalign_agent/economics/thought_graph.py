"""Thought graph: a directed acyclic graph with one root that grows at run time, and the journal of its changes.

Source: EcoAlign, thought graph. Merges, which redirect later children too, and the journal are ours.
"""

import math
from collections.abc import Collection, Iterable, Iterator

from ecoalign_agent.economics.thoughts import Change, Expansion, Merge, Prune, Thought


class ThoughtGraph:
    """Thoughts, their edges, and the journal of every change in order.

    Methods that take an id raise ValueError if the graph holds no such thought; `graph[id]` raises KeyError. Iteration
    yields the thoughts, older first; `in` tests an id.
    """

    __hash__ = None  # type: ignore[assignment]  # it grows, so it can't be a key

    def __init__(self) -> None:
        self._thoughts: dict[str, Thought] = {}
        self._parents: dict[str, tuple[str, ...]] = {}
        self._children: dict[str, list[str]] = {}
        self._pruned: dict[str, str] = {}
        self._merged: dict[str, Merge] = {}
        self._expansions: dict[str, int] = {}
        self.root: Thought | None = None
        self._changes: list[Change] = []
        self._live: set[str] = set()
        self._live_version = 0

    @classmethod
    def replay(cls, changes: Iterable[Change]) -> "ThoughtGraph":
        """The graph that these changes make, in their order; ValueError if one does not fit to those before it."""
        graph = cls()
        for change in changes:
            match change:
                case Thought():
                    graph.add(change)
                case Prune(thought_id, reason):
                    graph.prune(thought_id, reason)
                case Merge(survivor, dropped, saving):
                    graph.merge(survivor, dropped, saving=saving)
                case Expansion(tip):
                    graph.expanded(tip)
        return graph

    def add(self, thought: Thought) -> None:
        """Append a thought to its parents; a merged parent stands for its survivor.

        Raises:
            ValueError: the id is taken, a parent is unknown, a second root, a root with parents, or no parents.
        """
        thought_id = thought.id
        if thought_id in self._thoughts:
            raise ValueError(f"thought {thought_id!r} is in the graph already")
        if thought.kind == "root":
            if thought.parents or self.root is not None:
                raise ValueError(f"thought {thought_id!r}: a graph has one root, and it has no parents")
            self.root = thought
            parents: tuple[str, ...] = ()
        else:
            parents = self._resolve_parents(thought)
        self._thoughts[thought_id] = thought
        self._parents[thought_id] = parents
        self._children[thought_id] = []
        for parent in parents:
            self._children[parent].append(thought_id)
        self._changes.append(thought)

    def prune(self, thought_id: str, reason: str) -> None:
        """Take a thought out of the search: no path leads through it any more. The first reason stays."""
        self._require(thought_id)
        if thought_id not in self._pruned:
            self._pruned[thought_id] = reason
            self._changes.append(Prune(thought_id, reason))

    def merge(self, survivor: str, dropped: str, *, saving: float = 0.0) -> None:
        """Give the children of `dropped` to `survivor`, and mark `dropped` as pruned; `saving` is future cost avoided.

        `survivor`, by convention the one with the higher Γ, keeps its parents, so that cost and safety of its paths
        do not change. Neither may be pruned or an ancestor of the other.
        """
        for thought_id in (survivor, dropped):
            if self.pruned(thought_id) is not None:
                raise ValueError(f"can't merge {dropped!r} into {survivor!r}: {thought_id!r} is pruned")
        if survivor == dropped:
            raise ValueError(f"can't merge {survivor!r} with itself")
        if dropped in self.ancestors(survivor) or survivor in self.ancestors(dropped):
            raise ValueError(f"can't merge {dropped!r} into {survivor!r}: one is an ancestor of the other")
        if not math.isfinite(saving) or saving < 0:
            raise ValueError(
                f"can't merge {dropped!r} into {survivor!r}: saving is {saving!r}, must be finite and >= 0"
            )
        # Stays acyclic: a cycle would need a child of `dropped` above `survivor`, and so `dropped` above it.
        for child in self._children[dropped]:
            redirected = (survivor if parent == dropped else parent for parent in self._parents[child])
            if survivor not in self._parents[child]:
                self._children[survivor].append(child)
            self._parents[child] = tuple(dict.fromkeys(redirected))
        self._children[dropped] = []
        self._pruned[dropped] = f"merged into {survivor}"
        self._merged[dropped] = Merge(survivor, dropped, saving)
        self._changes.append(self._merged[dropped])

    def expanded(self, tip: str) -> None:
        """Record that actions were proposed from this thought."""
        self._require(tip)
        self._expansions[tip] = self._expansions.get(tip, 0) + 1
        self._changes.append(Expansion(tip))

    def expansions(self, thought_id: str) -> int:
        """Number of times that actions were proposed from it."""
        self._require(thought_id)
        return self._expansions.get(thought_id, 0)

    @property
    def changes(self) -> list[Change]:
        """The journal: every change of this graph, in order. A copy."""
        return self._changes.copy()

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._changes)

    @property
    def saving(self) -> float:
        """Future cost that merges avoided, in cost units."""
        return math.fsum(merge.saving for merge in self._merged.values())

    def __getitem__(self, thought_id: str) -> Thought:
        return self._thoughts[thought_id]

    def __contains__(self, thought_id: object) -> bool:
        return thought_id in self._thoughts

    def __len__(self) -> int:
        return len(self._thoughts)

    def __iter__(self) -> Iterator[Thought]:
        return iter(self._thoughts.values())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ThoughtGraph):
            return NotImplemented
        return self._content() == other._content()

    def parents(self, thought_id: str) -> tuple[str, ...]:
        """The thoughts that it follows from, after merges."""
        self._require(thought_id)
        return self._parents[thought_id]

    def children(self, thought_id: str) -> list[str]:
        """The thoughts that follow from it, after merges, pruned ones too."""
        self._require(thought_id)
        return self._children[thought_id].copy()

    def ancestors(self, thought_id: str) -> set[str]:
        """All thoughts on the paths from the root to it, without itself."""
        found: set[str] = set()
        waiting = list(self.parents(thought_id))
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting.extend(self._parents[current])
        return found

    def topological(self) -> list[str]:
        """All ids, parents first."""
        if not self._merged:
            return list(self._thoughts)
        # A merge can give a thought a parent that is younger.
        order: dict[str, None] = {}
        for thought_id in self._thoughts:
            waiting = [thought_id]
            while waiting:
                missing = [parent for parent in self._parents[waiting[-1]] if parent not in order]
                if missing:
                    waiting += missing
                else:
                    order[waiting.pop()] = None
        return list(order)

    def pruned(self, thought_id: str) -> str | None:
        """Reason why the thought was pruned; None: it was not."""
        self._require(thought_id)
        return self._pruned.get(thought_id)

    def survivor(self, thought_id: str) -> str:
        """The thought that stands for it after merges; itself if it was not merged into another."""
        self._require(thought_id)
        while (merge := self._merged.get(thought_id)) is not None:
            thought_id = merge.kept
        return thought_id

    def live(self, thought_id: str) -> bool:
        """True if it is not pruned and a path of thoughts that are not pruned leads to it from the root."""
        self._require(thought_id)
        return thought_id in self._live_ids()

    def alive(self) -> list[Thought]:
        """The live thoughts, older first; the root among them."""
        live = self._live_ids()
        return [thought for thought_id, thought in self._thoughts.items() if thought_id in live]

    def expandable(self, candidate_tips: Collection[str] = ()) -> list[Thought]:
        """The live thoughts to propose from, older first: no answer, and never expanded, or once and for nothing.

        An expansion was for nothing if it left no live child and no tip in `candidate_tips`: those of actions that are
        neither executed nor dropped yet.
        """
        live, expansions = self._live_ids(), self._expansions

        def is_open(thought_id: str) -> bool:
            if expansions.get(thought_id, 0) != 1:
                return thought_id not in expansions
            return thought_id not in candidate_tips and live.isdisjoint(self._children[thought_id])

        return [thought for thought in self.alive() if thought.kind != "answer" and is_open(thought.id)]

    def leaves(self) -> list[str]:
        """The live thoughts after the root without live children, older first."""
        live = self._live_ids()
        return [
            thought.id
            for thought in self.alive()
            if thought is not self.root and live.isdisjoint(self._children[thought.id])
        ]

    def _content(self) -> tuple[object, ...]:
        return (self._thoughts, self._parents, self._pruned, self._merged, self._expansions)

    def _require(self, thought_id: str) -> None:
        if thought_id not in self._thoughts:
            raise ValueError(f"the graph holds no thought {thought_id!r}")

    def _resolve_parents(self, thought: Thought) -> tuple[str, ...]:
        parents = thought.parents
        if not parents:
            raise ValueError(f"thought {thought.id!r} has no parents; only the root may have none")
        for parent in parents:
            if parent not in self._thoughts:
                raise ValueError(f"thought {thought.id!r}: the graph holds no parent {parent!r}")
        if len(parents) == 1 and parents[0] not in self._merged:
            return parents
        return tuple(dict.fromkeys(self.survivor(parent) for parent in parents))

    def _live_ids(self) -> set[str]:
        if self._live_version != len(self._changes):
            live: set[str] = set()
            for thought_id in self.topological():
                parents = self._parents[thought_id]
                if thought_id not in self._pruned and (not parents or not live.isdisjoint(parents)):
                    live.add(thought_id)
            self._live, self._live_version = live, len(self._changes)
        return self._live
