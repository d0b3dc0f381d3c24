"""Layout of text: pieces that an OCR engine found, deskewed and joined into rows of cells."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from ecoalign_agent.economics.thoughts import Region

Corners = tuple[tuple[float, float], ...]
"""Four corners in pixels, from the upper left one clockwise."""

_MAX_SLOPE = 0.3
_QUOTE = re.compile(r'"([^"]+)"(?:: "([^"]+)")?')


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece of text as an engine found it; ``clear``: large and certain enough to be trusted."""

    text: str
    corners: Corners
    clear: bool = True


@dataclass(frozen=True, slots=True)
class TextCell:
    """A piece of text in a row; edges in pixels of the deskewed page, or its index in a list."""

    text: str
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Row:
    """Cells that stand side by side, from left to right; ``clear``: all of them can be trusted."""

    cells: tuple[TextCell, ...]
    clear: bool = True
    height: float = 0.0
    """Of its tallest piece, in pixels; 0 for a row quoted in words."""
    middle: float = 0.0
    """Vertical position on the deskewed page, in pixels; its index for a row quoted in words."""
    box: Region = (0.0, 0.0, 1.0, 1.0)

    @property
    def text(self) -> str:
        """The cells on one line."""
        return " ".join(cell.text for cell in self.cells)


def join_rows(pieces: Sequence[Piece], width: int, height: int) -> list[Row]:
    """Join the pieces at the same height of the deskewed page, from top to bottom; sizes of the picture in pixels."""
    slope, groups = page_slope(pieces), list[list[Row]]()
    for part in sorted((_place(piece, slope, width, height) for piece in pieces), key=lambda part: part.middle):
        if groups and _is_level(groups[-1], part):
            groups[-1].append(part)
        else:
            groups.append([part])
    return [
        Row(
            tuple(sorted((part.cells[0] for part in group), key=lambda cell: cell.left)),
            all(part.clear for part in group),
            max(part.height for part in group),
            sum(part.middle for part in group) / len(group),
            bounding_box([part.box for part in group]),
        )
        for group in groups
    ]


def page_slope(pieces: Iterable[Piece]) -> float:
    """Fall of the lines from left to right, in pixels a pixel: the median over the long pieces."""
    slopes = []
    for piece in pieces:
        (x0, y0), (x1, y1), _, (_, y3) = piece.corners
        if x1 - x0 > 2.5 * (y3 - y0) and abs(y1 - y0) < _MAX_SLOPE * (x1 - x0):
            slopes.append((y1 - y0) / (x1 - x0))
    return median(slopes) if slopes else 0.0


def listed_rows(text: str) -> list[Row]:
    """Rows of a text that lists them, one a line, with tabulators between cells."""
    return _word_rows([cell.strip() for cell in line.split("\t")] for line in text.splitlines())


def quoted_rows(text: str) -> list[Row]:
    """Rows that a thought quotes: ``"row"``, or ``"label": "value"``."""
    return _word_rows(match.groups("") for match in _QUOTE.finditer(text))


def quote(text: str) -> str:
    """A text between quotation marks; those inside it become single ones."""
    return '"' + text.replace('"', "'") + '"'


def bounding_box(boxes: Iterable[Region], margin: float = 0.0) -> Region:
    """The smallest box around all ``boxes``, widened by ``margin`` and inside the picture."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    left, top = max(0.0, min(lefts) - margin), max(0.0, min(tops) - margin)
    return left, top, min(1.0, max(rights) + margin), min(1.0, max(bottoms) + margin)


def group_blocks(rows: Iterable[Row]) -> list[list[Row]]:
    """Rows of a picture, grouped while the gap between two is at most twice the taller one's height."""
    groups: list[list[Row]] = []
    for row in rows:
        (_, top, _, bottom), (_, above, _, end) = row.box, groups[-1][-1].box if groups else row.box
        if groups and top - end <= 2 * max(bottom - top, end - above):
            groups[-1].append(row)
        else:
            groups.append([row])
    return groups


def _place(piece: Piece, slope: float, width: int, height: int) -> Row:
    (x0, y0), (x1, y1), (x2, y2), (x3, y3) = piece.corners
    x, y, half = (x0 + x1 + x2 + x3) / 4, (y0 + y1 + y2 + y3) / 4, (x1 - x0 + x2 - x3) / 4
    centre, box = (
        x + slope * y,
        bounding_box([(x / width, y / height, x / width, y / height) for x, y in piece.corners]),
    )
    cell = TextCell(piece.text, centre - half, centre + half)
    return Row((cell,), piece.clear, (y3 - y0 + y2 - y1) / 2, y - slope * x, box)


def _is_level(group: Sequence[Row], part: Row) -> bool:
    """Whether a part stands beside all of a group, and as high."""
    (cell,), overlap, level = part.cells, 0.3 * part.height, sum(other.middle for other in group) / len(group)
    others = [other.cells[0] for other in group]
    beside = all(cell.left >= other.right - overlap or cell.right <= other.left + overlap for other in others)
    return beside and abs(part.middle - level) <= 0.5 * min(part.height, *(other.height for other in group))


def _word_rows(rows: Iterable[Iterable[str]]) -> list[Row]:
    # Cells are placed by their index; two such rows have common columns only where they have as many cells.
    texts = [cells for cells in ([cell for cell in row if cell] for row in rows) if cells]
    return [
        Row(tuple(TextCell(text, at, at + 0.9) for at, text in enumerate(cells)), middle=float(number))
        for number, cells in enumerate(texts)
    ]
