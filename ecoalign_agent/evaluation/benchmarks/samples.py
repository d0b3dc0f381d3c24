"""What every reader gives: samples, and what no sample could be made of."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
