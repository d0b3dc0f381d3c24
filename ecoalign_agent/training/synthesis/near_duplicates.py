"""Records that are left out: near-duplicates, and those that occur in an evaluation set."""

import io
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from ecoalign_agent.errors import UsageError
from ecoalign_agent.extensions import require_packages
from ecoalign_agent.training.synthesis.records import read_records

NEAR_TEXT = 92.0
"""Per cent of the indel ratio on normalised text from which on two instructions are near-duplicates. Ours."""

NEAR_IMAGE = 6
"""Bits of 64 in which the perceptual hashes of two pictures may differ to be the same picture. Ours."""


def normalise_instruction(text: str) -> str:
    """Letters and digits alone, case-folded: equal for texts that differ in spacing, case, encoding or punctuation."""
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold()))


def perceptual_hash(image: Path | bytes | None) -> int | None:
    """64 bits that stay nearly the same when a picture is scaled or compressed anew; None: no picture."""
    if image is None:
        return None
    require_packages("comparing pictures", ["imagehash"], extra="data")
    import imagehash  # noqa: PLC0415 - an extra, and heavy
    from PIL import Image  # noqa: PLC0415 - heavy

    source = io.BytesIO(image) if isinstance(image, bytes) else image
    with Image.open(source) as picture:
        picture.draft("L", (256, 256))
        return int(str(imagehash.phash(picture)), 16)


def same_picture(left: int | None, right: int | None) -> bool:
    """True for two perceptual hashes of one picture, and for two records without pictures."""
    if left is None or right is None:
        return left is right
    return (left ^ right).bit_count() <= NEAR_IMAGE


@dataclass(slots=True)
class InstructionIndex:
    """Instructions with pictures, to find near-duplicates in."""

    _texts: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict)
    _order: list[tuple[str, str, int | None]] = field(default_factory=list)

    def add(self, id_: str, text: str, image: int | None) -> None:
        """Add an instruction with its picture's perceptual hash."""
        plain = normalise_instruction(text)
        self._texts.setdefault(plain, []).append((id_, image))
        self._order.append((id_, plain, image))

    def find(self, text: str, image: int | None, *, either: bool = False) -> str | None:
        """Id of a near-duplicate; None: there is none.

        ``either``: the same text or the same picture is enough: an evaluation set must not leak in half.
        """
        from rapidfuzz import fuzz  # noqa: PLC0415 - only where texts are compared

        plain = normalise_instruction(text)
        for id_, known in self._texts.get(plain, []):
            if either or same_picture(known, image):
                return id_
        for id_, other, known in self._order:
            same = same_picture(known, image)
            if either and image is not None and known is not None and same:
                return id_
            if (either or same) and fuzz.ratio(plain, other, score_cutoff=NEAR_TEXT) >= NEAR_TEXT:
                return id_
        return None


def index_evaluation_sets(files: Iterable[str | Path]) -> InstructionIndex:
    """Index the records of evaluation sets, which are sources as `read_records` takes them."""
    index = InstructionIndex()
    for file in files:
        records, _ = read_records(file)
        for record in records:
            try:
                picture = perceptual_hash(record.image)
            except (OSError, ValueError) as error:
                raise UsageError(f"{record.id}: its picture can't be read: {error}") from error
            index.add(f"{Path(file).name}:{record.id}", record.instruction, picture)
    return index
