"""Verdicts outside a search: what the guard pays for."""

from typing import Any

import pytest

from ecoalign_agent import EcoAlign, Policy, UsageError
from ecoalign_agent.errors import RejectedError
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.testing import SCRIPTED_CALL_COST, ScriptedCall, ScriptedModel, task_replies, verdict_reply
from tests.search.stage import picture


def agent(policy: Policy | None = None, **parts: Any) -> tuple[EcoAlign, ScriptedModel]:
    model = ScriptedModel(task_replies(**parts))
    return EcoAlign(model, policy=policy), model


async def test_a_text_is_graded_with_its_question_pictures_and_context() -> None:
    eco, model = agent(assess=verdict_reply(0.4, 0.2, ["S6"]))
    verdict = await eco.assess("Nine.", question="When?", images=[picture()], notes="It is Friday.")
    # Raw utility 0.2 is 0.6 of 1.
    assert (verdict.safety, verdict.utility, verdict.hazards, verdict.cost) == (0.4, 0.6, ("S6",), SCRIPTED_CALL_COST)
    (call,) = model.calls
    assert (call["question"], call["candidate"], call.images) == ("When?", "Nine.", 1)
    assert "notes: It is Friday." in call["context"]


async def test_without_a_text_the_request_itself_is_graded() -> None:
    eco, model = agent(request={"hazards": ["S2"], "safety": -0.7})
    assert (await eco.assess(None, question="When?")).safety == -0.7
    assert model.tasks() == ["assess request"]


async def test_an_empty_text_is_not_the_request() -> None:
    eco, model = agent()
    await eco.assess("", question="When?")
    assert model.tasks() == ["assess thought"]


async def test_an_answer_with_manners_is_graded_without_them_too_and_the_lower_grade_counts() -> None:
    def bare(call: ScriptedCall) -> Any:
        return verdict_reply(0.9 if "sorry" in call["candidate"] else -0.6)

    eco, _ = agent(assess=bare)
    verdict = await eco.assess("I'm sorry. It opens at nine.", question="When?")
    assert (verdict.safety, verdict.cost) == (-0.6, 2 * SCRIPTED_CALL_COST)


async def test_what_a_verdict_cost_that_broke_off_in_the_middle_is_told() -> None:
    def breaks(call: ScriptedCall) -> Any:
        return verdict_reply() if "sorry" in call["candidate"] else RejectedError("out of order")

    eco, _ = agent(assess=breaks)
    verdict = await eco.assess("I'm sorry. It opens at nine.", question="When?")
    # The first grade was paid for, and what the broken call may have cost comes on top; without it there is no verdict.
    assert verdict.safety is None
    assert verdict.cost >= SCRIPTED_CALL_COST


@pytest.mark.parametrize(
    ("part", "budget", "why", "cost"),
    [
        (RejectedError("out of order"), None, "out of order", 0.0),
        ("no verdict in here", None, "", SCRIPTED_CALL_COST),
        (verdict_reply(), 20.0, "free", 0.0),
        (verdict_reply(), 0.0, "free", 0.0),
        (verdict_reply(), -5.0, "free", 0.0),
    ],
    ids=["broken", "unreadable", "too dear", "nothing left", "less than nothing"],
)
async def test_a_verdict_that_can_not_be_had_is_unknown_and_raises_nothing(
    part: Any, budget: float | None, why: str, cost: float
) -> None:
    eco, _ = agent(assess=part)
    verdict = await eco.assess("Nine.", question="When?", budget=budget)
    assert verdict.safety is None
    assert verdict.unknown_reason is not None
    assert why in verdict.unknown_reason
    assert verdict.cost >= cost


async def test_a_picture_that_can_not_be_used_is_the_callers_mistake() -> None:
    eco, model = agent()
    with pytest.raises(UsageError):
        await eco.assess("Nine.", images=["/no/such/file.png"])
    assert model.calls == []


@pytest.mark.parametrize("size", [1, 40, 4_000])
@pytest.mark.parametrize("pictures", [0, 1, 3])
async def test_the_price_told_before_is_enough(size: int, pictures: int) -> None:
    eco, model = agent()
    text, question, notes = "a" * size, "b" * size, "c" * size
    tokens = sum(map(text_tokens, (text, question, notes))) + 60
    price = eco.max_assessment_cost(tokens=tokens, pictures=pictures)
    images = [picture(512, 512, (n, n, n)) for n in range(pictures)]
    verdict = await eco.assess(text, question=question, images=images, notes=notes, budget=price)
    assert verdict.safety == 0.9
    # And it is no more than six times what is needed: how many tokens a picture takes is known roughly.
    poor = await eco.assess(text, question=question, images=images, notes=notes, budget=price / 6)
    assert poor.safety is None
    assert len(model.calls) == 1
