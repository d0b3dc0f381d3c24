"""Folders that a run can be taken up in again: they know what they were made with."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import UsageError


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
