"""What a LangChain chat model tells about itself, and the copy of it that the meter can trust.

The copy answers in one piece, once, without retries of its own, over connections of its own event loop.
"""

import inspect
import sys
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from langchain_core.language_models import BaseChatModel
from pydantic import SecretStr

from ecoalign_agent.llm.capabilities import LADDER, MaxTokensField, Rung

_OFFICIAL = ("openai.com", "azure.com")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before it is first asked.

    Attributes:
        compatible: it is one of langchain-openai's, speaking OpenAI's protocol.
        model_name: the provider's name for it; empty: it does not tell.
        address: host and port; empty: not known.
        secrets: the keys it holds.
        ceiling: its own cap on completion tokens; None: it has none.
        rungs: ways of asking for structured output that may work, in order of trial.
        max_tokens_field: what its cap on completion tokens is called; None: its class takes none.
    """

    compatible: bool
    model_name: str
    address: str
    secrets: tuple[str, ...]
    ceiling: int | None
    rungs: tuple[Rung, ...]
    max_tokens_field: MaxTokensField | None


def facts_of(model: BaseChatModel) -> ModelFacts:
    """Look a model over, without a call."""
    module = _openai_module()
    compatible = module is not None and isinstance(model, module.BaseChatOpenAI)
    told = getattr(model, "model_name", None) or getattr(model, "model", None)
    cap = getattr(model, "max_tokens", None)
    address = _address(model) if compatible else ""
    return ModelFacts(
        compatible=compatible,
        model_name=told if isinstance(told, str) else "",
        address=address,
        secrets=_secrets(model),
        ceiling=cap if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0 else None,
        rungs=LADDER if compatible else _other_rungs(model),
        max_tokens_field=_compatible_field(address) if compatible else _other_field(model),
    )


def metered_copy(model: BaseChatModel) -> tuple[BaseChatModel, Any]:
    """A copy for the running event loop, and the HTTP client made for it, to be closed by ``aclose()``; None: none was.

    langchain-openai shares one HTTP client over all event loops, and fails on the second with "Event loop is closed":
    here each loop gets its own, unless the caller gave one. A model that can't stream is used as it is.
    """
    streams = any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))
    if not streams:
        return model, None
    root = getattr(model, "root_async_client", None)
    if not facts_of(model).compatible or root is None:
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


def _openai_module() -> Any:  # noqa: ANN401 - a module that may be absent
    """langchain-openai's module; None: not imported, so no model can be one of its own."""
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


def _other_rungs(model: BaseChatModel) -> tuple[Rung, ...]:
    takes_tools = type(model).bind_tools is not BaseChatModel.bind_tools
    return ("function_calling", "plain") if takes_tools else ("plain",)


def _address(model: BaseChatModel) -> str:
    client = getattr(model, "root_async_client", None)
    base = getattr(client, "base_url", None) or getattr(model, "openai_api_base", None)
    parts = urlsplit(str(base or ""))
    # Never the whole address: it may hold a user's name and password.
    return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def _secrets(model: BaseChatModel) -> tuple[str, ...]:
    held = (getattr(model, name, None) for name in type(model).model_fields)
    return tuple(s.get_secret_value() for s in held if isinstance(s, SecretStr) and len(s.get_secret_value()) >= 4)
