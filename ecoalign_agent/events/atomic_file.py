"""Files that are written whole or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o666) -> Iterator[Path]:
    """A path beside ``path`` to write to; it takes its place when the block ends, and is removed when the block fails.

    A reader sees the old file or the new one, never a part. ``mode`` is the new file's, less the process's umask.
    """
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    part.touch(mode=mode, exist_ok=False)
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: Path, data: bytes, *, mode: int = 0o666) -> None:
    """Write ``data`` to ``path``, whole or not at all."""
    with atomic_path(path, mode=mode) as part:
        part.write_bytes(data)
