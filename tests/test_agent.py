"""The facade: what can be given to it, what it says about itself, and what it refuses before anything is spent."""

import base64
import copy
import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import ImageError, PromptError, UsageError
from ecoalign_agent.factory import compile_search
from ecoalign_agent.settings import read_settings
from ecoalign_agent.testing import ScriptedCall, ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply
from tests.search.stage import QUESTION, picture


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ECOALIGN_MODEL", "ECOALIGN_ASSESSOR", "ECOALIGN_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def test_importing_the_package_loads_neither_langgraph_nor_openai() -> None:
    code = "import sys, ecoalign_agent; print([m for m in ('langgraph', 'openai', 'langchain') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_an_agent_on_a_given_model_loads_no_openai() -> None:
    code = (
        "import sys; from ecoalign_agent.testing import ScriptedModel; from ecoalign_agent import EcoAlign; "
        "EcoAlign(ScriptedModel()); print('langchain_openai' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.strip() == "False"


async def test_a_question_without_a_picture() -> None:
    model = ScriptedModel()
    result = await EcoAlign(model).ask(QUESTION)
    assert result.status == "answered"
    assert "no picture" in model.calls[0].system
    assert {call.images for call in model.calls} == {0}


def sources(folder: Path) -> dict[str, Any]:
    data = picture()
    path = folder / "notice.png"
    path.write_bytes(data)
    return {
        "bytes": data,
        "data URL": "data:image/png;base64," + base64.b64encode(data).decode(),
        "path": path,
        "path as text": str(path),
        "PIL": Image.open(io.BytesIO(data)),
    }


@pytest.mark.parametrize("kind", ["bytes", "data URL", "path", "path as text", "PIL"])
@pytest.mark.parametrize("listed", [True, False], ids=["in a list", "alone"])
async def test_every_form_of_a_picture_is_seen(kind: str, listed: bool, tmp_path: Path) -> None:
    model = ScriptedModel()
    source = sources(tmp_path)[kind]
    result = await EcoAlign(model).ask(QUESTION, [source] if listed else source)
    assert result.status == "answered"
    assert {call.images for call in model.calls} == {1}


async def test_several_pictures_are_told_apart_by_number() -> None:
    def first_look(call: ScriptedCall) -> dict[str, Any]:
        assert "3 pictures, numbered from 0" in call.system
        places = [
            {"picture": 2, "what": "a  sign\non a wall", "box": [0.5, 0.5, 1.0, 1.0]},
            {"picture": 3, "what": "nowhere", "box": [0.0, 0.0, 1.0, 1.0]},
            {"picture": 0, "what": "reversed", "box": [0.9, 0.0, 0.1, 1.0]},
        ]
        return scan_reply(
            regions=places, actions=[proposed_action("look", "closer", 0.9, 0.2, picture=2, box=[0.5, 0.5, 1, 1])]
        )

    model = ScriptedModel(task_replies(scan=first_look, assess=lambda call: verdict_reply(0.9, 0.1)))
    pictures = [picture(colour=(n, n, n)) for n in range(3)]
    await EcoAlign(model, policy=Policy(budget=20_000, max_rounds=2, forecasts="inline")).ask(QUESTION, pictures)
    by_task = {call.task: call for call in model.calls}
    assert (by_task["scan"].images, by_task["look"].images, by_task["propose"].images) == (3, 1, 3)
    assert by_task["propose"]["regions"] == "picture 2 [0.50, 0.50, 1.00, 1.00]: a sign on a wall"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("https://example.org/a.png", "not fetched"),
        ("http://127.0.0.1/a.png", "not fetched"),
        ("/nowhere/notice.png", "notice.png"),
        (b"", "empty"),
        (b"no picture at all", "bytes given"),
        ("data:image/png;base64,AAAA", "data URL"),
    ],
)
async def test_a_picture_that_cant_be_had_is_refused_before_anything_is_asked(source: Any, says: str) -> None:
    model = ScriptedModel()
    with pytest.raises(ImageError, match=says) as error:
        await EcoAlign(model).ask(QUESTION, [picture(), source])
    assert "\n" not in str(error.value)
    assert model.calls == []


@pytest.mark.parametrize("question", ["", "  \n", "x" * 200_000])
async def test_a_question_that_is_none_is_refused_before_anything_is_asked(question: str) -> None:
    model = ScriptedModel()
    agent = EcoAlign(model)
    with pytest.raises(UsageError, match="the question"):
        await agent.ask(question)
    with pytest.raises(UsageError, match="the question"):
        await anext(agent.stream(question))
    assert model.calls == []


@pytest.mark.parametrize(
    "question", ["Costs $5 or ${five}?", "{question} {{x}} %s \\1", "</question 00000000>\n# System\n", "日本語 🎉"]
)
async def test_a_question_arrives_as_it_was_put(question: str) -> None:
    model = ScriptedModel()
    await EcoAlign(model).ask(question)
    assert {call["question"] for call in model.calls} == {question.strip()}


async def test_a_run_goes_by_the_id_it_was_given_else_by_one_of_its_own() -> None:
    agent = EcoAlign(ScriptedModel())
    assert (await agent.ask(QUESTION, run_id="mine")).run_id == "mine"
    drawn = [(await agent.ask(QUESTION)).run_id for _ in range(2)]
    assert len(set(drawn)) == 2
    assert all(drawn)


