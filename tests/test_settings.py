"""The environment and policy files: every mistake is one clear line, and no key is ever in it."""

from pathlib import Path

import pytest

from ecoalign_agent import Policy, Tariff
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.settings import Settings, read_policy, read_settings

VARIABLES = ["MODEL", "ASSESSOR", "BASE_URL", "TIMEOUT", "CONCURRENCY"]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(f"ECOALIGN_{name}", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def test_without_an_environment_everything_has_a_default() -> None:
    settings = read_settings()
    assert (settings.model, settings.assessor, settings.base_url, settings.openai_api_key) == (
        "offline",
        None,
        None,
        None,
    )
    assert (settings.timeout, settings.concurrency) == (60.0, 32)


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in zip(VARIABLES, ["openai:a", "openai:b", "http://127.0.0.1:1/v1", "7.5", "4"], strict=True):
        monkeypatch.setenv(f"ECOALIGN_{name}", value)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456")
    settings = read_settings()
    assert (settings.model, settings.assessor) == ("openai:a", "openai:b")
    assert (settings.base_url, settings.timeout, settings.concurrency) == ("http://127.0.0.1:1/v1", 7.5, 4)
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-secret-123456"
    assert "sk-secret" not in repr(settings) + str(settings.model_dump())


def test_a_variable_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(f"ECOALIGN_{name}", "")
    monkeypatch.setenv("OPENAI_API_KEY", "")
    assert read_settings() == Settings()
    assert read_settings().base_url is None
    assert read_settings().openai_api_key is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("ECOALIGN_TIMEOUT", "soon"),
        ("ECOALIGN_TIMEOUT", "0"),
        ("ECOALIGN_TIMEOUT", "-1"),
        ("ECOALIGN_TIMEOUT", "nan"),
        ("ECOALIGN_TIMEOUT", "inf"),
        ("ECOALIGN_CONCURRENCY", "0"),
        ("ECOALIGN_CONCURRENCY", "1.5"),
        ("ECOALIGN_CONCURRENCY", "many"),
    ],
)
def test_a_value_that_does_not_fit_names_variable_and_value(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456")
    with pytest.raises(UsageError, match=f"environment variable {variable} is '{value}': ") as error:
        read_settings()
    assert "\n" not in str(error.value)
    assert "sk-secret" not in str(error.value)


def policy(folder: Path, text: str | bytes) -> Policy:
    file = folder / "policy.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_policy(file)


def test_a_policy_file_sets_any_knob(tmp_path: Path) -> None:
    assert policy(tmp_path, "") == Policy()
    assert policy(tmp_path, "budget = 4000\nk = 0.1\nvalue = 'npv'\ndraft = false") == Policy(
        budget=4000, k=0.1, value="npv", draft=False
    )
    assert policy(tmp_path, "preset = 'frugal'\nbranching = 4") == Policy.frugal().replace(branching=4)
    assert policy(tmp_path, "tariff = 'processed'").tariff == Tariff.processed()
    assert policy(tmp_path, "[tariff]\nimage = 0.5").tariff.image == 0.5


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert policy(tmp_path, b"\xef\xbb\xbfbudget = 4000").budget == 4000.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("bugdet = 4000", "there is no 'bugdet'; the nearest is 'budget'"),
        ("[search]\nk = 0.05", "there is no 'search'"),
        ("budget = 0", "budget is 0, must be a number above 0"),
        ("budget = '4000'", "budget is '4000'"),
        ("budget = true", "budget is True"),
        ("budget = inf", "budget is inf"),
        ("k = 1.5", "k is 1.5, must be a number at least 0 and at most 1"),
        ("k = nan", "k is nan"),
        ("discount = 0", "discount is 0"),
        ("discount = -0.5", "discount is -0.5"),
        ("width = 0", "width is 0"),
        ("max_rounds = 2.5", "max_rounds is 2.5"),
        ("deadline = -1", "deadline is -1"),
        ("deadline = 1979-05-27", "deadline is datetime.date"),
        ("value = 'irr'", "value is 'irr', must be one of 'rate', 'npv'"),
        ("value = ['rate']", "value is"),
        ("draft = 1", "draft is 1, must be one of True, False"),
        ("preset = 'thrifty'", "preset is 'thrifty', must be one of 'default', 'frugal', 'strict', 'paper'"),
        ("preset = 7", "preset is 7"),
        ("tariff = 'free'", "tariff is 'free'"),
        ("[tariff]\ntext = -1", "tariff: text is -1"),
        ("[tariff]\ncompletion = 0", "tariff: completion is 0"),
        ("[tariff]\nvideo = 1", "there is no 'video'"),
        ("budget = 1" + "0" * 400, "too large"),
    ],
)
def test_a_knob_that_does_not_fit_is_named_with_its_limit(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as error:
        policy(tmp_path, text)
    assert says in str(error.value)
    assert str(error.value).startswith(f"policy file {str(tmp_path / 'policy.toml')!r}: ")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        "budget: 4000",
        "budget = ",
        "budget = 4000\nbudget = 5000",
        "budget = 1" + "0" * 5000,
        b"\xff\xfeb",
        b"\x00",
        b"\x89PNG\r\n\x1a\n",
    ],
    ids=["yaml", "no value", "twice", "thousands of digits", "utf-16", "a zero byte", "a picture"],
)
def test_a_file_that_is_no_toml_is_refused_in_one_line(text: str | bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is no TOML") as error:
        policy(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_file_that_cant_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"policy file '.*nowhere\.toml': No such file"):
        read_policy(tmp_path / "nowhere.toml")
    with pytest.raises(UsageError, match="Is a directory"):
        read_policy(tmp_path)
    with pytest.raises(UsageError, match="policy file"):
        read_policy("a\0b")
