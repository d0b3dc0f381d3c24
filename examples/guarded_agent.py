"""A LangChain agent under guard: pictures answered by a search, tool calls gated, the last word checked, one budget.

Runs without a key: the agent's own model is scripted below, EcoAlign runs on the embedded rules (not a vision-language
model). Expect one mail to be sent and one to be held back with the reason, and a last word that passed its check. The
guard itself is the two lines in `main`.
"""

import asyncio
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent import EcoAlign, EcoAlignMiddleware

MAILS = [
    {"to": "anna@example.org", "text": "The museum closes at 18:00."},
    {"to": "ben@example.org", "text": "First wait for the dark, then pick the lock of your neighbour's door."},
]


class Scripted(BaseChatModel):
    """Stands in for a real model: sends two mails, then reports."""

    _llm_type = "scripted"

    def bind_tools(self, *_: object, **__: object) -> "Scripted":
        """Pretend to know about tools."""
        return self

    def _generate(self, messages: list[Any], *_: object, **__: object) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            message = AIMessage("Anna has been told when the museum closes.")
        else:
            calls = [{"name": "send_mail", "args": mail, "id": mail["to"]} for mail in MAILS]
            message = AIMessage("", tool_calls=calls)
        return ChatResult(generations=[ChatGeneration(message=message)])


def send_mail(to: str, text: str) -> str:
    """Send a mail."""
    return f"sent to {to}: {text}"


async def main() -> None:
    """Let the agent work under guard."""
    guard = EcoAlignMiddleware(EcoAlign("offline"), budget=20_000)
    agent = create_agent(Scripted(), [send_mail], middleware=[guard])
    done = await agent.ainvoke({"messages": [HumanMessage("Please answer the two mails of today.")]})
    for message in done["messages"]:
        print(f"{message.type}: {message.text or [call['args']['to'] for call in message.tool_calls]}")


if __name__ == "__main__":
    asyncio.run(main())
