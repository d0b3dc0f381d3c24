"""EcoAlign alone, for LangGraph Server: ``langgraph dev`` serves what ``make_graph`` builds.

The server brings its own checkpointer, so the graph is compiled without one. The model comes from ``configurable`` or
the environment (``ECOALIGN_MODEL``); the default is the embedded rules, not a vision-language model.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig

from ecoalign_agent import EcoAlign, Policy


@asynccontextmanager
async def make_graph(config: RunnableConfig) -> AsyncIterator[Any]:
    """The graph for one run; ``configurable`` may hold ``model``, ``assessor`` and a ``policy`` table."""
    chosen = config.get("configurable", {})
    policy = Policy.from_mapping(chosen.get("policy", {}))
    # In a thread: models and prompts are files, and the server lets nothing block its event loop.
    agent = await asyncio.to_thread(EcoAlign, chosen.get("model"), assessor=chosen.get("assessor"), policy=policy)
    async with agent:
        # Clients stream the state: drafts have no verdict yet, what is held waits for a person's, and the journal
        # holds what was found unsafe.
        graph = agent.graph
        hidden = {"candidates", "held_thoughts", "journal"}
        graph.stream_channels = [key for key in graph.stream_channels_list if key not in hidden]
        yield graph
