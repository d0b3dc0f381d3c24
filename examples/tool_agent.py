"""EcoAlign as a tool of a LangChain agent: the model decides when a question deserves a search.

Runs without a key: the agent's own model is scripted below, EcoAlign runs on the embedded rules (not a vision-language
model). Expect the model to call the tool, the tool to read the picture of the conversation, and the receipt of the
search in the tool message's artifact.
"""

import asyncio
import base64
from pathlib import Path
from typing import Any

from langchain.agents import create_agent
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from ecoalign_agent import EcoAlign

NOTICE = Path(__file__).parent / "images" / "museum_notice.png"


class Scripted(BaseChatModel):
    """Stands in for a real model: asks the tool, then repeats what it said."""

    _llm_type = "scripted"

    def bind_tools(self, *_: object, **__: object) -> "Scripted":
        """Pretend to know about tools."""
        return self

    def _generate(self, messages: list[Any], *_: object, **__: object) -> ChatResult:
        if isinstance(messages[-1], ToolMessage):
            message = AIMessage(f"The notice says: {messages[-1].text}")
        else:
            call = {"name": "ecoalign", "args": {"question": "When does the museum close on Friday?"}, "id": "1"}
            message = AIMessage("", tool_calls=[call])
        return ChatResult(generations=[ChatGeneration(message=message)])


async def main() -> None:
    """Ask the agent about the notice."""
    async with EcoAlign("offline") as ecoalign:
        agent = create_agent(Scripted(), [ecoalign.as_tool()])
        picture = base64.b64encode(NOTICE.read_bytes()).decode()
        block = {"type": "image", "base64": picture, "mime_type": "image/png"}
        question = HumanMessage([{"type": "text", "text": "Can I still go there on Friday evening?"}, block])
        for message in (await agent.ainvoke({"messages": [question]}))["messages"]:
            print(f"{message.type}: {message.text or message.tool_calls}")
            if isinstance(message, ToolMessage):
                cost = message.artifact.cost
                print(f"  the search spent {cost.spent:.0f} of {cost.budget:.0f} cost units in {cost.calls} calls")


if __name__ == "__main__":
    asyncio.run(main())
