"""A chat model with prepared replies: a script answers each call from what it was asked, and every call is kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.methods.base import MethodContext
from ecoalign_agent.testing import AsyncChatModel


@dataclass(frozen=True)
class Call:
    """What was asked: the words by role, the pictures' addresses, and the options of the request."""

    messages: Sequence[BaseMessage]
    options: Mapping[str, Any]

    @property
    def system(self) -> str:
        return "\n".join(str(m.text) for m in self.messages if m.type == "system")

    @property
    def user(self) -> str:
        return "\n".join(str(m.text) for m in self.messages if m.type == "human")

    @property
    def pictures(self) -> list[str]:
        blocks = [b for m in self.messages if isinstance(m.content, list) for b in m.content]
        return [b["image_url"]["url"] for b in blocks if isinstance(b, dict) and b["type"] == "image_url"]

    @property
    def most(self) -> int:
        return int(self.options["max_tokens"])


@dataclass(frozen=True)
class Say:
    """A reply with its circumstances; tokens (prompt, completion) None: the server reports no usage."""

    text: str
    tokens: tuple[int, int] | None = (100, 20)
    finish: str = "stop"
    also: Mapping[str, Any] = field(default_factory=dict)


class Scripted(AsyncChatModel):
    """Replies by its script: a function of the call, or replies in the order of calls."""

    script: Callable[[Call], Say | str | Exception]
    calls: list[Call]
    max_tokens: int | None = None

    def __init__(self, script: Callable[[Call], Say | str | Exception] | Sequence[Say | str | Exception]) -> None:
        if not callable(script):
            left = iter(script)
            super().__init__(script=lambda call: next(left), calls=[])
        else:
            super().__init__(script=script, calls=[])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        call = Call(messages, kwargs)
        self.calls.append(call)
        reply = self.script(call)
        if isinstance(reply, Exception):
            raise reply
        reply = Say(reply) if isinstance(reply, str) else reply
        message = AIMessage(
            reply.text, response_metadata={"finish_reason": reply.finish}, additional_kwargs=dict(reply.also)
        )
        if reply.tokens is not None:
            prompt, completion = reply.tokens
            message.usage_metadata = {
                "input_tokens": prompt,
                "output_tokens": completion,
                "total_tokens": prompt + completion,
            }
        return ChatResult(generations=[ChatGeneration(message=message)])


class NoServerError(Exception):
    """Stands for what a model's client raises when its endpoint fails for good."""


async def _never(text: str, question: str, pictures: Sequence[bytes]) -> Verdict:
    raise AssertionError("this method grades nothing")


def method_context(
    model: BaseChatModel, *, assess: Any = _never, budget: float = 6_000.0, seed: int = 0
) -> MethodContext:
    return MethodContext(model, assess, budget, seed)
