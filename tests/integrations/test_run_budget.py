"""The guard's budget: over a whole run, hard as far as it can be known, and apart for every run."""

import asyncio
from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import HumanInTheLoopMiddleware
from langchain_core.language_models import FakeMessagesListChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command

from ecoalign_agent import EcoAlign, EcoAlignMiddleware
from ecoalign_agent.integrations.messages import OUT_OF_BUDGET_TEXT
from ecoalign_agent.testing import (
    SCRIPTED_CALL_COST,
    AnyReply,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    verdict_reply,
)
from tests.integrations.agents import PLAIN_COST, Guarded, first_then, saying
from tests.integrations.test_answering import SEARCHED, seeing

ASK = HumanMessage("Write to her, please.")
MAIL = ("send_mail", {"to": "anna"})
THREAD = {"configurable": {"thread_id": "x"}}


def only(**options: Any) -> dict[str, Any]:
    return {"answer": False, "gate_tools": False, "check_final": False} | options


def saver(talk: Any, **options: Any) -> Guarded:
    return Guarded(talk, agent={"checkpointer": InMemorySaver()}, **options)


async def spent(guarded: Guarded, config: Any = THREAD) -> float:
    state = await guarded.agent.aget_state(config)
    cost: float = state.values["ecoalign_spent"]
    return cost


async def test_plain_calls_and_verdicts_are_booked() -> None:
    guarded = saver(first_then(saying("", MAIL), saying("Done.")), budget=9_000)
    assert (await guarded.ask(ASK, config=THREAD))[-1].text == "Done."
    # Two plain replies, the verdict on the call, and the one on the last message.
    assert await spent(guarded) == pytest.approx(2 * PLAIN_COST + 2 * SCRIPTED_CALL_COST)


async def test_searches_are_booked_as_turns_and_as_tools() -> None:
    guarded = saver(lambda _: saying("No idea."), budget=9_000)
    await guarded.ask(seeing("When?"), config=THREAD)
    assert await spent(guarded) == pytest.approx(3 * SCRIPTED_CALL_COST)  # scan, answer, verdict

    inner = EcoAlign(ScriptedModel())
    talk = first_then(saying("", ("ecoalign", {"question": "When?"})), saying("Done."))
    guarded = saver(talk, tools=[inner.as_tool()], **only(budget=9_000))
    await guarded.ask(ASK, config=THREAD)
    assert await spent(guarded) == pytest.approx(2 * PLAIN_COST + 3 * SCRIPTED_CALL_COST)


async def test_usage_that_is_not_reported_is_estimated_and_never_nothing() -> None:
    guarded = saver(lambda _: saying("123456789", usage_metadata=None), tools=[], **only(budget=9_000))
    await guarded.ask(HumanMessage("abcdef"), config=THREAD)
    # A token for three bytes, and 8 for a message: 2 + 8 in, at a quarter each; 3 out.
    assert await spent(guarded) == pytest.approx(0.25 * 10 + 3)


@pytest.mark.parametrize("parallel", [1, 3])
@pytest.mark.parametrize("budget", [50, 300, 500, 800, 1_200, 2_000, 4_000])
async def test_a_run_never_spends_more_and_always_ends_with_a_word(budget: float, parallel: int) -> None:
    """The plain model calls tools for ever; what it uses is what it says, and less than is reckoned with."""
    guarded = saver(lambda _: saying("", *[MAIL] * parallel), budget=budget)
    conversation = await guarded.ask(ASK, config=THREAD)
    assert conversation[-1].text == OUT_OF_BUDGET_TEXT
    assert await spent(guarded) <= budget
    if budget == 50:
        assert guarded.plain.asked == []


@pytest.mark.parametrize("budget", range(500, 2_100, 200))
async def test_calls_that_run_in_parallel_do_not_overshoot_together(budget: float) -> None:
    """Every verdict uses all that it may; each of four calls alone would fit long before all of them do."""

    def greedy(call: ScriptedCall) -> AnyReply:
        assert call.max_tokens is not None
        return ScriptedReply(verdict_reply(), prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens)

    four = first_then(saying("", *[MAIL] * 4), saying("Done."))
    guarded = saver(four, parts={"assess": greedy}, **only(gate_tools=True, budget=budget))
    await guarded.ask(ASK, config=THREAD)
    assert await spent(guarded) <= budget


