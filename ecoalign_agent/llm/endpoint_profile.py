"""What is known of one endpoint: found out once by ``ecoalign doctor``, and what a search starts from. Source: ours.

Knowledge saves calls; nothing rests on its being right. A rung known to work is tried like any other, so that the
ladder goes on below it as before; a rung known not to work is left out; plain text is always left.

What is known of endpoints, on disk: one small JSON file each, written whole or not at all. Source: ours.

What can't be used is told in a note and otherwise treated as not there: another version, another endpoint's file, a
broken one, one that is too old.
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
from ecoalign_agent.llm.capabilities import MaxTokensField, OutputMode
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.model_facts import public_base_url

S = TypeVar("S", bound=str)

ModeState = Literal["works", "inexact", "ignored", "refused", "unknown"]
"""Read; read, but with text beside the JSON, so that no verdict can be read; taken and not followed; rejected."""

ImageState = Literal["yes", "misread", "blind", "refused", "unknown"]
"""Read aright; another number read; taken, but not seen; rejected."""

UsageState = Literal["plausible", "implausible", "partly", "absent", "unknown"]
"""``partly``: some replies report it and some don't."""

StreamState = Literal["usage", "no usage", "refused", "no streaming", "unknown"]
"""``no streaming``: the model's class does not stream."""

CapState = Literal["honoured", "ignored", "unknown"]
"""Whether a reply ends where its cap on completion tokens says."""

ParallelState = Literal["overlap", "serialised", "limited", "unknown"]
"""Two calls at once: both under way, one after the other, or one of them answered 429."""


class ProbeFinding(BaseModel, Generic[S]):
    """One thing found out.

    Attributes:
        state: what was found; ``unknown`` is neither yes nor no.
        why: what it was found by, in one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: S
    why: str = Field(default="", max_length=500)


class EndpointProfile(BaseModel):
    """What one endpoint can do. Holds no key, and no address with a name and password in it.

    Attributes:
        version: of this form.
        provider: the chat model's class.
        base_url: where it is, without a user's name, a query or a fragment; empty: the provider's own.
        model: the model's name there.
        asked_at: when it was asked.
        rungs: ways of asking for structured output; one that the model's class does not have is absent.
        images: whether it reads pictures.
        image_family: whose formula estimates a picture's tokens.
        image_estimated: tokens of the picture sent, 512 pixels square and of low detail, by that formula.
        image_counted: tokens of the same picture as the server counts them; None: not known.
        usage: whether replies report their tokens.
        prompt_estimated: our estimate of the first prompt, in tokens.
        prompt_counted: the server's count of it; None: not known.
        streaming: whether a streamed reply reports its tokens.
        max_tokens_field: what the cap on completion tokens is called; ``none``: there is none; None: not known.
        cap: whether the cap holds.
        parallel: whether calls run at once.
        latency: seconds of a short call, the median; None: not known.
        calls: requests that were made to find this out, repeated ones too.
        cost: of those, in cost units of the default tariff.
        estimated_calls: those among them whose cost is our estimate.
        seconds: all of it took.
        troubles: what went wrong on the way, one line each.
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
        """The server's count of a picture's tokens over our estimate; None: it tells none, or counts nothing."""
        return self.image_counted / self.image_estimated if self.image_counted else None

    @property
    def identity(self) -> "EndpointIdentity":
        """Which endpoint this is about."""
        return EndpointIdentity(self.provider, self.base_url, self.model)


