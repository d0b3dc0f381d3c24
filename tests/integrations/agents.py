"""A plain chat model whose replies depend on the conversation, and agents guarded by a scripted EcoAlign."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from langchain.agents import create_agent
from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

from ecoalign_agent import EcoAlign, EcoAlignMiddleware, Policy
from ecoalign_agent.testing import AnyReply, ScriptedCall, ScriptedModel, task_replies, verdict_reply

Talk = Callable[[Sequence[BaseMessage]], AIMessage]

BAD = "malice"
"""The word that the scripted assessor finds unsafe; nothing harmful stands in these tests."""


class Plain(BaseChatModel):
    """Says what its script makes of the conversation, in tokens where it is asked to stream."""

    talk: Callable[[Any], Any]
    asked: list[list[BaseMessage]] = []  # noqa: RUF012 - pydantic copies it

    @property
    def _llm_type(self) -> str:
        return "plain"

    def bind_tools(self, tools: Any, **kwargs: Any) -> Runnable[Any, Any]:
        return self.bind(**{key: value for key, value in kwargs.items() if key != "tool_choice"})

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        self.asked.append(messages)
        return ChatResult(generations=[ChatGeneration(message=self.talk(messages))])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        said = self._generate(messages).generations[0].message
        assert isinstance(said, AIMessage)
        parts: list[AIMessageChunk] = [AIMessageChunk(content=f"{word} ") for word in said.text.split()]
        calls = [
            {"name": call["name"], "args": str(call["args"]).replace("'", '"'), "id": call["id"], "index": n}
            for n, call in enumerate(said.tool_calls)
        ]
        parts.append(AIMessageChunk(content="", tool_call_chunks=calls, usage_metadata=said.usage_metadata))
        for part in parts:
            chunk = ChatGenerationChunk(message=part)
            if run_manager is not None:
                await run_manager.on_llm_new_token(part.text, chunk=chunk)
            yield chunk


USED = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
PLAIN_COST = 0.25 * 100 + 20
"""What one reply with that usage costs by the default tariff: 45 cost units."""


def saying(text: str, *calls: tuple[str, dict[str, Any]], **fields: Any) -> AIMessage:
    """A reply, with tool calls and an honest usage."""
    tools = [
        {"name": name, "args": args, "id": f"call{n}", "type": "tool_call"} for n, (name, args) in enumerate(calls)
    ]
    return AIMessage(text, tool_calls=tools, **({"usage_metadata": USED} | fields))


def first_then(first: AIMessage, then: AIMessage) -> Talk:
    """A plain model that says ``first``, and after a tool's result ``then``."""
    # A new message each time: whoever gets it may give it an id.
    return lambda messages: (then if isinstance(messages[-1], ToolMessage) else first).model_copy(deep=True)


def by_words(call: ScriptedCall) -> AnyReply:
    """An assessor that finds texts with the word ``BAD`` in them unsafe."""
    return verdict_reply(-0.9, 0.1, ["S2"]) if BAD in call["candidate"] else verdict_reply()


class Guarded:
    """An agent with its guard, and everything that a test looks at.

    Attributes:
        scripted: EcoAlign's model.
        plain: the agent's own.
        sent: what the tool ``send_mail`` was called with.
        agent: the agent.
    """

    def __init__(
        self,
        talk: Talk,
        *,
        policy: Policy | None = None,
        parts: dict[str, Any] | None = None,
        tools: Sequence[Any] | None = None,
        others: Sequence[Any] = (),
        agent: dict[str, Any] | None = None,
        **options: Any,
    ) -> None:
        self.scripted = ScriptedModel(task_replies(**({"assess": by_words} | (parts or {}))))
        self.eco = EcoAlign(self.scripted, policy=policy)
        self.plain = Plain(talk=talk)
        self.plain.asked = []
        self.sent: list[str] = []

        def send_mail(to: str) -> str:
            """Send a mail."""
            self.sent.append(to)
            return f"sent to {to}"

        self.agent: Any = create_agent(
            self.plain,
            [send_mail] if tools is None else tools,
            middleware=[EcoAlignMiddleware(self.eco, **options), *others],
            **(agent or {}),
        )

    async def ask(self, *messages: Any, config: Any = None) -> list[BaseMessage]:
        """The conversation after one run."""
        state = await self.agent.ainvoke({"messages": list(messages)}, config)
        said: list[BaseMessage] = state["messages"]
        return said
