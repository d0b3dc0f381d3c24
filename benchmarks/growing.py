"""A thought graph of a thousand thoughts: a leaf more, and everything labelled anew."""

import gc
import random
import time
from collections.abc import Sequence

from benchmarks.measuring import Effort, Figure, Report, Sample
from benchmarks.scenario import wording
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.economics.thoughts import Change, Expanded, Thought

THOUGHTS = 1_000
LEAVES = 50
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
            changes.append(Expanded(tip))
        if number > 20 and number % 50 == 0:
            parents = list(dict.fromkeys([tip, tips[-1 - int(dice.random() * 20)]]))
        kind = "fuse" if len(parents) > 1 else "answer" if number % 10 == 0 else "reason"
        changes.append(
            Thought(
                f"t{number}",
                kind,  # type: ignore[arg-type]  # one of three kinds, which the checker takes for any string
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
    """The cost of one more leaf, and of labelling everything anew."""
    changes = journal(THOUGHTS)
    appended: list[float] = []
    extracted: list[float] = []
    for repetition in range(effort.quick):
        appended += _appended(ThoughtGraph.replay(changes), seed=repetition)
        extracted += _extracted([ThoughtGraph.replay(changes) for _ in range(GRAPHS)])
    slowest = sorted(appended)[int(0.99 * len(appended))]
    leaf = f"graph and labels, the thought itself given; 99 % take at most {slowest:.1f} µs"
    best = ParetoFrontier(ThoughtGraph.replay(changes), BUDGET)
    labels = sum(len(best.labels(thought.id)) for thought in best.graph)
    whole = f"a fresh frontier over the graph, and its best path: {labels} labels of {THOUGHTS} thoughts"
    return Report(
        [
            Figure(f"a leaf appended at {THOUGHTS} thoughts", Sample(appended), "µs", 10.0, leaf),
            Figure(f"a full extraction at {THOUGHTS} thoughts", Sample(extracted), "ms", 2.0, whole),
        ]
    )


def _appended(graph: ThoughtGraph, *, seed: int) -> list[float]:
    """µs for each of a few leaves, appended anywhere."""
    frontier = ParetoFrontier(graph, BUDGET)
    frontier.best()
    dice = random.Random(seed)
    tips = [thought.id for thought in graph if thought.kind != "answer"]
    leaves = [
        Thought(f"leaf{n}", "reason", "one more", (dice.choice(tips),), 0.8, 0.5, dice.uniform(100.0, 300.0))
        for n in range(LEAVES)
    ]
    taken: list[float] = []
    gc.collect()
    for leaf in leaves:
        begun = time.perf_counter_ns()
        frontier.add(leaf)
        taken.append((time.perf_counter_ns() - begun) / 1e3)
    assert len(graph) == THOUGHTS + LEAVES
    assert frontier.labels(leaves[-1].id), "the last leaf has no label"
    return taken


def _extracted(graphs: Sequence[ThoughtGraph]) -> list[float]:
    """ms for each of a few graphs that nothing was extracted from before."""
    taken: list[float] = []
    gc.collect()
    for graph in graphs:
        begun = time.perf_counter_ns()
        best = ParetoFrontier(graph, BUDGET).best()
        taken.append((time.perf_counter_ns() - begun) / 1e6)
        assert best is not None
    return taken
