"""Checkpoints of runs: their store, the types that may be read back, and the calls of an unfinished node.

A checkpoint names the types to build from it. By default LangGraph's savers import and call whatever it names, so that
whoever can write the file can run code here. Every saver that this package uses builds known types only.

LangGraph checkpoints after a node. Within one, the replies of models live in this process alone: so every reply is
written at once into the same store, as a pending write of the checkpoint under a task of its own, which LangGraph hands
to no node. It needs no other file or table, works with any checkpointer, and is as durable as a checkpoint. The next
checkpoint replaces it. Source: ours.
"""

import copy
import sqlite3
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.config import get_config
from langgraph.constants import CONFIG_KEY_CHECKPOINTER
from langgraph.runtime import get_runtime

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.search.state import CHECKPOINTED

CALL_CHANNEL = "ecoalign_call"
"""Name under which a call is written; no key of a state."""

_SQLITE_HEADER = b"SQLite format 3\0"

_POSTGRES_SCHEMES = ("postgresql://", "postgres://")


def serializer(*types: type) -> JsonPlusSerializer:
    """A serializer for the checkpointer of a graph that holds EcoAlign as a node: `InMemorySaver(serde=serializer())`.

    It builds this package's types and ``types`` of the graph's own state, and never unpickles.
    """
    own = {(kind.__module__, kind.__name__) for kind in types}
    return JsonPlusSerializer(pickle_fallback=False, allowed_msgpack_modules=[*CHECKPOINTED, *own])


def strict_checkpointer(saver: BaseCheckpointSaver[str]) -> BaseCheckpointSaver[str]:
    """A saver over the same store that builds known types only, and never unpickles; ``saver`` itself is not changed.

    Other types come back as the plain data they were made of. Types that the caller's serializer allows by name are
    allowed here, too; "everything" is not. LangGraph logs where it can't restrict a serializer, of an unknown class.
    """
    strict = _strict(saver.serde)
    if strict is None:
        return saver.with_allowlist(CHECKPOINTED)
    clone = copy.copy(saver)
    clone.serde = strict
    return clone


def _strict(serde: SerializerProtocol) -> SerializerProtocol | None:
    if isinstance(serde, EncryptedSerializer):
        inner = _strict(serde.serde)
        return None if inner is None else EncryptedSerializer(serde.cipher, inner)
    if not isinstance(serde, JsonPlusSerializer):
        return None
    # One that lets everything through has no list to add to, and hands itself back.
    if serde.with_msgpack_allowlist({("", "")}) is serde:
        serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    strict = copy.copy(serde.with_msgpack_allowlist(CHECKPOINTED))
    strict.pickle_fallback = False
    return strict


class CheckpointCallStore:
    """A store of calls beside one checkpoint."""

    def __init__(self, saver: BaseCheckpointSaver[Any], config: Any) -> None:  # noqa: ANN401 - LangChain's config
        self._saver, self._config = saver, config

    async def entries(self) -> Sequence[str]:
        """Entries written beside this checkpoint."""
        found = await self._saver.aget_tuple(self._config)
        writes = () if found is None else found.pending_writes or ()
        return [value for _, channel, value in writes if channel == CALL_CHANNEL and isinstance(value, str)]

    async def append(self, entry: str) -> None:
        """Write one entry; as durable as the checkpointer when this returns."""
        await self._saver.aput_writes(self._config, [(CALL_CHANNEL, entry)], uuid.uuid4().hex)


def current_checkpointer() -> BaseCheckpointSaver[Any] | None:
    """The checkpointer of the run that the running node belongs to; None: there is none."""
    saver = get_config().get("configurable", {}).get(CONFIG_KEY_CHECKPOINTER)
    return saver if isinstance(saver, BaseCheckpointSaver) else None


def current_call_cache() -> CheckpointCallStore | None:
    """The store of the running node's calls; None: the run has no checkpointer."""
    saver, info = current_checkpointer(), get_runtime().execution_info
    if saver is None or info is None or info.thread_id is None:
        return None
    # The last part of a checkpoint namespace names the node, those before it the graph.
    graph, _, _ = info.checkpoint_ns.rpartition("|")
    names = {"thread_id": info.thread_id, "checkpoint_ns": graph, "checkpoint_id": info.checkpoint_id}
    return CheckpointCallStore(saver, {"configurable": names})


def store_name(place: str) -> str:
    """A place for messages: of a database its host, port and name, never its password or parameters."""
    if not place.startswith(_POSTGRES_SCHEMES):
        return place
    try:
        parts = urlsplit(place)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "postgresql://…"
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}"


@asynccontextmanager
async def open_checkpointer(place: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """A strict checkpointer over ``place``, closed at the end. Its runs outlive their process, even a killed one.

    ``place`` is a SQLite file, made if it is missing, or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises:
        UsageError: its package is not installed, or the place can't be opened or holds something else.
        RunError: it failed while it was used. Earlier checkpoints stay.
    """
    async with _postgres(place) if place.startswith(_POSTGRES_SCHEMES) else _sqlite(place) as saver:
        yield strict_checkpointer(saver)


@asynccontextmanager
async def _sqlite(place: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    try:
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(
            f"state file {place!r}: keeping runs in a file needs a package that is not installed: "
            "pip install 'ecoalign-agent[sqlite]'"
        ) from error
    _require_usable(place)
    begun = False
    try:
        async with AsyncSqliteSaver.from_conn_string(place) as saver:
            await saver.setup()
            begun = True
            yield saver
    except sqlite3.Error as error:
        if not begun:
            raise UsageError(f"state file {place!r} can't be used: {error}; name another file") from error
        raise RunError(f"state file {place!r}: {error}; what was kept before stays: run the same again") from error


def _require_usable(place: str) -> None:
    path = Path(place)
    if not path.parent.is_dir():
        raise UsageError(f"state file {place!r}: there is no folder {str(path.parent)!r}; make it, or name another")
    try:
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_HEADER))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"state file {place!r} can't be used: {error.strerror}; name another file") from error
    if head not in {b"", _SQLITE_HEADER}:
        raise UsageError(f"state file {place!r} can't be used: it is no SQLite database; name another file")


@asynccontextmanager
async def _postgres(place: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    try:
        from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver  # noqa: PLC0415 - an extra
        from psycopg import AsyncConnection, Error  # noqa: PLC0415 - as above
        from psycopg.rows import dict_row  # noqa: PLC0415 - as above
        from psycopg_pool import AsyncConnectionPool, PoolTimeout  # noqa: PLC0415 - as above
    except ImportError as error:
        raise UsageError(
            f"state {store_name(place)}: keeping runs in Postgres needs packages that are not installed: "
            "pip install 'ecoalign-agent[postgres]'"
        ) from error
    arguments = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    begun = False
    try:
        # Once by itself: a pool would say in its log, address and all, why it can't connect, and try again.
        await (await AsyncConnection.connect(place, connect_timeout=10)).close()
        kind: type[AsyncConnection[dict[str, Any]]] = AsyncConnection
        async with AsyncConnectionPool(
            place, connection_class=kind, min_size=1, max_size=8, open=False, kwargs=arguments
        ) as pool:
            saver = AsyncPostgresSaver(pool)
            await saver.setup()
            begun = True
            yield saver
    except (Error, PoolTimeout) as error:
        # The driver's own words may hold the address with its password: only their kind is told.
        what = type(error).__name__
        if not begun:
            raise UsageError(
                f"state {store_name(place)} can't be used ({what}): check address, name and password"
            ) from None
        raise RunError(f"state {store_name(place)}: {what}; what was kept before stays: run the same again") from None
