"""One model at one address: what it can do, how many calls it takes at once, and how to call it without streaming.

Any LangChain chat model will do. Those that speak OpenAI's protocol through langchain-openai are *compatible*: they get
the whole ladder and the request body that servers of that kind agree on.
"""

import asyncio
import inspect
import sys
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, SecretStr

from ecoalign_agent.llm.capabilities import Capabilities, MaxTokensField, Rung
from ecoalign_agent.llm.image_tokens import ImageFamily, family_of
from ecoalign_agent.llm.strict_schema import sent_schema

_QUIET: RunnableConfig = {"tags": ["nostream"]}
"""LangGraph leaves calls with this tag out of its token stream: an inner thought is not for the user's eyes."""


class Endpoint:
    """A chat model with what was learnt about it.

    Attributes:
        name: what to call it in results and errors, such as ``openai:gpt-4o-mini``.
        model: the model as it is called; a copy that never streams, where the class can stream.
        family: how it counts a picture's tokens.
        capabilities: what it can do, filled in by calls.
        timeout: seconds one attempt may take.
        compatible: whether it is one of langchain-openai's models.
        address: host and port; empty where not known.
        secrets: the keys it holds, so that no error shows one.
        ceiling: the model's own cap on completion tokens; None: it has none.
    """

    def __init__(self, model: BaseChatModel, *, name: str, concurrency: int = 32, timeout: float = 60.0) -> None:
        """Wrap ``model``.

        Args:
            model: any LangChain chat model.
            name: see the class.
            concurrency: calls under way at once, per event loop.
            timeout: see the class.

        Raises:
            ValueError: ``concurrency`` below 1, or ``timeout`` not above 0.
        """
        if concurrency < 1 or not timeout > 0:
            raise ValueError(f"{name}: concurrency {concurrency} must be at least 1, timeout {timeout:g} above 0")
        self.name = name
        self.timeout = timeout
        self.compatible = _is_compatible(model)
        told = getattr(model, "model_name", None) or getattr(model, "model", None)
        self.family: ImageFamily = family_of(told if isinstance(told, str) else name)
        self.address = _address(model) if self.compatible else ""
        self.secrets = _secrets(model)
        cap = getattr(model, "max_tokens", None)
        self.ceiling: int | None = cap if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0 else None
        self.model = _quiet(model, compatible=self.compatible)
        self.capabilities = Capabilities(
            _first_rungs(model, compatible=self.compatible), max_tokens_field=self._field()
        )
        self._takes_cap = self.compatible or _takes_keyword(model, "max_tokens")
        self._concurrency = concurrency
        self._semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
        self._with_tool: dict[type[BaseModel], Runnable[Any, AIMessage]] = {}

    def turn(self) -> asyncio.Semaphore:
        """Places for calls on the running event loop: hold one while calling."""
        loop = asyncio.get_running_loop()
        if loop not in self._semaphores:
            self._semaphores[loop] = asyncio.Semaphore(self._concurrency)
        return self._semaphores[loop]

    async def call(
        self, messages: Sequence[BaseMessage], rung: Rung, schema: type[BaseModel], *, most: int
    ) -> AIMessage:
        """Make one request and no other; whatever the integration raises comes through.

        Args:
            messages: the prompt.
            rung: how to ask for structured output.
            schema: what is asked for.
            most: completion tokens at the most.
        """
        asked: Runnable[Any, AIMessage] = self._tool_bound(schema) if rung == "function_calling" else self.model
        return await asked.ainvoke(messages, _QUIET, **self._arguments(rung, schema, most))

    def rungs(self, *, exact: bool) -> list[Rung]:
        """The rungs worth trying for a reply, in order.

        An exact reply must be seen as the model wrote it, and langchain-openai hands on a call's arguments parsed, the
        last of two equal keys winning: there verdicts are not asked for by function call.
        """
        rungs = self.capabilities.rungs()
        if exact and self.compatible:
            rungs = [rung for rung in rungs if rung != "function_calling"]
        return rungs

    def can_call(self, schema: type[BaseModel]) -> bool:
        """Whether the class takes ``schema`` as a tool; remembers if it does not."""
        sent_schema(schema)
        try:
            self._tool_bound(schema)
        except (NotImplementedError, TypeError, ValueError) as error:
            self.capabilities.cannot("function_calling", f"bind_tools: {type(error).__name__}")
            return False
        return True

    def _tool_bound(self, schema: type[BaseModel]) -> Runnable[Any, AIMessage]:
        if schema not in self._with_tool:
            sent = sent_schema(schema)
            self._with_tool[schema] = self.model.bind_tools([sent.tool], tool_choice=sent.name)
        return self._with_tool[schema]

    def _arguments(self, rung: Rung, schema: type[BaseModel], most: int) -> dict[str, Any]:
        field = self.capabilities.max_tokens_field
        if not self.compatible:
            return {} if field is None or not self._takes_cap else {field: most}
        body: dict[str, Any] = dict(getattr(self.model, "extra_body", None) or {})
        if rung == "json_schema":
            body["response_format"] = sent_schema(schema).response_format
        elif rung == "json_mode":
            body["response_format"] = {"type": "json_object"}
        arguments: dict[str, Any] = {}
        if field == "max_tokens":
            # langchain-openai renames this field wherever else it is put, and many servers know the old name only.
            body["max_tokens"] = most
        elif field is not None:
            arguments[field] = most
        return arguments | {"extra_body": body} if body else arguments

    def _field(self) -> MaxTokensField:
        host = self.address.partition(":")[0]
        official = self.compatible and (not host or host.endswith(("openai.com", "azure.com")))
        return "max_completion_tokens" if official else "max_tokens"


