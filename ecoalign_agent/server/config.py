"""Configuration of one server: address, models, keys, limits."""

from dataclasses import field
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.validation import one_line_errors
from ecoalign_agent.errors import UsageError
from ecoalign_agent.server.auth import is_loopback


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


_Count = Annotated[int, Field(ge=1)]
_Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False, description="a number of seconds above 0")]


@dataclass(frozen=True, kw_only=True, config=ConfigDict(strict=True, extra="forbid"))
class ServingConfig:
    """Configuration of one server. A request may ask for less than a limit, never for more."""

    host: str = "127.0.0.1"
    """Address to listen at; any but this machine's own loopback needs a key."""
    port: Annotated[int, Field(ge=0, le=65_535, description="a port from 0 to 65535")] = 8000
    model: str | None = None
    """The actor by name; None: as the environment says."""
    base_url: str | None = None
    """Of the server behind the actor and the assessor."""
    assessor: tuple[str, ...] = ()
    """Names of the assessors; empty: as the policy, else the environment says."""
    rewriter: str | None = None
    """Name of the model that rewrites dangerous questions before they are answered; None: no rewriter."""
    prompts: str | None = None
    image_hosts: tuple[str, ...] | None = None
    """Hosts from which https pictures are fetched; None: as the environment says."""
    state: str | None = None
    """Store of runs that wait for a reviewer: a file, or a Postgres URL; None: runs are not stored."""
    policy: Policy = field(default_factory=Policy)
    """Policy of the model ``ecoalign``, and the limit of every other."""
    key_digests: tuple[bytes, ...] = field(default=(), repr=False)
    """Digests of the accepted keys; empty: no key is needed."""
    allow_base: bool = False
    """Whether ``ecoalign/base`` passes requests to the actor unchanged: metered, but nothing is assessed."""
    max_seconds: _Seconds = 120.0
    max_images: _Count = 16
    """Pictures in one request, over all its turns."""
    max_bytes: _Count = 32_000_000
    max_bytes_at_once: _Count = 256_000_000
    """Bytes of all bodies held at one time."""
    body_seconds: _Seconds = 60.0
    runs: _Count = 32
    queue: Annotated[int, Field(ge=0)] = 64
    """Requests that may wait for a slot; the next one gets 429."""
    queue_seconds: _Seconds = 30.0
    heartbeat: _Seconds = 10.0
    """Seconds of silence after which a stream sends a sign of life."""
    stalled_seconds: _Seconds = 30.0
    """Seconds after which a client that reads nothing more of its stream counts as gone."""
    grace: Annotated[float, Field(ge=0, allow_inf_nan=False, description="a number of seconds, at least 0")] = 20.0
    """Seconds that runs under way may take once the server is ending."""
    log_prompts: bool = False
    """Whether questions and answers are written into logs and traces."""
    otel: bool = False
    langserve: bool | None = None
    """Whether LangServe's routes are added; None: where LangServe is installed."""

    _errors = one_line_errors(name_of=_option)

    def __post_init__(self) -> None:
        if not self.key_digests and not is_loopback(self.host):
            raise UsageError(
                f"--host {self.host or repr(self.host)} is open to others and there is no key: set ECOALIGN_SERVE_KEYS "
                "or give --api-key-file, or stay at 127.0.0.1"
            )

    @property
    def ceiling(self) -> Policy:
        """The policy that no request exceeds: ``policy`` with a deadline."""
        own = self.policy.deadline
        return self.policy.replace(deadline=self.max_seconds if own is None else min(own, self.max_seconds))
