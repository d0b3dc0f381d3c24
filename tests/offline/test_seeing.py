"""Rows, figures and OCR engines."""

import logging
import stat
from pathlib import Path

import pytest
from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.offline import tesseract
from ecoalign_agent.offline.ocr import Line, find_engine, is_clear, read_lines
from ecoalign_agent.offline.rows import Row, around, blocks, quoted, rows_of, told
from ecoalign_agent.offline.sight import Eyes, Sight, look_at
from ecoalign_agent.offline.statistics import colour_name, main_colours, measure, paper_and_ink
from tests.llm.pictures import png_header, quadrants, saved

TABLE = "\n".join(
    "\t".join(cells)
    for cells in (
        ["level", "page", "block", "par", "line", "word", "left", "top", "width", "height", "conf", "text"],
        ["4", "1", "1", "1", "1", "0", "10", "20", "300", "30", "-1", ""],
        ["5", "1", "1", "1", "1", "1", "10", "20", "100", "30", "96.5", "TOTAL"],
        ["5", "1", "1", "1", "1", "2", "200", "22", "110", "28", "91.0", "52.47"],
        ["5", "1", "2", "1", "1", "1", "10", "80", "60", "30", "88", "Date"],
        ["5", "1", "2", "1", "1", "2", "90", "80", "60", "30", "-1", "lost"],
        ["5", "1", "2", "1", "1", "3", "90", "80", "60", "30", "95", " "],
    )
)


def piece(text: str, left: float, top: float, right: float, bottom: float, *, clear: bool = True) -> Line:
    return Line(text, (left, top, right, bottom), 0.9, clear)


def test_pieces_at_one_height_are_one_row() -> None:
    rows = rows_of(
        [
            piece("52.47", 0.7, 0.51, 0.9, 0.55),
            piece("TOTAL", 0.1, 0.50, 0.3, 0.54),
            piece("Date", 0.1, 0.6, 0.3, 0.64, clear=False),
        ]
    )
    assert [row.text for row in rows] == ["TOTAL 52.47", "Date"]
    assert [row.clear for row in rows] == [True, False]
    assert rows[0].box == (0.1, 0.50, 0.9, 0.55)


def test_pieces_above_each_other_are_not_joined() -> None:
    assert len(rows_of([piece("one", 0.1, 0.1, 0.5, 0.2), piece("two", 0.1, 0.15, 0.5, 0.25)])) == 2


def test_rows_with_a_gap_are_different_blocks() -> None:
    near, far = piece("b", 0.1, 0.14, 0.5, 0.17), piece("c", 0.1, 0.8, 0.5, 0.83)
    groups = blocks(rows_of([piece("a", 0.1, 0.1, 0.5, 0.13), near, far]))
    assert [[row.text for row in group] for group in groups] == [["a", "b"], ["c"]]


def test_what_is_quoted_can_be_told_again() -> None:
    rows = [Row('He said "now"'), Row("TOTAL EUR 52.47")]
    assert [row.text for row in told(f"The part reads {quoted(rows)}. Fine.")] == ["He said 'now'", "TOTAL EUR 52.47"]
    assert [row.text for row in told("plain line\n\nanother")] == ["plain line", "another"]


def test_a_box_stays_inside_the_picture() -> None:
    assert around([(0.0, 0.1, 0.5, 0.2), (0.3, 0.0, 0.98, 0.9)], 0.1) == (0.0, 0.0, 1.0, 1.0)


def test_small_or_uncertain_text_is_not_clear() -> None:
    # Ten characters in a box of 106 × 10 pixels: (106 - 6) / 10 = 10 pixels each; of 36 × 10: 3 pixels each.
    assert is_clear("0123456789", 0.95, 106, 10)
    assert not is_clear("0123456789", 0.95, 36, 10)
    assert not is_clear("0123456789", 0.5, 106, 10)


def test_tesseract_s_table_is_read_line_by_line() -> None:
    lines = tesseract.lines_of(TABLE)
    # The line is as certain as its least certain word; words without a confidence or without text don't count.
    assert lines == [("TOTAL 52.47", 0.91, (10, 20, 310, 50)), ("Date", 0.88, (10, 80, 70, 110))]


