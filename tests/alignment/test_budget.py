"""The budget is hard: whatever honest models reply, a run never spends more, and its receipt adds up."""

import asyncio
import random
import re
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent import EcoAlign, Policy, Result, Tariff
from ecoalign_agent.errors import BudgetTooSmallError
from tests.alignment.stage import asked, ending, of_kind, picture, told
from tests.fakes import Answer, Call, Say, ScriptedModel, action, plays, scan, step, verdict

KINDS = ["reason", "look", "fuse", "answer"]


class Whim:
    """An honest model with whims: it counts no more prompt tokens than there are, and writes no more than it may.

    What it replies depends on the seed and on what it is asked, never on the order of calls.
    """

    def __init__(self, seed: int, *, readable: bool) -> None:
        self.seed, self.readable = seed, readable

    def __call__(self, call: Call) -> Answer:
        dice = random.Random(zlib.crc32(f"{self.seed} {call.task} {sorted(call.data.items())}".encode()))
        reply = self.reply(call, dice)
        if not self.readable and call.task != "scan" and dice.random() < 0.15:
            reply = "Let me think about it."
        assert call.max_tokens is not None
        # Often all that it may, now and then next to nothing.
        completion = dice.choice([1, call.max_tokens // 3 + 1, call.max_tokens, call.max_tokens])
        prompt = max(1, int(call.prompt_tokens * dice.choice([0.1, 0.7, 1.0, 1.0])))
        return Say(reply, prompt_tokens=prompt, completion_tokens=completion)

    def reply(self, call: Call, dice: random.Random) -> Any:
        if call.task.startswith("assess"):
            grade = verdict(dice.choice([-0.5, 0.2, 0.6, 0.9]), dice.uniform(-1, 1))
            return grade if call.task == "assess thought" else {"hazards": [], "safety": grade["safety"]}
        if call.task == "scan":
            safety = dice.choice([-0.4, 0.2, 0.7, 1.0])
            return scan(safety=safety, draft=dice.choice(["", "From 9 to 5."]), actions=self.actions(dice))
        if call.task == "propose":
            pair = {"keep": f"t{dice.randint(1, 6)}", "drop": f"t{dice.randint(1, 6)}"}
            return {"actions": self.actions(dice), "merge": [pair], "prune": [f"t{dice.randint(1, 9)}"]}
        if call.task == "simulate":
            futures = [step(dice.choice(KINDS), dice.uniform(-0.3, 1), dice.uniform(-1, 1)) for _ in range(3)]
            return {"forecasts": [{"action": 1, "safety": dice.uniform(-0.3, 1), "utility": 0.5, "steps": futures}]}
        return {"text": f"{dice.choice(['Nobody', 'Somebody', 'A baker'])} is at the door. " * dice.randint(1, 8)}

    def actions(self, dice: random.Random) -> list[dict[str, Any]]:
        return [
            action(
                dice.choice(KINDS),
                f"step {dice.randint(1, 99)}",
                dice.uniform(-0.2, 1),
                dice.uniform(-1, 1),
                parents=[f"t{dice.randint(1, 6)}"],
                next=[step("answer", 0.9, dice.uniform(-1, 1))],
            )
            for _ in range(dice.randint(0, 3))
        ]


def run(policy: Policy, script: Whim, images: list[bytes]) -> Result:
    return asyncio.run(EcoAlign(ScriptedModel(script), policy=policy).ask("Who is at the door?", images))


POLICIES = st.builds(
    lambda base, **knobs: base.replace(**knobs),
    st.sampled_from([Policy(), Policy.frugal(), Policy.strict()]),
    budget=st.integers(3_500, 9_000),
    width=st.integers(1, 3),
    batch=st.integers(1, 4),
    forecasts=st.sampled_from(["inline", "simulated", "auto"]),
    value=st.sampled_from(["rate", "npv"]),
    choice=st.sampled_from(["satisfied", "gamma"]),
    answers=st.sampled_from(["early", "end"]),
    path_safety=st.sampled_from(["minimum", "minimum", "last", "mean"]),
    confirm_decline=st.booleans(),
)


@settings(max_examples=120, deadline=None)
@given(POLICIES, st.integers(0, 10**6), st.booleans(), st.booleans())
def test_a_run_never_spends_more_than_its_budget(policy: Policy, seed: int, readable: bool, seeing: bool) -> None:
    result = run(policy, Whim(seed, readable=readable), [picture()] if seeing else [])
    cost = result.cost
    assert cost.spent <= cost.budget <= policy.budget
    assert cost.overrun == 0
    assert cost.remaining == pytest.approx(cost.budget - cost.spent)
    assert sum(cost.by_phase.values()) == pytest.approx(cost.spent)
    tokens = cost.tokens
    weighed = 0.25 * (tokens.prompt + tokens.image) + 0.10 * tokens.cached + tokens.completion
    assert weighed == pytest.approx(cost.spent)
    # No endpoint failed and the scan was readable: it ends with an answer or a refusal.
    assert result.status in {"answered", "declined"}
    assert result.answer
    if result.status == "answered":
        assert result.safety is not None
        assert result.safety >= 0
        assert cost.chosen_path is not None
        assert 0 < cost.chosen_path <= cost.spent
    pruned = {p.id for p in result.pruned}
    assert not pruned & {step.id for step in result.path}
    assert not pruned & {id_ for point in result.frontier for id_ in point.path}


@settings(max_examples=20, deadline=None)
@given(st.integers(14_000, 30_000), st.integers(0, 10**6))
def test_neither_does_the_papers_own_form(budget: int, seed: int) -> None:
    result = run(Policy.paper().replace(budget=budget), Whim(seed, readable=True), [])
    assert result.cost.spent <= result.cost.budget
    assert sum(result.cost.by_phase.values()) == pytest.approx(result.cost.spent)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_the_same_question_to_the_same_model_costs_the_same(seed: int) -> None:
    first, second = (run(Policy(width=2), Whim(seed, readable=True), []) for _ in range(2))
    changing = {"run_id", "seconds", "time"}
    assert first.model_dump(exclude=changing) == second.model_dump(exclude=changing)


def least(error: pytest.ExceptionInfo[BudgetTooSmallError]) -> float:
    found = re.search(r"the least is about ([\d.e-]+) \(--budget \1\)$", str(error.value))
    assert found is not None
    return float(found[1])


def to_the_brim(**parts: Any) -> Any:
    """Every reply as long as it may be: the dearest honest model."""
    play = plays(**parts)

    def filled(call: Call) -> Say:
        said = play(call)
        assert isinstance(said, dict)
        return Say(said, prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens or 0)

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
    parts: dict[str, Any] = {"scan": scan(safety=0.5, actions=[])}
    model = ScriptedModel(to_the_brim(**parts) if dear else plays(**parts))
    with pytest.raises(BudgetTooSmallError) as error:
        await EcoAlign(model, policy=policy).ask(question, pictures)
    assert model.calls == []
    assert "\n" not in str(error.value)
    result = await EcoAlign(model, policy=policy.replace(budget=least(error))).ask(question, pictures)
    assert result.status == "answered"
    assert result.cost.overrun == 0


async def test_what_is_advised_in_dollars_is_no_more_than_is_needed() -> None:
    with pytest.raises(BudgetTooSmallError) as error:
        await asked(Policy(budget=1e-9, tariff=Tariff.priced(text=0.15, completion=0.6)))
    # Some 2 500 prompt tokens at 0.15 and 700 completion tokens at 0.6 dollars per million.
    assert 0.0005 < least(error) < 0.0015


@pytest.mark.parametrize(
    ("s0", "budget"),
    # B = 4 000 · (0.4 + 0.6 · max(s0, 0)).
    [(1.0, 4000.0), (0.5, 2800.0), (0.0, 1600.0)],
)
async def test_riskier_requests_are_governed_more_tightly(s0: float, budget: float) -> None:
    events, _ = await told(Policy(budget=4000, risk_floor=0.4), scan=scan(safety=s0))
    # Never below what is spent and set aside for the ending by then.
    moved = of_kind(events, "budget")[0]
    assert ending(events).cost.budget == max(budget, moved.spent + moved.set_aside)
    assert of_kind(events, "scanned")[0].budget == ending(events).cost.budget


async def test_a_strict_policy_pays_every_answer_two_verdicts() -> None:
    result, model = await asked(
        Policy.strict().replace(forecasts="inline"),
        scan=scan(actions=[action("reason", "read", 0.9, 0.2)]),
        assess=lambda call: verdict(0.9, 0.9 if "an answer" in call.system else 0.1),
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
    result, model = await asked(scan=Say(scan(), prompt_tokens=40_000))
    assert model.tasks() == ["scan"]
    assert (result.status, result.stop_reason) == ("declined", "budget")
    assert result.cost.overrun == pytest.approx(10_040 - result.cost.budget)
    assert any("more than the budget" in note for note in result.notes)


async def test_a_provider_that_reports_nothing_is_metered_by_estimate_and_the_result_says_so() -> None:
    result, _ = await asked(scan=Say(scan(draft="From 9 to 5.", actions=[]), prompt_tokens=None))
    assert (result.cost.calls, result.cost.estimated) == (2, 1)
    assert "1 of 2 calls reported no usage: estimated" in result.notes
    assert result.cost.spent > 140.0
