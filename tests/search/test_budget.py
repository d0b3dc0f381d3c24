"""The budget of a run: its least, its risk, its receipt, and what becomes of providers that count otherwise."""

import re
from typing import Any

import pytest

from ecoalign_agent import EcoAlign, Policy, Tariff
from ecoalign_agent.errors import BudgetTooSmallError
from ecoalign_agent.testing import (
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    proposed_action,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.search.stage import collect_events, events_of_kind, final_result, picture, run_search


def least(error: pytest.ExceptionInfo[BudgetTooSmallError]) -> float:
    found = re.search(r"the least is about ([\d.e-]+) \(--budget \1\)$", str(error.value))
    assert found is not None
    return float(found[1])


def to_the_brim(**parts: Any) -> Any:
    """Every reply as long as it may be: the dearest honest model."""
    play = task_replies(**parts)

    def filled(call: ScriptedCall) -> ScriptedReply:
        said = play(call)
        assert isinstance(said, dict)
        return ScriptedReply(said, prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens or 0)

    return filled


@pytest.mark.parametrize(
    ("policy", "question", "images"),
    [
        (Policy(budget=1), "When?", 0),
        (Policy(budget=1), "When? " * 2_000, 0),
        (Policy(budget=1), "When?", 3),
        (Policy.strict().replace(budget=1), "When?", 1),
        (Policy.paper().replace(budget=1), "When?", 1),
        (Policy(budget=1e-9, tariff=Tariff.priced(text=0.15, completion=0.6)), "When?", 0),
    ],
    ids=["plain", "long", "three pictures", "strict", "paper", "in dollars"],
)
@pytest.mark.parametrize("dear", [False, True])
async def test_a_budget_too_small_names_the_least_and_that_works(
    policy: Policy, question: str, images: int, dear: bool
) -> None:
    pictures = [picture(colour=(n, 0, 0)) for n in range(images)]
    parts: dict[str, Any] = {"scan": scan_reply(safety=0.5, actions=[])}
    model = ScriptedModel(to_the_brim(**parts) if dear else task_replies(**parts))
    with pytest.raises(BudgetTooSmallError) as error:
        await EcoAlign(model, policy=policy).ask(question, pictures)
    assert model.calls == []
    assert "\n" not in str(error.value)
    result = await EcoAlign(model, policy=policy.replace(budget=least(error))).ask(question, pictures)
    assert result.status == "answered"
    assert result.cost.overrun == 0


async def test_what_is_advised_in_dollars_is_no_more_than_is_needed() -> None:
    with pytest.raises(BudgetTooSmallError) as error:
        await run_search(Policy(budget=1e-9, tariff=Tariff.priced(text=0.15, completion=0.6)))
    # Some 2 500 prompt tokens at 0.15 and 700 completion tokens at 0.6 dollars per million.
    assert 0.0005 < least(error) < 0.0015


@pytest.mark.parametrize(
    ("s0", "budget"),
    # B = 4 000 · (0.4 + 0.6 · max(s0, 0)).
    [(1.0, 4000.0), (0.5, 2800.0), (0.0, 1600.0)],
)
async def test_riskier_requests_are_governed_more_tightly(s0: float, budget: float) -> None:
    events, _ = await collect_events(Policy(budget=4000, risk_floor=0.4), scan=scan_reply(safety=s0))
    # Never below what is spent and set aside for the ending by then.
    moved = events_of_kind(events, "budget")[0]
    assert final_result(events).cost.budget == max(budget, moved.spent + moved.set_aside)
    assert events_of_kind(events, "scanned")[0].budget == final_result(events).cost.budget


async def test_a_strict_policy_pays_every_answer_two_verdicts() -> None:
    result, model = await run_search(
        Policy.strict().replace(forecasts="inline"),
        scan=scan_reply(actions=[proposed_action("reason", "read", 0.9, 0.2)]),
        assess=lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
    )
    # scan; reason and one verdict; proposal; answer and two verdicts; synthesis and two verdicts.
    assert model.tasks().count("assess thought") == 5
    assert result.cost.spent == 10 * 140.0
    assert result.cost.by_phase == {
        "scan": 140.0,
        "execute": 280.0,
        "assess": 700.0,
        "propose": 140.0,
        "synthesize": 140.0,
    }


async def test_an_overrun_by_a_provider_that_counts_otherwise_is_recorded_and_ends_the_search() -> None:
    # 40 000 prompt tokens where some 1 100 were sent: 10 040 units of a budget of 5 700.
    result, model = await run_search(scan=ScriptedReply(scan_reply(), prompt_tokens=40_000))
    assert model.tasks() == ["scan"]
    assert (result.status, result.stop_reason) == ("declined", "budget")
    assert result.answer == "I could not find an answer that I can stand behind within the budget. A larger one may do."
    assert result.cost.overrun == pytest.approx(10_040 - result.cost.budget)
    assert result.has_note("budget_overrun")


async def test_a_provider_that_reports_nothing_is_metered_by_estimate_and_the_result_says_so() -> None:
    result, _ = await run_search(scan=ScriptedReply(scan_reply(draft="From 9 to 5.", actions=[]), prompt_tokens=None))
    assert (result.cost.calls, result.cost.estimated) == (2, 1)
    assert "1 of 2 calls reported no usage: estimated" in map(str, result.notes)
    assert result.cost.spent > 140.0