async def test_a_search_gets_what_is_left() -> None:
    tight = saver(lambda _: saying("No idea."), **only(answer=True, budget=3_000))
    assert (await tight.ask(seeing("When?"), config=THREAD))[-1].text == SEARCHED
    poor = saver(lambda _: saying("No idea."), **only(answer=True, budget=100))
    assert (await poor.ask(seeing("When?"), config=THREAD))[-1].text == OUT_OF_BUDGET_TEXT
    assert poor.scripted.calls == []
    assert await spent(poor) == 0.0


async def test_it_ends_with_the_last_text_that_was_found_safe() -> None:
    guarded = saver(lambda _: saying("It opens at nine.", MAIL), **only(check_final=True, budget=1_000))
    conversation = await guarded.ask(ASK, config=THREAD)
    assert conversation[-1].text == f"It opens at nine.\n\n{OUT_OF_BUDGET_TEXT}"
    assert await spent(guarded) <= 1_000


async def test_every_run_of_a_thread_has_a_budget_of_its_own() -> None:
    guarded = saver(lambda _: saying("Done."), **only(budget=9_000))
    await guarded.ask(ASK, config=THREAD)
    await guarded.ask(ASK, config=THREAD)
    assert await spent(guarded) == pytest.approx(PLAIN_COST)


async def test_concurrent_runs_of_one_guard_do_not_mix() -> None:
    def talk(messages: Any) -> AIMessage:
        once = first_then(saying("", MAIL), saying("Done."))(messages)
        return once if messages[0].text == "twice" else saying("Done.")

    guarded = saver(talk, **only(gate_tools=True, budget=9_000))
    configs = [{"configurable": {"thread_id": str(n)}} for n in range(6)]
    words = ["twice", "once"] * 3
    async with asyncio.TaskGroup() as group:
        for word, config in zip(words, configs, strict=True):
            group.create_task(guarded.ask(HumanMessage(word), config=config))
    alone = {"once": PLAIN_COST, "twice": 2 * PLAIN_COST + SCRIPTED_CALL_COST}
    assert [await spent(guarded, config) for config in configs] == [pytest.approx(alone[word]) for word in words]


async def test_a_tool_that_updates_the_state_is_booked_too() -> None:
    @tool
    def note(text: str) -> Any:
        """Write a note."""
        return Command(update={"messages": [ToolMessage(text, tool_call_id="call0")]})

    guarded = saver(
        first_then(saying("", ("note", {"text": "hi"})), saying("Done.")),
        tools=[note],
        **only(gate_tools=True, budget=9_000),
    )
    conversation = await guarded.ask(ASK, config=THREAD)
    assert [m.text for m in conversation[2:]] == ["hi", "Done."]
    assert await spent(guarded) == pytest.approx(2 * PLAIN_COST + SCRIPTED_CALL_COST)


async def test_without_a_budget_nothing_stops_a_run() -> None:
    guarded = Guarded(first_then(saying("", MAIL), saying("Done.")), **only())
    assert (await guarded.ask(ASK))[-1].text == "Done."


async def test_a_person_who_interrupts_the_run_does_not_refill_its_budget() -> None:
    approve = HumanInTheLoopMiddleware(interrupt_on={"send_mail": True})
    guarded = saver(
        first_then(saying("", MAIL), saying("Done.")), others=[approve], **only(gate_tools=True, budget=9_000)
    )
    state = await guarded.agent.ainvoke({"messages": [ASK]}, THREAD)
    assert "__interrupt__" in state
    assert await spent(guarded) == pytest.approx(PLAIN_COST)
    state = await guarded.agent.ainvoke(Command(resume={"decisions": [{"type": "approve"}]}), THREAD)
    assert state["messages"][-1].text == "Done."
    assert await spent(guarded) == pytest.approx(2 * PLAIN_COST + SCRIPTED_CALL_COST)


async def test_the_guard_keeps_its_books_to_itself() -> None:
    guarded = Guarded(lambda _: saying("Done."), budget=9_000)
    state = await guarded.agent.ainvoke({"messages": [ASK], "ecoalign_spent": 8_999.0, "ecoalign_budget": 1.0})
    assert state["messages"][-1].text == "Done."
    assert set(state) == {"messages"}


async def test_a_model_that_counts_its_calls_goes_on_counting() -> None:
    """A copy for every call would say the first line for ever."""
    model = FakeMessagesListChatModel(responses=[saying("One."), saying("Two.")])
    agent: Any = create_agent(
        model, middleware=[EcoAlignMiddleware(EcoAlign(ScriptedModel()), **only(check_final=True))]
    )
    conversation = [(await agent.ainvoke({"messages": [ASK]}))["messages"][-1].text for _ in range(2)]
    assert conversation == ["One.", "Two."]
