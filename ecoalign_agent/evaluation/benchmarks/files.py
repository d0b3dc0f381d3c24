"""Finding and reading a publisher's files."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.benchmarks.samples import Source

T = TypeVar("T", list[Any], dict[str, Any])


class MissingFilesError(UsageError):
    """The user has not put a benchmark's files there, or elsewhere."""


def locate(folder: Path, source: Source, names: Sequence[str]) -> Path:
    """The first of some files or folders that is there: in the benchmark's own folder below ``folder``, or in itself.

    Raises:
        MissingFilesError: none is. The message names what is missing, where it comes from, and its licence.
    """
    for root in (folder / source.folder, folder):
        for name in names:
            if (root / name).exists():
                return root / name
    raise MissingFilesError(
        f"{folder / source.folder / names[0]}: no such file; {source.title} is at {source.url} (licence: "
        f"{source.licence}). Nothing is downloaded for you: put {source.files} there"
    )


def read_json(path: Path, kind: type[T]) -> T:
    """What a JSON file holds.

    Args:
        path: the file.
        kind: what it must be.

    Raises:
        UsageError: it can't be read, is no JSON, holds something else, or says something twice.
    """

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
        return made

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=once)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no JSON that can be read ({error}); fetch the file anew") from error
    if not isinstance(content, kind):
        expected = "a list" if kind is list else "an object"
        raise UsageError(f"{path}: holds {type(content).__name__}, must hold {expected} of records; fetch it anew")
    return content


def checksum(paths: Sequence[Path]) -> str:
    """SHA-256 of the index, in hexadecimal digits.

    Of several files it is that of the lines "digest, two spaces, name", in the order of the names, as ``sha256sum``
    writes them.

    Raises:
        UsageError: a file can't be read.
    """
    try:
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror or error}") from error
    if len(digests) == 1:
        return next(iter(digests.values()))
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def text_in(row: object, *keys: str) -> str | None:
    """The first text under one of ``keys`` that is not empty; None: there is none, or the record is no object."""
    if not isinstance(row, dict):
        return None
    texts = (row.get(key) for key in keys)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), None)


def shown_choices(question: str, choices: dict[str, str]) -> str:
    """A question with its choices, each behind its letter in brackets. Wording ours."""
    lines = "\n".join(f"({letter}) {choice}" for letter, choice in choices.items())
    return f"{question}\n\nChoices:\n{lines}\n\nReply with the letter of the right choice."
