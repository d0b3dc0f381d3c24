"""What an endpoint can do, found out once and remembered for as long as the endpoint lives.

A rung is a way of asking for structured output. The ladder goes down from the one that binds the model most tightly: a
JSON schema, a function call, JSON mode, plain text. Source: ours.

What a LangChain chat model tells about itself, and the copy of it that the meter can trust.

The copy answers in one piece, once, without retries of its own, over connections of its own event loop.

One model at one address: what it can do, how many calls it takes at once, and how to call it without streaming.

Any LangChain chat model will do. Those that speak OpenAI's protocol through langchain-openai are *compatible*: they get
the whole ladder and the request body that servers of that kind agree on.
"""

import asyncio
import inspect
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, SecretStr

from ecoalign_agent.images.image_tokens import ImageFamily, family_of
from ecoalign_agent.llm.json_schema import sent_schema
from ecoalign_agent.llm.rate_limit import RateLimiter
from ecoalign_agent.llm.tokens import ImageScale, TokenCalibration

OutputMode = Literal["json_schema", "function_calling", "json_mode", "plain"]

OUTPUT_MODES: tuple[OutputMode, ...] = ("json_schema", "function_calling", "json_mode", "plain")
"""All rungs, in order of trial."""

MaxTokensField = Literal["max_completion_tokens", "max_tokens"]

_SILENT_TWICE = 2


class Capabilities:
    """What one endpoint can and can't do. Changes as calls teach it; plain text is always left.

    Attributes:
        max_tokens_field: how this endpoint calls the cap on completion tokens; None: it takes no such cap, so that a
            call's cost is bounded by the model only.
        refused: rung → why it is no longer tried, one line each.
    """

    def __init__(
        self, rungs: tuple[OutputMode, ...] = OUTPUT_MODES, *, max_tokens_field: MaxTokensField | None = "max_tokens"
    ) -> None:
        self.max_tokens_field = max_tokens_field
        self.refused: dict[OutputMode, str] = {}
        self._rungs = rungs
        self._proven: set[OutputMode] = set()
        self._silent: dict[OutputMode, int] = {}

    def rename_cap(self) -> None:
        """Call the cap by its other name from now on, where it has one."""
        if self.max_tokens_field is not None:
            other: MaxTokensField = "max_tokens" if self.max_tokens_field != "max_tokens" else "max_completion_tokens"
            self.max_tokens_field = other

    def rungs(self) -> list[OutputMode]:
        """The rungs still worth trying, in order of trial; never empty."""
        return [rung for rung in self._rungs if rung not in self.refused] or ["plain"]

    def cannot(self, rung: OutputMode, why: str) -> None:
        """Remember that ``rung`` does not work here; plain text can't be given up."""
        if rung != "plain":
            self.refused.setdefault(rung, why)

    def works(self, rung: OutputMode) -> None:
        """Remember that ``rung`` gave a readable reply."""
        self._proven.add(rung)
        self._silent.pop(rung, None)

    def proven(self, rung: OutputMode) -> bool:
        """Whether ``rung`` gave a readable reply before."""
        return rung in self._proven

    def silent(self, rung: OutputMode) -> bool:
        """Note a reply without any JSON on ``rung``; the second in a row gives the rung up. Returns whether it did."""
        self._silent[rung] = self._silent.get(rung, 0) + 1
        if self._silent[rung] >= _SILENT_TWICE:
            self.cannot(rung, f"{_SILENT_TWICE} replies in a row without JSON")
        return rung in self.refused


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
    rungs: tuple[OutputMode, ...]
    max_tokens_field: MaxTokensField | None


def model_facts(model: BaseChatModel) -> ModelFacts:
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
        rungs=OUTPUT_MODES if compatible else _other_rungs(model),
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


def _other_rungs(model: BaseChatModel) -> tuple[OutputMode, ...]:
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


_QUIET: RunnableConfig = {"tags": ["nostream"]}
"""LangGraph leaves calls with this tag out of its token stream: an inner thought is not for the user's eyes."""


@dataclass(slots=True)
class _Here:
    """What belongs to one event loop: places, the model over this loop's connections, and the tools bound to it."""

    turn: asyncio.Semaphore
    model: BaseChatModel
    client: Any
    with_tool: dict[type[BaseModel], Runnable[Any, AIMessage]] = field(default_factory=dict)


