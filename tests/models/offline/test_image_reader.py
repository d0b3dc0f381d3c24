"""OCR engines, and the contents of pictures."""

import logging
import stat
from pathlib import Path

import pytest
from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.models.offline.image_reader import ImageContent, ImageReader, colour_name, main_colours, read_image
from ecoalign_agent.models.offline.ocr_engines import find_engine, is_clear, read_pieces, tesseract_lines
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


def test_small_or_uncertain_text_is_not_clear() -> None:
    # Ten characters in a box of 106 × 10 pixels: (106 - 6) / 10 = 10 pixels each; of 36 × 10: 3 pixels each.
    wide, narrow = (
        ((0.0, 0.0), (106.0, 0.0), (106.0, 10.0), (0.0, 10.0)),
        ((0.0, 0.0), (36.0, 0.0), (36.0, 10.0), (0.0, 10.0)),
    )
    assert is_clear("0123456789", 0.95, wide)
    assert not is_clear("0123456789", 0.95, narrow)
    assert not is_clear("0123456789", 0.5, wide)


def test_tesseract_s_table_is_read_line_by_line() -> None:
    # The line is as certain as its least certain word; words without a confidence or without text don't count.
    first, second = tesseract_lines(TABLE)
    assert (first[0], first[1]) == ("TOTAL 52.47", 0.91)
    assert list(first[2]) == [(10, 20), (310, 20), (310, 50), (10, 50)]
    assert second[:2] == ("Date", 0.88)


def _program(folder: Path, script: str) -> None:
    program = folder / "tesseract"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def test_tesseract_on_the_machine_reads_the_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "table").write_text(TABLE, encoding="utf-8")
    _program(tmp_path, f"/bin/cat > {tmp_path}/sent; /bin/cat {tmp_path}/table")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_engine("tesseract") == "tesseract"
    pieces = read_pieces(Image.new("RGB", (400, 200)), "tesseract")
    assert [piece.text for piece in pieces] == ["TOTAL 52.47", "Date"]
    assert (tmp_path / "sent").read_bytes().startswith(b"\x89PNG")


def test_a_tesseract_that_fails_has_read_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _program(tmp_path, "exit 3")
    monkeypatch.setenv("PATH", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        assert read_pieces(Image.new("RGB", (40, 20)), "tesseract") == []
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
    [((0, 0, 0), "black"), ((255, 255, 255), "white"), ((220, 20, 30), "red"), ((250, 226, 110), "yellow"),
     ((20, 84, 58), "dark green"), ((164, 204, 236), "light blue"), ((222, 200, 160), "beige")],
)  # fmt: skip
def test_colours_by_name(colour: tuple[int, int, int], name: str) -> None:
    assert colour_name(colour) == name


def test_main_colours_leave_out_what_is_rare() -> None:
    picture = Image.new("RGB", (64, 64), (255, 255, 255))
    picture.paste((255, 0, 0), (0, 0, 8, 8))  # 64 of 4096 pixels are 1.6 %
    assert main_colours(picture) == ("white",)
    assert set(main_colours(quadrants(64, 32))) == {"red", "green", "blue", "white"}


def test_data_that_is_no_picture_has_no_content() -> None:
    png = saved(quadrants(), "PNG")
    # The last one says 30 000 × 30 000 pixels in its header: nothing of it is decoded.
    for data in (None, b"no picture", png[: len(png) // 2], png_header(30_000, 30_000)):
        assert read_image(data, "none") == ImageContent()
    assert read_image(png, "none").width > 0


def test_a_blank_picture_is_plain_and_a_drawn_one_is_not() -> None:
    assert read_image(saved(Image.new("RGB", (40, 40), "beige"), "PNG"), "none").plain
    assert not read_image(saved(quadrants(), "PNG"), "none").plain


def test_contents_are_remembered_by_digest_and_bounded() -> None:
    reader = ImageReader("none", max_pictures=2)
    pictures = [saved(quadrants(8 * n, 8), "PNG") for n in (1, 2, 3)]
    assert reader.remembered(pictures[:1]) is None
    first = reader.read([pictures[0], bytes(pictures[0])])
    assert first[0] is first[1]
    assert reader.remembered([pictures[0]]) == [first[0]]
    reader.read(pictures)
    # Three were read and two are remembered: the oldest went.
    assert reader.remembered(pictures[:1]) is None
    assert reader.remembered(pictures[1:]) is not None
    assert reader.remembered([None]) == [ImageContent()]
