"""Time works like the budget: near the deadline the best safe answer is given; whoever leaves stops the calls."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.testing import (
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import QUESTION, Part, final_result, picture, propose_by_tip, run_search
from tests.virtual_clock import virtual_clock  # noqa: F401 - a fixture

pytestmark = pytest.mark.usefixtures("virtual_clock")

LOW = verdict_reply(0.9, 0.1)
FOREVER = 3_600.0
OUT_OF_TIME = "I could not find an answer that I can stand behind in the time I was given. More time may do."


def stuck(reply: object) -> Part:
    return ScriptedReply(reply, delay=FOREVER)  # type: ignore[arg-type] # what is said does not matter, it never is


async def test_a_slow_model_is_answered_for_with_the_best_so_far() -> None:
    begun = time.perf_counter()
    result, model = await run_search(
        Policy(deadline=0.6),
        scan=scan_reply(draft="From 9 to 5.", actions=[proposed_action("reason", "read", 0.9, 0.5)]),
        reason=stuck({"text": "never"}),
        assess=LOW,
    )
    assert time.perf_counter() - begun < 1.6
    assert (result.status, result.answer, result.stop_reason) == ("answered", "From 9 to 5.", "deadline")
    # The call was cut off, and as it may have been billed all that was reserved for it is booked, as an estimate.
    assert (model.cancelled_calls, model.open_calls) == (1, 0)
    assert result.cost.by_phase["execute"] > 0
    assert result.cost.estimated == 1
    assert not result.has_note("endpoint_failure")


async def test_with_nothing_safe_by_then_it_is_declined_for_lack_of_time() -> None:
    begun = time.perf_counter()
    result, model = await run_search(Policy(deadline=0.5), answer=stuck({"text": "never"}))
    assert time.perf_counter() - begun < 1.5
    # What is left of the time does not suffice for an answer written from the scan, nor for a better refusal.
    assert result.status == "answered" or (result.status, result.answer) == ("declined", OUT_OF_TIME)
    assert result.stop_reason == "deadline"
    assert model.open_calls == 0


async def test_when_the_ending_is_slow_too_the_refusal_is_a_fixed_text() -> None:
    result, _ = await run_search(
        Policy(deadline=0.4), answer=stuck({"text": "never"}), synthesize=stuck({"text": "never"}), decline=stuck("")
    )
    assert (result.status, result.answer, result.stop_reason) == ("declined", OUT_OF_TIME, "deadline")
    assert result.seconds < 1.4


async def test_a_call_that_hangs_leaves_the_time_that_the_answer_needs() -> None:
    """The reserve of time: twice the mean call so far, at most a quarter of the deadline.

    The scan takes 0.5 s, so that 1 s of 4 is reserved: the hanging call is cut off at 3 s. Without the reserve it were
    cut off at 4 s, and nothing could be written any more.
    """
    result, model = await run_search(
        Policy(deadline=4.0, draft=False, forecasts="inline"),
        scan=ScriptedReply(scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.5)]), delay=0.5),
        reason=stuck({"text": "never"}),
        synthesize={"text": "From 9 to 5, it seems."},
    )
    assert (result.status, result.answer, result.stop_reason) == ("answered", "From 9 to 5, it seems.", "deadline")
    assert 2.9 < result.seconds < 4.0
    assert model.cancelled_calls == 1


async def test_where_an_answer_was_found_a_slow_rewording_is_not_waited_for() -> None:
    result, _ = await run_search(
        Policy(deadline=0.6),
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        assess=lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
        synthesize=stuck({"text": "never"}),
    )
    assert (result.status, result.answer) == ("answered", "It is open from 9 to 5.")
    assert result.seconds < 1.6


async def test_a_verdict_that_did_not_come_in_time_releases_nothing() -> None:
    result, _ = await run_search(
        Policy(deadline=0.4), scan=scan_reply(draft="DRAFTED.", actions=[]), assess=stuck(verdict_reply())
    )
    assert result.status == "declined"
    assert "DRAFTED" not in result.model_dump_json()


async def test_a_first_look_that_did_not_come_in_time_is_a_failure_and_no_refusal() -> None:
    result, model = await run_search(Policy(deadline=0.2), scan=stuck(scan_reply()))
    assert (result.status, result.stop_reason, result.answer) == ("failed", "deadline", None)
    assert result.failure is not None
    assert "deadline" in result.failure
    assert (model.cancelled_calls, model.open_calls) == (1, 0)
    assert result.seconds < 1.2


@dataclass(frozen=True)
class Hanging:
    """A phase that hangs, and what is expected: in its script the best safe answer so far is the draft, if any."""

    parts: Mapping[str, Any]
    status: str
    stop: str = "deadline"
    answer: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    images: int = 0


def further_on(reply: object) -> Callable[[ScriptedCall], Part]:
    """Quick for what follows from the root; anywhere else it hangs."""
    return lambda call: cast("Part", reply) if "(none)" in call["path"] else stuck(reply)


def of_the(words: str) -> Callable[[ScriptedCall], Part]:
    """A verdict that hangs where the candidate holds ``words``."""
    return lambda call: stuck(LOW) if words in call["candidate"] else LOW


DRAFT = "From 9 to 5."
DRAFTED = scan_reply(draft=DRAFT, actions=[proposed_action("reason", "read", 0.9, 0.5)])
IDEA = {"actions": [proposed_action("reason", "go on", 0.9, 0.5)], "merge": [], "prune": []}
TWO = [proposed_action("reason", "left", 0.9, 0.5), proposed_action("reason", "right", 0.9, 0.5)]
HARMFUL: dict[str, Any] = {"scan": scan_reply(safety=-0.5), "request": {"hazards": ["S2"], "safety": -0.8}}
UNSAFE = "I can't help with this request. If there is a harmless aim behind it, tell me about that."

PHASES = {
    "scan": Hanging({"scan": stuck(scan_reply())}, "failed"),
    "the confirmation": Hanging(HARMFUL | {"request": stuck(verdict_reply())}, "declined", "unsafe_request", UNSAFE),
    "plan": Hanging(
        {"scan": scan_reply(safety=0.3), "plan": stuck(""), "synthesize": stuck(""), "decline": stuck("")},
        "declined",
        answer=OUT_OF_TIME,
    ),
    "the plan's verdict": Hanging(
        {"scan": scan_reply(safety=0.3), "assess": stuck(verdict_reply()), "decline": stuck("")},
        "declined",
        answer=OUT_OF_TIME,
    ),
    "propose": Hanging(
        {"scan": scan_reply(draft=DRAFT, actions=[]), "assess": LOW, "propose": stuck(IDEA)}, "answered", answer=DRAFT
    ),
    "simulate": Hanging(
        {"scan": DRAFTED, "assess": LOW, "propose": IDEA, "simulate": further_on({"forecasts": []})},
        "answered",
        answer=DRAFT,
        settings={"forecasts": "simulated"},
    ),
    "execute: reason": Hanging({"scan": DRAFTED, "assess": LOW, "reason": stuck("")}, "answered", answer=DRAFT),
    "execute: two at once": Hanging(
        {"scan": scan_reply(draft=DRAFT, actions=TWO), "assess": LOW, "reason": stuck("")},
        "answered",
        answer=DRAFT,
        settings={"batch": 3},
    ),
    "execute: look": Hanging(
        {
            "scan": scan_reply(
                draft=DRAFT, actions=[proposed_action("look", "closer", 0.9, 0.5, box=[0, 0, 0.5, 0.5])]
            ),
            "assess": LOW,
            "look": stuck(""),
        },
        "answered",
        answer=DRAFT,
        images=1,
    ),
    "execute: fuse": Hanging(
        {
            "scan": scan_reply(draft=DRAFT, actions=TWO),
            "assess": LOW,
            "reason": lambda call: {"text": "A baker, left." if "left" in call["aim"] else "On the right, a tram."},
            "propose": propose_by_tip({"": [proposed_action("fuse", "join", 0.9, 0.5, parents=["t1", "t2"])]}),
            "fuse": stuck(""),
        },
        "answered",
        answer=DRAFT,
    ),
    "execute: answer": Hanging(
        {
            "scan": scan_reply(actions=[proposed_action("answer", "say it")]),
            "answer": stuck(""),
            "synthesize": stuck(""),
            "decline": stuck(""),
        },
        "declined",
        answer=OUT_OF_TIME,
    ),
    "assess": Hanging({"scan": DRAFTED, "assess": of_the("nine to five")}, "answered", answer=DRAFT),
    "synthesize": Hanging(
        {
            "scan": scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
            "assess": lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
            "synthesize": stuck(""),
        },
        "answered",
        stop="satisfied",
        answer="It is open from 9 to 5.",
    ),
    "the synthesis's verdict": Hanging(
        {
            "scan": scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
            "assess": lambda call: (
                stuck(verdict_reply())
                if call["candidate"] == "Open from 9 to 5."
                else verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1)
            ),
        },
        "answered",
        stop="satisfied",
        answer="It is open from 9 to 5.",
    ),
    "decline": Hanging(HARMFUL | {"decline": stuck("")}, "declined", "unsafe_request", UNSAFE),
    "the refusal's verdict": Hanging(
        HARMFUL | {"assess": stuck(verdict_reply())}, "declined", "unsafe_request", UNSAFE
    ),
}
"""Each phase of the search with calls that hang in it."""


@pytest.mark.parametrize(
    ("hanging", "streamed"),
    [
        *(pytest.param(hanging, False, id=phase) for phase, hanging in PHASES.items()),
        *(pytest.param(PHASES[p], True, id=f"{p}, streamed") for p in ("scan", "execute: two at once", "synthesize")),
    ],
)
async def test_whichever_phase_hangs_the_best_so_far_comes_within_a_second(hanging: Hanging, streamed: bool) -> None:
    deadline = 0.4
    policy = Policy.from_mapping({"deadline": deadline, **hanging.settings})
    model = ScriptedModel(task_replies(**hanging.parts))
    agent = EcoAlign(model, policy=policy)
    pictures = [picture()] * hanging.images
    begun = time.perf_counter()
    if streamed:
        result = final_result([event async for event in agent.stream(QUESTION, pictures)])
    else:
        result = await agent.ask(QUESTION, pictures)
    took = time.perf_counter() - begun
    assert took < deadline + 1.0
    assert (result.status, result.stop_reason, result.answer) == (hanging.status, hanging.stop, hanging.answer)
    # It was waited for, then cut off: nothing is left open, and what the cut calls may have cost is booked.
    assert model.cancelled_calls >= 1
    assert model.open_calls == 0
    assert result.cost.calls == len(model.calls)
    assert result.cost.estimated == model.cancelled_calls
    assert result.cost.spent <= result.cost.budget


async def test_time_left_changes_nothing() -> None:
    result, model = await run_search(Policy(deadline=FOREVER))
    assert model.tasks() == ["scan", "answer", "assess thought"]
    assert result.stop_reason == "satisfied"


async def until_open(model: ScriptedModel, calls: int) -> None:
    async with asyncio.timeout(FOREVER):
        while model.open_calls < calls:  # noqa: ASYNC110 - the model counts, it does not signal
            await asyncio.sleep(0.001)


async def test_cancelling_ask_cancels_the_calls_under_way() -> None:
    model = ScriptedModel(
        task_replies(
            scan=scan_reply(
                actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
            ),
            reason=stuck({"text": "never"}),
        )
    )
    running = asyncio.create_task(EcoAlign(model, policy=Policy(forecasts="inline")).ask(QUESTION))
    await until_open(model, 2)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (model.cancelled_calls, model.open_calls) == (2, 0)


async def test_leaving_the_stream_cancels_the_calls_under_way() -> None:
    model = ScriptedModel(task_replies(scan=stuck(scan_reply())))
    async with aclosing(EcoAlign(model).stream(QUESTION)) as events:
        async for event in events:
            assert event.kind == "run_started"
            await until_open(model, 1)
            break
    # At once, not when the garbage collector comes by.
    assert (model.cancelled_calls, model.open_calls) == (1, 0)


async def test_a_cancelled_run_leaves_its_agent_usable() -> None:
    first = True

    def look(call: ScriptedCall) -> ScriptedReply:
        nonlocal first
        slow, first = first, False
        return ScriptedReply(scan_reply(), delay=FOREVER if slow else 0.0)

    model = ScriptedModel(task_replies(scan=look))
    agent = EcoAlign(model)
    running = asyncio.create_task(agent.ask(QUESTION, run_id="x"))
    await until_open(model, 1)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await agent.ask(QUESTION, run_id="x")).status == "answered"
