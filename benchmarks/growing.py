"""From the journal of a thought graph to its Pareto labels and its best path."""

import gc
import random
import time
from collections.abc import Sequence

from benchmarks.measuring import Effort, Figure, Report, Sample
from benchmarks.scenario import wording
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Change, Expansion, Thought

SEARCH_THOUGHTS = 200
"""More than a search makes: a policy buys about 24 thoughts."""

THOUGHTS = 1_000
GRAPHS = 10
BUDGET = 1e7
"""Cost units: no path is too dear, so that every label is kept."""


def journal(thoughts: int, seed: int = 7) -> list[Change]:
    """A graph as a search grows it: a tree with one join in fifty thoughts and one answer in ten."""
    dice = random.Random(seed)
    changes: list[Change] = [Thought("root", "root", "a notice on a wooden door", (), 0.9, 0.0, 300.0)]
    tips = ["root"]
    expanded: set[str] = set()
    for number in range(1, thoughts):
        # The younger of two: a search rather goes on where it just was. Paths grow to some 20 thoughts.
        tip = tips[max(dice.randrange(len(tips)), dice.randrange(len(tips)))]
        parents = [tip]
        if tip not in expanded:
            expanded.add(tip)
            changes.append(Expansion(tip))
        if number > 20 and number % 50 == 0:
            parents = list(dict.fromkeys([tip, tips[-1 - int(dice.random() * 20)]]))
        kind = "fuse" if len(parents) > 1 else "answer" if number % 10 == 0 else "reason"
        changes.append(
            Thought(
                f"t{number}",
                kind,
                # Some say a number and some do not: what is compared to find thoughts that say the same.
                f"The notice says that {wording(str(number))}{f' {number}' if number % 3 == 0 else ''}.",
                tuple(parents),
                dice.uniform(0.5, 1.0),
                dice.uniform(0.2, 0.75),
                dice.uniform(100.0, 300.0),
                round=number // 2,
            )
        )
        if kind != "answer":
            tips.append(f"t{number}")
    return changes


def growing(effort: Effort) -> Report:
    """The cost of replaying a journal, labelling the graph, and extracting the best path."""
    figures = []
    for thoughts, goal in ((SEARCH_THOUGHTS, 2.0), (THOUGHTS, 10.0)):
        changes = journal(thoughts)
        taken = [_extracted(changes) for _ in range(effort.quick * GRAPHS)]
        frontier = ParetoFrontier(ThoughtGraph.replay(changes), BUDGET)
        labels = sum(len(frontier.labels(change.id)) for change in changes if isinstance(change, Thought))
        whole = f"the journal replayed, {labels} labels of {thoughts} thoughts, the best path and the frontier"
        figures.append(Figure(f"a full extraction at {thoughts} thoughts", Sample(taken), "ms", goal, whole))
    return Report(figures)


def _extracted(changes: Sequence[Change]) -> float:
    """Milliseconds from a journal to its best path."""
    gc.collect()
    begun = time.perf_counter_ns()
    frontier = ParetoFrontier(ThoughtGraph.replay(changes), BUDGET)
    best = frontier.best()
    frontier.answers()
    taken = (time.perf_counter_ns() - begun) / 1e6
    assert best is not None
    return taken
