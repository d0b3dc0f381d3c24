"""Assessors of one's own: one method is enough, a wrong object is refused, and a failure fails closed."""

from collections.abc import Callable
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.assessors.base import AssessmentInput, Verdict, call_sizes
from ecoalign_agent.assessors.combined import minimum
from ecoalign_agent.assessors.custom import CustomAssessor, as_assessor
from ecoalign_agent.assessors.registry import parse_assessor_name
from ecoalign_agent.errors import BudgetError, ModelError, ModelNameError, UsageError
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies
from examples.assessor import NoPrices
from tests.assessors.cases import CASE, meter
from tests.assessors.test_registry import build

GOOD = Verdict(0.9, 0.8, 0.0)


class OneMethod:
    """The least that an assessor needs."""

    def __init__(self, reply: Any = GOOD) -> None:
        self.reply = reply
        self.cases: list[AssessmentInput] = []

    async def assess(self, case: AssessmentInput) -> Verdict:
        self.cases.append(case)
        if isinstance(self.reply, BaseException):
            raise self.reply
        found: Verdict = self.reply
        return found


class Paying:
    """One that pays for model calls."""

    async def assess(self, case: AssessmentInput, *, meter: Meter) -> Verdict:
        return Verdict(0.5, 0.5, meter.budget.total)


class NotAsync:
    def assess(self, case: AssessmentInput) -> Verdict:
        return GOOD


class WithoutInput:
    async def assess(self) -> Verdict:
        return GOOD


class TwoInputs:
    async def assess(self, case: AssessmentInput, more: int) -> Verdict:
        return GOOD


def make_assessor() -> OneMethod:
    return OneMethod()


async def test_one_method_is_enough() -> None:
    own = OneMethod()
    assessor = as_assessor(own)
    assert (assessor.name, assessor.prompts, list(call_sizes(assessor))) == ("OneMethod", (), [])
    assert await assessor.assess(CASE, meter=meter()) == GOOD
    # A request is a case without a candidate; of a request the utility is 0.
    assert await assessor.assess_request(CASE, meter=meter()) == Verdict(0.9, 0.0, 0.0)
    assert [case.candidate for case in own.cases] == [CASE.candidate, ""]


async def test_one_that_takes_the_meter_gets_it_and_calls_are_reserved_for_it() -> None:
    assessor = as_assessor(Paying())
    assert (await assessor.assess(CASE, meter=meter(700.0))).cost == 700.0
    assert len(call_sizes(assessor)) == 1


@pytest.mark.parametrize(
    ("candidate", "message"),
    [
        (lambda case: GOOD, "without a method assess"),
        (OneMethod, "OneMethod is a class: give an object of it"),
        (object(), "is of type object, without a method assess"),
        (None, "NoneType, without a method assess"),
        (7, "int, without a method assess"),
        (NotAsync(), "NotAsync: assess is not async"),
        (WithoutInput(), r"WithoutInput: assess\(\) -> .* can't be called with one input"),
        (TwoInputs(), "can't be called with one input"),
    ],
)
def test_a_wrong_object_is_refused_in_one_line_when_it_is_given(candidate: Any, message: str) -> None:
    doors: list[Callable[[], object]] = [
        lambda: as_assessor(candidate),
        lambda: minimum(OneMethod(), candidate),
    ]
    if candidate is not None:
        doors.append(lambda: EcoAlign("offline", assessor=[candidate]))
    for door in doors:
        with pytest.raises(UsageError, match=message) as error:
            door()
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (None, "assessor OneMethod returned NoneType where a Verdict is due"),
        ("safe", "assessor OneMethod returned str where a Verdict is due"),
        (0.9, "assessor OneMethod returned float where a Verdict is due"),
        (ValueError("one\ntwo"), "assessor OneMethod failed with ValueError: one two"),
        (AttributeError(), "assessor OneMethod failed with AttributeError"),
        (ExceptionGroup("several", [KeyError("x")]), "assessor OneMethod failed with ExceptionGroup: several"),
        (Verdict(0.9, 0.8, float("nan")), "with the cost nan"),
        (Verdict(0.9, 0.8, -1.0), "with the cost -1.0"),
        (Verdict(2.0, 0.8, 0.0), "is no grade within its range"),
    ],
)
async def test_what_goes_wrong_during_a_run_is_an_unknown_verdict_with_its_reason(reply: Any, reason: str) -> None:
    assessor = as_assessor(OneMethod(reply))
    for verdict in (await assessor.assess(CASE, meter=meter()), await assessor.assess_request(CASE, meter=meter())):
        assert (verdict.safety, verdict.utility) == (None, None)
        assert reason in str(verdict.unknown_reason)


