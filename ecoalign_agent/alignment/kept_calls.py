"""The calls of the node that is being carried out, kept beside the checkpoint that it began from.

LangGraph checkpoints after a node. Within one, what the models said lives in this process alone: so every answer is
written at once into the same store, as a pending write of that checkpoint under a task of its own, which LangGraph
hands to no node. It needs no other file or table, goes where the thread goes, with any checkpointer, and is as durable
as a checkpoint. The next checkpoint makes it history. Ours.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import get_runtime

CHANNEL = "ecoalign_call"
"""The name under which a call is written; no key of a state."""

_INSIDE = "|"
"""Between the parts of a namespace: what comes before the last one names the graph, the last one the node."""


class CheckpointCalls:
    """A store of calls beside one checkpoint.

    Args:
        saver: the checkpointer of the run.
        config: names the checkpoint.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any], config: Any) -> None:  # noqa: ANN401 - LangChain's config
        self._saver, self._config = saver, config

    async def kept(self) -> Sequence[str]:
        """What was kept beside this checkpoint."""
        found = await self._saver.aget_tuple(self._config)
        writes = () if found is None else found.pending_writes or ()
        return [value for _, channel, value in writes if channel == CHANNEL and isinstance(value, str)]

    async def keep(self, entry: str) -> None:
        """Write one entry; on disc when this returns, where the checkpointer has a disc."""
        await self._saver.aput_writes(self._config, [(CHANNEL, entry)], uuid.uuid4().hex)


def saver_here() -> BaseCheckpointSaver[Any] | None:
    """The checkpointer of the run that the running node belongs to, whoever brought it; None: there is none."""
    saver = get_config().get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    return saver if isinstance(saver, BaseCheckpointSaver) else None


def calls_here() -> CheckpointCalls | None:
    """The store of the running node's calls; None: nothing is kept in this run."""
    saver, info = saver_here(), get_runtime().execution_info
    if saver is None or info is None or info.thread_id is None:
        return None
    graph, inside, _ = info.checkpoint_ns.rpartition(_INSIDE)
    namespace = graph if inside else ""
    names = {"thread_id": info.thread_id, "checkpoint_ns": namespace, "checkpoint_id": info.checkpoint_id}
    return CheckpointCalls(saver, {"configurable": names})