def _program(folder: Path, script: str) -> None:
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_tesseract_on_the_machine_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table").write_text(TABLE, encoding="utf-8")
    _program(tmp_path, f"/bin/cat > {tmp_path}/sent; /bin/cat {tmp_path}/table")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine("tesseract") == "tesseract"
    lines = read_lines(Image.new("RGB", (400, 200)), "tesseract")
    assert [line.text for line in lines] == ["TOTAL 52.47", "Date"]
    # left 10 of 400, top 20 of 200, right 310 of 400, bottom 50 of 200
    assert lines[0].box == (0.025, 0.1, 0.775, 0.25)
    assert (tmp_path / "sent").read_bytes().startswith(b"\x89PNG")


def test_a_tesseract_that_fails_has_read_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _program(tmp_path, "exit 3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert read_lines(Image.new("RGB", (40, 20)), "tesseract") == []
    assert "could not read a picture" in caplog.text


def test_engines_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ModelNameError, match="tesseract: not on PATH"):
        find_engine("tesseract")
    with pytest.raises(ModelNameError, match="auto, rapidocr, tesseract and none"):
        find_engine("eyes")  # type: ignore[arg-type] # the caller's mistake
    assert find_engine("none") == "none"


@pytest.mark.parametrize(
    ("colour", "name"),
    [
        ((0, 0, 0), "black"),
        ((255, 255, 255), "white"),
        ((128, 128, 128), "grey"),
        ((220, 20, 30), "red"),
        ((250, 226, 110), "yellow"),
        ((20, 84, 58), "dark green"),
        ((28, 62, 110), "dark blue"),
        ((164, 204, 236), "light blue"),
        ((150, 110, 76), "brown"),
        ((222, 200, 160), "beige"),
        ((240, 140, 30), "orange"),
    ],
)
def test_colours_by_name(colour: tuple[int, int, int], name: str) -> None:
    assert colour_name(colour) == name


def test_figures_of_a_picture() -> None:
    picture = quadrants(64, 32)
    figures = measure(picture)
    assert (figures.width, figures.height) == (64, 32)
    # Four equal parts: red, green, blue and white, a quarter each.
    assert {name for name, _ in figures.colours} == {"red", "green", "blue", "white"}
    assert all(share == pytest.approx(0.25) for _, share in figures.colours)


def test_main_colours_leave_out_what_is_rare() -> None:
    picture = Image.new("RGB", (64, 64), (255, 255, 255))
    picture.paste((255, 0, 0), (0, 0, 8, 8))  # 64 of 4096 pixels are 1.6 %
    ((name, share),) = main_colours(picture)
    assert (name, share) == ("white", 1 - 64 / 4096)


def test_paper_and_ink() -> None:
    picture = Image.new("RGB", (100, 40), (250, 226, 110))
    picture.paste((10, 10, 10), (20, 10, 60, 14))
    assert paper_and_ink(picture, (0.1, 0.1, 0.9, 0.9)) == ("yellow", "black")
    assert paper_and_ink(Image.new("RGB", (9, 9), (250, 226, 110)), (0, 0, 1, 1)) == ("yellow", "yellow")


def test_data_that_is_no_picture_is_a_sight_without_figures() -> None:
    assert look_at(None, "none") == Sight()
    assert look_at(b"no picture", "none") == Sight()
    png = saved(quadrants(), "PNG")
    assert look_at(png[: len(png) // 2], "none") == Sight()
    assert look_at(png, "none").statistics is not None
    # 30 000 × 30 000 pixels, said by the header alone: nothing of it is decoded.
    assert look_at(png_header(30_000, 30_000), "none") == Sight()


def test_sights_are_remembered_by_content_and_bounded() -> None:
    eyes = Eyes("none", most=2)
    pictures = [saved(quadrants(8 * n, 8), "PNG") for n in (1, 2, 3)]
    assert eyes.remembered(pictures[:1]) is None
    first = eyes.see([pictures[0], bytes(pictures[0])])
    assert first[0] is first[1]
    assert eyes.remembered([pictures[0]]) == [first[0]]
    eyes.see(pictures)
    # Three were seen and two are kept: the oldest went.
    assert eyes.remembered(pictures[:1]) is None
    assert eyes.remembered(pictures[1:]) is not None
    assert eyes.remembered([None]) == [Sight()]
