"""Settings from the environment and from TOML files: the only module that reads either."""

import difflib
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ecoalign_agent.economics.cost import MonetaryTariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.validation import explain
from ecoalign_agent.errors import PolicyError, UsageError

POLICY_PRESETS = ("frugal", "strict", "paper")
"""Names of the policies beside the default."""


class Settings(BaseSettings):
    """Settings from the environment; those of the command line and of the caller take precedence."""

    # A variable that is set to nothing counts as not set, as shells and container files mean it.
    model_config = SettingsConfigDict(
        env_prefix="ECOALIGN_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    model: str = "offline"
    """The actor, such as ``openai:gpt-4o-mini``; ``offline`` needs no key and no network."""
    assessor: str | None = None
    """Assessors, separated by commas; None: the actor's own model."""
    base_url: str | None = None
    """An OpenAI-compatible server; None: OpenAI's."""
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    """Key for ``openai:`` models."""
    image_hosts: str | None = None
    """Hosts from which pictures are fetched by their https URLs, separated by commas; None: none."""
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    """Seconds that one call may take."""
    concurrency: int = Field(default=32, ge=1)
    """Maximum of open calls at one endpoint."""
    requests_per_minute: int | None = Field(default=None, ge=1)
    """Maximum of requests to one endpoint in any minute, including retries; None: no limit."""
    prices: str | None = None
    """A file of prices in money, read before the shipped ones; None: those alone."""
    cache: str | None = None
    """Folder for endpoint profiles, or ``off``; None: see `cache_folder`."""
    xdg_cache_home: str | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    """This system's folder for caches; None: ``~/.cache``."""
    state: SecretStr | None = None
    """Store of runs, a file or a Postgres URL; None: runs are not stored."""
    serve_keys: SecretStr | None = None
    """Keys that ``ecoalign serve`` accepts from its clients, separated by commas; None: none."""
    otel_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")
    """Address for OpenTelemetry traces, by its usual variable; None: traces are not sent."""

    @property
    def cache_folder(self) -> Path | None:
        """Folder for endpoint profiles; None: nothing is read and nothing written."""
        if self.cache is not None:
            return None if self.cache.strip().lower() == "off" else Path(self.cache)
        if self.xdg_cache_home is not None and Path(self.xdg_cache_home).is_absolute():
            return Path(self.xdg_cache_home) / "ecoalign"
        try:
            return Path.home() / ".cache" / "ecoalign"
        except RuntimeError:
            return None


def read_settings(*, base_url: str | None = None, api_key: SecretStr | str | None = None) -> Settings:
    """The settings from the environment, with those that a caller gives; UsageError for a value that does not fit."""
    try:
        settings = Settings()
    except ValidationError as error:
        # The secrets accept any text: no message can show one.
        reason = explain(error, Settings, {}, name_of=lambda name: f"ECOALIGN_{name.upper()}")
        raise UsageError(f"environment variable {reason}") from error
    if settings.base_url is not None:
        checked_base_url(settings.base_url)
    given: dict[str, Any] = {}
    if base_url is not None:
        given["base_url"] = checked_base_url(base_url)
    if api_key is not None:
        given["openai_api_key"] = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
    return settings.model_copy(update=given)


def checked_base_url(url: str) -> str:
    """The address of an OpenAI-compatible server; UsageError unless it is an http or https URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        bare = url.split("://", 1)[-1] or "localhost:8000"
        raise UsageError(f"base URL {url!r} is no http(s) address; write it whole, such as http://{bare.rstrip('/')}")
    return url


def checked_image_hosts(given: Sequence[str] | None, settings: Settings) -> Sequence[str]:
    """The hosts from which pictures are fetched: those given, else the environment's, else none."""
    if isinstance(given, str):  # each of its letters would be taken for a host
        raise UsageError(f"image_hosts is {given!r}: give a list of hosts, such as ({given!r},)")
    if given is not None:
        return given
    return [host for host in (settings.image_hosts or "").split(",") if host.strip()]


def read_policy(path: str | Path) -> Policy:
    """The policy in a TOML file: settings by name, and ``preset`` to start from another than the default.

    The bare name of a preset stands for a file with that preset alone.
    """
    if str(path) in POLICY_PRESETS and not Path(path).exists():
        return Policy.from_mapping({"preset": str(path)})
    if str(path).isalpha() and not Path(path).exists():
        near = difflib.get_close_matches(str(path).lower(), POLICY_PRESETS, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise UsageError(f"policy {str(path)!r}: no such file, and no preset ({', '.join(POLICY_PRESETS)}){meant}")
    content = read_toml(path, what="policy file")
    try:
        policy = Policy.from_mapping(content)
    except PolicyError as error:
        raise PolicyError(f"policy file {str(path)!r}: {error}") from error
    if isinstance(policy.tariff, MonetaryTariff) and policy.tariff.prices is not None:
        # A file named in another is relative to it.
        return policy.replace(tariff=MonetaryTariff(prices=str(Path(path).parent / policy.tariff.prices)))
    return policy


def read_toml(path: str | Path, *, what: str) -> dict[str, Any]:
    """The content of a TOML file; UsageError names ``what`` the file is."""
    try:
        # Some editors begin a file with a byte order mark.
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{what} {str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:
        # No TOML, no UTF-8, a number of thousands of digits, or a path with a NUL in it.
        raise UsageError(f"{what} {str(path)!r} is no TOML: {error}") from error
