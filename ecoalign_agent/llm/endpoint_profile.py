"""The profile of an endpoint: found out once by ``ecoalign doctor``, stored for 30 days, and used by every search.

A profile saves calls; nothing rests on its being right. An output mode that worked is tried like any other, one that
did not is left out, plain text is always left. A stored profile that can't be used (another version, another
endpoint's, broken, too old) is named in a note and otherwise treated as absent. Source: ours.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Generic, Literal, NamedTuple, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from ecoalign_agent.errors import RunError
from ecoalign_agent.events.atomic_file import write_atomically
from ecoalign_agent.images.image import OVERVIEW, ImageView
from ecoalign_agent.images.image_tokens import ImageFamily
from ecoalign_agent.llm.endpoint import Endpoint, MaxTokensField, OutputMode, public_base_url

S = TypeVar("S", bound=str)

ModeState = Literal["works", "inexact", "ignored", "refused", "unknown"]
"""Read; read, but with text beside the JSON, so that no verdict can be; accepted and not followed; rejected."""

ImageState = Literal["yes", "misread", "blind", "refused", "unknown"]
"""Read correctly; another number read; accepted, but not seen; rejected."""

UsageState = Literal["plausible", "implausible", "partly", "absent", "unknown"]
"""``partly``: some replies report it and some don't."""

StreamState = Literal["usage", "no usage", "refused", "no streaming", "unknown"]
"""``no streaming``: the model's class does not stream."""

CapState = Literal["honoured", "ignored", "unknown"]
"""Whether a reply ends where its cap on completion tokens says."""

ParallelState = Literal["overlap", "serialised", "limited", "unknown"]
"""Two calls at once: both under way, one after the other, or one of them answered 429."""


class ProbeFinding(BaseModel, Generic[S]):
    """One finding of a probe, with its evidence in one line; ``unknown`` is neither yes nor no."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: S
    why: str = Field(default="", max_length=500)


class EndpointProfile(BaseModel):
    """Abilities of one endpoint. Holds no key, and no address with a name and password in it.

    Attributes:
        base_url: empty: the provider's own address.
        rungs: output modes; one that the model's class does not have is absent.
        image_estimated: tokens of the picture sent by the family's formula; counted is the server's count.
        usage: whether replies report their tokens.
        prompt_estimated: our estimate of the first prompt, in tokens; counted is the server's count.
        streaming: whether a streamed reply reports its tokens.
        max_tokens_field: name of the cap on completion tokens; ``none``: there is none; None: not known.
        latency: seconds of a short call, the median; None: not known.
        cost: of the probe's calls, in cost units of the default tariff; of ``estimated_calls`` it is our estimate.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    version: Literal[1] = 1
    provider: str
    base_url: str
    model: str
    asked_at: AwareDatetime
    rungs: dict[OutputMode, ProbeFinding[ModeState]]
    images: ProbeFinding[ImageState]
    image_family: ImageFamily
    image_estimated: int = Field(ge=1)
    image_counted: int | None = Field(default=None, ge=0)
    usage: ProbeFinding[UsageState]
    prompt_estimated: int = Field(ge=1)
    prompt_counted: int | None = Field(default=None, ge=0)
    streaming: ProbeFinding[StreamState]
    max_tokens_field: MaxTokensField | Literal["none"] | None
    cap: ProbeFinding[CapState]
    parallel: ProbeFinding[ParallelState]
    latency: float | None = Field(default=None, ge=0)
    calls: int = Field(ge=0)
    cost: float = Field(ge=0)
    estimated_calls: int = Field(ge=0)
    seconds: float = Field(ge=0)
    troubles: tuple[str, ...] = ()

    @property
    def image_scale(self) -> float | None:
        """The server's count of a picture's tokens over our estimate; None: not reported, or zero."""
        return self.image_counted / self.image_estimated if self.image_counted else None

    @property
    def identity(self) -> "EndpointIdentity":
        """The endpoint's identity."""
        return EndpointIdentity(self.provider, self.base_url, self.model)


@dataclass(frozen=True, slots=True)
class EndpointIdentity:
    """Properties that two endpoints with the same profile have in common. Never a key."""

    provider: str
    base_url: str
    model: str

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits, for a file's name."""
        return hashlib.sha256(json.dumps([self.provider, self.base_url, self.model]).encode()).hexdigest()


