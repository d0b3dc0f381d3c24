"""A checkpointed step of the real graph, early in a search and late: what is stored must not grow with the graph."""

import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.alignment.scene import Sight
from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.experience import Experience
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.thoughts import ThoughtGraph
from tests.performance.growing import BUDGET, journal
from tests.performance.measuring import Effort, Figure, Report, Sample
from tests.performance.scenario import POLICY, QUESTION, FixedModel

FEW, MANY = 20, 1_000
ROUNDS = 9
"""Rounds that are run from the seeded state; the first, which reads it, is not counted."""

STEPS = 4
"""propose, simulate, score, execute."""

_POLICY = POLICY.replace(budget=BUDGET, max_rounds=ROUNDS + 1, forecasts="inline")


async def checkpointing(effort: Effort) -> Report:
    """A step at 1 000 thoughts against one at 20, checkpointed into an SQLite file."""
    few: list[float] = []
    many: list[float] = []
    resumed: list[float] = []
    sizes: dict[int, float] = {}
    nodes: dict[int, dict[str, list[float]]] = {FEW: {}, MANY: {}}
    for repetition in range(effort.slow):
        for thoughts in (FEW, MANY) if repetition % 2 == 0 else (MANY, FEW):
            with tempfile.TemporaryDirectory() as folder:
                file = Path(folder) / "checkpoints.sqlite"
                first, step, by_node = await _stepped(file, thoughts)
                sizes[thoughts] = sum(part.stat().st_size for part in file.parent.iterdir()) / 1e3
            (few if thoughts == FEW else many).append(step)
            if thoughts == MANY:
                resumed.append(first)
            for node, taken in by_node.items():
                nodes[thoughts].setdefault(node, []).extend(taken)
    early, late = Sample(few), Sample(many)
    parts = ", ".join(
        f"{node} {Sample(nodes[FEW][node]).median:.1f} → {Sample(nodes[MANY][node]).median:.1f}" for node in nodes[FEW]
    )
    note = f"{late.median:.2f} ms a step against {early.median:.2f} ms; by node, ms: {parts}"
    remark = (
        "checkpointed step: AsyncSqliteSaver on a file, the graph as shipped, a model of 0 ms, no picture; rounds "
        f"2 to {ROUNDS} of {STEPS} steps and 5 calls each, wall time of all of them divided by the steps. "
        f"Database after them: {sizes[FEW]:.0f} kB and {sizes[MANY]:.0f} kB, the seeded state included"
    )
    return Report(
        [
            Figure(f"checkpointed step at {MANY} thoughts / at {FEW}", late.over(early), "×", 1.3, note),
            Figure(f"  first round after a resume at {MANY}, reading included", Sample(resumed), "ms"),
        ],
        [remark],
    )


async def _stepped(file: Path, thoughts: int) -> tuple[float, float, dict[str, list[float]]]:
    """ms for the first round, for each step of the others, and of those by node."""
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        model = FixedModel()
        graph = EcoAlign(model, policy=_POLICY, checkpointer=saver).graph
        config: Any = {"configurable": {"thread_id": "late"}}
        await graph.aupdate_state(config, _state(thoughts), as_node="execute")
        names: list[str] = []
        told = [time.perf_counter()]
        async for chunk in graph.astream(None, config, stream_mode="updates", interrupt_before=["extract"]):
            names += [name for name in chunk if name != "__interrupt__"]
            if names:
                told.append(time.perf_counter())
        told = told[: len(names) + 1]
        assert names == ["propose", "simulate", "score", "execute"] * ROUNDS, names
        assert model.calls == 5 * ROUNDS, f"{model.calls} calls, {5 * ROUNDS} are due"
    taken = [1e3 * (after - before) for before, after in pairwise(told)]
    by_node: dict[str, list[float]] = {}
    for name, step in list(zip(names, taken, strict=True))[STEPS:]:
        by_node.setdefault(name, []).append(step)
    return sum(taken[:STEPS]), sum(taken[STEPS:]) / (len(names) - STEPS), by_node


def _state(thoughts: int) -> dict[str, Any]:
    """The state of a search that has this many thoughts and goes on with a round."""
    changes = journal(thoughts)
    frontier = ParetoFrontier.under(_POLICY, ThoughtGraph.replay(changes), BUDGET)
    return {
        "question": QUESTION,
        "images": [],
        "run_id": f"late-{thoughts}",
        "started": time.time(),
        "sight": Sight("a notice on a wooden door", "Open 9 to 5\nKey at the bakery", "no hazard", 0.9),
        "growth": changes,
        "offers": [],
        "buying": [],
        "simulated": False,
        "budget": Budget(BUDGET, spent=300.0 * thoughts, set_aside=900.0),
        "frontier": frontier.answers(),
        "ledger": Ledger(),
        "experience": Experience(),
        "round": 1,
        "named": thoughts,
        "told": 5 * thoughts,
        "chosen": [],
    }
