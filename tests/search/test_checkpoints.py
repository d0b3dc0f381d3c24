"""A search survives its process: what a checkpoint gives back equals what was put in, and nothing is paid for twice."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.resuming import compare
from tests.search.stage import QUESTION, assess_by_words, picture

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_a_run_resumed_after_every_step_equals_one_that_was_never_interrupted(kind: str, tmp_path: Path) -> None:
    nodes = await compare(kind, str(tmp_path))
    # Every node but scan, which comes first, and decline, which this story does not need.
    assert set(nodes) == {"plan", "propose", "simulate", "score", "execute", "extract", "synthesize"}
    assert nodes.count("execute") > 2


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_so_it_does_where_only_known_types_may_be_read_back(kind: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.search.resuming", kind],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=os.environ | {"LANGGRAPH_STRICT_MSGPACK": "true"},
        check=False,
    )
    assert done.stdout.strip().endswith("equal"), done.stderr[-2000:]
    assert "Blocked deserialization" not in done.stderr


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


async def test_a_second_question_in_the_same_thread_starts_afresh() -> None:
    model = ScriptedModel(task_replies(scan=lambda call: scan_reply(draft=f"On {call['question']}: yes.", actions=[])))
    agent = EcoAlign(model, checkpointer=InMemorySaver())
    first = await agent.ask("Monday?", [picture()], run_id="x")
    second = await agent.ask("Tuesday?", run_id="x")
    assert (first.answer, second.answer) == ("On Monday?: yes.", "On Tuesday?: yes.")
    assert [call.images for call in model.calls] == [1, 1, 0, 0]
    # Nothing is carried over: neither costs, nor thoughts, nor the count of rounds.
    changing = {"answer", "path", "run_id", "seconds", "time", "cost"}
    assert first.model_dump(exclude=changing) == second.model_dump(exclude=changing)
    assert first.cost.spent == second.cost.spent == 280.0


async def test_a_second_question_without_an_answer_does_not_get_the_firsts() -> None:
    def look(call: ScriptedCall) -> dict[str, Any]:
        if "Monday" in call["question"]:
            return scan_reply(draft="MONDAY: yes.", actions=[])
        return scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)])

    model = ScriptedModel(
        task_replies(
            scan=look,
            propose={"actions": [], "merge": [], "prune": []},
            assess=assess_by_words({"Open from": verdict_reply(-0.9), "nine": verdict_reply(0.9, 0.1)}),
        )
    )
    agent = EcoAlign(model, checkpointer=InMemorySaver())
    assert (await agent.ask("Monday?", run_id="x")).answer == "MONDAY: yes."
    second = await agent.ask("Tuesday?", run_id="x")
    assert "synthesize" in model.tasks()
    assert second.status == "declined"
    assert "MONDAY" not in second.model_dump_json()


async def test_after_a_failure_the_thread_takes_another_question() -> None:
    replies: Iterator[Any] = iter(["unreadable", scan_reply()])
    agent = EcoAlign(ScriptedModel(task_replies(scan=lambda call: next(replies))), checkpointer=InMemorySaver())
    assert (await agent.ask("Monday?", run_id="x")).status == "failed"
    assert (await agent.ask("Monday?", run_id="x")).status == "answered"


async def test_pictures_of_a_run_that_never_ended_are_not_those_of_the_next() -> None:
    model = ScriptedModel()
    graph = EcoAlign(model, checkpointer=InMemorySaver()).graph
    await graph.ainvoke({"question": "Monday?", "images": [picture()]}, thread("x"), interrupt_after=["scan"])
    red = picture(colour=(255, 0, 0))
    await graph.ainvoke({"question": "Tuesday?", "images": [red]}, thread("x"))
    assert [call.images for call in model.calls] == [1] * 4
    # Without interrupt the thread is ready for another request.
    state = (await graph.aget_state(thread("x"))).values
    assert (state["question"], state["images"], state["run_id"]) == ("", [], "")


async def test_a_conversation_answers_its_last_human_message() -> None:
    model = ScriptedModel(task_replies(answer=lambda call: {"text": f"To {call['question']} yes."}))
    graph = EcoAlign(model, checkpointer=InMemorySaver()).graph
    for day in ("Monday?", "Tuesday?"):
        state = await graph.ainvoke({"messages": [HumanMessage(day)]}, thread("x"))
    said = [message.text for message in state["messages"]]
    assert said == ["Monday?", "To Monday? yes.", "Tuesday?", "To Tuesday? yes."]
    assert state["answer"] == "To Tuesday? yes."


async def test_the_same_thread_can_be_asked_through_the_facade_and_the_graph() -> None:
    model = ScriptedModel()
    agent = EcoAlign(model, checkpointer=InMemorySaver())
    first = await agent.ask(QUESTION, [picture()], run_id="x")
    state = await agent.graph.ainvoke({"question": QUESTION}, thread("x"))
    assert state["result"].run_id != first.run_id
    assert [call.images for call in model.calls[-2:]] == [0, 0]
