"""What is there already, or must not be learnt from: near-duplicates, and records of an evaluation set."""

import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecoalign_agent.errors import UsageError
from ecoalign_agent.training.synthesis.records import InputRecord, read_records

NEAR_TEXT = 92.0
"""Per cent of the indel ratio on normalised text from which on two instructions are near-duplicates. Ours."""

NEAR_IMAGE = 6
"""Bits of 64 in which the perceptual hashes of two pictures may differ to be the same picture. Ours."""


def normalised(text: str) -> str:
    """Letters and digits only, folded: what spacing, case, accents' encoding and punctuation can't change."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def perceptual_hash(image: Path | bytes | None) -> int | None:
    """64 bits that stay nearly the same when a picture is scaled or compressed anew; None: no picture.

    Raises:
        UsageError: ImageHash is not installed.
    """
    if image is None:
        return None
    try:
        import imagehash  # noqa: PLC0415 - an extra, and heavy
    except ImportError as error:
        raise UsageError("comparing pictures needs ImageHash: pip install 'ecoalign-agent[data]'") from error
    from PIL import Image  # noqa: PLC0415 - heavy

    source = io.BytesIO(image) if isinstance(image, bytes) else image
    with Image.open(source) as picture:
        picture.draft("L", (256, 256))
        return int(str(imagehash.phash(picture)), 16)


def near(one: int | None, other: int | None) -> bool:
    """Whether two perceptual hashes are those of one picture; of two records without pictures too."""
    if one is None or other is None:
        return one is other
    return (one ^ other).bit_count() <= NEAR_IMAGE


@dataclass(slots=True)
class Seen:
    """Instructions with pictures that were met before.

    Attributes:
        of: what they are, for the reason that is given.
    """

    of: str
    _texts: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict)
    _order: list[tuple[str, str, int | None]] = field(default_factory=list)

    def add(self, id_: str, text: str, image: int | None) -> None:
        """Remember one."""
        plain = normalised(text)
        self._texts.setdefault(plain, []).append((id_, image))
        self._order.append((id_, plain, image))

    def like(self, text: str, image: int | None, *, text_alone: bool = False) -> str | None:
        """The id of one that is nearly the same; None: there is none.

        Args:
            text: the instruction.
            image: its picture's perceptual hash.
            text_alone: the same text or the same picture is enough: an evaluation set must not leak in half.
        """
        from rapidfuzz import fuzz  # noqa: PLC0415 - only where texts are compared

        plain = normalised(text)
        for id_, known in self._texts.get(plain, []):
            if text_alone or near(known, image):
                return id_
        for id_, other, known in self._order:
            same_picture = near(known, image)
            if text_alone and image is not None and known is not None and same_picture:
                return id_
            if (text_alone or same_picture) and fuzz.ratio(plain, other, score_cutoff=NEAR_TEXT) >= NEAR_TEXT:
                return id_
        return None


def evaluation_sets(files: Iterable[str | Path]) -> Seen:
    """What occurs in evaluation sets.

    Args:
        files: sources as :func:`~ecoalign_agent.training.synthesis.records.read_records` takes them.

    Raises:
        UsageError: one can't be read.
    """
    seen = Seen("an evaluation set")
    for file in files:
        records, _ = read_records(file)
        for record in records:
            seen.add(f"{Path(file).name}:{record.id}", record.instruction, _hash_of(record))
    return seen


def _hash_of(record: InputRecord) -> int | None:
    try:
        return perceptual_hash(record.image)
    except (OSError, ValueError) as error:
        raise UsageError(f"{record.id}: its picture can't be read: {error}") from error


def described(record: InputRecord) -> dict[str, Any]:
    """A record as reasons and reports name it: never its answers."""
    return {"id": record.id, "instruction": record.instruction[:200]}
