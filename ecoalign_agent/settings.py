"""The only reader of the environment and of configuration files."""

import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError

PRESETS = ("frugal", "strict", "paper")
"""The policies that go by a name of their own."""


class Settings(BaseSettings):
    """What the environment says; the command line and the caller say it louder.

    Attributes:
        model: the actor, such as ``openai:gpt-4o-mini``; ``offline`` needs no key and no network.
        assessor: who grades, several separated by commas; None: the actor's own model.
        base_url: an OpenAI-compatible server; None: OpenAI's.
        openai_api_key: the key for ``openai:`` models.
        timeout: seconds that one call may take.
        concurrency: calls open at one endpoint at the same time, at most.
    """

    # A variable that is set to nothing counts as not set, as shells and container files mean it.
    model_config = SettingsConfigDict(
        env_prefix="ECOALIGN_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    model: str = "offline"
    assessor: str | None = None
    base_url: str | None = None
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=32, ge=1)


def read_settings() -> Settings:
    """The settings from the environment.

    Raises:
        UsageError: a variable has a value that does not fit.
    """
    try:
        settings = Settings()
    except ValidationError as error:
        first = error.errors()[0]
        # The key, which goes by its own name, takes any text: no message can show it.
        variable = f"ECOALIGN_{first['loc'][0]}".upper()
        raise UsageError(f"environment variable {variable} is {first['input']!r}: {first['msg']}") from error
    if settings.base_url is not None:
        checked_base_url(settings.base_url)
    return settings


def checked_base_url(url: str) -> str:
    """The address of an OpenAI-compatible server.

    Raises:
        UsageError: it is no http or https URL.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        bare = url.split("://", 1)[-1] or "localhost:8000"
        raise UsageError(f"base URL {url!r} is no http(s) address; write it whole, such as http://{bare.rstrip('/')}")
    return url


def read_policy(path: str | Path) -> Policy:
    """The policy in a TOML file: any of ``Policy``'s knobs, and ``preset`` to start from another than the default.

    The bare name of a preset stands for a file that says no more than that.

    Raises:
        UsageError: there is no such file, or it is no TOML.
        PolicyError: an unknown knob, or a value out of range.
    """
    if str(path) in PRESETS and not Path(path).exists():
        return Policy.from_mapping({"preset": str(path)})
    try:
        # Some editors begin a file with a byte order mark.
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"policy file {str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:
        # No TOML, no UTF-8, a number of thousands of digits, or a path with a NUL in it.
        raise UsageError(f"policy file {str(path)!r} is no TOML: {error}") from error
    try:
        return Policy.from_mapping(content)
    except PolicyError as error:
        raise PolicyError(f"policy file {str(path)!r}: {error}") from error
