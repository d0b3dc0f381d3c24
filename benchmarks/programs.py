"""Programs that make the same calls: the search, a bare asyncio program, and bare LangGraph loops."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

from benchmarks.scenario import POLICY, QUESTION, FixedModel, notice, task_of
from ecoalign_agent.agent import EcoAlign


@dataclass(frozen=True)
class Asked:
    """One call: its messages, what the model was told beside them, and who is asked; None: the script's one model."""

    messages: list[BaseMessage]
    options: Mapping[str, Any] = field(default_factory=dict)
    model: BaseChatModel | None = None


Chain = Sequence[Asked]
"""Calls of which each waits for the one before."""

Stage = Sequence[Chain]
"""Chains that run side by side; the next stage waits for all of them."""


@dataclass(frozen=True)
class Script:
    """The calls of one search, as they wait for one another."""

    stages: Sequence[Stage]

    @property
    def calls(self) -> int:
        """All of them."""
        return sum(len(chain) for stage in self.stages for chain in stage)

    @property
    def depth(self) -> int:
        """Calls on the longest way through: what no program can do in less than so many delays."""
        return sum(max(len(chain) for chain in stage) for stage in self.stages)

    @property
    def tasks(self) -> dict[str, int]:
        """How many calls of each task."""
        named = [task_of(call.messages) for stage in self.stages for chain in stage for call in chain]
        return {task: named.count(task) for task in dict.fromkeys(named)}


def search_on(model: FixedModel, *, places: int | None = None) -> EcoAlign:
    """The search as a caller makes it, without a checkpointer and without anybody listening.

    Args:
        model: the scripted model.
        places: calls open at once at the endpoint, at most; None: the program's own default.
    """
    if places is None:
        os.environ.pop("ECOALIGN_CONCURRENCY", None)
    else:
        os.environ["ECOALIGN_CONCURRENCY"] = str(places)
    return EcoAlign(model, policy=POLICY)


async def recorded() -> Script:
    """One search, and what it asked."""
    model = FixedModel(record=[])
    result = await search_on(model).ask(QUESTION, [notice()])
    assert result.status == "answered", result
    assert result.rounds == POLICY.max_rounds, result.rounds
    assert model.record is not None
    script = Script(stages_of([Asked(messages) for messages in model.record]))
    assert script.calls == result.cost.calls == model.calls, (script.calls, result.cost.calls, model.calls)
    return script


def stages_of(calls: Sequence[Asked]) -> list[Stage]:
    """The order of waiting, read off the order of asking.

    Thoughts of one round are made side by side, and each is assessed as soon as it is made; every other call stands
    alone and is waited for.
    """
    stages: list[Stage] = []
    ahead = 0
    while ahead < len(calls):
        beside = 0
        while ahead + beside < len(calls) and task_of(calls[ahead + beside].messages) in {
            "reason",
            "look",
            "fuse",
            "answer",
        }:
            beside += 1
        if not beside:
            stages.append([[calls[ahead]]])
            ahead += 1
            continue
        verdicts = calls[ahead + beside : ahead + 2 * beside]
        tasks = [task_of(call.messages) for call in verdicts]
        assert all(task == "assess thought" for task in tasks), tasks
        stages.append([[made, verdict] for made, verdict in zip(calls[ahead : ahead + beside], verdicts, strict=True)])
        ahead += 2 * beside
    return stages


async def bare(model: BaseChatModel, script: Script, places: asyncio.Semaphore | None = None) -> None:
    """The same calls, in the same order of waiting, with messages made beforehand; replies are read as JSON."""
    for stage in script.stages:
        await _side_by_side(model, stage, places)


async def _side_by_side(model: BaseChatModel, stage: Stage, places: asyncio.Semaphore | None = None) -> None:
    if len(stage) == 1:
        await _one_by_one(model, stage[0], places)
        return
    async with asyncio.TaskGroup() as group:
        for chain in stage:
            group.create_task(_one_by_one(model, chain, places))


async def _one_by_one(model: BaseChatModel, chain: Chain, places: asyncio.Semaphore | None = None) -> None:
    place: AbstractAsyncContextManager[None] = nullcontext() if places is None else places
    for call in chain:
        async with place:
            json.loads((await (call.model or model).ainvoke(call.messages, **call.options)).text)


class LoopState(TypedDict):
    """What the bare loops carry: how far they are, and what was said last."""

    done: int
    said: str


def bare_loop(
    model: FixedModel, script: Script, *, visit: Literal["call", "stage"] = "call", plain_condition: bool = False
) -> Callable[[], Awaitable[Any]]:
    """A compiled LangGraph loop of two nodes that take turns until the script is played, as lean as one can be written.

    Args:
        model: the scripted model.
        script: what to ask.
        visit: what a node does in one visit: a single call, or a whole stage with its chains side by side.
        plain_condition: whether the one edge with a condition asks a plain function, which LangGraph hands to a thread.
    """
    calls = [call for stage in script.stages for chain in stage for call in chain]
    visits: Sequence[Stage] = script.stages if visit == "stage" else [[[call]] for call in calls]

    async def node(state: LoopState) -> dict[str, object]:
        # An odd number of visits leaves the last turn of the second node empty.
        for stage in visits[state["done"] : state["done"] + 1]:
            await _side_by_side(model, stage)
        return {"done": state["done"] + 1, "said": "as the model says"}

    def goes_on(state: LoopState) -> Literal["think", "__end__"]:
        return "think" if state["done"] < len(visits) else "__end__"

    async def goes_on_at_once(state: LoopState) -> Literal["think", "__end__"]:
        return goes_on(state)

    graph = StateGraph(LoopState)
    nodes: dict[str, Any] = {"think": node, "judge": node}
    for name, work in nodes.items():
        graph.add_node(name, work)
    graph.add_edge(START, "think")
    graph.add_edge("think", "judge")
    if plain_condition:
        graph.add_conditional_edges("judge", goes_on)
    else:
        graph.add_conditional_edges("judge", goes_on_at_once)
    compiled = graph.compile().with_config(recursion_limit=len(visits) + 2)

    async def run() -> object:
        return await compiled.ainvoke({"done": 0, "said": ""})

    return run
