"""Samples of a benchmark, and reading them from a publisher's files."""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from ecoalign_agent.errors import UsageError

Image = Path | bytes


class MissingFilesError(UsageError):
    """A benchmark's files are not in the folder."""


JsonRoot = TypeVar("JsonRoot", list[Any], dict[str, Any])


def read_json(path: Path, kind: type[JsonRoot]) -> JsonRoot:
    """Read a JSON file with a list or an object in it that repeats no key; raises UsageError for any other."""

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError(f"key {next(key for key in keys if keys.count(key) > 1)!r} stands twice in one object")
        return dict(pairs)

    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=unique_keys)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: no JSON that can be read ({error}); fetch the file anew") from error
    if not isinstance(content, kind):
        expected = "a list" if kind is list else "an object"
        raise UsageError(f"{path}: holds {type(content).__name__}, must hold {expected} of records; fetch it anew")
    return content


@dataclass(frozen=True, slots=True)
class BenchmarkSample:
    """One question of a benchmark, its id unique within it.

    Attributes:
        reference: the right answer, several right ones, or None where a judge decides.
        meta: further inputs of the scorer.
        detail: properties that tables group by, JSON-safe; they are stored with the outcome.
    """

    id: str
    question: str
    images: tuple[Image, ...]
    reference: str | tuple[str, ...] | None = None
    category: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict)
    detail: Mapping[str, str | float | int | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BrokenRecord:
    """A record that gives no usable sample: its place (file and record, or id) and the reason."""

    where: str
    reason: str
    without_image: bool = False
    """The record is whole, but its picture is missing or lies outside the folder."""


@dataclass(frozen=True, slots=True)
class BenchmarkSource:
    """Publisher's data of a benchmark, in the publisher's words; ``folder`` lies below the one that the user names."""

    key: str
    folder: str
    title: str
    url: str
    licence: str
    files: str
    published: str

    def locate(self, folder: Path, names: Sequence[str]) -> Path:
        """Find the first existing file or folder below its own folder or ``folder`` itself; else MissingFilesError."""
        for root in (folder / self.folder, folder):
            for name in names:
                if (root / name).exists():
                    return root / name
        raise MissingFilesError(
            f"{folder / self.folder / names[0]}: no such file; {self.title} is at {self.url} (licence: "
            f"{self.licence}). Nothing is downloaded for you: put {self.files} there"
        )

    def read_index(self, folder: Path, names: Sequence[str], kind: type[JsonRoot]) -> tuple[Path, JsonRoot]:
        """Locate and read a JSON file with records; see :func:`read_json`."""
        index = self.locate(folder, names)
        return index, read_json(index, kind)


@dataclass(frozen=True, slots=True)
class Listing:
    """Records in the order of a benchmark's index files; pictures are not looked for yet, and must lie in ``root``."""

    index: tuple[Path, ...]
    root: Path
    records: tuple[BenchmarkSample | BrokenRecord, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """A checked listing: usable samples, each id once, and the broken records."""

    samples: tuple[BenchmarkSample, ...]
    broken: tuple[BrokenRecord, ...]
    index: tuple[Path, ...]


def check_listing(listing: Listing) -> Reading:
    """Separate usable samples from records that are broken, repeat an id, or have no picture."""
    checked: dict[str, BenchmarkSample | None] = {}
    broken: list[BrokenRecord] = []
    for record in listing.records:
        if isinstance(record, BrokenRecord):
            broken.append(record)
        elif record.id in checked:
            broken.append(BrokenRecord(record.id, "the id was there before; the first one counts"))
        else:
            problem = _image_problem(record.images, listing.root)
            checked[record.id] = record if problem is None else None
            if problem is not None:
                broken.append(BrokenRecord(record.id, problem, without_image=True))
    samples = tuple(sample for sample in checked.values() if sample is not None)
    return Reading(samples, tuple(broken), listing.index)


def _image_problem(images: Iterable[Image], root: Path) -> str | None:
    for image in images:
        if isinstance(image, bytes):
            continue
        # A foreign data file must not make this program read files elsewhere; the user's own links are followed.
        path = Path(os.path.abspath(image))  # noqa: PTH100 - resolve() would follow the links
        if not path.is_relative_to(os.path.abspath(root)):  # noqa: PTH100 - as above
            return f"picture {str(image)[-80:]!r} lies outside the data's folder"
        if not path.is_file():
            return f"picture {str(image)[-80:]!r} is missing"
    return None


def checksum(paths: Sequence[Path]) -> str:
    """SHA-256 of the index, in hexadecimal digits.

    For several files: of the lines "digest, two spaces, name" in the order of the names, as ``sha256sum`` prints them.
    """
    try:
        digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror or error}") from error
    if len(digests) == 1:
        return next(iter(digests.values()))
    lines = "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


def text_field(row: object, *keys: str) -> str | None:
    """First text under one of ``keys`` that is not blank; None if there is none, or the record is no object."""
    if not isinstance(row, dict):
        return None
    texts = (row.get(key) for key in keys)
    return next((text.strip() for text in texts if isinstance(text, str) and text.strip()), None)


def format_choices(question: str, choices: Mapping[str, str]) -> str:
    """A question with its choices, each behind its letter in brackets. Wording ours."""
    lines = "\n".join(f"({letter}) {choice}" for letter, choice in choices.items())
    return f"{question}\n\nChoices:\n{lines}\n\nReply with the letter of the right choice."
