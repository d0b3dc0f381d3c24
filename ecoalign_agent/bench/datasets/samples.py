"""What every reader gives: samples, and what no sample could be made of.

Finding and reading a publisher's files.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ecoalign_agent.errors import UsageError

Image = Path | bytes


@dataclass(frozen=True, slots=True)
class Sample:
    """One question of a benchmark.

    Attributes:
        id: unique within the benchmark.
        question: as the model is asked it.
        images: files, or their content.
        reference: the right answer, several that are right, or none where a judge decides.
        category: the benchmark's own, for tables.
        meta: what else its scorer needs, JSON-safe.
    """

    id: str
    question: str
    images: tuple[Image, ...]
    reference: str | tuple[str, ...] | None = None
    category: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Broken:
    """A record that no sample can be made of.

    Attributes:
        where: file and record.
        why: the reason, in words.
    """

    where: str
    why: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where a benchmark comes from.

    Attributes:
        key: its name here.
        folder: where its files are looked for, below what the user names.
        title: its own name.
        url: where its publisher offers it.
        licence: of the data, in the publisher's words.
        files: what is looked for there.
        published: samples as published, in words.
    """

    key: str
    folder: str
    title: str
    url: str
    licence: str
    files: str
    published: str


@dataclass(frozen=True, slots=True)
class Listing:
    """A benchmark's records as they stand in its files; the pictures are not looked for yet.

    Attributes:
        index: the files that list the records.
        root: the folder that all pictures must lie in.
        records: in the order of the files.
    """

    index: tuple[Path, ...]
    root: Path
    records: tuple[Sample | Broken, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read.

    Attributes:
        samples: usable, each id once.
        broken: records that are not, and why.
        index: the files that list them.
    """

    samples: tuple[Sample, ...]
    broken: tuple[Broken, ...]
    index: tuple[Path, ...]


Reader = Callable[[Path], Listing]
"""From the folder the user names to the records in it. Raises UsageError where the files are missing or damaged."""


def usable(source: Source, listing: Listing) -> Reading:
    """The samples that can be used: each id once, each picture there.

    Raises:
        UsageError: there is none.
    """
    samples: dict[str, Sample] = {}
    broken: list[Broken] = []
    for record in listing.records:
        if isinstance(record, Broken):
            broken.append(record)
        elif record.id in samples:
            broken.append(Broken(record.id, "the id was there before; the first one counts"))
        elif (why := missing_picture(record.images, listing.root)) is not None:
            broken.append(Broken(record.id, why))
        else:
            samples[record.id] = record
    if not samples:
        first = f"; {broken[0].where}: {broken[0].why}" if broken else ""
        raise UsageError(f"{listing.index[0]}: no usable record of {source.title} among {len(broken)}{first}")
    return Reading(tuple(samples.values()), tuple(broken), listing.index)


def missing_picture(images: Iterable[Image], root: Path) -> str | None:
    """Why a picture can't be used; None: all of them are there."""
    for image in images:
        if isinstance(image, bytes):
            continue
        # A data file of others must not make this program read files elsewhere; links that the user has put there may.
        path = Path(os.path.abspath(image))  # noqa: PTH100 - resolve() would follow the links
        if not path.is_relative_to(os.path.abspath(root)):  # noqa: PTH100 - as above
            return f"picture {str(image)[-80:]!r} lies outside the data's folder"
        if not path.is_file():
            return f"picture {str(image)[-80:]!r} is missing"
    return None


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
