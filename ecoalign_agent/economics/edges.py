"""The edges of a graph that must stay acyclic: who follows from whom."""

from collections.abc import Iterable


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
