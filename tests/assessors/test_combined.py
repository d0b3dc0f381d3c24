"""The weakest link over assessors."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecoalign_agent.assessors.base import Assessor, Verdict, call_sizes, grades_utility
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.combined import Minimum, minimum, weakest_verdict
from ecoalign_agent.errors import BudgetError, ServerError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.testing import (
    SCRIPTED_CALL_COST,
    AnyReply,
    ScriptedAssessor,
    ScriptedCall,
    ScriptedModel,
    task_replies,
    verdict_reply,
)
from tests.assessors.cases import CASE, meter, scripted

GOOD = Verdict(0.9, 0.8, 10.0)
UNKNOWN = Verdict(None, None, 5.0, unknown_reason="prose")


async def test_every_assessor_has_a_veto() -> None:
    strict = ScriptedAssessor(Verdict(-0.4, 1.0, 20.0, ("S2",)))
    both = minimum(ScriptedAssessor(GOOD), strict)
    said = await both.assess(CASE, meter=meter())
    assert (said.safety, said.utility, said.cost, said.hazards) == (-0.4, 0.8, 30.0, ("S2",))
    assert await both.assess_request(CASE, meter=meter()) == said


async def test_they_are_asked_in_parallel_and_each_is_booked() -> None:
    model = ScriptedModel(task_replies(), delay=0.05)
    pair = [ModelAssessor(Endpoint(model, name=name)) for name in ("one", "two")]
    account = meter()
    said = await minimum(*pair).assess(CASE, meter=account)
    assert model.max_open_calls == 2
    assert said.cost == 2 * SCRIPTED_CALL_COST == account.budget.spent


async def test_one_unknown_makes_all_unknown() -> None:
    said = await minimum(ScriptedAssessor(GOOD), ScriptedAssessor(UNKNOWN), ScriptedAssessor(GOOD)).assess(
        CASE, meter=meter()
    )
    assert (said.safety, said.utility, said.cost, said.unknown_reason) == (None, None, 25.0, "prose")


async def test_utility_is_the_business_of_those_who_grade_it() -> None:
    guard = ScriptedAssessor(Verdict(0.2, None, 1.0), grades_utility=False)
    both = minimum(guard, ScriptedAssessor(GOOD))
    said = await both.assess(CASE, meter=meter())
    assert (said.safety, said.utility, said.known) == (0.2, 0.8, True)
    assert grades_utility(both)
    assert not grades_utility(minimum(guard, guard))
    # One who should grade it and does not, leaves all unknown.
    said = await minimum(guard, ScriptedAssessor(Verdict(0.9, None, 1.0))).assess(CASE, meter=meter())
    assert (said.safety, said.unknown_reason) == (None, "no verdict")


async def test_a_guard_that_is_unknown_is_not_outvoted() -> None:
    guard = ScriptedAssessor(UNKNOWN, grades_utility=False)
    assert (await minimum(ScriptedAssessor(GOOD), guard).assess(CASE, meter=meter())).safety is None


async def test_a_broken_endpoint_is_told_and_the_others_are_paid_to_their_end() -> None:
    account = meter()
    slow, model = scripted()
    model.delay = 0.05
    with pytest.raises(ServerError, match="out of order"):
        await minimum(ScriptedAssessor(ServerError("out of order")), slow).assess(CASE, meter=account)
    assert model.cancelled_calls == 0
    assert account.budget.spent == SCRIPTED_CALL_COST


async def test_one_that_does_not_fit_makes_all_unknown_and_none_that_fits_is_not_made() -> None:
    poor = ScriptedAssessor(BudgetError("needs 9 cost units"))
    said = await minimum(ScriptedAssessor(GOOD), poor).assess(CASE, meter=meter())
    assert (said.safety, said.cost, said.unknown_reason) == (None, 10.0, "a verdict is missing")
    with pytest.raises(BudgetError):
        await minimum(poor, poor).assess(CASE, meter=meter())


async def test_leaving_cancels_all_of_them() -> None:
    begun = asyncio.Semaphore(0)

    def grade(_: ScriptedCall) -> AnyReply:
        begun.release()
        return verdict_reply()

    pairs = [scripted(assess=grade) for _ in range(2)]
    for _, model in pairs:
        model.delay = 60
    both = minimum(*(judge for judge, _ in pairs))
    task = asyncio.ensure_future(_asked(both))
    for _ in pairs:
        await begun.acquire()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [model.cancelled_calls for _, model in pairs] == [1, 1]


async def _asked(judge: Assessor) -> Verdict:
    return await judge.assess(CASE, meter=meter())


def test_a_minimum_of_one_is_itself_and_of_minima_is_flat() -> None:
    one, two, three = (ScriptedAssessor(GOOD, name=name) for name in ("one", "two", "three"))
    judge, _ = scripted()
    assert minimum(judge) is judge
    assert minimum(one).name == "one"
    all_of_them = minimum(minimum(one, two), three)
    assert isinstance(all_of_them, Minimum)
    assert all_of_them.name == "minimum of one, two, three"
    assert isinstance(all_of_them, Assessor)
    with pytest.raises(ValueError, match="nothing would be graded"):
        minimum()


def test_what_all_of_them_take_is_told() -> None:
    judge, _ = scripted()
    both = minimum(judge, ScriptedAssessor(GOOD))
    assert list(call_sizes(both)) == [*judge.calls, *call_sizes(ScriptedAssessor(GOOD))]
    assert both.prompts == judge.prompts
    # Of an assessor that tells nothing, one call with the shipped prompt is reckoned with, on the high side.
    (reckoned,) = call_sizes(ScriptedAssessor(GOOD))
    assert (reckoned.prompt, reckoned.family) == (judge.calls[0].prompt, "unknown")


GRADES = st.one_of(st.none(), st.floats(-1, 1))
VERDICTS = st.one_of(st.none(), st.builds(Verdict, GRADES, st.one_of(st.none(), st.floats(0, 1)), st.just(1.0)))


@given(st.lists(st.tuples(VERDICTS, st.booleans()), min_size=1, max_size=5), st.tuples(VERDICTS, st.booleans()))
def test_one_more_assessor_never_raises_a_grade(
    some: list[tuple[Verdict | None, bool]], one_more: tuple[Verdict | None, bool]
) -> None:
    before = weakest_verdict([v for v, _ in some], [both for _, both in some])
    after = weakest_verdict([v for v, _ in [*some, one_more]], [both for _, both in [*some, one_more]])
    if after is None or after.safety is None:
        return
    assert before is not None
    assert before.safety is not None
    assert after.safety <= before.safety
    if before.utility is not None:
        assert after.utility is not None
        assert after.utility <= before.utility


@pytest.mark.parametrize("grade", [float("nan"), 1.01, -1.01, float("inf"), True, "1"])
def test_a_grade_out_of_range_is_no_grade(grade: float) -> None:
    said = Verdict(grade, 0.5, 3.0)
    assert (said.safety, said.utility, said.cost) == (None, None, 3.0)
    assert said.unknown_reason
    assert Verdict(0.5, -grade if grade is True else grade, 0.0).safety is None
