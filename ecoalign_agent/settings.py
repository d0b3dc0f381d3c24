"""The only reader of the environment and of configuration files."""

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
from ecoalign_agent.errors import PolicyError, UsageError

POLICY_PRESETS = ("frugal", "strict", "paper")
"""The policies that go by a name of their own."""


class Settings(BaseSettings):
    """What the environment says; the command line and the caller say it louder.

    Attributes:
        model: the actor, such as ``openai:gpt-4o-mini``; ``offline`` needs no key and no network.
        assessor: who grades, several separated by commas; None: the actor's own model.
        base_url: an OpenAI-compatible server; None: OpenAI's.
        openai_api_key: the key for ``openai:`` models.
        timeout: seconds that one call may take.
        image_hosts: hosts from which pictures are fetched by their https URLs, separated by commas; None: none.
        concurrency: calls open at one endpoint at the same time, at most.
        requests_per_minute: requests to one endpoint in any minute, retries among them; None: no limit.
        prices: a file of prices in money, read before the shipped ones; None: those alone.
        cache: the folder in which is kept what is known of endpoints, or ``off``; None: see ``cache_folder``.
        xdg_cache_home: where this system keeps caches; None: ``~/.cache``.
        state: where runs are kept, a file or a Postgres URL; None: nowhere.
        serve_keys: keys that ``ecoalign serve`` takes from its clients, separated by commas; None: none.
        otel_endpoint: where OpenTelemetry's traces are sent, by its own usual variable; None: nowhere.
    """

    # A variable that is set to nothing counts as not set, as shells and container files mean it.
    model_config = SettingsConfigDict(
        env_prefix="ECOALIGN_", env_ignore_empty=True, extra="ignore", populate_by_name=True
    )

    model: str = "offline"
    assessor: str | None = None
    base_url: str | None = None
    openai_api_key: SecretStr | None = Field(default=None, validation_alias="OPENAI_API_KEY")
    image_hosts: str | None = None
    timeout: float = Field(default=60.0, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=32, ge=1)
    requests_per_minute: int | None = Field(default=None, ge=1)
    prices: str | None = None
    cache: str | None = None
    xdg_cache_home: str | None = Field(default=None, validation_alias="XDG_CACHE_HOME")
    state: SecretStr | None = None
    serve_keys: SecretStr | None = None
    otel_endpoint: str | None = Field(default=None, validation_alias="OTEL_EXPORTER_OTLP_ENDPOINT")

    @property
    def cache_folder(self) -> Path | None:
        """The folder in which is kept what is known of endpoints; None: nothing is read and nothing written."""
        if self.cache is not None:
            return None if self.cache.strip().lower() == "off" else Path(self.cache)
        if self.xdg_cache_home is not None and Path(self.xdg_cache_home).is_absolute():
            return Path(self.xdg_cache_home) / "ecoalign"
        try:
            return Path.home() / ".cache" / "ecoalign"
        except RuntimeError:
            # A user without a home keeps nothing.
            return None


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


def settings_with(*, base_url: str | None = None, api_key: SecretStr | str | None = None) -> Settings:
    """The settings from the environment, with what a caller says louder; None: as the environment says.

    Raises:
        UsageError: a variable or the base URL has a value that does not fit.
    """
    given: dict[str, Any] = {}
    if base_url is not None:
        given["base_url"] = checked_base_url(base_url)
    if api_key is not None:
        given["openai_api_key"] = api_key if isinstance(api_key, SecretStr) else SecretStr(api_key)
    return read_settings().model_copy(update=given)


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


def checked_image_hosts(given: Sequence[str] | None, settings: Settings) -> Sequence[str]:
    """The hosts from which pictures are fetched: those given, else the environment's, else none.

    Raises:
        UsageError: a text where a list of hosts should be: each of its letters would be taken for a host.
    """
    if isinstance(given, str):
        raise UsageError(f"image_hosts is {given!r}: give a list of hosts, such as ({given!r},)")
    if given is not None:
        return given
    return [host for host in (settings.image_hosts or "").split(",") if host.strip()]


def read_policy(path: str | Path) -> Policy:
    """The policy in a TOML file: any of ``Policy``'s settings, and ``preset`` to start from another than the default.

    The bare name of a preset stands for a file that says no more than that.

    Raises:
        UsageError: there is no such file, or it is no TOML.
        PolicyError: an unknown setting, or a value out of range.
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
        # Files that name each other stay together, wherever the program is started.
        return policy.replace(tariff=MonetaryTariff(prices=str(Path(path).parent / policy.tariff.prices)))
    return policy


def read_toml(path: str | Path, *, what: str) -> dict[str, Any]:
    """What a TOML file holds.

    Args:
        path: the file.
        what: it is, for the message.

    Raises:
        UsageError: there is no such file, or it is no TOML.
    """
    try:
        # Some editors begin a file with a byte order mark.
        return tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{what} {str(path)!r}: {error.strerror or error}") from error
    except ValueError as error:
        # No TOML, no UTF-8, a number of thousands of digits, or a path with a NUL in it.
        raise UsageError(f"{what} {str(path)!r} is no TOML: {error}") from error
