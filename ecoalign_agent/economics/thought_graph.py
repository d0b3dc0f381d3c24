"""The edges of a graph that must stay acyclic: who follows from whom.

The thought graph: a directed acyclic graph with one root, grown at run time.

Source: EcoAlign, thought graph. That a merge redirects also what is added later is ours.
"""

import math
from collections.abc import Collection, Iterable, Iterator

from ecoalign_agent.economics.thoughts import Change, Expanded, Merged, Pruned, Thought


class Edges:
    """Nodes by id with their parents and children. It trusts its caller to name nodes that it holds."""

    __slots__ = ("_rewired", "children", "parents")

    def __init__(self) -> None:
        self.parents: dict[str, tuple[str, ...]] = {}
        self.children: dict[str, list[str]] = {}
        self._rewired = False

    def append(self, node: str, parents: tuple[str, ...]) -> None:
        """Add a node below its parents."""
        for parent in parents:
            self.children[parent].append(node)
        self.parents[node] = parents
        self.children[node] = []

    def redirect(self, *, kept: str, dropped: str) -> list[str]:
        """Make the children of one node the children of another, and return them.

        The graph stays acyclic if neither node is an ancestor of the other: a cycle would need a child of `dropped`
        above `kept`, and then `dropped` is above it too.
        """
        orphans, self.children[dropped] = self.children[dropped], []
        for orphan in orphans:
            if kept not in self.parents[orphan]:
                self.children[kept].append(orphan)
            moved = (kept if parent == dropped else parent for parent in self.parents[orphan])
            self.parents[orphan] = tuple(dict.fromkeys(moved))
        self._rewired = True
        return orphans

    def ancestors(self, node: str) -> set[str]:
        """All nodes above this one."""
        found: set[str] = set()
        ahead = list(self.parents[node])
        while ahead:
            current = ahead.pop()
            if current not in found:
                found.add(current)
                ahead.extend(self.parents[current])
        return found

    def downstream(self, nodes: Iterable[str]) -> list[str]:
        """These nodes and all below them, each once, parents first."""
        order: list[str] = []
        seen: set[str] = set()
        for start in nodes:
            stack = [(start, False)]
            while stack:
                current, children_done = stack.pop()
                if children_done:
                    order.append(current)
                elif current not in seen:
                    seen.add(current)
                    stack.append((current, True))
                    stack.extend((child, False) for child in self.children[current] if child not in seen)
        order.reverse()
        return order

    def topological(self) -> list[str]:
        """All nodes, parents first."""
        # Parents are older than their children, except where a redirection gave a child a younger parent.
        return self.downstream(self.parents) if self._rewired else list(self.parents)


