"""The benchmarks by name: reading one, and saying what of them a folder holds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ecoalign_agent.bench.analysis.scores import Measure
from ecoalign_agent.bench.datasets import mathvista, mm_safetybench, mmstar, mssbench, ocrbench, siuo
from ecoalign_agent.bench.datasets.samples import (
    Broken,
    Listing,
    MissingFilesError,
    Reader,
    Reading,
    Sample,
    Source,
    checksum,
    missing_picture,
    usable,
)
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.result import Record

_NAMED = 3
"""Broken records of a benchmark that a report names."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One benchmark: where it comes from, how its records are listed, and what a sample of it measures."""

    source: Source
    listing: Reader
    measures: Callable[[Sample], frozenset[Measure]]

    def read(self, folder: Path) -> Reading:
        """The usable samples in a folder, and what is broken.

        Raises:
            UsageError: files are missing or damaged, or no record can be used.
        """
        return usable(self.source, self.listing(folder))

    def found(self, folder: Path) -> "Found":
        """What of it is there. Damaged files are told, not raised."""
        source = self.source
        told = {
            "key": source.key,
            "belongs": source.folder,
            "title": source.title,
            "url": source.url,
            "licence": source.licence,
        }
        told |= {"files": source.files, "published": source.published}
        try:
            listing = self.listing(folder)
            return _counted(listing, checksum(listing.index), told)
        except MissingFilesError:
            return Found(**told, state="missing")
        except UsageError as error:
            return Found(**told, state="damaged", trouble=str(error))


class Found(Record):
    """What of a benchmark a folder holds.

    Attributes:
        key: its name here.
        belongs: the folder that its files belong into, below the one that was named.
        title: its own.
        url: where its publisher offers it.
        licence: of the data.
        files: what belongs there.
        published: samples as published, in words.
        state: found; missing; or damaged: there, but can't be read.
        trouble: why it can't be read.
        index: the files that list its records.
        checksum: SHA-256 of that index.
        records: that a sample can be made of; None: not found.
        broken: records that are not whole, or whose id was there before.
        without_picture: of the records, those whose picture is not there; they are not run.
        examples: the first few of what is broken or without its picture, with the reason.
    """

    key: str
    belongs: str
    title: str
    url: str
    licence: str
    files: str
    published: str
    state: Literal["found", "missing", "damaged"]
    trouble: str | None = None
    index: tuple[str, ...] = ()
    checksum: str | None = None
    records: int | None = None
    broken: int | None = None
    without_picture: int | None = None
    examples: tuple[str, ...] = ()


class DataReport(Record):
    """What ``ecoalign bench data`` prints: the folder, and each benchmark."""

    folder: str
    benchmarks: list[Found]


def _counted(listing: Listing, digest: str, told: dict[str, str]) -> Found:
    seen: set[str] = set()
    broken: list[Broken] = []
    without: list[Broken] = []
    for record in listing.records:
        if isinstance(record, Broken):
            broken.append(record)
        elif record.id in seen:
            broken.append(Broken(record.id, "the id was there before; the first one counts"))
        else:
            seen.add(record.id)
            if (why := missing_picture(record.images, listing.root)) is not None:
                without.append(Broken(record.id, why))
    named = [*broken[:_NAMED], *without[:_NAMED]]
    return Found(
        **told,
        state="found",
        index=tuple(str(path) for path in listing.index),
        checksum=digest,
        records=len(seen),
        broken=len(broken),
        without_picture=len(without),
        examples=tuple(f"{one.where}: {one.why}" for one in named),
    )


def _always(*measures: Measure) -> Callable[[Sample], frozenset[Measure]]:
    return lambda _: frozenset(measures)


def _by_side(sample: Sample) -> frozenset[Measure]:
    return mssbench.MEASURED[sample.meta["side"]]


BENCHMARKS: dict[str, Benchmark] = {
    benchmark.source.key: benchmark
    for benchmark in (
        Benchmark(mm_safetybench.SOURCE, mm_safetybench.list_mm_safetybench, _always("safe")),
        Benchmark(siuo.SOURCE, siuo.list_siuo, _always("safe", "useful", "both")),
        Benchmark(siuo.CHOICE_SOURCE, siuo.list_siuo_choice, _always("safe")),
        Benchmark(mssbench.CHAT_SOURCE, mssbench.list_chat, _by_side),
        Benchmark(mssbench.EMBODIED_SOURCE, mssbench.list_embodied, _by_side),
        Benchmark(ocrbench.SOURCE, ocrbench.list_ocrbench, _always("useful")),
        Benchmark(mathvista.SOURCE, mathvista.list_mathvista, _always("useful")),
        Benchmark(mmstar.SOURCE, mmstar.list_mmstar, _always("useful")),
    )
}
"""Name → benchmark; SIUO and MSSBench have two parts each."""


def look_into(folder: Path, *, tell: Callable[[str], None]) -> DataReport:
    """What of each benchmark a folder holds.

    Args:
        folder: what the user names.
        tell: is told which one is looked at.

    Raises:
        UsageError: there is no such folder.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder; name the one that holds a folder for each benchmark")
    return DataReport(folder=str(folder), benchmarks=list(_each(folder, tell)))


def _each(folder: Path, tell: Callable[[str], None]) -> Iterator[Found]:
    for benchmark in BENCHMARKS.values():
        tell(f"looking for {benchmark.source.title}")
        yield benchmark.found(folder)
