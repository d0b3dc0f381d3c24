"""Rows of text: what stands side by side in a picture, read as one line, as a person reads a receipt. Ours."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ecoalign_agent.offline.brief import Box
from ecoalign_agent.offline.ocr import Line


@dataclass(frozen=True, slots=True)
class Row:
    """One row of text.

    Attributes:
        text: its pieces from left to right.
        clear: every piece of it can be trusted.
        box: where it stands, as fractions of the picture; None: it was told, not seen.
        height: of its tallest piece, as a fraction of the picture's; 0 when it was told.
    """

    text: str
    clear: bool = True
    box: Box | None = None
    height: float = 0.0


def rows_of(lines: Sequence[Line]) -> list[Row]:
    """Join the pieces that stand at the same height, from top to bottom."""
    groups: list[list[Line]] = []
    for line in sorted(lines, key=lambda piece: (piece.box[1] + piece.box[3]) / 2):
        if groups and _beside(groups[-1], line):
            groups[-1].append(line)
        else:
            groups.append([line])
    return [_joined(sorted(group, key=lambda piece: piece.box[0])) for group in groups]


def _beside(group: list[Line], line: Line) -> bool:
    top = min(piece.box[1] for piece in group)
    bottom = max(piece.box[3] for piece in group)
    overlap = min(bottom, line.box[3]) - max(top, line.box[1])
    apart = all(line.box[0] >= piece.box[2] - 0.01 or line.box[2] <= piece.box[0] + 0.01 for piece in group)
    return apart and overlap > 0.5 * min(bottom - top, line.box[3] - line.box[1])


def _joined(group: list[Line]) -> Row:
    return Row(
        " ".join(piece.text for piece in group),
        all(piece.clear for piece in group),
        around(piece.box for piece in group),
        max(piece.box[3] - piece.box[1] for piece in group),
    )


def around(boxes: Iterable[Box], margin: float = 0.0) -> Box:
    """The smallest box round all of ``boxes``, widened by ``margin`` and kept inside the picture."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (
        max(0.0, min(lefts) - margin),
        max(0.0, min(tops) - margin),
        min(1.0, max(rights) + margin),
        min(1.0, max(bottoms) + margin),
    )


def blocks(rows: Sequence[Row]) -> list[list[Row]]:
    """Neighbouring rows of a picture, put together as long as the gap between them is at most twice their height."""
    groups: list[list[Row]] = []
    for row in rows:
        if row.box is None:
            continue
        last = groups[-1][-1].box if groups else None
        if last is not None and row.box[1] - last[3] <= 2 * max(row.box[3] - row.box[1], last[3] - last[1]):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def quoted(rows: Iterable[Row]) -> str:
    """Rows as a thought quotes them: ``"…"; "…"``. Double quotes inside a row become single ones."""
    return "; ".join('"' + row.text.replace('"', "'") + '"' for row in rows)


def told(text: str) -> list[Row]:
    """The rows that a text tells of: its lines, and in a line with quotations the quotations."""
    rows = []
    for line in text.splitlines():
        quotations = re.findall(r'"([^"]+)"|“([^”]+)”', line)
        pieces = [first or second for first, second in quotations] or [line]
        rows += [Row(" ".join(piece.split())) for piece in pieces if piece.strip()]
    return rows