@dataclass(frozen=True, slots=True)
class EndpointIdentity:
    """Which endpoint: what two endpoints that share their knowledge have in common. Never a key."""

    provider: str
    base_url: str
    model: str

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits: a name for a file."""
        return hashlib.sha256(json.dumps([self.provider, self.base_url, self.model]).encode()).hexdigest()


def endpoint_identity(endpoint: Endpoint) -> EndpointIdentity | None:
    """Which endpoint this is; None: its model tells no name, so that nothing can be remembered of it."""
    name = endpoint.facts.model_name
    return EndpointIdentity(type(endpoint.model).__name__, public_base_url(endpoint.model), name) if name else None


def apply_profile(endpoint: Endpoint, known: EndpointProfile) -> None:
    """Let a new endpoint start from what is known of it, without a call."""
    day = f"{known.asked_at:%Y-%m-%d}"
    for rung, finding in known.rungs.items():
        # None is marked as proven: what worked then may be refused now, and the ladder has to go on.
        if finding.state in {"refused", "ignored"}:
            endpoint.capabilities.refuse(rung, f"{finding.state} on {day}: {finding.why}")
    if known.max_tokens_field is not None and endpoint.facts.max_tokens_field is not None:
        endpoint.capabilities.max_tokens_field = None if known.max_tokens_field == "none" else known.max_tokens_field
    if known.image_counted and known.image_family == endpoint.family:
        sent = ImageView(b"", "image/png", OVERVIEW, OVERVIEW, "low")
        endpoint.images.learn([sent], known.image_counted)


MAX_PROFILE_AGE = timedelta(days=30)
"""How long knowledge is used: servers are updated, and models exchanged under the same name. Ours."""

_MOST_BYTES = 100_000
_SKEW = timedelta(days=1)


class CachedProfile(NamedTuple):
    """What the disk has to say: knowledge, or why there is none where a file stands; both None: there is no file."""

    known: EndpointProfile | None
    note: str | None


def profile_path(folder: Path, identity: EndpointIdentity) -> Path:
    """Where the knowledge of an endpoint is kept."""
    return folder / f"endpoint-{identity.digest[:32]}.json"


def read_profile(
    folder: Path | None, identity: EndpointIdentity | None, *, now: datetime | None = None
) -> CachedProfile:
    """What is kept of an endpoint. Never raises for what it finds.

    Args:
        folder: the cache; None: nothing is read.
        identity: which endpoint; None: nothing is known of it.
        now: the present; None: the clock's.
    """
    if folder is None or identity is None:
        return CachedProfile(None, None)
    path = profile_path(folder, identity)
    try:
        with path.open("rb") as file:
            known = _checked(file.read(_MOST_BYTES + 1), identity, now or datetime.now(UTC))
    except FileNotFoundError:
        return CachedProfile(None, None)
    except OSError as error:
        return _ignored(path, f"it can't be read ({error.strerror or error})")
    except ValueError as error:
        return _ignored(path, str(error))
    return CachedProfile(known, None)


def _checked(data: bytes, identity: EndpointIdentity, now: datetime) -> EndpointProfile:
    """What a file holds, as far as it can be used.

    Raises:
        ValueError: it can't; the message says why.
    """
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
    try:
        known = EndpointProfile.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"{part}: " for part in first["loc"][:1])
        raise ValueError(f"it is damaged or of another version ({place}{first['msg']})") from error
    if known.identity != identity:
        raise ValueError("it is about another endpoint")
    age = now - known.asked_at
    if age > MAX_PROFILE_AGE:
        raise ValueError(f"it is {age.days} days old, at most {MAX_PROFILE_AGE.days} are used")
    if age < -_SKEW:
        raise ValueError(f"its date, {known.asked_at:%Y-%m-%d}, is yet to come")
    return known


def write_profile(folder: Path, known: EndpointProfile) -> Path:
    """Keep what is known of an endpoint; a reader sees the old file or the new one, never a part.

    Raises:
        RunError: the folder can't be written.
    """
    path = profile_path(folder, known.identity)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # For the owner alone: it names the servers that are used.
        write_atomically(path, known.model_dump_json(indent=2).encode() + b"\n", mode=0o600)
    except OSError as error:
        raise RunError(
            f"cache folder {str(folder)!r} can't be written: {error.strerror or error}; what was found is not kept; "
            "name another folder in ECOALIGN_CACHE, or switch it off with ECOALIGN_CACHE=off"
        ) from error
    return path


def _ignored(path: Path, why: str) -> CachedProfile:
    return CachedProfile(
        None, f"what is kept of this endpoint is not used: {why}; 'ecoalign doctor' asks it anew ({path})"
    )
