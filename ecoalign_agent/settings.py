"""The only reader of the environment and of configuration files."""

import tomllib
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import PolicyError, UsageError


class Settings(BaseSettings):
    """What the environment says; the command line and the caller say it louder.

    Attributes:
        model: the actor, such as ``openai:gpt-4o-mini``; ``offline`` needs no key and no network.
        assessor: the model that grades; None: the actor's own.
        base_url: an OpenAI-compatible server; None: OpenAI's.
        openai_api_key: the key for ``openai:`` models.
        timeout: seconds that one call may take.
        concurrency: calls open at one endpoint at the same time, at most.
    """

    model_config = SettingsConfigDict(env_prefix="ECOALIGN_", extra="ignore", populate_by_name=True)

    model: str = "offline"
    assessor: str | None = None
    base_url: str | None = Field(default=None, validation_alias="ECOALIGN_BASE_URL")
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    timeout: float = Field(default=60.0, gt=0)
    concurrency: int = Field(default=32, ge=1)


def read_settings() -> Settings:
    """The settings from the environment.

    Raises:
        UsageError: a variable has a value that does not fit.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        where = "_".join(str(part) for part in first["loc"]).upper()
        raise UsageError(f"environment variable {where}: {first['msg']}") from error


def read_policy(path: str | Path) -> Policy:
    """The policy in a TOML file: any of ``Policy``'s knobs, and ``preset`` to start from another than the default.

    Raises:
        UsageError: there is no such file, or it is no TOML.
        PolicyError: an unknown knob, or a value out of range.
    """
    file = Path(path)
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"policy file {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"policy file {path} is no TOML: {error}") from error
    try:
        return Policy.from_mapping(content)
    except PolicyError as error:
        raise PolicyError(f"policy file {path}: {error}") from error
