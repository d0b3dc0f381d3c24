"""What synthesis reads: instructions with pictures, from JSON Lines, Parquet, or a folder with ``metadata.jsonl``."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ecoalign_agent.errors import UsageError

Label = Literal["benign", "unsafe"]

COLUMNS = {
    "id": ("id", "question_id", "pid"),
    "instruction": ("instruction", "question", "prompt", "query", "text"),
    "image": ("image", "file_name", "image_path"),
    "safe_answer": ("safe_answer", "chosen", "safe"),
    "unsafe_answer": ("unsafe_answer", "rejected", "unsafe"),
    "label": ("label",),
}
"""Our name of a column → the names it may have in a file, the first one that is there counts."""

_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")
_MOST_LINE = 64_000_000


@dataclass(frozen=True, slots=True)
class InputRecord:
    """One instruction with its picture, as the user has it.

    Attributes:
        id: unique; letters, digits, ``_ . : -``.
        instruction: x_T.
        image: x_I: a path, or the file's content; None: an instruction without a picture.
        safe_answer: Y_safe where the user has one.
        unsafe_answer: Y_unsafe where the user has one; recorded, never printed.
        label: what the user says of it; None: the assessor decides.
    """

    id: str
    instruction: str
    image: Path | bytes | None = None
    safe_answer: str | None = None
    unsafe_answer: str | None = None
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Unusable:
    """A line that no record can be made of.

    Attributes:
        where: file and line.
        why: the reason, in words.
    """

    where: str
    why: str


def read_records(source: str | Path) -> tuple[list[InputRecord], list[Unusable]]:
    """Every record of a source, in order, and what could not be used.

    Args:
        source: a ``.jsonl`` or ``.parquet`` file, or a folder with a ``metadata.jsonl`` beside its pictures.

    Raises:
        UsageError: there is no such file, it is of another kind, or holds no record at all.
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
    rows = _from_parquet(path) if path.suffix == ".parquet" else _from_lines(path)
    records: list[InputRecord] = []
    unusable: list[Unusable] = []
    seen: set[str] = set()
    for number, row in rows:
        made = row if isinstance(row, str) else _record(row, path.parent, f"r{number}", seen)
        if isinstance(made, str):
            unusable.append(Unusable(f"{path.name}:{number}", made))
        else:
            seen.add(made.id)
            records.append(made)
    if not records:
        first = f"; {unusable[0].where}: {unusable[0].why}" if unusable else ""
        raise UsageError(f"{source}: no usable record in it{first}")
    return records, unusable


def _from_lines(path: Path) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _parsed(line)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror or error}") from error


def _parsed(line: bytes) -> Mapping[str, Any] | str:
    if len(line) > _MOST_LINE:
        return f"a line of {len(line):,} bytes, at most {_MOST_LINE:,} are read"
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return "no JSON"
    return row if isinstance(row, dict) else "no JSON object"


def _from_parquet(path: Path) -> Iterable[tuple[int, Mapping[str, Any] | str]]:
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 - an extra, and heavy
    except ImportError as error:
        raise UsageError(f"{path}: reading Parquet needs pyarrow: pip install 'ecoalign-agent[data]'") from error
    try:
        rows = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: no Parquet file that can be read: {str(error).splitlines()[0]}") from error
    return enumerate(rows, 1)


def _record(row: Mapping[str, Any], folder: Path, fallback: str, seen: set[str]) -> InputRecord | str:
    found: dict[str, Any] = {
        name: next((row[key] for key in keys if row.get(key) is not None), None) for name, keys in COLUMNS.items()
    }
    found["id"] = fallback if found["id"] is None else str(found["id"])
    problem = next(_problems(found, seen), None)
    image = _image(found["image"], folder)
    if problem is not None or isinstance(image, str):
        return problem or str(image)
    instruction = found["instruction"].strip()
    return InputRecord(found["id"], instruction, image, found["safe_answer"], found["unsafe_answer"], found["label"])


def _problems(found: Mapping[str, Any], seen: set[str]) -> Iterator[str]:
    id_, instruction = found["id"], found["instruction"]
    if not _ID.fullmatch(id_):
        yield f"id {id_[:40]!r}: only letters, digits, _ . : and - are allowed, at most 128"
    if id_ in seen:
        yield f"id {id_!r} was there before; the first one counts"
    if not isinstance(instruction, str) or not instruction.strip():
        yield "the instruction is missing or empty"
    for name in ("safe_answer", "unsafe_answer"):
        if found[name] is not None and not isinstance(found[name], str):
            yield f"{name} is no text"
    if found["label"] not in {None, "benign", "unsafe"}:
        yield f"label is {str(found['label'])[:40]!r}, must be benign or unsafe"


def _image(value: object, folder: Path) -> Path | bytes | str | None:
    """The picture of a row; a string says why there is none that can be used."""
    if isinstance(value, Mapping):  # as the datasets library writes pictures
        value = value.get("bytes") or value.get("path")
    if value is None or isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value:
        return "image is neither a path nor a picture's bytes"
    path = (folder / value).resolve()
    # A data file of others must not make this program read files elsewhere.
    if not path.is_relative_to(folder.resolve()):
        return f"image {value[:80]!r} lies outside the data's folder"
    return path if path.is_file() else f"image {value[:80]!r} is missing"
