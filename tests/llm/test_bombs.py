"""Files that cost more than they should: refused before anything is decoded, and sixteen at once stay small.

What is measured, and how, stands in ``bombs.py``; ``benchmarks/bombs.py`` prints it as a table.
"""

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.file_checks import MAX_PARTS, MAX_SCANS, check_layout
from ecoalign_agent.images.image import Picture
from ecoalign_agent.images.store import ImageStore
from tests.llm.bombs import damaged, harmless, refused
from tests.llm.pictures import pixels_of, png_chunk, quadrants, read_quadrants, saved, turned_jpeg, turned_png

pytestmark = pytest.mark.slow

MOST_GROWTH = 100.0
"""Megabytes by which sixteen at once may grow the process."""


def measured(folder: Path) -> dict[str, dict[str, Any]]:
    """What a process of its own measures for every file in ``folder``."""
    command = [sys.executable, "-W", "error", "-m", "tests.llm.bombs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    assert done.returncode == 0, done.stderr
    made: dict[str, dict[str, Any]] = json.loads(done.stdout)
    return made


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every file in ``folder``."""
    for path in sorted(folder.iterdir()):
        yield path.name, path.read_bytes()


@pytest.fixture(scope="module")
def bombs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in refused():
        (folder / name).write_bytes(data)
    return folder


def test_sixteen_at_once_are_refused_in_a_hundred_megabytes(bombs: Path) -> None:
    figures = measured(bombs)
    growth = max(figures, key=lambda name: figures[name]["growth"])
    slowest = max(figures, key=lambda name: figures[name]["seconds"])
    print(f"{len(figures)} files, 16 at once: at most {figures[growth]['growth']:.0f} MB ({growth})")
    print(f"slowest {figures[slowest]['seconds'] / 16 * 1e3:.0f} ms each, its reading included ({slowest})")
    for name, figure in figures.items():
        assert name in figure["said"], name
        assert "Picture" not in figure["said"], name
        assert "\n" not in figure["said"], name
        assert figure["growth"] < MOST_GROWTH, (name, figure)
        # Decoding 81 megapixels takes a second, and so do millions of parts: sixteen of them would take more.
        assert figure["seconds"] < 8, (name, figure)


def test_a_picture_that_is_damaged_near_its_end_costs_one_decoding_at_a_time(tmp_path: Path) -> None:
    name, data = damaged()
    (tmp_path / name).write_bytes(data)
    figure = measured(tmp_path)[name]
    print(f"damaged near its end, 16 at once: {figure['growth']:.0f} MB, {figure['seconds'] / 16 * 1e3:.0f} ms each")
    assert "can't be decoded" in figure["said"]
    # Sixteen at once would be 16 × 80 MB = 1 280 MB.
    assert figure["growth"] < MOST_GROWTH


async def test_each_is_refused_in_one_line_that_says_why(bombs: Path) -> None:
    for name, data in contents(bombs):
        with pytest.raises(ImageError) as caught:
            await ImageStore().open(data)
        message = str(caught.value)
        assert message.startswith("the bytes given: "), name
        assert "\n" not in message
        assert len(message) < 300


async def test_what_only_looks_dear_opens_and_goes_on_as_plain_pixels() -> None:
    for name, data in harmless():
        view = await (await ImageStore().open(data)).small()
        assert pixels_of(view.data).format in {"PNG", "JPEG"}
        # Encoded anew: neither the other frames, nor the text, nor what hangs on behind goes to a model.
        assert b"<script>" not in view.data, name
        assert b"PK\x03\x04" not in view.data, name
        assert len(view.data) < 5_000, name


async def test_what_is_no_file_is_refused_unread(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    for path in (pipe, Path("/dev/zero"), Path("/dev/stdin"), tmp_path):
        with pytest.raises(ImageError, match=r"not a regular file|a folder|can't be read"):
            await ImageStore().open(path)


async def test_a_data_url_that_is_too_long_is_refused_by_its_length() -> None:
    url = "data:image/png;base64," + base64.b64encode(bytes(20_000_001)).decode()
    with pytest.raises(ImageError, match="at most 20,000,000 are allowed"):
        await ImageStore().open(url)
    # 80 000 001 signs: not even taken apart.
    with pytest.raises(ImageError, match="at most 20,000,000 are allowed"):
        await ImageStore().open("data:image/png," + "%" * 80_000_001)


async def test_a_refusal_that_is_kept_does_not_keep_the_file() -> None:
    with pytest.raises(ImageError) as caught:
        await ImageStore().open(saved(Image.effect_noise((600, 400), 80), "PNG")[:-2_000])
    held: BaseException | None = caught.value
    while held is not None:
        trace = held.__traceback__
        while trace is not None:
            names = trace.tb_frame.f_locals
            assert not any(isinstance(names.get(name), bytes) for name in ("data", "found")), trace.tb_frame
            trace = trace.tb_next
        held = held.__cause__


class TestLayout:
    """The bounds let every picture through that an encoder writes."""

    @pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "TIFF", "BMP"])
    def test_an_ordinary_file_stays_as_it_is(self, kind: str) -> None:
        data = saved(Image.effect_noise((600, 400), 80).convert("RGB"), kind)
        assert check_layout(data, f"image/{kind.lower()}", "it") is data

    def test_a_progressive_jpeg_passes_with_all_its_scans(self) -> None:
        data = saved(Image.effect_noise((600, 400), 80).convert("RGB"), "JPEG", progressive=True, quality=95)
        # Ten by the encoder's own script.
        assert data.count(b"\xff\xda") == 10
        assert check_layout(data, "image/jpeg", "it") is data

    def test_a_hundred_scans_pass_and_one_more_does_not(self) -> None:
        data = saved(quadrants(), "JPEG", progressive=True)
        last = data[data.rindex(b"\xff\xda") : -2]
        fits = data[:-2] + last * (MAX_SCANS - data.count(b"\xff\xda")) + data[-2:]
        assert check_layout(fits, "image/jpeg", "it") is fits
        with pytest.raises(ImageError, match="more than 100 scans"):
            check_layout(fits[:-2] + last + fits[-2:], "image/jpeg", "it")

    def test_scans_are_counted_behind_a_segment_that_holds_an_end_mark(self) -> None:
        data = saved(quadrants(), "JPEG", progressive=True)
        last = data[data.rindex(b"\xff\xda") : -2]
        remark = b"\xff\xfe\0\x06\xff\xd9\xff\xd9"  # a comment of four bytes that read like two ends
        with pytest.raises(ImageError, match="more than 100 scans"):
            check_layout(data[:-2] + remark + last * 200 + data[-2:], "image/jpeg", "it")

    def test_20_000_parts_pass_and_one_more_does_not(self) -> None:
        data = saved(quadrants(), "PNG")
        # An ordinary one has three: IHDR, IDAT, IEND.
        assert [data.count(kind) for kind in (b"IHDR", b"IDAT", b"IEND")] == [1, 1, 1]
        fits = data[:33] + png_chunk(b"abCd", b"") * (MAX_PARTS - 3) + data[33:]
        assert check_layout(fits, "image/png", "it") is fits
        with pytest.raises(ImageError, match="more than 20,000 parts"):
            check_layout(fits[:33] + png_chunk(b"abCd", b"") + fits[33:], "image/png", "it")

    def test_packed_text_is_left_out_and_plain_text_stays(self) -> None:
        data = saved(quadrants(), "PNG")
        plain = png_chunk(b"tEXt", b"Title\0four") + png_chunk(b"iTXt", b"Title\0\0\0\0\0four")
        packed = png_chunk(b"zTXt", b"Title\0\0four") + png_chunk(b"iTXt", b"Title\0\1\0\0\0four")
        given = data[:33] + packed + plain + packed + data[33:]
        assert check_layout(given, "image/png", "it") == data[:33] + plain + data[33:]

    async def test_orientation_is_still_read(self) -> None:
        for data in (turned_jpeg(6, quadrants()), turned_png(6, quadrants())):
            picture = await Picture.open(data)
            assert (picture.width, picture.height) == (32, 64)
            assert read_quadrants(pixels_of((await picture.small()).data)) == "BR/WG"
