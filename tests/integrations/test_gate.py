"""The guard's gate: a tool call is assessed as a thought before it runs."""

from typing import Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool

from ecoalign_agent.errors import RejectedError, UsageError
from ecoalign_agent.testing import AnyReply, verdict_reply
from tests.integrations.agents import BAD, Guarded, first_then, saying

ASK = HumanMessage("Write to her, please.")


def calling(to: str) -> Any:
    return first_then(saying("", ("send_mail", {"to": to})), saying("Done."))


def only(**options: Any) -> dict[str, Any]:
    return {"answer": False, "gate_tools": True, "check_final": False} | options


async def test_a_safe_call_runs() -> None:
    guarded = Guarded(calling("anna"), **only())
    conversation = await guarded.ask(ASK)
    assert guarded.sent == ["anna"]
    assert [m.text for m in conversation[2:]] == ["sent to anna", "Done."]


async def test_the_call_is_assessed_in_the_conversations_context() -> None:
    guarded = Guarded(calling("anna"), **only())
    await guarded.ask(HumanMessage("I am Ben."), ASK)
    (call,) = guarded.scripted.calls
    assert call["candidate"] == "The assistant calls the tool send_mail.\nto: anna"
    assert call["question"] == "Write to her, please."
    assert "person: I am Ben." in call["context"]
    assert "a strategy of the assistant" in call.system


async def test_no_argument_hides_in_escapes() -> None:
    first = saying("", ("note", {"text": 'Öffnet um "neun".\nUnd?', "tags": ["ä", {"n": 1}]}))

    @tool
    def note(text: str, tags: list[Any]) -> str:
        """Write a note."""
        return "noted"

    guarded = Guarded(first_then(first, saying("Done.")), tools=[note], **only())
    await guarded.ask(ASK)
    (call,) = guarded.scripted.calls
    message = 'The assistant calls the tool note.\ntext: Öffnet um "neun".\nUnd?\ntags: ["ä", {"n": 1}]'
    assert call["candidate"] == message


@pytest.mark.parametrize(
    ("to", "assess", "why"),
    [
        (f"anna with {BAD}", None, r"found unsafe \(safety -0.90, hazards S2\)"),
        ("anna", "it is all right", "could not be checked"),
        ("anna", {"hazards": [], "safety": 0.9}, "could not be checked"),
        ("anna", RejectedError("out of order"), "could not be checked .*out of order"),
    ],
    ids=["unsafe", "no JSON", "half a verdict", "broken"],
)
async def test_what_is_not_known_to_be_safe_is_not_run_and_the_model_is_told_why(
    to: str, assess: AnyReply | None, why: str
) -> None:
    guarded = Guarded(calling(to), parts={} if assess is None else {"assess": assess}, **only())
    conversation = await guarded.ask(ASK)
    assert guarded.sent == []
    message = conversation[2]
    assert isinstance(message, ToolMessage)
    assert (message.status, message.name, message.tool_call_id) == ("error", "send_mail", "call0")
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(message.text)
    assert conversation[-1].text == "Done."


async def test_of_several_calls_only_the_unsafe_one_is_held_back() -> None:
    first = saying("", ("send_mail", {"to": "anna"}), ("send_mail", {"to": BAD}), ("send_mail", {"to": "ben"}))
    guarded = Guarded(first_then(first, saying("Done.")), **only())
    conversation = await guarded.ask(ASK)
    assert sorted(guarded.sent) == ["anna", "ben"]
    assert [m.status for m in conversation if isinstance(m, ToolMessage)] == ["success", "error", "success"]


@pytest.mark.parametrize(
    ("gate", "assessed"),
    [(True, 1), (False, 0), ("send_mail", 1), (["send_mail"], 1), (("pay",), 0), (set(), 0)],
)
async def test_only_the_tools_that_are_named_are_gated(gate: Any, assessed: int) -> None:
    guarded = Guarded(calling("anna"), **only(gate_tools=gate))
    await guarded.ask(ASK)
    assert len(guarded.scripted.calls) == assessed
    assert guarded.sent == ["anna"]


async def test_a_safety_of_exactly_zero_is_safe() -> None:
    guarded = Guarded(calling("anna"), parts={"assess": verdict_reply(0.0, 0.0)}, **only())
    await guarded.ask(ASK)
    assert guarded.sent == ["anna"]


async def test_a_gate_that_is_off_lets_everything_through() -> None:
    guarded = Guarded(calling(BAD), **only(gate_tools=False))
    await guarded.ask(ASK)
    assert guarded.sent == [BAD]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"risk_threshold": 1.5}, "risk_threshold is 1.5"),
        ({"risk_threshold": float("nan")}, "risk_threshold is nan"),
        ({"risk_threshold": True}, "risk_threshold is True"),
        ({"risk_threshold": 0.5, "answer": False}, "answer is False"),
        ({"budget": 0}, "budget is 0"),
        ({"budget": float("inf")}, "budget is inf"),
        ({"budget": float("nan")}, "budget is nan"),
    ],
)
def test_an_option_out_of_its_range_is_refused_at_once(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Guarded(calling("anna"), **options)
