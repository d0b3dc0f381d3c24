"""Input of synthesis: instructions with pictures, from JSON Lines, Parquet, or a folder with ``metadata.jsonl``."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import require_packages

Label = Literal["benign", "unsafe"]

_COLUMNS = {
    "id": ("id", "question_id", "pid"),
    "instruction": ("instruction", "question", "prompt", "query", "text"),
    "image": ("image", "file_name", "image_path"),
    "safe_answer": ("safe_answer", "chosen", "safe"),
    "unsafe_answer": ("unsafe_answer", "rejected", "unsafe"),
    "label": ("label",),
}
"""Our name of a column → its names in files; the first one that is there counts."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_MAX_LINE = 64_000_000


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One instruction with its picture, as in the user's data.

    Attributes:
        id: unique; letters, digits, ``_ . : -``.
        instruction: x_T.
        image: x_I: a path, or the file's content.
        safe_answer: Y_safe where the user has one.
        unsafe_answer: Y_unsafe where the user has one; recorded, never printed.
        label: the user's; None: the assessor decides.
    """

    id: str
    instruction: str
    image: Path | bytes | None = None
    safe_answer: str | None = None
    unsafe_answer: str | None = None
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class UnusableLine:
    """A line that gives no record: its place (file and line) and the reason."""

    where: str
    reason: str


def read_records(source: str | Path) -> tuple[list[InputRecord], list[UnusableLine]]:
    """Read every record of a source, in order, and the unusable lines; UsageError if there is no record at all.

    ``source``: a ``.jsonl`` or ``.parquet`` file, or a folder with a ``metadata.jsonl`` beside its pictures.
    """
    path = Path(source)
    if path.is_dir():
        path /= "metadata.jsonl"
        if not path.is_file():
            raise UsageError(
                f"{source}: a folder without metadata.jsonl; write one line for each picture, such as "
                '{"file_name": "a.png", "instruction": "…"}'
            )
    if not path.is_file():
        raise UsageError(f"{source}: no such file; give a .jsonl or .parquet file, or a folder with metadata.jsonl")
    rows: Iterable[tuple[int, Mapping[str, Any] | str]] = (
        enumerate(read_parquet(path), 1) if path.suffix == ".parquet" else _read_lines(path)
    )
    records: list[InputRecord] = []
    unusable: list[UnusableLine] = []
    seen: set[str] = set()
    for number, row in rows:
        record = row if isinstance(row, str) else _record(row, path.parent, f"r{number}", seen)
        if isinstance(record, str):
            unusable.append(UnusableLine(f"{path.name}:{number}", record))
        else:
            seen.add(record.id)
            records.append(record)
    if not records:
        first = f"; {unusable[0].where}: {unusable[0].reason}" if unusable else ""
        raise UsageError(f"{source}: no usable record in it{first}")
    return records, unusable


def _read_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _parsed(line)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _parsed(line: bytes) -> Mapping[str, Any] | str:
    if len(line) > _MAX_LINE:
        return f"a line of {len(line):,} bytes, at most {_MAX_LINE:,} are read"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "no JSON"
    return row if isinstance(row, dict) else "no JSON object"


def read_parquet(path: Path) -> list[dict[str, Any]]:
    """Read the rows of a Parquet file; UsageError if it can't be read, or pyarrow is not installed."""
    require_packages(f"{path}: reading Parquet", ["pyarrow"], extra="data")
    import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, and heavy

    try:
        rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: no Parquet file that can be read: {str(error).splitlines()[0]}") from error
    return rows


def _record(row: Mapping[str, Any], folder: Path, fallback: str, seen: set[str]) -> InputRecord | str:
    columns = {name: read_column(row, name) for name in _COLUMNS}
    columns["id"] = fallback if columns["id"] is None else str(columns["id"])
    problem = next(_problems(columns, seen), None)
    image = _image(columns["image"], folder)
    if problem is not None or isinstance(image, str):
        return problem or str(image)
    return InputRecord(**columns | {"instruction": columns["instruction"].strip(), "image": image})


def read_column(row: Mapping[str, Any], name: str) -> Any:  # noqa: ANN401 - JSON
    """Value of a column under the first of its names that is there; None: there is none."""
    return next((row[key] for key in _COLUMNS.get(name, (name,)) if row.get(key) is not None), None)


def _problems(columns: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    id_, instruction = columns["id"], columns["instruction"]
    if not _ID.fullmatch(id_):
        yield f"id {id_[:40]!r}: only letters, digits, _ . : and - are allowed, at most 128"
    if id_ in seen:
        yield f"id {id_!r} was there before; the first one counts"
    if not isinstance(instruction, str) or not instruction.strip():
        yield "the instruction is missing or empty"
    for name in ("safe_answer", "unsafe_answer"):
        if columns[name] is not None and not isinstance(columns[name], str):
            yield f"{name} is no text"
    if columns["label"] not in {None, "benign", "unsafe"}:
        yield f"label is {str(columns['label'])[:40]!r}, must be benign or unsafe"


def _image(value: object, folder: Path) -> Path | bytes | str | None:
    """Picture of a row; a string is the reason why it can't be used."""
    if isinstance(value, Mapping):  # as the datasets library writes pictures
        value = value.get("bytes") or value.get("path")
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value:
        return "image is neither a path nor a picture's bytes"
    return find_image(folder, value)


def find_image(folder: Path, name: str) -> Path | str:
    """File of a picture below the data's folder; a string is the reason why it can't be used."""
    path = (folder / name).resolve()
    # A foreign data file must not make this program read files elsewhere.
    if not path.is_relative_to(folder.resolve()):
        return f"image {name[:80]!r} lies outside the data's folder"
    return path if path.is_file() else f"image {name[:80]!r} is missing: no such file"
