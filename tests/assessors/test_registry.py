"""Assessors by name: one place reads them."""

from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from ecoalign_agent.assessors.base import Assessor, Verdict
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.custom import CustomAssessor
from ecoalign_agent.assessors.guard import GuardAssessor
from ecoalign_agent.assessors.moderation import ModerationAssessor
from ecoalign_agent.assessors.registry import (
    AssessorParts,
    combine_assessors,
    make_assessor,
    parse_assessor_name,
    split_names,
)
from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.testing import ScriptedAssessor, ScriptedModel

GOOD = Verdict(0.9, 0.9, 1.0)


def build(choice: Any) -> Assessor:
    def endpoint(model: str | BaseChatModel) -> Endpoint:
        return Endpoint(ScriptedModel(), name=model if isinstance(model, str) else "an object")

    return make_assessor(
        choice, AssessorParts(endpoint, lambda name: ModerationEndpoint(name, api_key=SecretStr("none")))
    )


@pytest.mark.parametrize(
    ("name", "kind", "model"),
    [
        ("offline", "model", "offline"),
        ("openai:gpt-4.1-mini", "model", "openai:gpt-4.1-mini"),
        (" openai:gpt-4.1-mini ", "model", "openai:gpt-4.1-mini"),
        ("moderation:omni-moderation-latest", "moderation", "omni-moderation-latest"),
        ("guard:openai:llama-guard-3-8b", "guard", "openai:llama-guard-3-8b"),
        ("guard:llama-guard3:1b", "guard", "llama-guard3:1b"),
        ("moderator", "model", "moderator"),
    ],
)
def test_a_name_says_what_grades_and_which_model(name: str, kind: str, model: str) -> None:
    assert parse_assessor_name(name) == (kind, model)


@pytest.mark.parametrize("name", ["", " ", "moderation:", "guard:", "guard", "moderation"])
def test_a_name_without_a_model_is_the_callers_mistake(name: str) -> None:
    with pytest.raises(ModelNameError, match="names no model"):
        parse_assessor_name(name)


def test_several_names_in_one_line() -> None:
    assert split_names("offline, moderation:m ,,guard:x") == ("offline", "moderation:m", "guard:x")
    assert split_names(" ") == ()


def test_each_kind_is_built() -> None:
    assert isinstance(build("openai:m"), ModelAssessor)
    assert isinstance(build(ScriptedModel()), ModelAssessor)
    moderation, guard = build("moderation:m"), build("guard:openai:llama-guard-4-12b")
    assert isinstance(moderation, ModerationAssessor)
    assert moderation.name == "moderation:m"
    assert isinstance(guard, GuardAssessor)
    assert (guard.name, guard.sees) == ("guard:openai:llama-guard-4-12b", True)
    own = build(ScriptedAssessor(GOOD))
    assert isinstance(own, CustomAssessor)
    assert own.name == "scripted"


def test_a_search_needs_somebody_who_grades_utility() -> None:
    guard = ScriptedAssessor(GOOD, grades_utility=False, name="guard:g")
    with pytest.raises(UsageError, match="guard:g: grades safety alone, and nobody would grade utility"):
        combine_assessors([guard])
    with pytest.raises(UsageError, match="nothing would be graded"):
        combine_assessors([])
    grader = build(ScriptedAssessor(GOOD))
    assert combine_assessors([grader]) is grader
    assert combine_assessors([guard, grader]).name == "minimum of guard:g, scripted"
