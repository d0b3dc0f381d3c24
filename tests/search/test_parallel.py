"""What runs at the same time: the calls of one round do, and searches share nothing."""

import asyncio
import re
from typing import Any

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
from tests.search.stage import assess_by_words, picture, propose_by_tip, run_search

LOW = verdict_reply(0.9, 0.1)
TEXTS = {"left": "The left half names a baker.", "right": "On the right somebody painted a tram."}


def halves(call: ScriptedCall) -> dict[str, Any]:
    return {"text": TEXTS["left" if "left" in call["aim"] else "right"]}


async def test_the_actions_of_a_batch_are_carried_out_and_graded_at_the_same_time() -> None:
    half_done: list[int] = []

    def reason(call: ScriptedCall) -> ScriptedReply:
        half_done.append(1)
        return ScriptedReply(halves(call), delay=0.05 if len(half_done) == 1 else 0.0)

    _, model = await run_search(
        Policy(forecasts="inline", max_rounds=1),
        scan=scan_reply(
            actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
        ),
        reason=reason,
        assess=LOW,
    )
    # The quick one was graded before the slow one was written.
    assert model.tasks()[:4] == ["scan", "reason", "reason", "assess thought"]
    assert model.max_open_calls == 2


async def test_a_batch_of_one_buys_one_at_a_time() -> None:
    _, model = await run_search(
        Policy(forecasts="inline", batch=1, max_rounds=1),
        scan=scan_reply(
            actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
        ),
        reason=halves,
        assess=LOW,
    )
    assert model.tasks()[:3] == ["scan", "reason", "assess thought"]
    assert model.max_open_calls == 1


async def test_an_answer_that_ranks_first_is_bought_alone() -> None:
    _, model = await run_search(
        Policy(forecasts="inline"),
        scan=scan_reply(
            actions=[proposed_action("answer", "say it", 0.9, 0.9), proposed_action("reason", "left", 0.9, -0.5)]
        ),
    )
    assert model.tasks() == ["scan", "answer", "assess thought"]


async def test_tips_are_expanded_and_looked_ahead_from_at_the_same_time() -> None:
    _, model = await run_search(
        Policy(forecasts="simulated", width=2, max_rounds=2),
        delay=0.02,
        scan=scan_reply(
            actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
        ),
        reason=halves,
        propose=propose_by_tip(
            {"left": [proposed_action("reason", "more left")], "right": [proposed_action("reason", "more right")]}
        ),
        assess=LOW,
    )
    # Round 0 has one tip, the root: one look ahead. Round 1 has two.
    expected = ["scan", "simulate", "reason", "reason", "assess thought", "assess thought"]
    assert model.tasks()[:10] == [*expected, "propose", "propose", "simulate", "simulate"]
    assert model.max_open_calls == 2


async def test_what_comes_back_first_does_not_decide_the_order_of_thoughts() -> None:
    def reason(call: ScriptedCall) -> ScriptedReply:
        return ScriptedReply(halves(call), delay=0.03 if "left" in call["aim"] else 0.0)

    result, _ = await run_search(
        Policy(forecasts="inline"),
        scan=scan_reply(
            actions=[proposed_action("reason", "left", 0.9, 0.2), proposed_action("reason", "right", 0.9, 0.2)]
        ),
        reason=reason,
        propose=propose_by_tip({"left": [proposed_action("fuse", "join", parents=["t2"])]}),
        assess=assess_by_words({"Together": verdict_reply()}, LOW),
    )
    assert result.status == "answered"
    # The first proposed is t1, although it came last; the fuse from it was understood.
    assert "t1" in [step.id for step in result.path]


async def test_fifty_searches_at_once_share_nothing() -> None:
    canary = re.compile(r"canary\d+")

    def echo(call: ScriptedCall) -> dict[str, Any]:
        return {"text": f"About {canary.findall(call['question'])[0]}: nine to five."}

    def first_look(call: ScriptedCall) -> dict[str, Any]:
        own = canary.findall(call["question"])[0]
        return scan_reply(caption=f"a sign of {own}", actions=[proposed_action("reason", f"read {own}", 0.9, 0.1)])

    model = ScriptedModel(
        task_replies(
            scan=first_look,
            reason=echo,
            answer=echo,
            synthesize=echo,
            assess=lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
        ),
        delay=0.001,
    )
    agent = EcoAlign(model)
    results = await asyncio.gather(
        *(agent.ask(f"What about canary{n}?", [picture(colour=(n, n, n))], run_id=f"run{n}") for n in range(50))
    )
    assert model.max_open_calls > 5
    for n, result in enumerate(results):
        assert result.status == "answered"
        assert result.run_id == f"run{n}"
        assert set(canary.findall(result.model_dump_json())) == {f"canary{n}"}
        # Scan, reason, verdict, proposal, answer, verdict, synthesis, verdict: every run pays for its own.
        assert result.cost.spent == 8 * 140.0
    for call in model.calls:
        assert len(set(canary.findall(str(call.data)))) == 1


async def test_two_runs_under_one_id_do_not_see_each_others_pictures() -> None:
    seen: dict[str, set[int]] = {"one": set(), "two": set()}

    def look(call: ScriptedCall) -> Any:
        seen["one" if "one" in call["question"] else "two"].add(call.images)
        if call.task == "scan":
            return scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.1)])
        return verdict_reply() if call.task == "assess thought" else {"text": "nine to five"}

    model = ScriptedModel(task_replies(scan=look, reason=look, answer=look, assess=look), delay=0.002)
    agent = EcoAlign(model)
    red, blue = picture(colour=(200, 0, 0)), picture(colour=(0, 0, 200))
    await asyncio.gather(agent.ask("one?", [red], run_id="x"), agent.ask("two?", [red, blue], run_id="x"))
    assert seen == {"one": {1}, "two": {2}}
