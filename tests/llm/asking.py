"""What the tests of ``ask`` share: a prompt, two schemas, meters with round numbers, models of every kind."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from pydantic import BaseModel, ConfigDict, Field

from ecoalign_agent.economics.budget import Budget
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.prompts import RenderedPrompt

KEY = "sk-canary-0123456789abcdef"

PROMPT = RenderedPrompt(system="Reply in JSON.\n", user="What time is it in the picture?\n", name="t")
# 15 bytes are 5 tokens and 32 bytes are ⌈10.67⌉ = 11; a message adds 8.
PROMPT_TOKENS = 5 + 8 + 11 + 8


class Note(BaseModel):
    """A thought in words."""

    text: str
    weight: float = Field(default=0.5, ge=0.0, le=1.0)


class Grade(BaseModel):
    """A verdict: strict, like the real ones."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    safety: float = Field(ge=-1.0, le=1.0)


NOTE = {"text": "ten o'clock", "weight": 0.5}
GRADE = {"safety": 0.5}


def meter(total: float = 10_000.0, *, deadline: float | None = None, answer_reserve: float = 0.0) -> Meter:
    """A meter at the default tariff: prompt tokens cost a quarter, completion tokens one."""
    return Meter(Budget(total, answer_reserve=answer_reserve), Tariff(), deadline=deadline)


class ScriptedModel(BaseChatModel):
    """A chat model that knows nothing of tools: text from a function of its messages."""

    script: Callable[[Sequence[BaseMessage]], Any]
    seen: list[dict[str, Any]] = Field(default_factory=list)
    pause: float = 0.0

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.seen.append({"messages": messages, **kwargs})
        said = self.script(messages)
        if isinstance(said, Exception):
            raise said
        message = (
            said if isinstance(said, AIMessage) else AIMessage(said if isinstance(said, str) else json.dumps(said))
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if self.pause:
            await asyncio.sleep(self.pause)
        return self._generate(messages, stop, None, **kwargs)


class ToolModel(ScriptedModel):
    """One that takes tools, and answers by calling the one it was given."""

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        return self.bind(tools=tools, **kwargs)


class RefusesTools(ScriptedModel):
    """One whose class has ``bind_tools`` and takes no dictionaries there."""

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[LanguageModelInput, AIMessage]:
        raise NotImplementedError("only functions are tools")


class BareModel(ScriptedModel):
    """One whose class takes no further arguments."""

    async def _agenerate(  # type: ignore[override]  # narrower than its base on purpose, as some classes are
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
    ) -> ChatResult:
        return self._generate(messages, stop, None)


class PickyModel(ScriptedModel):
    """One whose class seems to take any argument, and whose client does not."""

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if kwargs:
            raise TypeError(f"chat() got an unexpected keyword argument '{next(iter(kwargs))}'")
        return self._generate(messages, stop, None)


class StreamingModel(ScriptedModel):
    """One that streams when it is let."""

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Any:
        raise AssertionError("an inner call must not stream")
        yield ChatGenerationChunk(message=AIMessage(""))  # type: ignore[unreachable]  # makes it a generator


def calling(name: str, arguments: dict[str, Any], **more: Any) -> AIMessage:
    """A reply that is one function call."""
    return AIMessage("", tool_calls=[{"name": name, "args": arguments, "id": "1"}], **more)
