"""Facts of a LangChain chat model that are known without a call, and the copy of it that metered calls go to.

The copy answers in one piece, without retries of its own, over connections of its own event loop.
"""

import inspect
import sys
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

OutputMode = Literal["json_schema", "function_calling", "json_mode", "plain"]
"""A way of asking for structured output."""

OUTPUT_MODES: tuple[OutputMode, ...] = ("json_schema", "function_calling", "json_mode", "plain")
"""All modes, in order of trial: from the one that binds the model most tightly to plain text."""

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]

_OFFICIAL = ("openai.com", "azure.com")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before its first call.

    Attributes:
        compatible: it is one of langchain-openai's, speaking OpenAI's protocol.
        model_name: the provider's name for it; empty: not known.
        address: host and port; empty: not known.
        ceiling: its own cap on completion tokens; None: it has none.
        modes: ways of asking for structured output that may work, in order of trial.
        max_tokens_field: name of its cap on completion tokens; None: its class takes none.
    """

    compatible: bool
    model_name: str
    address: str
    secrets: tuple[str, ...]
    ceiling: int | None
    modes: tuple[OutputMode, ...]
    max_tokens_field: MaxTokensField | None


def model_facts(model: BaseChatModel) -> ModelFacts:
    """Read a model's attributes; nothing is called."""
    module = _openai_module()
    compatible = module is not None and isinstance(model, module.BaseChatOpenAI)
    name = getattr(model, "model_name", None) or getattr(model, "model", None)
    cap = getattr(model, "max_tokens", None)
    address = _address(model) if compatible else ""
    return ModelFacts(
        compatible=compatible,
        model_name=name if isinstance(name, str) else "",
        address=address,
        secrets=_secrets(model),
        ceiling=cap if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0 else None,
        modes=OUTPUT_MODES if compatible else _other_modes(model),
        max_tokens_field=_compatible_field(address) if compatible else _other_field(model),
    )


def can_stream(model: BaseChatModel) -> bool:
    """Whether a model's class can stream at all."""
    return any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))


def metered_copy(model: BaseChatModel) -> tuple[BaseChatModel, Any]:
    """A copy for the running event loop, and the HTTP client made for it, to be closed by ``aclose()``; None: none was.

    langchain-openai shares one HTTP client over all event loops, and fails on the second with "Event loop is closed":
    here each loop gets its own, unless the caller gave one. A model that can't stream is used as it is.
    """
    if not can_stream(model):
        return model, None
    root = getattr(model, "root_async_client", None)
    if not model_facts(model).compatible or root is None:
        return model.model_copy(update={"disable_streaming": True}), None
    client = None
    if not (getattr(model, "http_async_client", None) or getattr(model, "openai_proxy", None)):
        from openai import DefaultAsyncHttpxClient  # noqa: PLC0415 - loaded already, by the model

        # The certificates are read already: reading them again would block the loop for 20 ms.
        verify = getattr(_openai_module(), "global_ssl_context", True)
        client = DefaultAsyncHttpxClient(base_url=root.base_url, timeout=root.timeout, verify=verify)
    once = root.with_options(max_retries=0, **({} if client is None else {"http_client": client}))
    changes = {
        "disable_streaming": True,
        "streaming": False,
        # The meter decides how much may be written; several choices would cost several times that.
        "max_tokens": None,
        "n": None,
        "root_async_client": once,
        "async_client": once.chat.completions,
    }
    return model.model_copy(update=changes), client


def public_base_url(model: BaseChatModel) -> str:
    """Where a model is, without a user's name, a query or a fragment; "": its provider's own address."""
    client = getattr(model, "root_async_client", None)
    candidates = [getattr(client, "base_url", None), getattr(model, "openai_api_base", None)]
    candidates += [getattr(model, name, None) for name in ("base_url", "anthropic_api_url", "endpoint", "api_base")]
    try:
        parts = urlsplit(next((str(url) for url in candidates if url), ""))
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}{parts.path.rstrip('/')}" if parts.hostname else ""


def host_and_port(url: object) -> str:
    """Host and port of an address, without the user's name and password that it may hold."""
    parts = urlsplit(str(url or ""))
    return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def _openai_module() -> Any:  # noqa: ANN401 - a module that may be absent
    return sys.modules.get("langchain_openai.chat_models.base")


def _compatible_field(address: str) -> MaxTokensField:
    host = address.partition(":")[0]
    return "max_completion_tokens" if not host or host.endswith(_OFFICIAL) else "max_tokens"


def _other_field(model: BaseChatModel) -> MaxTokensField | None:
    kind = type(model)
    answers = kind._generate if kind._agenerate is BaseChatModel._agenerate else kind._agenerate  # noqa: SLF001 - signature
    parameters = inspect.signature(answers).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return "max_tokens" if takes_any or "max_tokens" in parameters else None


def _other_modes(model: BaseChatModel) -> tuple[OutputMode, ...]:
    takes_tools = type(model).bind_tools is not BaseChatModel.bind_tools
    return ("function_calling", "plain") if takes_tools else ("plain",)


def _address(model: BaseChatModel) -> str:
    client = getattr(model, "root_async_client", None)
    return host_and_port(getattr(client, "base_url", None) or getattr(model, "openai_api_base", None))


def _secrets(model: BaseChatModel) -> tuple[str, ...]:
    values = (getattr(model, name, None) for name in type(model).model_fields)
    return tuple(s.get_secret_value() for s in values if isinstance(s, SecretStr) and len(s.get_secret_value()) >= 4)
