"""The guard answers by a search what is not for the plain model: pictures, and what is too risky."""

import asyncio
import base64
from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from ecoalign_agent import Policy, UsageError
from ecoalign_agent.errors import BudgetTooSmallError, RejectedError
from ecoalign_agent.integrations.conversation import DEFAULT_QUESTION
from ecoalign_agent.integrations.messages import SEARCH_FAILED_TEXT
from ecoalign_agent.search.state import CHECKPOINTED
from ecoalign_agent.testing import (
    AnyReply,
    ScriptedCall,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.integrations.agents import Guarded, first_then, saying
from tests.search.stage import picture

URL = "data:image/png;base64," + base64.b64encode(picture()).decode()
IMAGE = {"type": "image_url", "image_url": {"url": URL}}
SEARCHED = "It is open from 9 to 5."


def seeing(words: str) -> HumanMessage:
    blocks: list[Any] = [{"type": "text", "text": words}, IMAGE] if words else [IMAGE]
    return HumanMessage(blocks)


def only(**options: Any) -> dict[str, Any]:
    return {"gate_tools": False, "check_final": False} | options


async def test_a_turn_with_a_picture_is_answered_by_a_search() -> None:
    guarded = Guarded(lambda _: saying("No idea."), **only())
    answer = (await guarded.ask(seeing("When is it open?")))[-1]
    assert isinstance(answer, AIMessage)
    assert (answer.text, answer.name) == (SEARCHED, "ecoalign")
    assert guarded.plain.asked == []
    assert guarded.scripted.tasks() == ["scan", "answer", "assess thought"]
    assert guarded.scripted.calls[0].images == 1
    # Three calls of 400 tokens in and 40 out.
    assert answer.usage_metadata is not None
    assert answer.usage_metadata["total_tokens"] == 3 * 440
    receipt = answer.response_metadata["ecoalign"]
    assert (receipt["status"], receipt["spent"]) == ("answered", 3 * 140)


async def test_the_events_of_the_search_come_through_the_agent() -> None:
    guarded = Guarded(lambda _: saying("No idea."), **only())
    stream = guarded.agent.astream({"messages": [seeing("When?")]}, stream_mode="custom", subgraphs=True)
    kinds = [chunk["ecoalign"]["kind"] async for _, chunk in stream]
    assert (kinds[0], kinds[-1]) == ("run_started", "answered")


async def test_with_everything_on_the_answer_of_a_search_is_not_paid_for_twice() -> None:
    guarded = Guarded(lambda _: saying("No idea."), risk_threshold=0.5, budget=9_000)
    assert (await guarded.ask(seeing("When is it open?")))[-1].text == SEARCHED
    assert guarded.scripted.tasks() == ["scan", "answer", "assess thought"]


async def test_without_a_picture_and_a_threshold_the_plain_model_answers_and_nobody_else_is_asked() -> None:
    guarded = Guarded(lambda _: saying("At nine."), **only())
    assert (await guarded.ask(HumanMessage("When?")))[-1].text == "At nine."
    assert guarded.scripted.calls == []


async def test_a_picture_of_an_earlier_turn_starts_no_search() -> None:
    guarded = Guarded(lambda _: saying("You are welcome."), **only())
    final_messages = await guarded.ask(seeing("When is it open?"), AIMessage(SEARCHED), HumanMessage("Thank you."))
    assert final_messages[-1].text == "You are welcome."


async def test_switched_off_a_picture_goes_to_the_plain_model() -> None:
    guarded = Guarded(lambda _: saying("At nine."), **only(answer=False))
    assert (await guarded.ask(seeing("When?")))[-1].text == "At nine."
    assert guarded.scripted.calls == []


@pytest.mark.parametrize(
    ("request_verdict", "searched"),
    [
        # risk = (1 - s) / 2: 0.4 of a safety of 0.2, and 0.3 of 0.4, which is the threshold and not above it.
        ({"hazards": [], "safety": 0.2}, True),
        ({"hazards": [], "safety": 0.4}, False),
        ({"hazards": [], "safety": 0.9}, False),
        ("I would say it is fine.", True),
        (RejectedError("no"), True),
    ],
    ids=["risky", "on the line", "harmless", "unknown", "broken"],
)
async def test_a_risky_turn_is_answered_by_a_search_and_unknown_is_risky(
    request_verdict: AnyReply, searched: bool
) -> None:
    guarded = Guarded(lambda _: saying("At nine."), parts={"request": request_verdict}, **only(risk_threshold=0.3))
    answer = (await guarded.ask(HumanMessage("When?")))[-1]
    assert answer.text == (SEARCHED if searched else "At nine.")
    assert guarded.scripted.tasks()[0] == "assess request"


async def test_after_a_tools_result_the_turn_stays_with_the_plain_model() -> None:
    talk = first_then(saying("", ("send_mail", {"to": "anna"})), saying("Done."))
    harmless = {"request": {"hazards": [], "safety": 0.9}}
    guarded = Guarded(talk, parts=harmless, **only(risk_threshold=0.5))
    assert (await guarded.ask(HumanMessage("Mail her.")))[-1].text == "Done."
    assert guarded.scripted.tasks() == ["assess request"]


async def test_the_search_knows_what_was_said_before() -> None:
    guarded = Guarded(lambda _: saying("No idea."), **only())
    await guarded.ask(HumanMessage("I am Anna."), AIMessage("Hello, Anna."), seeing("When does it open?"))
    question = guarded.scripted.calls[0]["question"]
    assert question.startswith("When does it open?\n\n(Said before in this conversation:")
    assert "person: I am Anna.\nassistant: Hello, Anna." in question


async def test_a_question_at_the_limit_goes_alone_rather_than_not_at_all() -> None:
    guarded = Guarded(lambda _: saying("No idea."), policy=Policy(budget=200_000), **only())
    long = "x" * 99_990
    assert (await guarded.ask(HumanMessage("I am Anna."), AIMessage("Hello."), seeing(long)))[-1].text == SEARCHED
    assert guarded.scripted.calls[0]["question"] == long


async def test_a_picture_without_a_word_is_asked_about() -> None:
    guarded = Guarded(lambda _: saying("No idea."), **only())
    assert (await guarded.ask(seeing("")))[-1].text == SEARCHED
    assert guarded.scripted.calls[0]["question"] == DEFAULT_QUESTION


async def test_a_search_that_failed_says_so_and_the_agent_lives() -> None:
    guarded = Guarded(lambda _: saying("No idea."), parts={"scan": RejectedError("out of order")}, **only())
    answer = (await guarded.ask(seeing("When?")))[-1]
    assert answer.text == SEARCH_FAILED_TEXT
    assert answer.response_metadata["ecoalign"]["status"] == "failed"
    assert "out of order" in answer.response_metadata["ecoalign"]["failure"]


async def test_a_declined_search_hands_on_its_refusal() -> None:
    guarded = Guarded(lambda _: saying("Sure!"), parts={"scan": {**_harmful()}}, check_final=True)
    answer = (await guarded.ask(seeing("Do what it says.")))[-1]
    assert answer.text == "I can't help with that, but I can tell you the opening hours."
    assert answer.response_metadata["ecoalign"]["status"] == "declined"


async def test_a_picture_that_can_not_be_opened_is_told_and_not_passed_to_the_plain_model() -> None:
    guarded = Guarded(lambda _: saying("A cat."), **only())
    block: list[Any] = [{"type": "text", "text": "What?"}, {"type": "image", "file_id": "f1"}]
    with pytest.raises(UsageError, match="names a file by its id"):
        await guarded.ask(HumanMessage(block))
    assert guarded.plain.asked == []


async def test_a_search_can_not_fill_a_response_format() -> None:
    class Hours(BaseModel):
        """Opening hours."""

        text: str

    guarded = Guarded(lambda _: saying("At nine."), agent={"response_format": Hours}, **only())
    with pytest.raises(UsageError, match="set answer=False"):
        await guarded.ask(HumanMessage("When?"))


async def test_a_policy_that_can_not_pay_a_search_is_the_developers_to_mend() -> None:
    guarded = Guarded(lambda _: saying("At nine."), policy=Policy(budget=50), **only())
    with pytest.raises(BudgetTooSmallError):
        await guarded.ask(seeing("When?"))


async def test_an_agent_that_checkpoints_takes_a_search_up_where_it_was() -> None:
    def reply(call: ScriptedCall) -> AnyReply:
        reply = task_replies(scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]), assess=grades)(
            call
        )
        return ScriptedReply(reply, delay=60.0) if call.task == "propose" and cut else reply  # type: ignore[arg-type] # no Say in it

    def grades(call: ScriptedCall) -> AnyReply:
        return verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1)

    cut = True
    saver = InMemorySaver().with_allowlist(CHECKPOINTED)
    tasks = ("scan", "propose", "reason", "answer", "synthesize", "assess thought")
    parts = {name.removesuffix(" thought"): reply for name in tasks}
    guarded = Guarded(lambda _: saying("No idea."), parts=parts, agent={"checkpointer": saver}, budget=9_000)
    config: Any = {"configurable": {"thread_id": "x"}}
    running = asyncio.create_task(guarded.agent.ainvoke({"messages": [seeing("When?")]}, config, durability="sync"))
    async with asyncio.timeout(120):
        while "propose" not in guarded.scripted.tasks():  # noqa: ASYNC110 - the model counts, it does not signal
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    cut = False
    state = await guarded.agent.ainvoke(None, config)
    assert state["messages"][-1].text == "Open from 9 to 5."
    calls = guarded.scripted.tasks()
    # The call that was cut off is made again, and none that was paid for.
    assert [calls.count(task) for task in ("scan", "reason", "propose", "answer")] == [1, 1, 2, 1]


def _harmful() -> dict[str, Any]:
    return {
        "caption": "a note",
        "seen_text": "",
        "regions": [],
        "hazard": "S2",
        "safety": -0.8,
        "draft": "",
        "actions": [],
    }
