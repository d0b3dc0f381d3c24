"""A bounded memo: what can be made again at a cost, kept for the runs under way."""

from collections import OrderedDict
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """The values of the most recently used runs; the least recently used goes first.

    Args:
        most: values kept at the most.
    """

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._kept: OrderedDict[str, V] = OrderedDict()

    def get(self, run_id: str) -> V | None:
        """The run's value; None: not kept."""
        if run_id in self._kept:
            self._kept.move_to_end(run_id)
        return self._kept.get(run_id)

    def take(self, run_id: str) -> V | None:
        """The run's value, for the taker alone until it is kept again; None: not kept, or taken."""
        return self._kept.pop(run_id, None)

    def keep(self, run_id: str, value: V) -> V:
        """Keep the run's value, and return it."""
        self._kept[run_id] = value
        self._kept.move_to_end(run_id)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)
        return value

    def forget(self, run_id: str) -> None:
        """The run has ended."""
        self._kept.pop(run_id, None)
