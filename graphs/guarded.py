"""The rewriter, then EcoAlign, for LangGraph Server; see ``ecoalign.py`` beside it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig

from ecoalign_agent import EcoAlign, Policy, Rewriter

# What has no verdict yet, or was found unsafe.
HIDDEN = {"candidates", "held_thoughts", "journal", "new_question", "prior"}


@asynccontextmanager
async def make_graph(config: RunnableConfig) -> AsyncIterator[Any]:
    """The graph for one run; ``configurable`` may hold ``model``, ``rewriter``, ``assessor`` and a ``policy`` table."""
    chosen = config.get("configurable", {})
    policy, model = Policy.from_mapping(chosen.get("policy", {})), chosen.get("model")
    # In a thread: models and prompts are files, and the server lets nothing block its event loop.
    front = await asyncio.to_thread(Rewriter, chosen.get("rewriter") or model)
    build = asyncio.to_thread(EcoAlign, model, assessor=chosen.get("assessor"), policy=policy, rewriter=front)
    async with await build as agent:
        agent.graph.stream_channels = [key for key in agent.graph.stream_channels_list if key not in HIDDEN]
        yield agent.graph
