"""Output folders of resumable runs: the settings they were made with, and a journal of finished stages."""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.events.atomic_file import write_atomically


def prepare_folder(
    folder: str | Path, settings: Mapping[str, Any], *, settings_file: str, self_checking: str | None = None
) -> Path:
    """Make the output folder, or check that it holds a run with the same settings; else UsageError.

    Args:
        settings: stored beside the results, in ``settings_file``.
        self_checking: a file whose entries hold their own settings: where it is, a lost settings file is written anew.
    """
    path = Path(folder)
    file = path / settings_file
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    try:
        path.mkdir(parents=True, exist_ok=True)
        stored = None
        with suppress(FileNotFoundError, ValueError):
            stored = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(stored, dict):  # missing, or spoilt
            ours = self_checking is not None and (path / self_checking).exists()
            if not ours and (file.exists() or any(path.iterdir())):
                raise UsageError(f"{path}: holds other files; name an empty folder, or one of an earlier run")
            write_atomically(file, (json.dumps({"digest": digest, **settings}, indent=2) + "\n").encode())
            return path
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if stored.get("digest") != digest:
        changed = sorted(name for name in settings if stored.get(name) != settings[name])
        raise UsageError(
            f"{path}: was made with other settings ({', '.join(changed)}); use the same ones, or another folder"
        )
    return path


@dataclass(slots=True)
class StageJournal:
    """One line for every finished stage of every record, on the disk before the next stage begins.

    Attributes:
        entries: (record, stage) → entry; a later one replaces an earlier one.
        broken: unreadable lines; a kill leaves one at most, at the end.
    """

    path: Path
    entries: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken: int = 0
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pending: list[bytes] = field(default_factory=list)
    _submitted: int = 0
    _flushed: int = 0

    @classmethod
    def open(cls, path: Path) -> "StageJournal":
        """Open the journal of an output folder, with the entries of an earlier run."""
        journal = cls(path)
        try:
            content = path.read_bytes() if path.exists() else b""
        except OSError as error:
            raise UsageError(f"{path}: {error.strerror or error}") from error
        for line in content.splitlines():
            try:
                entry = json.loads(line)
                journal.entries[entry["record"], entry["stage"]] = entry
            except (ValueError, TypeError, KeyError):
                journal.broken += 1
        if content and not content.endswith(b"\n"):
            journal._append(b"\n")  # a truncated line must not swallow the next one
        return journal

    def find(self, record: str, stage: str, key: str) -> dict[str, Any] | None:
        """Entry of a stage with the same key: the same inputs, models and prompts; None: there is none."""
        entry = self.entries.get((record, stage))
        return entry if entry is not None and entry.get("key") == key else None

    async def add(self, record: str, stage: str, key: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Write one entry and flush it to the disk; RunError if the disk is full or the folder went away."""
        entry = {"record": record, "stage": stage, "key": key} | content
        self._pending.append(json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        number = self._submitted = self._submitted + 1
        async with self._lock:
            # The holder of the lock writes all pending lines: one flush of the disk instead of one for each.
            if number > self._flushed:
                lines, last = b"".join(self._pending), self._submitted
                self._pending.clear()
                await asyncio.to_thread(self._append, lines)
                self._flushed = last
        self.entries[record, stage] = entry
        return entry

    def _append(self, line: bytes) -> None:
        try:
            with self.path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise RunError(
                f"{self.path}: {error.strerror or error}; what was finished is kept, make room and run the same again"
            ) from error
