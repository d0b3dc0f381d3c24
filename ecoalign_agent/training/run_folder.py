"""Folders that a run can be taken up in again: they know what they were made with.

What was paid for, kept as it comes: a stage that ended is never paid for again, also after a hard kill.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import RunError, UsageError


def prepared(folder: str | Path, settings: Mapping[str, Any], *, mark: str, checked_inside: str | None = None) -> Path:
    """The output folder, made where it is missing; one that holds another run's work is not written over.

    Args:
        folder: as the user named it.
        settings: what the run was asked with, kept beside what it makes.
        mark: the name of the file that they are kept in.
        checked_inside: a file whose entries say themselves what they were made with: where it is, a lost mark is
            written anew, and nothing can be mixed up.

    Raises:
        UsageError: it holds something else, was made with other settings, or can't be made.
    """
    path = Path(folder)
    file = path / mark
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    try:
        path.mkdir(parents=True, exist_ok=True)
        known = _known(file)
        if known is None:
            ours = checked_inside is not None and (path / checked_inside).exists()
            if not ours and (file.exists() or any(path.iterdir())):
                raise UsageError(f"{path}: holds other files; name an empty folder, or one of an earlier run")
            beside = file.with_name(f".{mark}.part")
            beside.write_text(json.dumps({"digest": digest, **settings}, indent=2) + "\n", encoding="utf-8")
            os.replace(beside, file)  # noqa: PTH105 - Path.replace does the same, this one says what matters: atomically
            return path
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    if known.get("digest") != digest:
        changed = sorted(name for name in settings if known.get(name) != settings[name])
        raise UsageError(
            f"{path}: was made with other settings ({', '.join(changed)}); use the same ones, or another folder"
        )
    return path


def _known(file: Path) -> dict[str, Any] | None:
    """What the mark says; None: it is missing, or was spoilt."""
    if not file.exists():
        return None
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        return None
    return known if isinstance(known, dict) else None


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
