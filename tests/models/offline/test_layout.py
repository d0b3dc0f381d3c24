"""Pieces of text joined to rows: deskewed, from left to right, from top to bottom."""

import math

import pytest

from ecoalign_agent.models.offline.layout import (
    Corners,
    Piece,
    bounding_box,
    group_blocks,
    join_rows,
    listed_rows,
    page_slope,
    quote,
    quoted_rows,
)  # fmt: skip


def piece(text: str, left: float, top: float, right: float, bottom: float, *, tilt: float = 0.0) -> Piece:
    """A piece whose box is turned by ``tilt`` degrees round the origin."""
    cos, sin = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    corners: Corners = tuple(
        (x * cos - y * sin + 100, x * sin + y * cos + 100)
        for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))
    )
    return Piece(text, corners)


TABLE = [("Milk", 0, 0), ("1.10", 400, 0), ("Eggs", 0, 40), ("3.40", 400, 40), ("TOTAL", 0, 80), ("4.50", 400, 80)]


@pytest.mark.parametrize("tilt", [0.0, 4.0, -5.0, 9.0])
def test_join_rows_a_tilted_page_hold_what_stands_beside_each_other(tilt: float) -> None:
    pieces = [piece(text, left, top, left + 90, top + 28, tilt=tilt) for text, left, top in TABLE]
    rows = join_rows(pieces, 800, 400)
    assert [row.text for row in rows] == ["Milk 1.10", "Eggs 3.40", "TOTAL 4.50"]
    assert page_slope(pieces) == pytest.approx(math.tan(math.radians(tilt)))


def test_without_deskewing_a_tilted_price_would_stand_in_the_next_row() -> None:
    # At 5 degrees a value 400 pixels to the right lies 35 pixels lower: nearly one row of 40.
    assert 400 * math.sin(math.radians(5)) == pytest.approx(34.9, abs=0.1)


def test_pieces_above_each_other_and_pieces_that_overlap_are_not_joined() -> None:
    assert len(join_rows([piece("one", 0, 0, 90, 28), piece("two", 0, 20, 90, 48)], 400, 400)) == 2


def test_a_row_is_as_clear_as_its_least_clear_piece() -> None:
    unclear = Piece("9.90", piece("", 300, 0, 380, 28).corners, clear=False)
    (row,) = join_rows([piece("Tea", 0, 0, 90, 28), unclear], 500, 200)
    assert (row.text, row.clear) == ("Tea 9.90", False)


def test_rows_with_a_wide_gap_between_them_are_different_blocks() -> None:
    rows = join_rows([piece("a", 0, 0, 90, 28), piece("b", 0, 40, 90, 68), piece("c", 0, 250, 90, 278)], 500, 500)
    assert [[row.text for row in block] for block in group_blocks(rows)] == [["a", "b"], ["c"]]


def test_what_is_quoted_can_be_read_again() -> None:
    told = f'The part reads {quote("TOTAL 5.65")}; "SEAT": "14C"; {quote(chr(34) + "now" + chr(34))}.'
    assert [[cell.text for cell in row.cells] for row in quoted_rows(told)] == [
        ["TOTAL 5.65"],
        ["SEAT", "14C"],
        ["'now'"],
    ]
    assert [[cell.text for cell in row.cells] for row in listed_rows("Tea\t2.60\n\nOpen")] == [
        ["Tea", "2.60"],
        ["Open"],
    ]


def test_a_box_stays_inside_the_picture() -> None:
    assert bounding_box([(0.0, 0.1, 0.5, 0.2), (0.3, 0.0, 0.98, 0.9)], 0.1) == (0.0, 0.0, 1.0, 1.0)
