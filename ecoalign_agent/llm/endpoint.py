"""One model at one address: what it can do, how many calls it takes at once, and how to call it without streaming.

Any LangChain chat model will do. Those that speak OpenAI's protocol through langchain-openai are *compatible*: they get
the whole ladder and the request body that servers of that kind agree on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel

from ecoalign_agent.llm.capabilities import Capabilities, Rung
from ecoalign_agent.llm.chat_models import facts_of, metered_copy
from ecoalign_agent.llm.image_scale import Gauge, ImageScale
from ecoalign_agent.llm.image_tokens import ImageFamily, family_of
from ecoalign_agent.llm.rate import Rate
from ecoalign_agent.llm.strict_schema import sent_schema

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
        self.rate = Rate(requests_per_minute)
        self.facts = facts_of(model)
        self.family: ImageFamily = family_of(self.facts.model_name or name)
        self.gauge = Gauge(name, self.family)
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

    def rungs(self, schema: type[BaseModel], *, exact: bool) -> list[Rung]:
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
        self, messages: Sequence[BaseMessage], rung: Rung, schema: type[BaseModel], *, most: int
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

    def _arguments(self, rung: Rung, schema: type[BaseModel], most: int) -> dict[str, Any]:
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
