"""What may be read back out of a checkpoint: plain values, LangChain's messages and our own types, and nothing else.

A checkpoint names the types to build from it. By default LangGraph's savers import and call whatever it names, so that
who can write the file can run code here. Ours: a saver that this package uses reads strictly, however it was made.
"""

import copy

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from ecoalign_agent.alignment.state import CHECKPOINTED

_NOBODYS = ("", "")
"""Module and name of no type."""


def reading_strictly(saver: BaseCheckpointSaver[str]) -> BaseCheckpointSaver[str]:
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