def _is_compatible(model: BaseChatModel) -> bool:
    # A model of that family can't exist unless its module was imported: no need to import it for the others.
    module = sys.modules.get("langchain_openai.chat_models.base")
    return module is not None and isinstance(model, module.BaseChatOpenAI)


def _first_rungs(model: BaseChatModel, *, compatible: bool) -> tuple[Rung, ...]:
    if compatible:
        return ("json_schema", "function_calling", "json_mode", "plain")
    takes_tools = type(model).bind_tools is not BaseChatModel.bind_tools
    return ("function_calling", "plain") if takes_tools else ("plain",)


def _takes_keyword(model: BaseChatModel, keyword: str) -> bool:
    kind = type(model)
    answers = kind._generate if kind._agenerate is BaseChatModel._agenerate else kind._agenerate  # noqa: SLF001
    parameters = inspect.signature(answers).parameters
    return keyword in parameters or any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values())


def _quiet(model: BaseChatModel, *, compatible: bool) -> BaseChatModel:
    """A copy that answers in one piece, once, without retries of its own. The model itself, where it can't stream."""
    streams = any(getattr(type(model), name) is not getattr(BaseChatModel, name) for name in ("_stream", "_astream"))
    if not streams:
        return model
    if not compatible:
        return model.model_copy(update={"disable_streaming": True})
    changes: dict[str, Any] = {"disable_streaming": True, "streaming": False, "max_tokens": None, "n": None}
    root = getattr(model, "root_async_client", None)
    if root is not None:
        # The same connections, but every attempt passes the meter.
        once = root.with_options(max_retries=0)
        changes |= {"root_async_client": once, "async_client": once.chat.completions}
    return model.model_copy(update=changes)


def _address(model: BaseChatModel) -> str:
    base = getattr(getattr(model, "root_async_client", None), "base_url", None) or getattr(
        model, "openai_api_base", None
    )
    parts = urlsplit(str(base or ""))
    # Never the whole address: it may hold a user's name and password.
    return (parts.hostname or "") + (f":{parts.port}" if parts.port else "")


def _secrets(model: BaseChatModel) -> tuple[str, ...]:
    held = (getattr(model, name, None) for name in type(model).model_fields)
    return tuple(s.get_secret_value() for s in held if isinstance(s, SecretStr) and len(s.get_secret_value()) >= 4)
