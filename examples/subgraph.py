"""EcoAlign as a node of your own LangGraph graph: the conversation goes in, a safe answer comes out.

Runs on the embedded rules (not a vision-language model), without a key. The parent greets, EcoAlign answers the last
question from its picture, and the parent signs. Expect every step of the search by name, then the conversation: the
parent and EcoAlign share the key `messages`, and the search's events come through from inside.
"""

import asyncio
import base64
from pathlib import Path
from typing import Any

from langchain_core.messages import AIMessage, HumanMessage
from langgraph.graph import END, START, MessagesState, StateGraph

from ecoalign_agent import EcoAlign

NOTICE = Path(__file__).parent / "images" / "museum_notice.png"


async def greet(state: MessagesState) -> dict[str, list[AIMessage]]:
    """A node of the parent's."""
    return {"messages": [AIMessage(f"You asked {len(state['messages'])} question. One moment, please.")]}


async def sign(state: MessagesState) -> dict[str, list[AIMessage]]:
    """Another one, after EcoAlign's."""
    return {"messages": [AIMessage(f"This was said by {state['messages'][-1].name}.")]}


async def main() -> None:
    """Build the parent and ask about the notice."""
    async with EcoAlign("offline") as agent:
        graph = StateGraph(MessagesState)
        graph.add_node("greet", greet)
        graph.add_node("ecoalign", agent.graph)
        graph.add_node("sign", sign)
        graph.add_edge(START, "greet")
        graph.add_edge("greet", "ecoalign")
        graph.add_edge("ecoalign", "sign")
        graph.add_edge("sign", END)
        picture = base64.b64encode(NOTICE.read_bytes()).decode()
        question = HumanMessage(
            [
                {"type": "text", "text": "When does the museum close on Friday?"},
                {"type": "image", "base64": picture, "mime_type": "image/png"},
            ]
        )
        parent: Any = graph.compile()
        request = {"messages": [question]}
        async for namespace, mode, chunk in parent.astream(request, stream_mode=["custom", "values"], subgraphs=True):
            if mode == "custom":
                print(f"  {chunk['ecoalign']['kind']}")
            elif not namespace:
                print(f"{chunk['messages'][-1].type}: {chunk['messages'][-1].text}")


if __name__ == "__main__":
    asyncio.run(main())
