"""What is known of one endpoint: found out once by ``ecoalign doctor``, and what a search starts from. Source: ours.

Knowledge saves calls; nothing rests on its being right. A rung known to work is tried like any other, so that the
ladder goes on below it as before; a rung known not to work is left out; plain text is always left.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from ecoalign_agent.llm.capabilities import MaxTokensField, Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.image_tokens import ImageFamily
from ecoalign_agent.llm.picture import OVERVIEW, ImageView

S = TypeVar("S", bound=str)

RungState = Literal["works", "inexact", "ignored", "refused", "unknown"]
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


class Finding(BaseModel, Generic[S]):
    """One thing found out.

    Attributes:
        state: what was found; ``unknown`` is neither yes nor no.
        why: what it was found by, in one line.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    state: S
    why: str = Field(default="", max_length=500)


class KnownEndpoint(BaseModel):
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
    rungs: dict[Rung, Finding[RungState]]
    images: Finding[ImageState]
    image_family: ImageFamily
    image_estimated: int = Field(ge=1)
    image_counted: int | None = Field(default=None, ge=0)
    usage: Finding[UsageState]
    prompt_estimated: int = Field(ge=1)
    prompt_counted: int | None = Field(default=None, ge=0)
    streaming: Finding[StreamState]
    max_tokens_field: MaxTokensField | Literal["none"] | None
    cap: Finding[CapState]
    parallel: Finding[ParallelState]
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
    def identity(self) -> "Identity":
        """Which endpoint this is about."""
        return Identity(self.provider, self.base_url, self.model)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which endpoint: what two endpoints that share their knowledge have in common. Never a key."""

    provider: str
    base_url: str
    model: str

    @property
    def digest(self) -> str:
        """SHA-256 in hexadecimal digits: a name for a file."""
        return hashlib.sha256(json.dumps([self.provider, self.base_url, self.model]).encode()).hexdigest()


def identity_of(endpoint: Endpoint) -> Identity | None:
    """Which endpoint this is; None: its model tells no name, so that nothing can be remembered of it."""
    name = endpoint.facts.model_name
    return Identity(type(endpoint.model).__name__, _base_url(endpoint.model), name) if name else None


def start_from(endpoint: Endpoint, known: KnownEndpoint) -> None:
    """Let a new endpoint start from what is known of it, without a call."""
    day = f"{known.asked_at:%Y-%m-%d}"
    for rung, finding in known.rungs.items():
        # None is marked as proven: what worked then may be refused now, and the ladder has to go on.
        if finding.state in {"refused", "ignored"}:
            endpoint.capabilities.cannot(rung, f"{finding.state} on {day}: {finding.why}")
    if known.max_tokens_field is not None and endpoint.facts.max_tokens_field is not None:
        endpoint.capabilities.max_tokens_field = None if known.max_tokens_field == "none" else known.max_tokens_field
    if known.image_counted and known.image_family == endpoint.family:
        sent = ImageView(b"", "image/png", OVERVIEW, OVERVIEW, "low")
        endpoint.images.learn([sent], least=known.image_counted, most=known.image_counted)


def _base_url(model: BaseChatModel) -> str:
    client = getattr(model, "root_async_client", None)
    told = [getattr(client, "base_url", None), getattr(model, "openai_api_base", None)]
    told += [getattr(model, name, None) for name in ("base_url", "anthropic_api_url", "endpoint", "api_base")]
    text = next((str(url) for url in told if url), "")
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    # A user's name and password, and what stands behind a question mark, may be secrets.
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}" if parts.hostname else ""
