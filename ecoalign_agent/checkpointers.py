"""Where runs are kept: a file, or a Postgres database by its URL. What is read back is read strictly."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from langgraph.checkpoint.base import BaseCheckpointSaver

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.search.checkpointing import strict_checkpointer

_HEAD = b"SQLite format 3\0"

_POSTGRES = ("postgresql://", "postgres://")


def is_database(place: str) -> bool:
    """Whether a place is a database by its URL; else it is a file."""
    return place.startswith(_POSTGRES)


def store_name(place: str) -> str:
    """A place as it may be shown: of a database host, port and name, never its password or parameters."""
    if not is_database(place):
        return place
    try:
        parts = urlsplit(place)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "postgresql://…"
    return f"postgresql://{parts.hostname or ''}{port}{parts.path}"


@asynccontextmanager
async def open_checkpointer(place: str) -> AsyncIterator[BaseCheckpointSaver[str]]:
    """A checkpointer over ``place``, closed in the end. Runs in it outlive their process, also one that is killed.

    Args:
        place: a file, made where it is missing (SQLite), or ``postgresql://USER:PASSWORD@HOST/DATABASE``.

    Raises:
        UsageError: the package for it is not installed, or the place can't be opened or holds something else.
        RunError: it failed while it was used. What was kept before stays.
    """
    opened = _postgres(place) if is_database(place) else _sqlite(place)
    async with opened as saver:
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
    """What can be said of a file before it is opened: it is a database or empty, or can be made.

    Raises:
        UsageError: it is none of these.
    """
    path = Path(place)
    if not path.parent.is_dir():
        raise UsageError(f"state file {place!r}: there is no folder {str(path.parent)!r}; make it, or name another")
    try:
        with path.open("rb") as file:
            head = file.read(len(_HEAD))
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"state file {place!r} can't be used: {error.strerror}; name another file") from error
    if head not in {b"", _HEAD}:
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
