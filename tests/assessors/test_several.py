"""Several assessors in a whole search: who has a say, what the result tells of it, and what is reserved for it."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent import EcoAlign, Policy, Tariff
from ecoalign_agent.assessors.base import CallSize, Verdict
from ecoalign_agent.economics.cost import CALL_TOKENS, TokenRange
from ecoalign_agent.errors import BudgetTooSmallError, ModelNameError, UsageError
from ecoalign_agent.search.cost_model import REREAD_FACTOR, AssessmentCall, CallFigures, CostModel, PromptSizes
from ecoalign_agent.testing import (
    AnyReply,
    ScriptedAssessor,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    scan_reply,
    task_replies,
    verdict_reply,
)
from tests.scripted_server import Answer as Served
from tests.scripted_server import Raw, saying
from tests.scripted_server.moderations import ModerationServer, moderation
from tests.search.stage import QUESTION, picture

GOOD = Verdict(0.9, 0.9, 0.0)
SORRY = "I'm sorry for the wait. It is open from 9 to 5."
BARE = "It is open from 9 to 5."


def judge(**parts: Any) -> ScriptedModel:
    return ScriptedModel(task_replies(**parts))


@pytest.fixture(scope="module")
def running_server() -> Iterator[ModerationServer]:
    with ModerationServer() as server:
        yield server


@pytest.fixture
def server(running_server: ModerationServer) -> ModerationServer:
    return running_server.reset()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ECOALIGN_ASSESSOR", "ECOALIGN_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


async def test_any_of_them_can_stop_an_answer() -> None:
    actor, lenient, strict = judge(), judge(), judge(assess=verdict_reply(-0.6, 0.9, ["S2"]))
    result = await EcoAlign(actor, assessor=[lenient, strict]).ask(QUESTION)
    assert result.status == "declined"
    assert {pruned.safety for pruned in result.pruned} == {-0.6}
    assert set(lenient.tasks()) == set(strict.tasks()) == {"assess thought"}
    assert "assess thought" not in actor.tasks()


async def test_a_name_a_model_an_object_and_a_list_of_them_will_do(server: ModerationServer) -> None:
    def answer(body: dict[str, Any]) -> Served:
        return moderation() if "input" in body else saying(json.dumps(verdict_reply()))(body)

    server.answering(answer)
    own = ScriptedAssessor(GOOD, name="own rules")
    agent = EcoAlign(judge(), assessor=["openai:m", "moderation:mod", judge(), own], base_url=server.url)
    result = await agent.ask(QUESTION)
    assert result.status == "answered"
    assert result.models.assessor == "minimum of openai:m, moderation:mod, ScriptedModel, own rules"
    assert result.models.independent
    assert len(own.inputs) == len(server.bodies) / 2
    await agent.aclose()


async def test_the_policy_and_the_environment_name_them_too(
    server: ModerationServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOALIGN_ASSESSOR", "openai:e, moderation:mod")
    by_environment = EcoAlign(judge(), base_url=server.url)
    by_policy = EcoAlign(judge(), policy=Policy(assessors=("openai:p",)), base_url=server.url)
    by_caller = EcoAlign(judge(), assessor="openai:c", policy=Policy(assessors=("openai:p",)), base_url=server.url)
    assert by_environment.models.assessor == "minimum of openai:e, moderation:mod"
    assert (by_policy.models.assessor, by_caller.models.assessor) == ("openai:p", "openai:c")


def test_safety_alone_is_not_enough(server: ModerationServer) -> None:
    with pytest.raises(UsageError, match="nobody would grade utility"):
        EcoAlign(judge(), assessor="moderation:mod", base_url=server.url)
    with pytest.raises(UsageError, match="nothing would be graded"):
        EcoAlign(judge(), assessor=[])
    with pytest.raises(ModelNameError, match="moderation:mod needs a key"):
        EcoAlign(judge(), assessor="moderation:mod")


async def test_the_result_says_who_is_independent(server: ModerationServer) -> None:
    server.answering(moderation())
    actor = judge()
    itself = EcoAlign(actor, assessor=actor)
    assert not itself.models.independent
    beside = EcoAlign(actor, assessor=[actor, "moderation:mod"], base_url=server.url)
    assert beside.models.independent
    result = await beside.ask(QUESTION)
    assert result.has_note("utility_not_independent")
    assert not result.has_note("assessor_not_independent")
    assert EcoAlign(actor, assessor=[actor, ScriptedAssessor(GOOD, name="other")]).models.independent
    await beside.aclose()


async def test_a_moderation_endpoint_that_is_not_there_fails_the_run_and_refuses_nobody(
    server: ModerationServer,
) -> None:
    server.answering(Raw('{"error": {"message": "no such path"}}', 404))
    agent = EcoAlign(judge(), assessor=[judge(), "moderation:mod"], base_url=server.url)
    result = await agent.ask(QUESTION)
    assert result.status == "failed"
    assert "nothing was sent elsewhere" in (result.failure or "")
    await agent.aclose()


# ---- Manners --------------------------------------------------------------------------------------------------------


def by_manners(bare: dict[str, Any]) -> Any:
    return lambda call: verdict_reply() if "sorry" in call["candidate"] else bare


async def test_an_apology_does_not_carry_an_unsafe_answer_through() -> None:
    model = judge(
        answer={"text": SORRY}, synthesize={"text": SORRY}, assess=by_manners(verdict_reply(-0.7, 0.9, ["S2"]))
    )
    result = await EcoAlign(model).ask(QUESTION)
    assert result.status == "declined"
    assert result.answer is None or "9 to 5" not in result.answer
    candidates = [call["candidate"] for call in model.calls if call.task == "assess thought"]
    assert candidates[:2] == [SORRY, BARE]


async def test_the_lower_grade_stands_in_the_result() -> None:
    model = judge(answer={"text": SORRY}, assess=by_manners(verdict_reply(0.55, 0.7)))
    result = await EcoAlign(model).ask(QUESTION)
    assert (result.status, result.answer) == ("answered", SORRY)
    # The utility is the raw grade 0.7 made non-negative: 1.7 / 2.
    assert (result.path[-1].safety, result.path[-1].utility) == (0.55, 0.85)


async def test_a_second_grade_that_can_not_be_read_is_unknown() -> None:
    model = judge(answer={"text": SORRY}, synthesize={"text": SORRY}, assess=by_manners("fine, I think"))  # type: ignore[arg-type] # prose
    result = await EcoAlign(model).ask(QUESTION)
    assert result.status == "declined"
    assert result.unknown_verdicts > 0


async def test_notes_of_the_search_are_graded_once() -> None:
    model = judge(scan=scan_reply(safety=0.3), plan={"text": SORRY})
    await EcoAlign(model).ask(QUESTION)
    assert [call["candidate"] for call in model.calls if call.task == "assess thought"].count(SORRY) == 1


# ---- What is reserved -----------------------------------------------------------------------------------------------


def to_the_brim(**parts: Any) -> ScriptedModel:
    """As dear as an honest model can be: all that it may write, and every token of the prompt."""
    play = task_replies(**parts)

    def filled(call: ScriptedCall) -> AnyReply:
        said = play(call)
        assert isinstance(said, dict)
        return ScriptedReply(said, prompt_tokens=call.prompt_tokens, completion_tokens=call.max_tokens or 0)

    return ScriptedModel(filled)


@pytest.mark.parametrize("assessors", [1, 2, 4])
@pytest.mark.parametrize("pictures", [0, 2])
@pytest.mark.parametrize("twice", [False, True])
async def test_what_is_set_aside_pays_for_all_of_them_at_their_dearest(
    assessors: int, pictures: int, twice: bool
) -> None:
    images = [picture(colour=(n, 0, 0)) for n in range(pictures)]

    def agent(budget: float) -> EcoAlign:
        policy = Policy(budget=budget, assess_answers_twice=twice)
        # Image tokens are not counted by the scripted model: what is reserved for them is slack.
        return EcoAlign(
            to_the_brim(scan=scan_reply(safety=1.0, actions=[])),
            policy=policy,
            assessor=[to_the_brim() for _ in range(assessors)],
        )

    with pytest.raises(BudgetTooSmallError) as error:
        await agent(1.0).ask(QUESTION, images)
    least = re.search(r"least is about ([\d.]+)", str(error.value))
    assert least is not None
    result = await agent(float(least[1])).ask(QUESTION, images)
    assert result.status == "answered", result
    assert result.unknown_verdicts == 0
    assert result.cost.spent <= result.cost.budget
    assert result.cost.overrun == 0


async def test_more_assessors_need_more() -> None:
    needed = []
    for number in (1, 2, 3):
        with pytest.raises(BudgetTooSmallError) as error:
            await EcoAlign(judge(), policy=Policy(budget=1), assessor=[judge()] * number).ask(QUESTION)
        found = re.search(r"least is about ([\d.]+)", str(error.value))
        assert found is not None
        needed.append(float(found[1]))
    assert needed[0] < needed[1] < needed[2]
    # Each adds its prompt and the most it may write; two figures are told.
    assert needed[2] - needed[1] == pytest.approx(needed[1] - needed[0], abs=100)


def test_the_sizes_of_all_of_them_are_reckoned_with(server: ModerationServer) -> None:
    one = EcoAlign(judge(), assessor=judge())._context.sizes
    agent = EcoAlign(judge(), assessor=[judge(), "moderation:mod", "guard:g"], base_url=server.url)
    sizes = agent._context.sizes
    assert [call.max_tokens for call in sizes.assessment] == [CALL_TOKENS["assess"].max, 0, CALL_TOKENS["assess"].min]
    assert [call.family is None for call in sizes.assessment] == [False, False, True]
    assert sizes.calls["assess"].prompt == one.calls["assess"].prompt + sum(
        call.prompt for call in sizes.assessment[1:]
    )


async def test_manners_can_be_paid_for_at_the_end_of_a_budget() -> None:
    # Scan and answer to the brim, then both verdicts: from what is free, or from what is set aside.
    parts: dict[str, Any] = {"scan": scan_reply(safety=1.0, actions=[])}
    parts |= {"answer": {"text": SORRY}, "synthesize": {"text": SORRY}}
    # The ending keeps room for a second grade where that takes no more than 0.3 of the budget; see the scan node.
    for budget in range(4_750, 6_500, 250):
        model = to_the_brim(**parts)
        result = await EcoAlign(model, policy=Policy(budget=budget)).ask(QUESTION)
        candidates = [call["candidate"] for call in model.calls if call.task == "assess thought"]
        assert candidates[:2] == [SORRY, BARE], budget
        assert (result.status, result.answer) == ("answered", SORRY)
        assert result.cost.spent <= result.cost.budget


async def test_where_a_second_grade_does_not_fit_an_answer_with_manners_is_unknown_and_one_without_is_not() -> None:
    for text, status in ((SORRY, "declined"), (BARE, "answered")):
        parts: dict[str, Any] = {"scan": scan_reply(safety=1.0, actions=[]), "synthesize": {"text": text}}
        with pytest.raises(BudgetTooSmallError) as error:
            await EcoAlign(to_the_brim(**parts), policy=Policy(budget=1)).ask(QUESTION)
        least = re.search(r"least is about ([\d.]+)", str(error.value))
        assert least is not None
        result = await EcoAlign(to_the_brim(**parts), policy=Policy(budget=float(least[1]))).ask(QUESTION)
        assert result.status == status
        assert result.cost.spent <= result.cost.budget


@pytest.mark.parametrize("budget", range(2_250, 3_250, 100))
async def test_a_polite_refusal_can_be_paid_for_too(budget: int) -> None:
    refusal = "I'm sorry, but I can't help with that. I can tell you the opening hours."
    model = to_the_brim(scan=scan_reply(safety=-0.9), decline={"text": refusal})
    result = await EcoAlign(model, policy=Policy(budget=budget, confirm_decline=False)).ask(QUESTION)
    assert (result.status, result.answer) == ("declined", refusal)
    assert model.tasks() == ["scan", "decline", "assess thought", "assess thought"]
    assert result.cost.spent <= result.cost.budget


ANSWER_TOKENS = TokenRange(80, 120, 500)
SIZES = PromptSizes(
    {"answer": CallFigures(400, ANSWER_TOKENS), "reason": CallFigures(380, TokenRange(70, 80, 300))},
    800,
    (
        CallSize(1_000, "unknown", CALL_TOKENS["assess"].max),
        CallSize(700, None, 48, per_image=True),
        CallSize(8, "unknown", 0),
    ),
)


def costing(pictures: int = 0) -> CostModel:
    times = [max(1, pictures) if size.per_image else 1 for size in SIZES.assessment]
    calls = [AssessmentCall(size, Tariff(), 0, count) for size, count in zip(SIZES.assessment, times, strict=True)]
    return CostModel(SIZES, Tariff(), 50, 0, calls)


def test_one_verdict_costs_the_calls_of_all() -> None:
    # Prompts of 1 000, 700 and 8 with 50 + 20 each; 30 tokens expected of the first two, none of the third.
    assert costing().call("assess", path=20) == 0.25 * (1_708 + 3 * 70) + 2 * 30
    # With two pictures the second is asked twice.
    assert costing(2).call("assess", path=20) == 0.25 * (2_408 + 4 * 70) + 3 * 30
    assert (costing().assessment_calls(2), costing(2).assessment_calls(1)) == (6, 4)
    # What they may write at the most is their own affair: 120, 48 and 0.
    assert costing().call("assess", completion=1_000) == 0.25 * (1_708 + 150) + 168


def test_all_but_the_last_may_write_the_most() -> None:
    # Two verdicts: prompts twice, 2 · 168 to write, but the last call of the first kind is content with 48 of its 120.
    assert costing().assessments(count=2) == 0.25 * 2 * (1_708 + 150) + 336 - 72


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 6_000), st.integers(0, 300), st.integers(1, 3), st.integers(0, 3), st.integers(0, 4))
def test_what_is_held_for_all_verdicts_suffices_for_any_text_that_fits_beside_it(
    free: float, path: int, verdicts: int, pictures: int, read_again: int
) -> None:
    c = costing(pictures)
    share = c.assessment_share("answer", free, path=path, assessments=verdicts, final_readers=read_again)
    if share is None:
        return
    rest = free - share - c.call("answer", path=path, completion=0)
    assert rest >= ANSWER_TOKENS.min - 1e-6
    tokens = min(rest, ANSWER_TOKENS.max)
    needed = c.assessments(path=path + int(REREAD_FACTOR * tokens), count=verdicts)
    ending = 0.25 * read_again * int(REREAD_FACTOR * tokens)
    assert c.call("answer", path=path, completion=tokens) + needed + ending <= free + 1e-6
