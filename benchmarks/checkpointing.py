"""A checkpointed step of the real graph, early in a search and late: what is stored must not grow with the graph."""

import gc
import tempfile
import time
from pathlib import Path
from statistics import mean
from typing import Any, NamedTuple

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from benchmarks.growing import BUDGET, journal
from benchmarks.measuring import Effort, Figure, Report, Sample
from benchmarks.scenario import POLICY, QUESTION, FixedModel
from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.economics.budget import Budget, Ledger
from ecoalign_agent.economics.cost import CompletionStats
from ecoalign_agent.economics.pareto import ParetoFrontier
from ecoalign_agent.economics.thought_graph import ThoughtGraph
from ecoalign_agent.search.request import ScanFindings

FEW, MANY = 20, 1_000
ROUNDS = 9
"""Rounds that are run from the seeded state; the first, which reads it, is not counted."""

_NODES = ("propose", "simulate", "score", "execute")
STEPS = len(_NODES)

_POLICY = POLICY.replace(budget=BUDGET, max_rounds=ROUNDS + 1, forecasts="inline")

_FOLDER = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder of random name is made in it
"""In memory where there is such a place: how long a disk takes to sync is not ours, and would hide what is."""


class _Step(NamedTuple):
    """One step of the graph, in ms of the wall clock and of CPU."""

    node: str
    wall: float
    cpu: float


async def checkpointing(effort: Effort) -> Report:
    """A step at 1 000 thoughts against one at 20, checkpointed into an SQLite file."""
    taken: dict[int, list[list[_Step]]] = {FEW: [], MANY: []}
    sizes: dict[int, float] = {}
    for repetition in range(effort.slow):
        for thoughts in (FEW, MANY) if repetition % 2 == 0 else (MANY, FEW):
            with tempfile.TemporaryDirectory(dir=_FOLDER) as folder:
                file = Path(folder) / "checkpoints.sqlite"
                taken[thoughts].append(await _stepped(file, thoughts))
                sizes[thoughts] = sum(part.stat().st_size for part in file.parent.iterdir()) / 1e3
    early, late = (Sample([mean(step.cpu for step in run[STEPS:]) for run in taken[n]]) for n in (FEW, MANY))
    wall = {n: Sample([mean(step.wall for step in run[STEPS:]) for run in runs]).median for n, runs in taken.items()}
    resumed = Sample([sum(step.wall for step in run[:STEPS]) for run in taken[MANY]])
    parts = ", ".join(f"{node} {_cpu(taken[FEW], node):.1f} → {_cpu(taken[MANY], node):.1f}" for node in _NODES)
    note = (
        f"{late.median:.2f} ms a step against {early.median:.2f} ms (wall {wall[MANY]:.2f} and {wall[FEW]:.2f}); "
        f"by node: {parts}"
    )
    remark = (
        "checkpointed step: AsyncSqliteSaver on a file (in memory, where there is /dev/shm), durability sync, so that "
        "a step holds the writing of its own checkpoint; the graph as shipped, a model of 0 ms, no picture. CPU of all "
        f"threads over rounds 2 to {ROUNDS} of {STEPS} steps and 5 calls each, divided by the steps: between the loop "
        "and SQLite's thread the wall clock mostly tells who else is using the cores. Database after them: "
        f"{sizes[FEW]:.0f} kB and {sizes[MANY]:.0f} kB, the seeded state included"
    )
    return Report(
        [
            Figure(f"checkpointed step at {MANY} thoughts / at {FEW}", late.over(early), "×", 1.3, note),
            Figure(f"  first round after a resume at {MANY}, reading included, wall", resumed, "ms"),
        ],
        [remark],
    )


def _cpu(runs: list[list[_Step]], node: str) -> float:
    return Sample([step.cpu for run in runs for step in run[STEPS:] if step.node == node]).median


async def _stepped(file: Path, thoughts: int) -> list[_Step]:
    """The steps of all rounds, from a state with so many thoughts."""
    async with AsyncSqliteSaver.from_conn_string(str(file)) as saver:
        model = FixedModel()
        graph = EcoAlign(model, policy=_POLICY, checkpointer=saver).graph
        config: Any = {"configurable": {"thread_id": "late"}}
        await graph.aupdate_state(config, _state(thoughts), as_node="execute")
        gc.collect()
        steps: list[_Step] = []
        wall, cpu = time.perf_counter(), time.process_time()
        updates = graph.astream(None, config, stream_mode="updates", interrupt_before=["extract"], durability="sync")
        async for chunk in updates:
            since, used = wall, cpu
            wall, cpu = time.perf_counter(), time.process_time()
            steps += [_Step(node, 1e3 * (wall - since), 1e3 * (cpu - used)) for node in chunk if node in _NODES]
        assert [step.node for step in steps] == list(_NODES) * ROUNDS, steps
        assert model.calls == 5 * ROUNDS, f"{model.calls} calls, {5 * ROUNDS} are due"
    return steps


def _state(thoughts: int) -> dict[str, Any]:
    """The state of a search that has this many thoughts and goes on with a round."""
    changes = journal(thoughts)
    frontier = ParetoFrontier.under(_POLICY, ThoughtGraph.replay(changes), BUDGET)
    return {
        "question": QUESTION,
        "images": [],
        "run_id": f"late-{thoughts}",
        "started": time.time(),
        "findings": ScanFindings("a notice on a wooden door", "Open 9 to 5\nKey at the bakery", "no hazard", 0.9),
        "journal": changes,
        "candidates": [],
        "selected": [],
        "simulated": False,
        "budget": Budget(BUDGET, spent=300.0 * thoughts, answer_reserve=900.0),
        "frontier": frontier.answers(),
        "ledger": Ledger(),
        "completion_stats": CompletionStats(),
        "round": 1,
        "action_count": thoughts,
        "event_count": 5 * thoughts,
        "answer_paths": [],
    }
