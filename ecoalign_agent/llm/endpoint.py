"""A chat model at one address: its facts, the capabilities learnt from its replies, and the call itself.

Any LangChain chat model will do. Those that speak OpenAI's protocol through langchain-openai are *compatible*: they get
every output mode and the request body that servers of that kind agree on.
"""

import asyncio
import inspect
import re
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Unpack
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, SecretStr

from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import ImageFamily, family_of
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.rate_limit import CallLimits, LimitOptions
from ecoalign_agent.llm.tokens import ImageScale, TokenCalibration

OutputMode = Literal["json_schema", "function_calling", "json_mode", "plain"]
"""A way of asking for structured output."""

OUTPUT_MODES: tuple[OutputMode, ...] = ("json_schema", "function_calling", "json_mode", "plain")
"""All modes, in order of trial: from the one that binds the model most tightly to plain text."""

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]

_OFFICIAL = ("openai.com", "azure.com")


_UNSTREAMED: RunnableConfig = {"tags": ["nostream"]}
"""LangGraph leaves calls with this tag out of its token stream."""


_MAX_REPLIES_WITHOUT_JSON = 2

_MODE_WORDS = re.compile(
    r"response_format|json_schema|json_object|json mode|structured|tools?\b|tool_choice|function|grammar|guided",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What is known of a model before its first call; an empty name or address (host and port) is not known.

    Attributes:
        compatible: it is one of langchain-openai's, speaking OpenAI's protocol.
        ceiling: its own cap on completion tokens; None: it has none.
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
    address, modes, field_name = "", OUTPUT_MODES, _max_tokens_field(model)
    if compatible:
        client = getattr(model, "root_async_client", None)
        address = host_and_port(getattr(client, "base_url", None) or getattr(model, "openai_api_base", None))
        host = address.partition(":")[0]
        field_name = "max_completion_tokens" if not host or host.endswith(_OFFICIAL) else "max_tokens"
    else:
        modes = ("plain",) if type(model).bind_tools is BaseChatModel.bind_tools else ("function_calling", "plain")
    values = (getattr(model, name, None) for name in type(model).model_fields)
    secrets = [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
    return ModelFacts(
        compatible=compatible,
        model_name=name if isinstance(name, str) else "",
        address=address,
        secrets=tuple(secret for secret in secrets if len(secret) >= 4),
        ceiling=cap if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0 else None,
        modes=modes,
        max_tokens_field=field_name,
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


def _max_tokens_field(model: BaseChatModel) -> MaxTokensField | None:
    kind = type(model)
    answers = kind._generate if kind._agenerate is BaseChatModel._agenerate else kind._agenerate  # noqa: SLF001 - signature
    parameters = inspect.signature(answers).parameters
    takes_any = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())
    return "max_tokens" if takes_any or "max_tokens" in parameters else None


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to a chat model.

    Attributes:
        text_tokens: of the messages' text, and of a schema that travels beside them, by our estimate.
        schema: the structured output; None: plain text.
        marker: part of the messages that was drawn for this call, and does not tell requests apart.
        unopened_image_tokens: reserved for pictures that are handed on without being opened.
    """

    messages: Sequence[BaseMessage]
    text_tokens: int
    images: Sequence[ImageView]
    max_tokens: int
    min_tokens: int
    mode: OutputMode = "plain"
    schema: type[BaseModel] | None = None
    marker: str = ""
    unopened_image_tokens: int = 0


class Capabilities:
    """What one endpoint can do. Changes as calls teach it; plain text is always left.

    Without a ``max_tokens_field`` a call's cost is bounded by the model only. ``refused`` holds reasons by mode.
    """

    def __init__(
        self, modes: tuple[OutputMode, ...] = OUTPUT_MODES, *, max_tokens_field: MaxTokensField | None = "max_tokens"
    ) -> None:
        self.max_tokens_field = max_tokens_field
        self.refused: dict[OutputMode, str] = {}
        self._modes = modes
        self._proven: set[OutputMode] = set()
        self._without_json: dict[OutputMode, int] = {}

    def modes(self) -> list[OutputMode]:
        """The modes still worth trying, in order of trial; never empty."""
        return [mode for mode in self._modes if mode not in self.refused] or ["plain"]

    def refuse(self, mode: OutputMode, reason: str) -> None:
        """Remember that ``mode`` does not work here; plain text can't be given up."""
        if mode != "plain":
            self.refused.setdefault(mode, reason)

    def confirm(self, mode: OutputMode) -> None:
        """Remember that ``mode`` gave a readable reply."""
        self._proven.add(mode)
        self._without_json.pop(mode, None)

    def count_without_json(self, mode: OutputMode) -> bool:
        """Count a reply without JSON; True: it was the second in a row, and ``mode`` is given up."""
        self._without_json[mode] = self._without_json.get(mode, 0) + 1
        if self._without_json[mode] >= _MAX_REPLIES_WITHOUT_JSON:
            self.refuse(mode, f"{_MAX_REPLIES_WITHOUT_JSON} replies in a row without JSON")
        return mode in self.refused

    def may_refuse(self, mode: OutputMode, failure: Failure) -> bool:
        """Whether a failure may be about the mode rather than the request, so that the next mode is worth a try."""
        if mode == "plain" or failure.hopeless or failure.status not in {400, 404, 422, 501}:
            return False
        return _MODE_WORDS.search(failure.text) is not None or (
            failure.status in {400, 422} and mode not in self._proven
        )

    def swap_max_tokens_field(self) -> None:
        """Call the cap by its other name from now on."""
        self.max_tokens_field = "max_tokens" if self.max_tokens_field != "max_tokens" else "max_completion_tokens"

    def adapt_max_tokens_field(self, failure: Failure) -> bool:
        """Where the cap's name was refused: set the other one, or none where the model's class takes none."""
        field = self.max_tokens_field
        if field is None or field not in failure.text:
            return False
        if failure.status in {400, 422}:
            self.swap_max_tokens_field()
            return True
        if not failure.billed and failure.status is None:
            self.max_tokens_field = None
            return True
        return False


@dataclass(slots=True)
class _LoopModel:
    """The model over one event loop's connections, and the tools bound to it."""

    model: BaseChatModel
    client: Any
    with_tool: dict[type[BaseModel], Runnable[Any, AIMessage]] = field(default_factory=dict)


class Endpoint(CallLimits):
    """A chat model with what was learnt about it, usable on several event loops; its calls are never streamed."""

    def __init__(self, model: BaseChatModel, *, name: str, **limits: Unpack[LimitOptions]) -> None:
        super().__init__(name, **limits)
        self.model = model
        self.facts = model_facts(model)
        self.family: ImageFamily = family_of(self.facts.model_name or name)
        self.calibration = TokenCalibration(name, self.family)
        self.capabilities = Capabilities(self.facts.modes, max_tokens_field=self.facts.max_tokens_field)
        self._by_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, _LoopModel] = WeakKeyDictionary()

    @property
    def images(self) -> ImageScale:
        """How it counts pictures."""
        return self.calibration.images

    def output_modes(self, schema: type[BaseModel], *, exact: bool) -> list[OutputMode]:
        """The modes worth trying for a reply, in order; a TypeError where strict mode can't express ``schema``.

        An exact reply must be seen as the model wrote it, and langchain-openai hands on a call's arguments parsed, the
        last of two equal keys winning: there verdicts are not asked for by function call.
        """
        sent_schema(schema)
        modes = self.capabilities.modes()
        if "function_calling" in modes and ((exact and self.facts.compatible) or not self._takes_tool(schema)):
            modes.remove("function_calling")
        return modes

    def generate(self, request: ChatRequest, *, max_tokens: int) -> Awaitable[AIMessage]:
        """Make one request, unmetered; an integration's errors come through. The budget may allow fewer tokens."""
        model: Runnable[Any, AIMessage] = self._here().model
        if request.mode == "function_calling" and request.schema is not None:
            model = self._tool_bound(request.schema)
        return model.ainvoke(request.messages, _UNSTREAMED, **self._arguments(request, max_tokens))

    async def aclose(self) -> None:
        """Close the connections opened on the running event loop; a later call opens new ones."""
        here = self._by_loop.pop(asyncio.get_running_loop(), None)
        if here is not None and here.client is not None:
            await here.client.aclose()

    def _here(self) -> _LoopModel:
        loop = asyncio.get_running_loop()
        here = self._by_loop.get(loop)
        if here is None:
            here = self._by_loop[loop] = _LoopModel(*metered_copy(self.model))
        return here

    def _takes_tool(self, schema: type[BaseModel]) -> bool:
        try:
            self._tool_bound(schema)
        except (NotImplementedError, TypeError, ValueError) as error:
            self.capabilities.refuse("function_calling", f"bind_tools: {type(error).__name__}")
            return False
        return True

    def _tool_bound(self, schema: type[BaseModel]) -> Runnable[Any, AIMessage]:
        here = self._here()
        if schema not in here.with_tool:
            sent = sent_schema(schema)
            here.with_tool[schema] = here.model.bind_tools([sent.tool], tool_choice=sent.name)
        return here.with_tool[schema]

    def _arguments(self, request: ChatRequest, max_tokens: int) -> dict[str, Any]:
        field_name = self.capabilities.max_tokens_field
        if not self.facts.compatible:
            return {} if field_name is None else {field_name: max_tokens}
        body: dict[str, Any] = dict(getattr(self.model, "extra_body", None) or {})
        if request.mode == "json_schema" and request.schema is not None:
            body["response_format"] = sent_schema(request.schema).response_format
        elif request.mode == "json_mode":
            body["response_format"] = {"type": "json_object"}
        arguments: dict[str, Any] = {}
        if field_name == "max_tokens":
            # langchain-openai renames this field wherever else it is put, and many servers know the old name only.
            body["max_tokens"] = max_tokens
        elif field_name is not None:
            arguments[field_name] = max_tokens
        return arguments | {"extra_body": body} if body else arguments
