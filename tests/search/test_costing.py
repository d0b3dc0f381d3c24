"""What calls are reckoned to cost before they are made: on the high side, and with room for the verdict."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent import EcoAlign, Policy, Tariff
from ecoalign_agent.economics.cost import CompletionStats
from ecoalign_agent.llm.tokens import text_tokens
from ecoalign_agent.search.cost_model import REREAD_FACTOR, TYPICAL_PATH_TOKENS, AssessmentCall, CostModel
from ecoalign_agent.testing import (
    ScriptedModel,
    imagined_step,
    proposed_action,
    scan_reply,
    verdict_reply,
)
from tests.search.stage import picture, propose_by_tip, run_search

SIZES = EcoAlign(ScriptedModel())._context.sizes


def costing(scene: int = 50, views: int = 0, tariff: Tariff | None = None) -> CostModel:
    tariff = tariff or Tariff()
    return CostModel(SIZES, tariff, scene, views, [AssessmentCall(size, tariff, views) for size in SIZES.assessment])


async def test_no_prompt_is_longer_than_it_was_reckoned() -> None:
    parts: dict[str, Any] = {
        "scan": scan_reply(
            safety=0.3,
            actions=[
                proposed_action("reason", "read it", 0.9, 0.2),
                proposed_action("look", "closer", 0.9, 0.2, box=[0, 0, 1, 1]),
            ],
        ),
        "propose": propose_by_tip(
            {
                "nine to five": [
                    proposed_action("fuse", "join", parents=["t2"]),
                    proposed_action("answer", "say it", 0.9, 0.1),
                ],
                "Together": [proposed_action("answer", "say it")],
            }
        ),
        "simulate": {
            "forecasts": [{"action": 1, "safety": 0.9, "utility": 0.1, "steps": [imagined_step("answer", 0.9, 0.9)]}]
        },
        "assess": lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
    }
    _, model = await run_search(Policy(budget=30_000, forecasts="simulated"), images=[picture()], **parts)
    _, declined = await run_search(scan=scan_reply(safety=-0.9))
    calls = [call for call in (*model.calls, *declined.calls) if call.task != "assess request"]
    kinds = {"assess thought": "assess"}
    assert {kinds.get(call.task, call.task) for call in calls} == set(SIZES.calls)
    for call in calls:
        kind = kinds.get(call.task, call.task)
        data = sum(text_tokens(text) for text in call.data.values())
        assert call.prompt_tokens <= SIZES.calls[kind].prompt + data, kind


def test_a_call_costs_its_prompt_and_the_completion_expected() -> None:
    # plan: no pictures. 0.25 · (its prompt + 50 + 20) + 90.
    assert costing(views=1_000).call("plan", path=20) == 0.25 * (SIZES.calls["plan"].prompt + 70) + 90
    # answer: the pictures go along.
    assert costing(views=1_000).call("answer", completion=10) == 0.25 * (SIZES.calls["answer"].prompt + 1_050) + 10
    # look: a crop instead of the pictures.
    assert costing(views=1_000).call("look", completion=0) == 0.25 * (SIZES.calls["look"].prompt + 50 + SIZES.crop)


def test_a_thought_costs_its_verdict_too_and_a_draft_nothing_else() -> None:
    c = costing()
    assert c.thought("reason") == c.call("reason") + c.call("assess")
    assert c.thought("answer", drafted=True) == c.call("assess")


def test_the_forecast_follows_what_was_seen() -> None:
    # The first guess, 70, counts as one observation: (70 + 130) / 2.
    seen = replace(costing(), stats=CompletionStats().with_call("reason", 130))
    assert seen.call("reason") - costing().call("reason") == 30.0


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from(["synthesize", "answer", "reason", "look", "plan", "decline"]),
    st.floats(0, 5_000),
    st.integers(0, 500),
    st.integers(1, 2),
    st.sampled_from([Tariff(), Tariff.processed(), Tariff(text=0.1, completion=4.0)]),
)
def test_what_is_held_for_the_verdict_suffices_for_any_text_that_fits_beside_it(
    kind: str, free: float, path: int, verdicts: int, tariff: Tariff
) -> None:
    c = costing(tariff=tariff)
    share = c.assessment_share(kind, free, path=path, assessments=verdicts)
    least = c.call(kind, path=path, completion=c.tokens(kind).min)
    grading = c.assessments(path=path + REREAD_FACTOR * c.tokens(kind).min, count=verdicts)
    if share is None:
        assert free < least + grading + 1e-6
        return
    # A usable text fits beside it.
    assert least + share <= free + 1e-6
    # And whatever is written with the rest can still be graded.
    rest = free - share - c.call(kind, path=path, completion=0)
    tokens = min(rest / tariff.completion, c.tokens(kind).max)
    spent = c.call(kind, path=path, completion=tokens)
    needed = verdicts * c.call("assess", path=path + int(REREAD_FACTOR * tokens), completion=c.tokens("assess").min)
    assert spent + needed <= free + 1e-6


@pytest.mark.parametrize("verdicts", [1, 2])
def test_what_is_set_aside_pays_for_an_answer_with_its_verdicts(verdicts: int) -> None:
    c = costing(views=500)
    reserve = c.answer_reserve(min_assessments=verdicts, max_assessments=verdicts + 1)
    assert reserve.maximum > reserve.minimum
    amount = reserve.minimum
    assert c.assessment_share("synthesize", amount, path=TYPICAL_PATH_TOKENS, assessments=verdicts) is not None
    assert c.assessment_share("synthesize", amount - 1, path=TYPICAL_PATH_TOKENS, assessments=verdicts) is None
    # Longer paths need more: the answer's prompt and each assessment's read 100 tokens more, at 0.25.
    longer = c.answer_reserve(path=TYPICAL_PATH_TOKENS + 100, min_assessments=verdicts, max_assessments=verdicts + 1)
    assert longer.minimum - reserve.minimum == pytest.approx((1 + verdicts) * 0.25 * 100)


def test_a_written_token_counts_double_where_it_is_read_again() -> None:
    """``REREAD_FACTOR``: texts are estimated on the high side; a factor of 1 would starve the assessments."""
    c = costing()
    free = c.assessments() + c.call("reason", completion=c.tokens("reason").max) + 2 * 0.25 * c.tokens("reason").max
    share = c.assessment_share("reason", free)
    # One assessment reads the text of 300 tokens as 600 prompt tokens at 0.25: 150 cost units beside the empty text's.
    assert share == pytest.approx(c.assessments() + 150)
