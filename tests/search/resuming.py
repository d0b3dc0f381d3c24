"""A search that is interrupted after every step and taken up by another graph object, against one that is not.

Run as a script, it takes the kind of checkpointer as its argument and says "equal" when all is well: strict
deserialization has to be switched on before LangGraph is imported.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.events.result import Result
from ecoalign_agent.testing import (
    ScriptedCall,
    ScriptedModel,
    imagined_step,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import picture, propose_by_tip

POLICY = Policy(width=2, batch=3, budget=20_000)
PICTURE = picture(60, 40)


def story() -> ScriptedModel:
    """A plan, a look and a thought, a look ahead, a fuse, twins that are merged, an unsafe thought, an answer."""
    texts = {"left": "A baker lives here.", "again": "A baker lives here!", "dark": "Nobody should know this."}

    def reason(call: ScriptedCall) -> dict[str, str]:
        return {"text": next(text for words, text in texts.items() if words in call["aim"])}

    def grade(call: ScriptedCall) -> dict[str, Any]:
        if "Nobody" in call["candidate"]:
            return verdict_reply(-0.5)
        return verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1)

    nexts = [imagined_step("reason", 0.8, 0.1), imagined_step("answer", 0.9, 0.9)]
    return ScriptedModel(
        task_replies(
            scan=scan_reply(
                safety=0.4,
                harmless_part="When is it open?",
                regions=[{"picture": 0, "what": "a sign", "box": [0.1, 0.1, 0.5, 0.5]}],
                actions=[
                    proposed_action("reason", "left", 0.9, 0.2, next=nexts),
                    proposed_action("look", "closer", 0.9, 0.2, box=[0, 0, 0.5, 0.5]),
                    proposed_action("reason", "dark", 0.9, 0.1),
                ],
            ),
            simulate={"forecasts": [{"action": 1, "safety": 0.9, "utility": 0.3, "steps": nexts}]},
            reason=reason,
            propose=propose_by_tip(
                {
                    "baker": [
                        proposed_action("fuse", "join", 0.9, 0.3, parents=["t2"]),
                        proposed_action("reason", "again", 0.9, 0.2),
                    ],
                    "Open 9": [proposed_action("reason", "again", 0.9, 0.2)],
                    "Together": [proposed_action("answer", "say it", 0.9, 0.9)],
                }
            ),
            assess=grade,
        )
    )


def request(thread: str) -> dict[str, Any]:
    return {"question": "When is it open?", "images": [PICTURE], "run_id": thread}


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """A state without what differs from run to run: ids, clocks, and the fingerprint, which only a stored run has."""
    clocks = {"started", "seconds_waited", "messages", "run_id", "fingerprint"}
    kept = {key: value for key, value in values.items() if key not in clocks}
    if "ledger" in kept:
        ledger = kept["ledger"]
        kept["ledger"] = (ledger.by_phase, ledger.usage, ledger.calls, ledger.estimated_calls)
    if isinstance(kept.get("result"), Result):
        kept["result"] = kept["result"].model_dump(exclude={"seconds", "time", "run_id"})
    return kept


async def uninterrupted() -> tuple[list[dict[str, Any]], ScriptedModel]:
    """The states of a run that no checkpoint has touched, one a step."""
    model = story()
    graph: Any = EcoAlign(model, policy=POLICY).graph
    # Every step brings its own dict; what is in it is never changed, only replaced.
    states = [dict(s) async for s in graph.astream(request("x"), stream_mode="values", output_keys=_keys(graph))]
    return [plain(state) for state in states], model


async def interrupted(saver: BaseCheckpointSaver[str]) -> tuple[list[dict[str, Any]], list[str], ScriptedModel]:
    """The states read back after each step, each step taken by a graph object of its own; and the nodes in order."""
    model = story()
    config: Any = {"configurable": {"thread_id": "x"}}
    states: list[dict[str, Any]] = []
    nodes: list[str] = []
    given: dict[str, Any] | None = request("x")
    while True:
        graph: Any = EcoAlign(model, policy=POLICY, checkpointer=saver).graph
        await graph.ainvoke(given, config, interrupt_after="*", durability="sync")
        given = None
        # Yet another object reads, so that nothing but the checkpoint can have kept anything.
        read = await EcoAlign(model, policy=POLICY, checkpointer=saver).graph.aget_state(config)
        states.append(plain(read.values))
        if not read.next:
            return states, nodes, model
        nodes.append(read.next[0])


def _keys(graph: Any) -> list[str]:
    return [key for key in graph.channels if not key.startswith(("__", "branch:"))]


@asynccontextmanager
async def checkpointer(kind: str, folder: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """``memory``, or ``sqlite`` with a file in ``folder``."""
    if kind == "memory":
        yield InMemorySaver()
        return
    async with AsyncSqliteSaver.from_conn_string(str(Path(folder) / "checkpoints.db")) as saver:
        yield saver


async def compare(kind: str, folder: str) -> list[str]:
    """The nodes of the run, when both ways of it come to the same; else an assertion fails."""
    whole, undisturbed = await uninterrupted()
    async with checkpointer(kind, folder) as saver:
        parts, nodes, resumed = await interrupted(saver)
    # The first state of a stream is the input.
    assert len(parts) == len(whole) - 1
    for number, (part, step_) in enumerate(zip(parts, whole[1:], strict=True)):
        assert part == step_, f"after step {number}"
    # No call that a checkpoint holds the outcome of was made again, in whatever order parallel ones came.
    assert sorted(resumed.tasks()) == sorted(undisturbed.tasks())
    # The story is as eventful as its docstring says.
    changes = {type(change).__name__ for change in parts[-1]["journal"]}
    assert changes == {"Thought", "Prune", "Merge", "Expansion"}
    images = parts[0]["images"]
    assert images == [PICTURE]
    assert type(images[0]) is bytes
    return nodes


if __name__ == "__main__":
    with TemporaryDirectory() as place:
        print(" ".join(asyncio.run(compare(sys.argv[1], place))), "equal")
