"""From names and objects to models: who can be built, who is independent of whom, and what no message shows."""

import pytest
from pydantic import SecretStr

from ecoalign_agent import EcoAlign
from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.factory import are_independent, build_endpoint
from ecoalign_agent.settings import Settings
from ecoalign_agent.testing import ScriptedModel


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "ECOALIGN_MODEL", "ECOALIGN_ASSESSOR", "ECOALIGN_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)


def test_who_is_independent_of_whom() -> None:
    one, other = ScriptedModel(model_name="m"), ScriptedModel(model_name="m")
    assert not are_independent(one, one)
    # Two objects of one name are one model.
    assert not are_independent(one, other)
    assert not are_independent("openai:m", "openai:m")
    # Neither does a provider before the name make another one of it.
    assert not are_independent(one, "openai:m")
    assert not are_independent("llama3:8b", "ollama:llama3:8b")
    # Nothing is known of a nameless model and another one of its class: that is no reason to call them two.
    assert not are_independent(ScriptedModel(), ScriptedModel())
    assert not are_independent(ScriptedModel(), one)
    assert are_independent(one, ScriptedModel(model_name="n"))
    assert are_independent("openai:m", "openai:n")
    assert are_independent("openai:mm", "openai:m")


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("openai:gpt-4o-mini", "needs a key: set OPENAI_API_KEY"),
        ("openai:", "names no model"),
        ("openai", "names no model"),
        ("", "names no model"),
        (" ", "names no model"),
        ("nobody:nothing", "can't be built"),
        ("no-such-model", "can't be built"),
    ],
)
def test_a_model_that_cant_be_built_is_told_in_one_line(model: str, says: str) -> None:
    with pytest.raises(ModelNameError, match=says) as error:
        EcoAlign(model)
    assert "\n" not in str(error.value)


def test_a_key_is_taken_and_never_shown() -> None:
    agent = EcoAlign("openai:gpt-4o-mini", api_key="sk-very-secret-1", assessor="offline")
    assert agent.models.actor == "openai:gpt-4o-mini"
    assert "sk-very-secret-1" not in repr(agent.models) + repr(vars(agent))
    EcoAlign("openai:gpt-4o-mini", api_key=SecretStr("sk-very-secret-1"))


def test_a_server_of_ones_own_needs_no_key_and_takes_any_name() -> None:
    for name in ("openai:qwen", "qwen", "Qwen/Qwen2.5-VL-7B-Instruct"):
        endpoint = build_endpoint(name, Settings(base_url="http://127.0.0.1:9/v1"))
        assert endpoint.name == name


def test_the_environment_names_the_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOALIGN_MODEL", "openai:from-the-environment")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1234567890")
    assert EcoAlign().models.actor == "openai:from-the-environment"
    assert EcoAlign("openai:given").models.actor == "openai:given"
    monkeypatch.setenv("ECOALIGN_ASSESSOR", "openai:judge")
    assert EcoAlign().models.assessor == "openai:judge"
