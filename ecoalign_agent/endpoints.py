"""From names to endpoints: the one place that builds chat models, and knows when two names mean one model."""

import logging
import re

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.kept import read_kept
from ecoalign_agent.llm.known import identity_of, start_from
from ecoalign_agent.settings import Settings

ModelChoice = str | BaseChatModel

_OPENAI_NAMES = re.compile(r"(chatgpt|gpt|o\d)-")
"""Names that mean OpenAI's own models when no provider is written before them."""


def told_name(model: ModelChoice) -> str | None:
    """The name that a model goes by at its provider; None: it tells none."""
    if isinstance(model, str):
        return model
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    return name if isinstance(name, str) else None


def independent(actor: ModelChoice, assessor: ModelChoice | None) -> bool:
    """Whether two models judge: without an assessor of its own, or with the same one twice, a run judges itself.

    A provider before the name makes no other model of it. Models that tell no name are told apart by their classes.
    """
    if assessor is None or assessor is actor:
        return False
    one, other = told_name(actor), told_name(assessor)
    if one is None or other is None:
        return type(actor) is not type(assessor)
    return not (f":{one}".endswith(f":{other}") or f":{other}".endswith(f":{one}"))


def endpoint_of(model: ModelChoice, settings: Settings) -> Endpoint:
    """The endpoint behind a name or a chat model object.

    Args:
        model: ``offline``; ``simulated:PRESET``; ``openai:NAME`` (or any name with a base URL set) for OpenAI
            and servers that speak its protocol; any other string that LangChain's ``init_chat_model`` knows; or a chat
            model.
        settings: base URL, key, time-out, concurrency, requests per minute, and the cache: an endpoint starts from what
            ``ecoalign doctor`` found out about it.

    Raises:
        ModelNameError: the name is unknown, its package is not installed, or its key is missing.
    """
    if isinstance(model, BaseChatModel):
        name = told_name(model)
        label = f"{type(model).__name__}({name})" if name else type(model).__name__
        return _endpoint(model, label, settings)
    if model == "offline":
        from ecoalign_agent.offline import OFFLINE_LABEL, OfflineModel  # noqa: PLC0415 - only where it is chosen

        return Endpoint(
            OfflineModel(),
            name=f"offline ({OFFLINE_LABEL})",
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
    if model.partition(":")[0].partition("?")[0] == "simulated":
        from ecoalign_agent.simulation import SIMULATED_LABEL  # noqa: PLC0415 - only where it is chosen
        from ecoalign_agent.simulation.names import simulated_model  # noqa: PLC0415 - as above

        simulated = simulated_model(model)
        return Endpoint(
            simulated,
            name=f"{simulated.model_name} ({SIMULATED_LABEL})",
            concurrency=settings.concurrency,
            timeout=settings.timeout,
        )
    provider, _, name = model.partition(":")
    if provider == "openai" or (not name and (settings.base_url or _OPENAI_NAMES.match(model))):
        chat: BaseChatModel = _openai(name if provider == "openai" else model, settings)
    else:
        chat = _any(model)
    return _endpoint(chat, model, settings)


def _endpoint(chat: BaseChatModel, name: str, settings: Settings) -> Endpoint:
    endpoint = Endpoint(
        chat,
        name=name,
        concurrency=settings.concurrency,
        timeout=settings.timeout,
        requests_per_minute=settings.requests_per_minute,
    )
    kept = read_kept(settings.cache_folder, identity_of(endpoint))
    if kept.known is not None:
        start_from(endpoint, kept.known)
    elif kept.note is not None:
        logging.getLogger(__name__).warning("%s: %s", name, kept.note)
    return endpoint


def _openai(name: str, settings: Settings) -> BaseChatModel:
    from langchain_openai import ChatOpenAI  # noqa: PLC0415 - only where it is chosen

    if not name:
        raise ModelNameError("model openai: names no model; write openai:NAME, such as openai:gpt-4o-mini")
    key = settings.openai_api_key
    if key is None or not key.get_secret_value():
        if settings.base_url is None:
            raise ModelNameError(f"model openai:{name} needs a key: set OPENAI_API_KEY, or use --model offline")
        # Local servers ask for none, but the client insists on sending one.
        key = SecretStr("none")
    return ChatOpenAI(
        model=name,
        base_url=settings.base_url,
        api_key=key,
        # Retries and time-outs are ours, so that every attempt is booked.
        max_retries=0,
        timeout=settings.timeout,
        disable_streaming=True,
    )


def _any(model: str) -> BaseChatModel:
    from langchain.chat_models import init_chat_model  # noqa: PLC0415 - only where it is chosen

    if not model.strip():
        raise ModelNameError(f"model {model!r} names no model; write offline, openai:NAME or PROVIDER:NAME")
    try:
        chat = init_chat_model(model)
    except (ValueError, ImportError) as error:
        line = str(error).strip().splitlines()[0]
        if ":" not in model:
            line = "write offline, openai:NAME, or PROVIDER:NAME for any other that LangChain knows"
        raise ModelNameError(f"model {model!r} can't be built: {line}") from error
    assert isinstance(chat, BaseChatModel)  # noqa: S101 - a string without configurable fields gives a model
    return chat