@pytest.mark.parametrize("error", [BudgetError("too dear"), ModelError("gone")])
async def test_errors_that_a_run_knows_are_passed_on(error: Exception) -> None:
    with pytest.raises(type(error)):
        await as_assessor(OneMethod(error)).assess(CASE, meter=meter())


@pytest.mark.parametrize("reply", [None, ValueError("out of order")])
async def test_a_search_with_an_assessor_out_of_order_answers_nothing_that_it_can_not_vouch_for(reply: Any) -> None:
    result = await EcoAlign(ScriptedModel(), assessor=OneMethod(reply)).ask("When?")
    assert result.status in {"declined", "failed"}
    assert result.safety is None or result.safety <= 0


async def test_a_search_with_ones_own_assessor_answers() -> None:
    result = await EcoAlign(ScriptedModel(), assessor=OneMethod()).ask("When?")
    assert (result.status, result.models.assessor) == ("answered", "OneMethod")


async def test_a_draft_is_answered_with_where_its_assessment_costs_nothing() -> None:
    # Text and assessment are free then; the value of the draft must be a number all the same.
    model = ScriptedModel(task_replies(scan=scan_reply(draft="From 9 to 5.", actions=[])))
    result = await EcoAlign(model, assessor=OneMethod()).ask("When?")
    assert (result.status, result.answer, model.tasks()) == ("answered", "From 9 to 5.", ["scan"])


async def test_the_example_finds_prices_unsafe() -> None:
    assessor = as_assessor(NoPrices())
    priced = AssessmentInput("How much?", (), "", "", candidate="A ticket is $12.")
    free = AssessmentInput("When?", (), "", "", candidate="At nine.")
    assert (await assessor.assess(priced, meter=meter())).safety == -1.0
    assert (await assessor.assess(free, meter=meter())).safety == 1.0
    result = await EcoAlign(ScriptedModel(), assessor=["examples.assessor:NoPrices", ScriptedModel()]).ask("When?")
    assert result.status == "answered"
    assert "NoPrices" in str(result.models.assessor)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "kind"),
        [
            ("tests.assessors.test_custom:OneMethod", "extension"),
            ("guard:m", "guard"),
            ("moderation:m", "moderation"),
            # Modules that can be imported, and have no such attribute: their words are providers of models.
            ("openai:gpt-4.1-mini", "model"),
            ("openai:o3", "model"),
            ("nowhere_to_be_found:Name", "model"),
            ("offline", "model"),
        ],
    )
    def test_built_in_names_come_first_and_models_last(self, name: str, kind: str) -> None:
        assert parse_assessor_name(name).kind == kind

    @pytest.mark.parametrize("name", ["OneMethod", "make_assessor"])
    def test_a_class_or_a_function_without_parameters_makes_the_assessor(self, name: str) -> None:
        assessor = build(f"tests.assessors.test_custom:{name}")
        assert isinstance(assessor, CustomAssessor)
        assert assessor.name == "OneMethod"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("tests.assessors.test_custom:Missing", "can't be loaded"),
            ("tests.nowhere:Name", "can't be loaded"),
            ("tests.assessors.test_custom:NotAsync", "is not async"),
            ("tests.assessors.test_custom:GOOD", "without a method assess"),
            ("tests.assessors.cases:scripted", "without a method assess"),
            ("tests.assessors.test_registry:build", "can't be made"),
        ],
    )
    def test_what_is_no_assessor_is_refused_by_its_name(self, name: str, message: str) -> None:
        with pytest.raises(UsageError, match=message) as error:
            build(name)
        assert name in str(error.value)

    def test_an_entry_point_is_an_assessors_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        point = EntryPoint("house-rule", "tests.assessors.test_custom:OneMethod", "ecoalign_agent.assessors")
        shadow = EntryPoint("guard", "tests.assessors.test_custom:OneMethod", "ecoalign_agent.assessors")
        found = EntryPoints((point, shadow))
        monkeypatch.setattr("ecoalign_agent.extensions.entry_points", lambda group: found.select(group=group))
        assert build("house-rule").name == "OneMethod"
        # The built-in word stays what it is.
        with pytest.raises(ModelNameError, match="names no model"):
            build("guard")
