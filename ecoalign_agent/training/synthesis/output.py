"""Output of synthesis: data for TRL's SFTTrainer, pictures, provenance, dropped records, and a data card."""

import hashlib
import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import RunError
from ecoalign_agent.events.atomic_file import atomic_path, write_atomically
from ecoalign_agent.events.result import RiskReport
from ecoalign_agent.extensions import require_packages
from ecoalign_agent.rewriting.template import trained_completion, trained_prompt
from ecoalign_agent.training.synthesis.records import InputRecord, UnusableLine


@dataclass(frozen=True, slots=True)
class FinishedRecord:
    """One record after its stages.

    Attributes:
        image: the picture's path inside the output folder. Not its bytes: a run has thousands.
        outputs: stage → journal entry.
        dropped: reason why it is not among the data; None: it is.
    """

    record: InputRecord
    image: str | None
    outputs: Mapping[str, Mapping[str, Any]]
    dropped: str | None = None

    @property
    def benign(self) -> bool:
        """It is left alone."""
        sampled = self.outputs.get("sample", {}).get("output") or {}
        return bool(sampled.get("benign"))

    @property
    def cost(self) -> float:
        """Cost units of all its stages."""
        return math.fsum(entry["cost"] for entry in self.outputs.values())


@dataclass(frozen=True, slots=True)
class OutputCounts:
    """Counts of rows, benign ones among them, and dropped records by the kind of reason."""

    rows: int
    benign: int
    dropped: Mapping[str, int] = field(default_factory=dict)


def write_image(folder: Path, data: bytes) -> str:
    """Write a picture into the output folder under its content's hash, once; returns its path inside it."""
    kind = "jpg" if data[:3] == b"\xff\xd8\xff" else "png" if data[:8] == b"\x89PNG\r\n\x1a\n" else "img"
    name = f"images/{hashlib.sha256(data).hexdigest()[:32]}.{kind}"
    path = folder / name
    try:
        path.parent.mkdir(exist_ok=True)
        if not path.exists():
            write_atomically(path, data)
    except OSError as error:
        raise RunError(f"{path}: {error.strerror or error}; make room and run the same command again") from error
    return name


def training_row(done: FinishedRecord, makers: Mapping[str, Any]) -> dict[str, Any]:
    """One training example in the conversational prompt–completion form; the loss is on the completion alone."""
    if done.benign:
        report, prompt = RiskReport(safety=done.outputs["sample"]["output"]["safety"]), None
    else:
        report = RiskReport.model_validate(done.outputs["causal"]["output"]["report"])
        prompt = done.outputs["optimise"]["output"]["prompt"]
    picture = [] if done.image is None else [{"type": "image"}]
    verdict = {} if done.benign else {k: done.outputs["verify"]["output"][k] for k in ("safety", "utility")}
    return {
        "id": done.record.id,
        "prompt": [
            {"role": "user", "content": [*picture, {"type": "text", "text": trained_prompt(done.record.instruction)}]}
        ],
        "completion": [
            {"role": "assistant", "content": [{"type": "text", "text": trained_completion(report, prompt)}]}
        ],
        "images": [] if done.image is None else [done.image],
        "kind": "benign" if done.benign else "safety",
        "provenance": {"verified": verdict, "cost": round(done.cost, 4), **makers},
    }


def write_output(
    folder: Path,
    finished: Sequence[FinishedRecord],
    makers: Mapping[str, Any],
    card: str,
    unusable: Sequence[UnusableLine] = (),
) -> OutputCounts:
    """Write data, pictures, provenance, the dropped and the card; each file is whole or not there."""
    included = [done for done in finished if done.dropped is None]
    rows = [training_row(done, makers) for done in included]
    # Without their particulars, for counting.
    kinds = [done.dropped.partition(":")[0].partition(" (")[0] for done in finished if done.dropped is not None]
    reasons = Counter(kind[:80] for kind in kinds)
    counts = OutputCounts(len(rows), sum(done.benign for done in included), dict(reasons.most_common()))
    try:
        _lines(folder / "data.jsonl", rows)
        gone = [{"id": done.record.id, "reason": done.dropped} for done in finished if done.dropped]
        _lines(folder / "dropped.jsonl", [*gone, *({"where": one.where, "reason": one.reason} for one in unusable)])
        # Unsafe answers are among the stages' outputs: apart from the data for training.
        stages = [{"id": done.record.id, "dropped": done.dropped, "stages": dict(done.outputs)} for done in finished]
        _lines(folder / "provenance.jsonl", stages)
        _parquet(folder, rows)
        write_atomically(folder / "README.md", f"{_counts_text(counts)}\n{card}".encode())
    except OSError as error:
        raise RunError(
            f"{error.filename or folder}: {error.strerror or error}; every finished stage is kept in "
            f"{folder / 'journal.jsonl'}: make room and run the same command again"
        ) from error
    return counts


def _counts_text(counts: OutputCounts) -> str:
    lost = "".join(f"- {count} {reason}\n" for reason, count in counts.dropped.items())
    return (
        f"# Rewriter training data\n\n{counts.rows} records: {counts.rows - counts.benign} for safety, "
        f"{counts.benign} benign ones to be left alone. Dropped: {sum(counts.dropped.values())}.\n\n{lost}"
    )


def _lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    write_atomically(
        path, b"".join(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n" for row in rows)
    )


_TEXT = {"dtype": "string", "_type": "Value"}
_TURN = {
    "feature": {"role": _TEXT, "content": {"feature": {"type": _TEXT, "text": _TEXT}, "_type": "List"}},
    "_type": "List",
}
_FEATURES = {
    "id": _TEXT,
    "prompt": _TURN,
    "completion": _TURN,
    "images": {"feature": {"_type": "Image"}, "_type": "List"},
    "kind": _TEXT,
    "provenance": _TEXT,
}
"""Schema for the datasets library, so that it reads bytes as pictures."""


def _parquet(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """The same rows with the pictures inside, as the datasets library reads them."""
    require_packages("writing Parquet", ["pyarrow"], extra="data")
    import pyarrow as pa  # noqa: PLC0415 - an extra, and heavy
    import pyarrow.parquet as pq  # noqa: PLC0415 - as above

    part = pa.struct([("type", pa.string()), ("text", pa.string())])
    turn = pa.list_(pa.struct([("role", pa.string()), ("content", pa.list_(part))]))
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    kinds = {"prompt": turn, "completion": turn, "images": pa.list_(picture)}
    schema = pa.schema([(name, kinds.get(name, pa.string())) for name in _FEATURES])
    schema = schema.with_metadata({"huggingface": json.dumps({"info": {"features": _FEATURES}})})
    with atomic_path(folder / "data.parquet") as part_file, pq.ParquetWriter(part_file, schema) as writer:
        # A group at a time: the pictures of all rows would not fit into memory.
        for start in range(0, len(rows), _GROUP):
            group = [_with_pictures(folder, row) for row in rows[start : start + _GROUP]]
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


_GROUP = 128
"""Rows of a group in the Parquet file."""


def _with_pictures(folder: Path, row: Mapping[str, Any]) -> dict[str, Any]:
    pictures = [{"bytes": (folder / name).read_bytes(), "path": name} for name in row["images"]]
    return {**row, "images": pictures, "provenance": json.dumps(row["provenance"], ensure_ascii=False)}
