"""What may be read back out of a checkpoint: plain values, LangChain's messages and our own types, and nothing else.

A checkpoint names the types to build from it. By default LangGraph's savers import and call whatever it names, so that
who can write the file can run code here. Ours: a saver that this package uses reads strictly, however it was made.

The calls of the node that is being carried out, kept beside the checkpoint that it began from.

LangGraph checkpoints after a node. Within one, what the models said lives in this process alone: so every answer is
written at once into the same store, as a pending write of that checkpoint under a task of its own, which LangGraph
hands to no node. It needs no other file or table, goes where the thread goes, with any checkpointer, and is as durable
as a checkpoint. The next checkpoint makes it history. Ours.
"""

import copy
import uuid
from collections.abc import Sequence
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import get_runtime

from ecoalign_agent.search.state import CHECKPOINTED

_NOBODYS = ("", "")
"""Module and name of no type."""


def strict_checkpointer(saver: BaseCheckpointSaver[str]) -> BaseCheckpointSaver[str]:
    """A saver over the same store that builds only known types, and never unpickles.

    What a checkpoint names beyond those comes back as the plain data it was made of, and is not built. Types that a
    caller let through by name are let through here, too; "everything" is not. A serializer of a make that LangGraph
    does not know is left as it is, and LangGraph logs that it can't be held to a list.

    Args:
        saver: as the caller made it; it is not changed.
    """
    strict = _strict(saver.serde)
    if strict is None:
        return saver.with_allowlist(CHECKPOINTED)
    clone = copy.copy(saver)
    clone.serde = strict
    return clone


def _strict(serde: SerializerProtocol) -> SerializerProtocol | None:
    """The serializer held to the list; None: of an unknown make."""
    if isinstance(serde, EncryptedSerializer):
        inner = _strict(serde.serde)
        return None if inner is None else EncryptedSerializer(serde.cipher, inner)
    if not isinstance(serde, JsonPlusSerializer):
        return None
    # One that lets everything through has no list to add to, and hands itself back.
    if serde.with_msgpack_allowlist({_NOBODYS}) is serde:
        serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    strict = copy.copy(serde.with_msgpack_allowlist(CHECKPOINTED))
    strict.pickle_fallback = False
    return strict


CALL_CHANNEL = "ecoalign_call"
"""The name under which a call is written; no key of a state."""

_INSIDE = "|"
"""Between the parts of a namespace: what comes before the last one names the graph, the last one the node."""


class CheckpointCallStore:
    """A store of calls beside one checkpoint.

    Args:
        saver: the checkpointer of the run.
        config: names the checkpoint.
    """

    def __init__(self, saver: BaseCheckpointSaver[Any], config: Any) -> None:  # noqa: ANN401 - LangChain's config
        self._saver, self._config = saver, config

    async def entries(self) -> Sequence[str]:
        """What was kept beside this checkpoint."""
        found = await self._saver.aget_tuple(self._config)
        writes = () if found is None else found.pending_writes or ()
        return [value for _, channel, value in writes if channel == CALL_CHANNEL and isinstance(value, str)]

    async def append(self, entry: str) -> None:
        """Write one entry; on disc when this returns, where the checkpointer has a disc."""
        await self._saver.aput_writes(self._config, [(CALL_CHANNEL, entry)], uuid.uuid4().hex)


def current_checkpointer() -> BaseCheckpointSaver[Any] | None:
    """The checkpointer of the run that the running node belongs to, whoever brought it; None: there is none."""
    saver = get_config().get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    return saver if isinstance(saver, BaseCheckpointSaver) else None


def current_call_cache() -> CheckpointCallStore | None:
    """The store of the running node's calls; None: nothing is kept in this run."""
    saver, info = current_checkpointer(), get_runtime().execution_info
    if saver is None or info is None or info.thread_id is None:
        return None
    graph, inside, _ = info.checkpoint_ns.rpartition(_INSIDE)
    namespace = graph if inside else ""
    names = {"thread_id": info.thread_id, "checkpoint_ns": namespace, "checkpoint_id": info.checkpoint_id}
    return CheckpointCallStore(saver, {"configurable": names})
