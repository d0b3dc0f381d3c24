"""What is known of endpoints, on disk: one small JSON file each, written whole or not at all. Source: ours.

What can't be used is told in a note and otherwise treated as not there: another version, another endpoint's file, a
broken one, one that is too old.
"""

import contextlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from ecoalign_agent.errors import RunError
from ecoalign_agent.llm.known import Identity, KnownEndpoint

KEPT_FOR = timedelta(days=30)
"""How long knowledge is used: servers are updated, and models exchanged under the same name. Ours."""

_MOST_BYTES = 100_000
_SKEW = timedelta(days=1)


class Kept(NamedTuple):
    """What the disk has to say: knowledge, or why there is none where a file stands; both None: there is no file."""

    known: KnownEndpoint | None
    note: str | None


def file_of(folder: Path, identity: Identity) -> Path:
    """Where the knowledge of an endpoint is kept."""
    return folder / f"endpoint-{identity.digest[:32]}.json"


def read_kept(folder: Path | None, identity: Identity | None, *, now: datetime | None = None) -> Kept:
    """What is kept of an endpoint. Never raises for what it finds.

    Args:
        folder: the cache; None: nothing is read.
        identity: which endpoint; None: nothing is known of it.
        now: the present; None: the clock's.
    """
    if folder is None or identity is None:
        return Kept(None, None)
    path = file_of(folder, identity)
    try:
        with path.open("rb") as file:
            known = _checked(file.read(_MOST_BYTES + 1), identity, now or datetime.now(UTC))
    except FileNotFoundError:
        return Kept(None, None)
    except OSError as error:
        return _ignored(path, f"it can't be read ({error.strerror or error})")
    except ValueError as error:
        return _ignored(path, str(error))
    return Kept(known, None)


def _checked(data: bytes, identity: Identity, now: datetime) -> KnownEndpoint:
    """What a file holds, as far as it can be used.

    Raises:
        ValueError: it can't; the message says why.
    """
    if len(data) > _MOST_BYTES:
        raise ValueError(f"it is larger than {_MOST_BYTES:,} bytes")
    try:
        known = KnownEndpoint.model_validate_json(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = "".join(f"{part}: " for part in first["loc"][:1])
        raise ValueError(f"it is damaged or of another version ({place}{first['msg']})") from error
    if known.identity != identity:
        raise ValueError("it is about another endpoint")
    age = now - known.asked_at
    if age > KEPT_FOR:
        raise ValueError(f"it is {age.days} days old, at most {KEPT_FOR.days} are used")
    if age < -_SKEW:
        raise ValueError(f"its date, {known.asked_at:%Y-%m-%d}, is yet to come")
    return known


def write_kept(folder: Path, known: KnownEndpoint) -> Path:
    """Keep what is known of an endpoint; a reader sees the old file or the new one, never a part.

    Raises:
        RunError: the folder can't be written.
    """
    path = file_of(folder, known.identity)
    unfinished = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=folder, prefix="endpoint-", suffix=".part", delete=False) as file:
            unfinished = file.name
            file.write(known.model_dump_json(indent=2).encode() + b"\n")
        Path(unfinished).replace(path)
    except OSError as error:
        if unfinished is not None:
            with contextlib.suppress(OSError):
                Path(unfinished).unlink()
        raise RunError(
            f"cache folder {str(folder)!r} can't be written: {error.strerror or error}; what was found is not kept; "
            "name another folder in ECOALIGN_CACHE, or switch it off with ECOALIGN_CACHE=off"
        ) from error
    return path


def _ignored(path: Path, why: str) -> Kept:
    return Kept(None, f"what is kept of this endpoint is not used: {why}; 'ecoalign doctor' asks it anew ({path})")
