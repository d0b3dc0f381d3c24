"""The budget is hard: laws over models with whims, and over one that never comes to the point."""

import asyncio
import random
import zlib
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ecoalign_agent import EcoAlign, Policy, Result
from ecoalign_agent.events.events import Event
from ecoalign_agent.testing import (
    AnyReply,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    imagined_step,
    proposed_action,
    scan_reply,
    verdict_reply,
)
from tests.search.stage import events_of_kind, final_result, picture

KINDS = ["reason", "look", "fuse", "answer"]


class Whim:
    """An honest model with whims: it counts no more prompt tokens than there are, and writes no more than it may.

    What it replies depends on the seed and on what it is asked, never on the order of calls.
    """

    def __init__(self, seed: int, *, readable: bool) -> None:
        self.seed, self.readable = seed, readable

    def __call__(self, call: ScriptedCall) -> AnyReply:
        dice = random.Random(zlib.crc32(f"{self.seed} {call.task} {sorted(call.data.items())}".encode()))
        assert call.max_tokens is not None
        # Often all that it may, now and then next to nothing.
        completion = dice.choice([1, call.max_tokens // 3 + 1, call.max_tokens, call.max_tokens])
        reply = self.reply(call, dice, completion)
        if not self.readable and call.task != "scan" and dice.random() < 0.15:
            reply = "Let me think about it."
        prompt = max(1, int(call.prompt_tokens * dice.choice([0.1, 0.7, 1.0, 1.0])))
        return ScriptedReply(reply, prompt_tokens=prompt, completion_tokens=completion)

    def reply(self, call: ScriptedCall, dice: random.Random, completion: int) -> Any:
        if call.task.startswith("assess"):
            grade = verdict_reply(dice.choice([-0.5, 0.2, 0.6, 0.9]), dice.uniform(-1, 1))
            return grade if call.task == "assess thought" else {"hazards": [], "safety": grade["safety"]}
        if call.task == "scan":
            safety = dice.choice([-0.4, 0.2, 0.7, 1.0])
            part, draft = dice.choice(["", "When is it open?"]), dice.choice(["", "From 9 to 5."])
            return scan_reply(safety=safety, harmless_part=part, draft=draft, actions=self.actions(dice))
        if call.task == "propose":
            pair = {"keep": f"t{dice.randint(1, 6)}", "drop": f"t{dice.randint(1, 6)}"}
            return {"actions": self.actions(dice), "merge": [pair], "prune": [f"t{dice.randint(1, 9)}"]}
        if call.task == "simulate":
            futures = [imagined_step(dice.choice(KINDS), dice.uniform(-0.3, 1), dice.uniform(-1, 1)) for _ in range(3)]
            return {"forecasts": [{"action": 1, "safety": dice.uniform(-0.3, 1), "utility": 0.5, "steps": futures}]}
        sentence = f"{dice.choice(['Nobody', 'Somebody', 'A baker'])} is at the door. "
        # Four letters a token: as long as the tokens that are counted allow.
        return {"text": sentence * max(1, dice.choice([1, completion * 4]) // len(sentence))}

    def actions(self, dice: random.Random) -> list[dict[str, Any]]:
        return [
            proposed_action(
                dice.choice(KINDS),
                f"step {dice.randint(1, 99)}",
                dice.uniform(-0.2, 1),
                dice.uniform(-1, 1),
                parents=[f"t{dice.randint(1, 6)}"],
                next=[imagined_step("answer", 0.9, dice.uniform(-1, 1))],
            )
            for _ in range(dice.randint(0, 3))
        ]


def run(policy: Policy, script: Whim, images: list[bytes]) -> Result:
    return asyncio.run(EcoAlign(ScriptedModel(script), policy=policy).ask("Who is at the door?", images))


POLICIES = st.builds(
    lambda base, **settings: base.replace(**settings),
    st.sampled_from([Policy(), Policy.frugal(), Policy.strict()]),
    budget=st.integers(5_000, 12_000),
    width=st.integers(1, 3),
    batch=st.integers(1, 4),
    forecasts=st.sampled_from(["inline", "simulated", "auto"]),
    value=st.sampled_from(["rate", "npv"]),
    choice=st.sampled_from(["satisfied", "gamma"]),
    answers=st.sampled_from(["early", "end"]),
    path_safety=st.sampled_from(["minimum", "minimum", "last", "mean"]),
    confirm_decline=st.booleans(),
    partial=st.booleans(),
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


async def told_by(model: ScriptedModel, policy: Policy) -> list[Event]:
    return [event async for event in EcoAlign(model, policy=policy).stream("Who is at the door?")]


# A strategy that stood twice in a prompt, and was reckoned with once.
_WITH_A_LONG_STRATEGY = Policy.frugal().replace(
    budget=9763, width=1, batch=1, forecasts="inline", confirm_decline=False
)


@settings(max_examples=60, deadline=None)
@given(POLICIES, st.integers(0, 10**6))
@example(_WITH_A_LONG_STRATEGY, 1732)
def test_what_is_bought_alone_can_be_written_and_graded(policy: Policy, seed: int) -> None:
    events = asyncio.run(told_by(ScriptedModel(Whim(seed, readable=True)), policy.replace(batch=1)))
    bought = {f"t{a.action[1:]}" for scored in events_of_kind(events, "scored") for a in scored.actions if a.bought}
    thoughts = {thought.id: thought for thought in events_of_kind(events, "thought") if thought.id.startswith("t")}
    assert set(thoughts) == bought
    # No verdict was left out for lack of money.
    assert all(thought.safety is not None for thought in thoughts.values())


@settings(max_examples=60, deadline=None)
@given(POLICIES, st.integers(0, 10**6))
def test_no_text_is_written_that_cant_be_graded(policy: Policy, seed: int) -> None:
    model = ScriptedModel(Whim(seed, readable=True))
    events = asyncio.run(told_by(model, policy))
    tasks = model.tasks()
    texts = {"plan": 1, "reason": 1, "look": 1, "fuse": 1, "decline": 1}
    texts |= dict.fromkeys(("answer", "synthesize"), 2 if policy.assess_answers_twice else 1)
    drafts = sum(scanned.drafted for scanned in events_of_kind(events, "scanned"))
    due = sum(tasks.count(task) * grades for task, grades in texts.items())
    assert due <= tasks.count("assess thought") <= due + 2 * drafts


@settings(max_examples=20, deadline=None)
@given(st.integers(18_000, 36_000), st.integers(0, 10**6))
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


def windy(call: ScriptedCall) -> ScriptedReply:
    """A model that never comes to the point, thinks as long as it may and counts every token."""
    aim = {"actions": [proposed_action("reason", "go on", 0.9, 0.2)], "merge": [], "prune": []}
    text = f"{zlib.crc32(str(call.data).encode())} windows are lit. " + "Nobody is to be seen here at all. " * 35
    replies: dict[str, Any] = {
        "scan": scan_reply(safety=1.0, actions=aim["actions"]),
        "propose": aim,
        "assess thought": verdict_reply(0.9, 0.1),
        "synthesize": {"text": "Nobody is at the door."},
    }
    thinking = call.task == "reason"
    completion = min(300, call.max_tokens or 0) if thinking else 40
    return ScriptedReply(
        replies.get(call.task, {"text": text}), prompt_tokens=call.prompt_tokens, completion_tokens=completion
    )


@pytest.mark.parametrize("budget", range(5_000, 13_001, 1_000))
@pytest.mark.parametrize("base", [Policy(), Policy.strict(), Policy.paper()], ids=["default", "strict", "paper"])
async def test_however_much_is_spent_on_thinking_enough_is_left_for_the_answer(base: Policy, budget: int) -> None:
    scale = 3 if base == Policy.paper() else 1
    policy = base.replace(budget=budget * scale, forecasts="inline", max_rounds=100)
    agent = EcoAlign(ScriptedModel(windy), policy=policy)
    events = [event async for event in agent.stream("Who is at the door?")]
    result = final_result(events)
    # The longer the path, the dearer the last two prompts: what is set aside grows with it.
    assert (result.status, result.stop_reason) == ("answered", "budget")
    assert len(result.path) >= 2
    # And nothing was bought that came to nothing.
    bought = {f"t{a.action[1:]}" for scored in events_of_kind(events, "scored") for a in scored.actions if a.bought}
    thoughts = {t.id: t.safety for t in events_of_kind(events, "thought") if t.id.startswith("t")}
    assert set(thoughts) == bought
    assert None not in thoughts.values()
    assert result.cost.overrun == 0
