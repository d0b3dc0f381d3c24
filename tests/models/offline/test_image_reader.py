"""OCR engines, and the contents of pictures."""

import pytest
from PIL import Image

from ecoalign_agent.errors import ModelNameError
from ecoalign_agent.models.offline import image_reader
from ecoalign_agent.models.offline.image_reader import (
    ImageContent,
    colour_name,
    find_engine,
    is_clear,
    is_read,
    main_colours,
    read_image,
)
from tests.llm.pictures import png_header, quadrants, saved


def test_small_or_uncertain_text_is_not_clear() -> None:
    # Ten characters in a box of 106 × 10 pixels: (106 - 6) / 10 = 10 pixels each; of 36 × 10: 3 pixels each.
    wide, narrow = (
        ((0.0, 0.0), (106.0, 0.0), (106.0, 10.0), (0.0, 10.0)),
        ((0.0, 0.0), (36.0, 0.0), (36.0, 10.0), (0.0, 10.0)),
    )
    assert is_clear("0123456789", 0.95, wide)
    assert not is_clear("0123456789", 0.95, narrow)
    assert not is_clear("0123456789", 0.5, wide)


def test_engines_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_reader, "_model_files", list)
    with pytest.raises(ModelNameError, match="rapidocr: not installed; pip install"):
        find_engine("rapidocr")
    with pytest.raises(ModelNameError, match="auto, rapidocr and none"):
        find_engine("eyes")  # type: ignore[arg-type] # the caller's mistake
    assert (find_engine("none"), find_engine("auto")) == ("none", "none")


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


def test_contents_are_recalled_by_digest() -> None:
    picture = saved(quadrants(88, 8), "PNG")
    assert not is_read(picture, "none")
    first = read_image(picture, "none")
    assert read_image(bytes(bytearray(picture)), "none") is first
    assert is_read(picture, "none")
    assert is_read(None, "none")
    assert not is_read(picture, "rapidocr")