class ThoughtGraph:
    """Thoughts, their edges, and the journal of every change in order.

    Methods that take an id raise ValueError where the graph holds no such thought; `graph[id]` raises KeyError.
    Iterating yields the thoughts, older first; `in` asks for an id.
    """

    __slots__ = ("_changes", "_edges", "_expansions", "_live", "_merged", "_pruned", "_root", "_thoughts")

    __hash__ = None  # type: ignore[assignment]  # it grows, so it can't be a key

    def __init__(self) -> None:
        self._thoughts: dict[str, Thought] = {}
        self._edges = Edges()
        self._pruned: dict[str, str] = {}
        self._merged: dict[str, Merged] = {}
        self._expansions: dict[str, int] = {}
        self._live: set[str] = set()
        self._root: Thought | None = None
        self._changes: list[Change] = []

    @classmethod
    def replay(cls, changes: Iterable[Change]) -> "ThoughtGraph":
        """The graph that these changes make, in their order.

        Raises:
            ValueError: a change does not fit to those before it.
        """
        graph = cls()
        for change in changes:
            graph.apply(change)
        return graph

    def apply(self, change: Change) -> None:
        """Make one change as the journal of another graph tells it.

        Raises:
            ValueError: it does not fit to this graph.
        """
        match change:
            case Thought():
                self.add(change)
            case Pruned(thought_id, reason):
                self.prune(thought_id, reason)
            case Merged(kept, dropped, saving):
                self.merge(kept, dropped, saving=saving)
            case Expanded(tip):
                self.expanded(tip)

    def add(self, thought: Thought) -> None:
        """Append a thought to its parents. A parent that was merged away means its survivor. Takes O(parents).

        Raises:
            ValueError: the id is taken, a parent is unknown, a second root, a root with parents, or no parents.
        """
        thought_id = thought.id
        if thought_id in self._thoughts:
            raise ValueError(f"thought {thought_id!r} is in the graph already")
        if thought.kind == "root":
            if thought.parents or self._root is not None:
                raise ValueError(f"thought {thought_id!r}: a graph has one root, and it has no parents")
            self._root = thought
            self._live.add(thought_id)
            parents: tuple[str, ...] = ()
        else:
            parents = self._resolved(thought)
            if not self._live.isdisjoint(parents):
                self._live.add(thought_id)
        self._thoughts[thought_id] = thought
        self._edges.append(thought_id, parents)
        self._changes.append(thought)

    def prune(self, thought_id: str, reason: str) -> None:
        """Take a thought out of the search; no path leads through it any more. The first reason stays."""
        self._require(thought_id)
        if thought_id not in self._pruned:
            self._pruned[thought_id] = reason
            self._changes.append(Pruned(thought_id, reason))
            self._refresh_live([thought_id])

    def merge(self, kept: str, dropped: str, *, saving: float = 0.0) -> None:
        """Let `kept` stand for `dropped` as well: it takes over the children, `dropped` is marked pruned.

        `kept` keeps its own parents, so what it costs and how safe its paths are does not change.

        Args:
            kept: the one that stays: by convention the one with the higher Γ.
            dropped: the one that goes.
            saving: future cost avoided, in cost units.

        Raises:
            ValueError: the two are the same, one is an ancestor of the other, one is unknown or pruned, or the
                saving is negative or not finite.
        """
        for thought_id in (kept, dropped):
            if self.pruned(thought_id) is not None:
                raise ValueError(f"can't merge {dropped!r} into {kept!r}: {thought_id!r} is pruned")
        if kept == dropped:
            raise ValueError(f"can't merge {kept!r} with itself")
        if dropped in self.ancestors(kept) or kept in self.ancestors(dropped):
            raise ValueError(f"can't merge {dropped!r} into {kept!r}: one is an ancestor of the other")
        if not math.isfinite(saving) or saving < 0:
            raise ValueError(f"can't merge {dropped!r} into {kept!r}: saving is {saving!r}, must be finite and >= 0")
        orphans = self._edges.redirect(kept=kept, dropped=dropped)
        change = Merged(kept, dropped, saving)
        self._pruned[dropped] = f"merged into {kept}"
        self._merged[dropped] = change
        self._changes.append(change)
        self._refresh_live([dropped, *orphans])

    def expanded(self, tip: str) -> None:
        """Note that actions were proposed from this thought."""
        self._require(tip)
        self._expansions[tip] = self._expansions.get(tip, 0) + 1
        self._changes.append(Expanded(tip))

    def expansions(self, thought_id: str) -> int:
        """How often actions were proposed from it."""
        self._require(thought_id)
        return self._expansions.get(thought_id, 0)

    @property
    def changes(self) -> list[Change]:
        """The journal: every change that this graph underwent, in order. A copy."""
        return self._changes.copy()

    def changes_since(self, position: int) -> list[Change]:
        """The journal from its entry number `position` on, counted from 0."""
        return self._changes[position:]

    @property
    def version(self) -> int:
        """Number of changes so far."""
        return len(self._changes)

    @property
    def saving(self) -> float:
        """Future cost that merges avoided, in cost units."""
        return math.fsum(merge.saving for merge in self._merged.values())

    @property
    def root(self) -> Thought | None:
        """The root; None while the graph is empty."""
        return self._root

    def thought(self, thought_id: str) -> Thought:
        """The thought with this id."""
        self._require(thought_id)
        return self._thoughts[thought_id]

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
        try:
            return self._edges.parents[thought_id]
        except KeyError:
            raise ValueError(f"the graph holds no thought {thought_id!r}") from None

    def ways_to(self, thought_id: str) -> tuple[str, ...]:
        """The thoughts that a path to it may come from: its parents, or none where it is pruned."""
        if thought_id in self._pruned:
            return ()
        return self.parents(thought_id)

    def children(self, thought_id: str) -> list[str]:
        """The thoughts that follow from it, after merges, pruned ones too."""
        self._require(thought_id)
        return self._edges.children[thought_id].copy()

    def ancestors(self, thought_id: str) -> set[str]:
        """All thoughts on the ways from the root to it, without itself."""
        self._require(thought_id)
        return self._edges.ancestors(thought_id)

    def descendants(self, thought_id: str) -> set[str]:
        """All thoughts that follow from it at any distance, without itself."""
        return set(self.downstream([thought_id])) - {thought_id}

    def downstream(self, thought_ids: Iterable[str]) -> list[str]:
        """These thoughts and all their descendants, each once, parents first."""
        starts = list(thought_ids)
        for start in starts:
            self._require(start)
        return self._edges.downstream(starts)

    def topological(self) -> list[str]:
        """All ids, parents first."""
        return self._edges.topological()

    def pruned(self, thought_id: str) -> str | None:
        """Why the thought was pruned; None: it was not."""
        self._require(thought_id)
        return self._pruned.get(thought_id)

    def survivor(self, thought_id: str) -> str:
        """The thought that stands for it after merges; itself where it was not merged away."""
        self._require(thought_id)
        while (merge := self._merged.get(thought_id)) is not None:
            thought_id = merge.kept
        return thought_id

    def live(self, thought_id: str) -> bool:
        """Not pruned, and at least one path from the root leads to it through thoughts that are not pruned."""
        self._require(thought_id)
        return thought_id in self._live

    def alive(self) -> list[Thought]:
        """The live thoughts, older first; the root among them."""
        live = self._live
        return [thought for thought_id, thought in self._thoughts.items() if thought_id in live]

    def expandable(self, standing: Collection[str] = ()) -> list[Thought]:
        """The live thoughts to propose from, older first: no answer, and never expanded, or once and for nothing.

        Args:
            standing: thoughts that still own actions which were proposed and not yet executed or dropped.
        """
        live, expansions, children = self._live, self._expansions, self._edges.children
        return [
            thought
            for thought_id, thought in self._thoughts.items()
            if thought_id in live
            and thought.kind != "answer"
            and (
                thought_id not in expansions
                or (
                    expansions[thought_id] == 1 and thought_id not in standing and live.isdisjoint(children[thought_id])
                )
            )
        ]

    def leaves(self) -> list[str]:
        """The live thoughts after the root without live children, older first."""
        return [
            thought.id
            for thought in self
            if thought.id in self._live
            and thought is not self._root
            and self._live.isdisjoint(self._edges.children[thought.id])
        ]

    def _content(self) -> tuple[object, ...]:
        return (self._thoughts, self._edges.parents, self._pruned, self._merged, self._expansions)

    def _require(self, thought_id: str) -> None:
        if thought_id not in self._thoughts:
            raise ValueError(f"the graph holds no thought {thought_id!r}")

    def _resolved(self, thought: Thought) -> tuple[str, ...]:
        """The parents as they stand now: each known, merged ones replaced by their survivors, each once."""
        parents = thought.parents
        if not parents:
            raise ValueError(f"thought {thought.id!r} has no parents; only the root may have none")
        for parent in parents:
            if parent not in self._thoughts:
                raise ValueError(f"thought {thought.id!r}: the graph holds no parent {parent!r}")
        if len(parents) == 1 and parents[0] not in self._merged:
            return parents
        return tuple(dict.fromkeys(self.survivor(parent) for parent in parents))

    def _refresh_live(self, touched: list[str]) -> None:
        """Find out anew which of these are live, and where that changes, which of their children are."""
        while touched:
            current = touched.pop()
            reached = self._thoughts[current] is self._root or not self._live.isdisjoint(self._edges.parents[current])
            if (reached and current not in self._pruned) != (current in self._live):
                self._live.symmetric_difference_update((current,))
                touched.extend(self._edges.children[current])
