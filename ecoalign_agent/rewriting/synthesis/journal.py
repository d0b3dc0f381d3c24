"""What was paid for, kept as it comes: a stage that ended is never paid for again, also after a hard kill."""

import asyncio
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import RunError, UsageError


@dataclass(slots=True)
class Journal:
    """One line for every stage of every record, written and flushed to disk before the next stage begins.

    Attributes:
        path: the file.
        entries: (record, stage) → entry; a later one replaces an earlier one.
        broken: lines that could not be read; a kill leaves one at most, at the end.
    """

    path: Path
    entries: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    broken: int = 0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _waiting: list[bytes] = field(default_factory=list)
    _handed_in: int = 0
    _on_disk: int = 0

    @classmethod
    def opened(cls, path: Path) -> "Journal":
        """The journal of an output folder, with what an earlier run left in it.

        Raises:
            UsageError: it can't be read.
        """
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
            journal._append(b"\n")  # a line that was cut off must not swallow the next one
        return journal

    def known(self, record: str, stage: str, key: str) -> dict[str, Any] | None:
        """What a stage came to before, if it was asked the same by the same models and prompts; None: not known."""
        entry = self.entries.get((record, stage))
        return entry if entry is not None and entry.get("key") == key else None

    async def keep(self, record: str, stage: str, key: str, **content: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Write one entry and see it to the disk.

        Raises:
            RunError: the disk is full, or the folder went away.
        """
        entry = {"record": record, "stage": stage, "key": key} | content
        self._waiting.append(json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n")
        number = self._handed_in = self._handed_in + 1
        async with self._turn:
            # Whoever has the turn writes for all who wait: one flush of the disk instead of one for each.
            if number > self._on_disk:
                lines, upto = b"".join(self._waiting), self._handed_in
                self._waiting.clear()
                await asyncio.to_thread(self._append, lines)
                self._on_disk = upto
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