class Endpoint:
    """A chat model with what was learnt about it. Usable on several event loops, one after another or at once.

    Attributes:
        name: what to call it in results and errors, such as ``openai:gpt-4o-mini``.
        model: the model it was made from; what is called is a copy that never streams.
        family: how it counts a picture's tokens, by its name.
        gauge: how it counts prompts, learnt from what it reports.
        facts: what the model tells about itself.
        capabilities: what it can do, filled in by calls.
        timeout: seconds one attempt may take.
        backoff: seconds waited at the most before a first retry, where the server does not say how long.
        rate: how often it may be asked.
    """

    def __init__(
        self,
        model: BaseChatModel,
        *,
        name: str,
        concurrency: int = 32,
        timeout: float = 60.0,
        backoff: float = 0.5,
        requests_per_minute: int | None = None,
    ) -> None:
        """Wrap ``model``.

        Args:
            model: any LangChain chat model.
            name: see the class.
            concurrency: calls under way at once, per event loop.
            timeout: see the class.
            backoff: see the class.
            requests_per_minute: requests in any minute, retries among them, on all event loops; None: no limit.

        Raises:
            ValueError: ``concurrency`` or ``requests_per_minute`` below 1, or ``timeout`` not above 0.
        """
        if concurrency < 1 or not timeout > 0:
            raise ValueError(f"{name}: concurrency {concurrency} must be at least 1, timeout {timeout:g} above 0")
        self.name = name
        self.model = model
        self.timeout = timeout
        self.backoff = backoff
        self.rate = RateLimiter(requests_per_minute)
        self.facts = model_facts(model)
        self.family: ImageFamily = family_of(self.facts.model_name or name)
        self.gauge = TokenCalibration(name, self.family)
        self.capabilities = Capabilities(self.facts.rungs, max_tokens_field=self.facts.max_tokens_field)
        self._concurrency = concurrency
        self._places: WeakKeyDictionary[asyncio.AbstractEventLoop, _Here] = WeakKeyDictionary()

    @property
    def images(self) -> ImageScale:
        """How it counts pictures."""
        return self.gauge.images

    def turn(self) -> asyncio.Semaphore:
        """Places for calls on the running event loop: hold one while calling."""
        return self._here().turn

    def rungs(self, schema: type[BaseModel], *, exact: bool) -> list[OutputMode]:
        """The rungs worth trying for a reply, in order.

        An exact reply must be seen as the model wrote it, and langchain-openai hands on a call's arguments parsed, the
        last of two equal keys winning: there verdicts are not asked for by function call.

        Raises:
            TypeError: ``schema`` can't be asked for; see ``strict_schema``.
        """
        sent_schema(schema)
        rungs = self.capabilities.rungs()
        if "function_calling" in rungs and ((exact and self.facts.compatible) or not self._takes_tool(schema)):
            rungs.remove("function_calling")
        return rungs

    async def call(
        self, messages: Sequence[BaseMessage], rung: OutputMode, schema: type[BaseModel], *, most: int
    ) -> AIMessage:
        """Make one request and no other; whatever the integration raises comes through.

        Args:
            messages: the prompt.
            rung: how to ask for structured output.
            schema: what is asked for.
            most: completion tokens at the most.
        """
        asked: Runnable[Any, AIMessage] = self._here().model
        if rung == "function_calling":
            asked = self._tool_bound(schema)
        return await asked.ainvoke(messages, _QUIET, **self._arguments(rung, schema, most))

    async def aclose(self) -> None:
        """Close the connections opened on the running event loop; a later call opens new ones."""
        here = self._places.pop(asyncio.get_running_loop(), None)
        if here is not None and here.client is not None:
            await here.client.aclose()

    def _here(self) -> _Here:
        loop = asyncio.get_running_loop()
        here = self._places.get(loop)
        if here is None:
            here = _Here(asyncio.Semaphore(self._concurrency), *metered_copy(self.model))
            self._places[loop] = here
        return here

    def _takes_tool(self, schema: type[BaseModel]) -> bool:
        try:
            self._tool_bound(schema)
        except (NotImplementedError, TypeError, ValueError) as error:
            self.capabilities.cannot("function_calling", f"bind_tools: {type(error).__name__}")
            return False
        return True

    def _tool_bound(self, schema: type[BaseModel]) -> Runnable[Any, AIMessage]:
        here = self._here()
        if schema not in here.with_tool:
            sent = sent_schema(schema)
            here.with_tool[schema] = here.model.bind_tools([sent.tool], tool_choice=sent.name)
        return here.with_tool[schema]

    def _arguments(self, rung: OutputMode, schema: type[BaseModel], most: int) -> dict[str, Any]:
        cap = self.capabilities.max_tokens_field
        if not self.facts.compatible:
            return {} if cap is None else {cap: most}
        body: dict[str, Any] = dict(getattr(self.model, "extra_body", None) or {})
        if rung == "json_schema":
            body["response_format"] = sent_schema(schema).response_format
        elif rung == "json_mode":
            body["response_format"] = {"type": "json_object"}
        arguments: dict[str, Any] = {}
        if cap == "max_tokens":
            # langchain-openai renames this field wherever else it is put, and many servers know the old name only.
            body["max_tokens"] = most
        elif cap is not None:
            arguments[cap] = most
        return arguments | {"extra_body": body} if body else arguments