def endpoint_identity(endpoint: Endpoint) -> EndpointIdentity | None:
    """An endpoint's identity; None: its model has no name, so that no profile can be stored."""
    name = endpoint.facts.model_name
    return EndpointIdentity(type(endpoint.model).__name__, public_base_url(endpoint.model), name) if name else None


def apply_profile(endpoint: Endpoint, profile: EndpointProfile) -> None:
    """Let a new endpoint start from a profile, without a call."""
    day = f"{profile.asked_at:%Y-%m-%d}"
    for rung, finding in profile.rungs.items():
        # None is marked as proven: what worked then may be refused now, and the ladder has to go on.
        if finding.state in {"refused", "ignored"}:
            endpoint.capabilities.refuse(rung, f"{finding.state} on {day}: {finding.why}")
    if profile.max_tokens_field is not None and endpoint.facts.max_tokens_field is not None:
        endpoint.capabilities.max_tokens_field = (
            None if profile.max_tokens_field == "none" else profile.max_tokens_field
        )
    if profile.image_counted and profile.image_family == endpoint.family:
        sent = ImageView(b"", "image/png", OVERVIEW, OVERVIEW, "low")
        endpoint.images.learn([sent], profile.image_counted)


MAX_PROFILE_AGE = timedelta(days=30)
"""Age at which a profile is no longer used: servers are updated, and models exchanged under the same name. Ours."""

_MAX_BYTES = 100_000
_SKEW = timedelta(days=1)


class CachedProfile(NamedTuple):
    """A stored profile, or a note why its file is not used; both None: there is no file."""

    profile: EndpointProfile | None
    note: str | None


def profile_path(folder: Path, identity: EndpointIdentity) -> Path:
    """The file of an endpoint's profile."""
    return folder / f"endpoint-{identity.digest[:32]}.json"


def read_profile(
    folder: Path | None, identity: EndpointIdentity | None, *, now: datetime | None = None
) -> CachedProfile:
    """The stored profile of an endpoint, never an error for the file's content; nothing without folder or identity."""
    if folder is None or identity is None:
        return CachedProfile(None, None)
    path = profile_path(folder, identity)
    try:
        with path.open("rb") as file:
            profile = _checked(file.read(_MAX_BYTES + 1), identity, now or datetime.now(UTC))
    except FileNotFoundError:
        return CachedProfile(None, None)
    except OSError as error:
        return _ignored(path, f"it can't be read ({error.strerror or error})")
    except ValueError as error:
        return _ignored(path, str(error))
    return CachedProfile(profile, None)


def _checked(data: bytes, identity: EndpointIdentity, now: datetime) -> EndpointProfile:
    if len(data) > _MAX_BYTES:
        raise ValueError(f"it is larger than {_MAX_BYTES:,} bytes")
    try:
        profile = EndpointProfile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"{part}: " for part in first["loc"][:1])
        raise ValueError(f"it is damaged or of another version ({place}{first['msg']})") from error
    if profile.identity != identity:
        raise ValueError("it is about another endpoint")
    age = now - profile.asked_at
    if age > MAX_PROFILE_AGE:
        raise ValueError(f"it is {age.days} days old, at most {MAX_PROFILE_AGE.days} are used")
    if age < -_SKEW:
        raise ValueError(f"its date, {profile.asked_at:%Y-%m-%d}, is yet to come")
    return profile


def write_profile(folder: Path, profile: EndpointProfile) -> Path:
    """Store a profile; a reader sees the old file or the new one, never a part."""
    path = profile_path(folder, profile.identity)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # For the owner alone: it names the servers that are used.
        write_atomically(path, profile.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
    except OSError as error:
        raise RunError(
            f"cache folder {str(folder)!r} can't be written: {error.strerror or error}; what was found is not kept; "
            "name another folder in ECOALIGN_CACHE, or switch it off with ECOALIGN_CACHE=off"
        ) from error
    return path


def _ignored(path: Path, reason: str) -> CachedProfile:
    return CachedProfile(
        None, f"what is kept of this endpoint is not used: {reason}; 'ecoalign doctor' asks it anew ({path})"
    )
