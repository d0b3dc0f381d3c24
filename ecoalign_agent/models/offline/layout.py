"""Layout of text: pieces that an OCR engine found, deskewed and joined into rows of cells."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

Box = tuple[float, float, float, float]
"""left, top, right, bottom as fractions of a picture."""

Corners = tuple[tuple[float, float], ...]
"""Four corners in pixels, from the upper left one clockwise."""

MAX_SLOPE = 0.3
"""Steeper than this no line is taken for the slope of the page."""

_QUOTE = re.compile(r'"([^"]+)"(?:: "([^"]+)")?')


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of text as an engine found it; ``clear``: large and certain enough to be trusted."""

    text: str
    corners: Corners
    clear: bool = True


@dataclass(frozen=True, slots=True)
class Cell:
    """A piece of text in a row: ``left`` and ``right`` in pixels of the deskewed page, or its place in a list."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Row:
    """Pieces of text that stand side by side.

    Attributes:
        cells: from left to right.
        clear: every piece of it can be trusted.
        height: of its tallest piece, in pixels; 0 for a row that was told in words.
        middle: its height on the deskewed page, in pixels; its number for a row that was told in words.
        box: where it stands; None: it was told in words.
    """

    cells: tuple[Cell, ...]
    clear: bool = True
    height: float = 0.0
    middle: float = 0.0
    box: Box | None = None

    @property
    def text(self) -> str:
        """Its pieces from left to right, on one line."""
        return " ".join(cell.text for cell in self.cells)


def rows_of(pieces: Sequence[Piece], width: int, height: int) -> list[Row]:
    """Join the pieces that stand at the same height of the deskewed page, from top to bottom.

    Args:
        pieces: with corners in pixels.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
    """
    slope = page_slope(pieces)
    placed = sorted((_placed(piece, slope) for piece in pieces), key=lambda item: item[1])
    groups: list[list[tuple[Cell, float, float, Piece]]] = []
    for cell, middle, tall, piece in placed:
        item = (cell, middle, tall, piece)
        if groups and _fits(groups[-1], item):
            groups[-1].append(item)
        else:
            groups.append([item])
    return [_row(sorted(group, key=lambda item: item[0].left), width, height) for group in groups]


def page_slope(pieces: Iterable[Piece]) -> float:
    """How much lines fall from left to right, in pixels a pixel: the median over the long pieces."""
    slopes = []
    for piece in pieces:
        (x0, y0), (x1, y1), _, (_, y3) = piece.corners
        if x1 - x0 > 2.5 * (y3 - y0) and abs(y1 - y0) < MAX_SLOPE * (x1 - x0):
            slopes.append((y1 - y0) / (x1 - x0))
    return median(slopes) if slopes else 0.0


def rows_of_text(text: str) -> list[Row]:
    """Rows of a text that lists them, a line each, its cells divided by tabulators."""
    lines = [[cell.strip() for cell in line.split("\t") if cell.strip()] for line in text.splitlines()]
    return [_told(cells, number) for number, cells in enumerate(filter(None, lines))]


def rows_quoted_in(text: str) -> list[Row]:
    """Rows that a thought quotes: ``"row"``, or ``"label": "value"``."""
    quotes = [[part for part in match.groups() if part] for match in _QUOTE.finditer(text)]
    return [_told(cells, number) for number, cells in enumerate(quotes)]


def quoted(text: str) -> str:
    """A text between quotation marks; those inside it become single ones."""
    return '"' + text.replace('"', "'") + '"'


def around(boxes: Iterable[Box], margin: float = 0.0) -> Box:
    """The smallest box round all of ``boxes``, widened by ``margin`` and inside the picture."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return (
        max(0.0, min(lefts) - margin),
        max(0.0, min(tops) - margin),
        min(1.0, max(rights) + margin),
        min(1.0, max(bottoms) + margin),
    )


def blocks(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows that were seen, put together while the gap between them is at most twice their height."""
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


def _placed(piece: Piece, slope: float) -> tuple[Cell, float, float, Piece]:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = piece.corners
    x, y = (x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4
    half = (x1 - x0 + x2 - x3) / 4
    centre = x + slope * y
    return Cell(piece.text, centre - half, centre + half), y - slope * x, (y3 - y0 + y2 - y1) / 2, piece


def _fits(group: list[tuple[Cell, float, float, Piece]], item: tuple[Cell, float, float, Piece]) -> bool:
    cell, middle, tall, _ = item
    level = sum(other[1] for other in group) / len(group)
    apart = all(cell.left >= other.right - 0.3 * tall or cell.right <= other.left + 0.3 * tall for other, *_ in group)
    return apart and abs(middle - level) <= 0.5 * min(tall, *(other[2] for other in group))


def _row(group: list[tuple[Cell, float, float, Piece]], width: int, height: int) -> Row:
    corners = [corner for *_, piece in group for corner in piece.corners]
    xs, ys = [x / width for x, _ in corners], [y / height for _, y in corners]
    return Row(
        tuple(cell for cell, *_ in group),
        all(piece.clear for *_, piece in group),
        max(tall for _, _, tall, _ in group),
        sum(middle for _, middle, _, _ in group) / len(group),
        (max(0.0, min(xs)), max(0.0, min(ys)), min(1.0, max(xs)), min(1.0, max(ys))),
    )


def _told(cells: Sequence[str], number: int) -> Row:
    # Its cells are placed by their numbers; two rows of this kind are columns only where they have as many cells.
    return Row(tuple(Cell(text, at, at + 0.9) for at, text in enumerate(cells)), middle=float(number))
