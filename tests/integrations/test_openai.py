"""The guard around langchain-openai's own chat model, over HTTP: no tokens before the verdict, and a true count."""

from typing import Any

import httpx
import pytest
from langchain.agents import create_agent
from langchain_core.messages import HumanMessage
from langchain_openai import ChatOpenAI
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign, EcoAlignMiddleware
from ecoalign_agent.integrations.messages import UNSAFE_TEXT
from ecoalign_agent.testing import SCRIPTED_CALL_COST, ScriptedModel, task_replies
from tests.integrations.agents import BAD, by_words
from tests.scripted_server import ChatServer, saying

CONFIG: Any = {"configurable": {"thread_id": "x"}}


@pytest.mark.parametrize(
    ("reply", "expected"), [("It is open now.", "It is open now."), (f"Much {BAD} here.", UNSAFE_TEXT)]
)
async def test_a_hosted_model_is_heard_whole_and_checked(reply: str, expected: str) -> None:
    with ChatServer(saying(reply)) as server:
        async with httpx.AsyncClient() as client:
            model = ChatOpenAI(
                model="m", base_url=server.url, api_key="none", streaming=True, http_async_client=client, max_retries=0
            )
            guard = EcoAlignMiddleware(EcoAlign(ScriptedModel(task_replies(assess=by_words))), budget=9_000)
            agent: Any = create_agent(model, middleware=[guard], checkpointer=InMemorySaver())
            stream = agent.astream({"messages": [HumanMessage("12345678")]}, CONFIG, stream_mode="messages")
            assert [message.text async for message, _ in stream] == [expected]
        assert not server.requests[0].body.get("stream")
    # The server counts a token for four characters: 2 in, at a quarter each, and of 15 or more characters 4 or 5 out.
    state = await agent.aget_state(CONFIG)
    assert state.values["ecoalign_spent"] == pytest.approx(0.25 * 2 + -(-len(reply) // 4) + SCRIPTED_CALL_COST)
