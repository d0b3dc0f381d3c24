"""A run that another version of the package stored ends in one clear line, and its thread takes a new question."""

from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.search import state
from ecoalign_agent.testing import ScriptedModel, task_replies, verdict_reply
from tests.search.stage import QUESTION

THREAD: Any = {"configurable": {"thread_id": "x"}}
OTHER = (
    r"run x was stored by another version of ecoalign-agent \(state 2, this one reads 3\): finish it with that version"
)


def agent_over(saver: InMemorySaver) -> EcoAlign:
    """An agent whose answers wait for a person."""
    model = ScriptedModel(task_replies(assess=verdict_reply(0.3, 0.9)))
    return EcoAlign(model, policy=Policy(review_below=0.5), checkpointer=saver)


@pytest.fixture
def newer(monkeypatch: pytest.MonkeyPatch) -> Any:
    def begin() -> None:
        for module in (state, __import__("ecoalign_agent.search.resume", fromlist=["x"])):
            monkeypatch.setattr(module, "STATE_VERSION", state.STATE_VERSION + (module is state))

    return begin


async def test_a_waiting_run_of_another_version_is_neither_decided_nor_resumed_nor_listed(newer: Any) -> None:
    saver = InMemorySaver()
    agent = agent_over(saver)
    assert (await agent.ask(QUESTION, run_id="x")).status == "waiting"
    assert list(await agent.waiting_runs()) == ["x"]
    newer()
    for step in (agent.review("x", "accept"), agent.under_review("x"), agent.ask(QUESTION, run_id="x", resume=True)):
        with pytest.raises(UsageError, match=OTHER) as error:
            await step
        assert "\n" not in str(error.value)
    assert await agent.waiting_runs() == {}


async def test_a_graph_that_goes_on_from_such_a_checkpoint_says_the_same(newer: Any) -> None:
    agent = EcoAlign(ScriptedModel(), checkpointer=InMemorySaver())
    request: Any = {"question": QUESTION, "run_id": "x"}
    await agent.graph.ainvoke(request, THREAD, interrupt_after=["scan"])
    newer()
    with pytest.raises(UsageError, match=OTHER):
        await agent.graph.ainvoke(None, THREAD)


async def test_its_thread_takes_a_new_question(newer: Any) -> None:
    agent = EcoAlign(ScriptedModel(), checkpointer=InMemorySaver())
    assert (await agent.ask(QUESTION, run_id="x")).status == "answered"
    newer()
    assert (await agent.ask("And on Sunday?", run_id="x")).status == "answered"


async def test_a_state_without_a_version_is_of_the_first_one() -> None:
    with pytest.raises(UsageError, match=r"\(state 1, this one reads 2\)"):
        state.require_version({"run_id": "x"})


async def test_what_was_done_before_the_search_by_another_version_does_not_count() -> None:
    # Types that are gone come back from a checkpoint as the plain data they were made of.
    with pytest.raises(UsageError, match="stored by another version"):
        state.require_version({"run_id": "x", "version": state.STATE_VERSION, "prior": {"spent": 300.0}})
