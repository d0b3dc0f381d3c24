"""From the journal in the state to the thought graph and its labels, and back.

The journal is the truth; the graph is its fold. Folding a long journal anew in every node would cost more than the
search itself, so the last fold of a run is kept and only what was appended since is applied to it. It is a memo and
nothing more: a fold that does not match the journal (another process, another branch of a checkpoint, another run under
the same id) is built anew. A node takes the fold out of the memo while it works on it, and keeps it when it is done: no
other can see it half-way, and that of a node that failed is gone.
"""

from collections.abc import Sequence

from ecoalign_agent.alignment.memo import Recent
from ecoalign_agent.economics.journal import Change
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import ThoughtGraph


class Growth:
    """A thought graph with its labels, and how much of it the state has stored already."""

    def __init__(self, journal: Sequence[Change], budget: float, policy: Policy) -> None:
        self.graph = ThoughtGraph.replay(journal)
        self.frontier = ParetoFrontier.under(policy, self.graph, budget)
        self._stored = list(journal)

    def matches(self, journal: Sequence[Change]) -> bool:
        """Whether this fold holds exactly the start of ``journal`` and nothing else."""
        stored = len(self._stored)
        # The changes of a run in this process are the same objects, so that comparing them is quick.
        return not self.graph.changes_since(stored) and self._stored == list(journal[:stored])

    def catch_up(self, journal: Sequence[Change], budget: float) -> None:
        """Apply what was appended since."""
        for change in journal[len(self._stored) :]:
            self.graph.apply(change)
        self._stored = list(journal)
        if self.frontier.budget != budget:
            self.frontier.budget = budget

    def unstored(self) -> list[Change]:
        """The changes since the state was read; the caller writes them into the state."""
        fresh = self.graph.changes_since(len(self._stored))
        self._stored.extend(fresh)
        return fresh


def growth_of(memo: Recent[Growth], run_id: str, journal: Sequence[Change], budget: float, policy: Policy) -> Growth:
    """The graph and labels of ``journal``, from the memo as far as it matches.

    Args:
        memo: the last fold of each run under way.
        run_id: whose journal it is.
        journal: every change, in order.
        budget: B in cost units; labels that cost more are dropped.
        policy: how paths are labelled.
    """
    growth = memo.take(run_id)
    if growth is not None and growth.matches(journal):
        growth.catch_up(journal, budget)
        return growth
    return Growth(journal, budget, policy)
