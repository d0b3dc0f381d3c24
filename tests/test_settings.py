"""The environment and policy files: every mistake is one clear line, and no key is ever in it."""

import inspect
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from ecoalign_agent import Policy, Tariff
from ecoalign_agent.cli.main import ask
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.settings import Settings, read_policy, read_settings

VALUES = {
    "MODEL": ("openai:a", "openai:a"),
    "ASSESSOR": ("openai:b,guard:c", "openai:b,guard:c"),
    "BASE_URL": ("http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1"),
    "IMAGE_HOSTS": ("images.example.org,b.example", "images.example.org,b.example"),
    "TIMEOUT": ("7.5", 7.5),
    "CONCURRENCY": ("4", 4),
    "REQUESTS_PER_MINUTE": ("90", 90),
    "PRICES": ("prices.toml", "prices.toml"),
    "CACHE": ("/var/cache/ours", "/var/cache/ours"),
    "STATE": ("postgresql://me:canary-1@db/runs", SecretStr("postgresql://me:canary-1@db/runs")),
    "SERVE_KEYS": ("canary-2,canary-3", SecretStr("canary-2,canary-3")),
}
"""Every variable of ours: what stands in it, and what is read."""

OTHERS = {"openai_api_key": "OPENAI_API_KEY", "xdg_cache_home": "XDG_CACHE_HOME",
          "otel_endpoint": "OTEL_EXPORTER_OTLP_ENDPOINT"}  # fmt: skip
"""Settings that go by a name that others gave them."""

VARIABLES = [*(f"ECOALIGN_{name}" for name in VALUES), *OTHERS.values()]


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_without_an_environment_everything_has_a_default() -> None:
    settings = read_settings()
    assert (settings.model, settings.assessor, settings.base_url, settings.openai_api_key) == (
        "offline",
        None,
        None,
        None,
    )
    assert (settings.timeout, settings.concurrency, settings.requests_per_minute) == (60.0, 32, None)
    unset = (settings.image_hosts, settings.prices, settings.cache, settings.state, settings.serve_keys)
    assert unset == (None,) * 5
    assert settings.cache_folder == Path.home() / ".cache" / "ecoalign"


def test_no_setting_is_left_out_here() -> None:
    ours = {name.lower() for name in VALUES}
    assert set(Settings.model_fields) == ours | set(OTHERS)
    assert not ours & set(OTHERS)


def test_what_a_person_can_set_for_a_question_is_in_its_help() -> None:
    text = inspect.getdoc(ask) or ""
    named = set(re.findall(r"ECOALIGN_[A-Z_]+", text))
    # The server's own keys are told of where the server is.
    assert named == {f"ECOALIGN_{name}" for name in VALUES} - {"ECOALIGN_SERVE_KEYS"}
    assert "OPENAI_API_KEY" in text
    # Lines that are kept as they are; two columns are put before them.
    assert [line for line in text.splitlines() if line.startswith("  ") and len(line) > 78] == []


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (text, _) in VALUES.items():
        monkeypatch.setenv(f"ECOALIGN_{name}", text)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    settings = read_settings()
    assert {name: getattr(settings, name.lower()) for name in VALUES} == {
        name: read for name, (_, read) in VALUES.items()
    }
    assert settings.otel_endpoint == "http://127.0.0.1:4318"
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "sk-secret-123456"
    shown = repr(settings) + str(settings.model_dump())
    assert "sk-secret" not in shown
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("cache", "xdg", "folder"),
    [
        ("/a", "/b", Path("/a")),
        ("off", "/b", None),
        (" OFF ", "", None),
        ("", "/b", Path("/b/ecoalign")),
        ("", "b", Path.home() / ".cache" / "ecoalign"),
    ],
)
def test_the_cache_is_where_it_was_said_to_be(
    cache: str, xdg: str, folder: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOALIGN_CACHE", cache)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert read_settings().cache_folder == folder


def test_a_variable_set_to_nothing_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
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
        ("ECOALIGN_REQUESTS_PER_MINUTE", "0"),
        ("ECOALIGN_REQUESTS_PER_MINUTE", "1.5"),
    ],
)
def test_a_value_that_does_not_fit_names_variable_and_value(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-123456")
    with pytest.raises(UsageError, match=f"environment variable {variable} is '{value}', must be ") as error:
        read_settings()
    assert "\n" not in str(error.value)
    assert "sk-secret" not in str(error.value)


def policy(folder: Path, text: str | bytes) -> Policy:
    file = folder / "policy.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_policy(file)


def test_a_policy_file_sets_any_setting(tmp_path: Path) -> None:
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
def test_a_setting_that_does_not_fit_is_named_with_its_limit(text: str, says: str, tmp_path: Path) -> None:
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


@pytest.mark.parametrize(
    ("name", "said"), [("frugul", "did you mean frugal"), ("Frugal", "did you mean frugal"), ("x", "no preset")]
)
def test_a_preset_that_is_none_is_told_with_those_there_are(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_policy(name)
