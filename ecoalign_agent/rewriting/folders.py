"""Folders that a run can be taken up in again: they know what they were made with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import UsageError


def prepared(folder: str | Path, settings: Mapping[str, Any], *, mark: str) -> Path:
    """The output folder, made where it is missing; one that holds another run's work is not written over.

    Args:
        folder: as the user named it.
        settings: what the run was asked with, kept beside what it makes.
        mark: the name of the file that they are kept in.

    Raises:
        UsageError: it holds something else, was made with other settings, or can't be made.
    """
    path = Path(folder)
    file = path / mark
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    try:
        path.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            if any(path.iterdir()):
                raise UsageError(f"{path}: holds other files; name an empty folder, or one of an earlier run")
            file.write_text(json.dumps({"digest": digest, **settings}, indent=2) + "\n", encoding="utf-8")
            return path
        known = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except ValueError as error:
        raise UsageError(f"{file}: half written; remove it if what is in {path} is of this very run") from error
    if known.get("digest") != digest:
        changed = sorted(name for name in settings if known.get(name) != settings[name])
        raise UsageError(
            f"{path}: was made with other settings ({', '.join(changed)}); use the same ones, or another folder"
        )
    return path