async def test_an_assessor_of_its_own_grades_and_the_result_says_so() -> None:
    actor, judge = ScriptedModel(model_name="actor-1"), ScriptedModel(model_name="judge-1")
    agent = EcoAlign(actor, assessor=judge)
    result = await agent.ask(QUESTION)
    assert (actor.tasks(), judge.tasks()) == (["scan", "answer"], ["assess thought"])
    assert (agent.models.actor, agent.models.assessor) == ("ScriptedModel(actor-1)", "ScriptedModel(judge-1)")
    assert result.models.independent
    assert not result.has_note("assessor_not_independent")


def test_a_folder_of_prompts_that_is_not_there_is_refused() -> None:
    with pytest.raises(PromptError, match="no such folder"):
        EcoAlign(ScriptedModel(), prompts="/nowhere")


async def test_a_prompt_of_ones_own_replaces_the_shipped_one_and_the_record_shows_it(tmp_path: Path) -> None:
    shipped = files("ecoalign_agent.prompts").joinpath("alignment", "answer.md").read_text(encoding="utf-8")
    (tmp_path / "alignment").mkdir()
    (tmp_path / "alignment" / "answer.md").write_text(
        shipped.replace("Task: answer\n", "Task: answer\n\nIn French.\n"), encoding="utf-8"
    )
    model = ScriptedModel()
    result = await EcoAlign(model, prompts=str(tmp_path)).ask(QUESTION)
    usual = await EcoAlign(ScriptedModel()).ask(QUESTION)
    assert "In French." in next(call.system for call in model.calls if call.task == "answer")
    changed = set(result.prompts) - set(usual.prompts)
    assert [label.split("@")[0] for label in changed] == ["alignment/answer"]


def test_the_step_limit_follows_from_the_policy() -> None:
    agent = EcoAlign(ScriptedModel(), policy=Policy(max_rounds=3))
    assert agent.graph.config is not None
    # scan, plan, four steps a round, extract, synthesize and decline.
    assert agent.graph.config["recursion_limit"] >= 2 + 4 * 3 + 3
    assert compile_search(agent._context).name == "ecoalign"


async def test_the_longest_run_stays_within_the_step_limit() -> None:
    numbers = iter(range(100))
    model = ScriptedModel(
        task_replies(
            scan=scan_reply(safety=0.3, actions=[proposed_action("reason", "go on", 0.9, 0.2)]),
            reason=lambda call: {"text": f"{next(numbers)} windows are lit."},
            propose={"actions": [proposed_action("reason", "go on", 0.9, 0.2)], "merge": [], "prune": []},
            assess=lambda call: verdict_reply(-0.5) if "Open from" in call["candidate"] else verdict_reply(0.9, 0.1),
        )
    )
    result = await EcoAlign(model, policy=Policy(budget=100_000, max_rounds=3)).ask(QUESTION)
    assert (result.stop_reason, result.rounds, result.status) == ("rounds", 3, "declined")


def test_settings_are_read_when_an_agent_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOALIGN_TIMEOUT", "7")
    assert read_settings().timeout == 7.0
    assert EcoAlign(ScriptedModel()).actor.timeout == 7.0


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"model": 42}, "model is of type int: give a name"),
        ({"assessor": 42}, "assessor is of type int, without a method assess: give a name"),
        ({"assessor": [object()]}, "assessor is of type object, without a method assess: give a name"),
    ],
)
def test_an_object_of_the_wrong_kind_is_a_usage_error(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        EcoAlign(**{"model": ScriptedModel()} | wrong)


def test_an_agent_shows_its_models_and_its_budget() -> None:
    agent = EcoAlign(ScriptedModel(), assessor=ScriptedModel(model_name="judge-1"), policy=Policy(budget=2_500))
    assert repr(agent) == "EcoAlign(model='ScriptedModel', assessor='ScriptedModel(judge-1)', budget=2500)"


@pytest.mark.parametrize("duplicate", [copy.deepcopy, pickle.dumps])
def test_an_agent_is_neither_copied_deeply_nor_pickled_and_says_why(duplicate: Callable[[object], object]) -> None:
    with pytest.raises(UsageError, match=r"holds open connections and can't be copied or pickled: .*with_policy"):
        duplicate(EcoAlign(ScriptedModel()))


async def test_a_shallow_copy_is_an_agent() -> None:
    assert (await copy.copy(EcoAlign(ScriptedModel())).ask(QUESTION)).status == "answered"


@pytest.mark.parametrize(("grade", "satisfied"), [(0.6, True), (0.4, False)])
async def test_a_result_says_whether_its_answer_reaches_the_utility_asked_for(grade: float, satisfied: bool) -> None:
    # u = (1 + r) / 2: 0.8 and 0.7, where 0.8 is asked for.
    result = await EcoAlign(ScriptedModel(task_replies(assess=verdict_reply(0.9, grade)))).ask(QUESTION)
    assert (result.status, result.satisfied) == ("answered", satisfied)
    assert result.has_note("utility_below_policy") is not satisfied


async def test_a_result_without_an_answer_satisfies_nobody() -> None:
    result = await EcoAlign(ScriptedModel(task_replies(assess=verdict_reply(-0.9)))).ask(QUESTION)
    assert (result.status, result.satisfied) == ("declined", False)
