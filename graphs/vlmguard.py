"""The rewriter alone, for LangGraph Server; see ``ecoalign.py`` beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig

from ecoalign_agent import RewritePolicy, Rewriter


@asynccontextmanager
async def make_graph(config: RunnableConfig) -> AsyncIterator[Any]:
    """The graph for one run; ``configurable`` may hold ``model``, ``checker`` and a ``policy`` table."""
    chosen = config.get("configurable", {})
    policy = RewritePolicy.from_mapping(chosen.get("policy", {}))
    # In a thread: models and prompts are files, and the server lets nothing block its event loop.
    rewriter = await asyncio.to_thread(Rewriter, chosen.get("model"), checker=chosen.get("checker"), policy=policy)
    async with rewriter:
        # Clients stream the state: a new question has not been checked yet.
        graph = rewriter.graph
        graph.stream_channels = [key for key in graph.stream_channels_list if key != "new_question"]
        yield graph
