"""Opening, checking, shrinking and cropping pictures."""

import asyncio
import base64
import math
import time
from pathlib import Path

import pytest
from PIL import Image

from ecoalign_agent.economics.thoughts import Region
from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.image import ImageView, Picture
from ecoalign_agent.images.store import ImageStore
from tests.llm.pictures import (
    GREEN,
    RED,
    WHITE,
    enlarged,
    orientation_tag,
    pixels_of,
    png_header,
    quadrants,
    read_quadrants,
    saved,
    turned_jpeg,
    turned_png,
)

FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"]


async def _refusal(source: object) -> str:
    with pytest.raises(ImageError) as caught:
        await Picture.open(source)  # type: ignore[arg-type]  # some sources are wrong on purpose
    message = str(caught.value)
    assert "\n" not in message
    return message


class TestSources:
    async def test_path_bytes_data_url_and_pil_picture_show_the_same(self, tmp_path: Path) -> None:
        data = saved(quadrants(), "PNG")
        path = tmp_path / "four.png"
        path.write_bytes(data)
        url = "data:image/png;base64," + base64.b64encode(data).decode()
        for source in (path, str(path), data, bytearray(data), url, quadrants()):
            picture = await Picture.open(source)  # type: ignore[arg-type]  # bytearray: taken, though not promised
            assert (picture.width, picture.height, picture.mime) == (64, 32, "image/png")
            assert read_quadrants(pixels_of((await picture.small()).data)) == "RG/BW"

    async def test_a_percent_encoded_data_url_and_one_broken_over_lines(self) -> None:
        data = saved(quadrants(), "PNG")
        escaped = "data:image/png," + "".join(f"%{byte:02x}" for byte in data)
        wrapped = "DATA:image/png;base64,\n" + base64.encodebytes(data).decode()
        for url in (escaped, wrapped):
            assert (await Picture.open(url)).data == data

    async def test_the_original_bytes_and_their_digest_are_kept(self) -> None:
        data = saved(quadrants(), "JPEG")
        picture = await Picture.open(data)
        assert picture.data == data
        assert picture.digest == (await Picture.open(data)).digest
        assert picture.digest != (await Picture.open(saved(quadrants(), "PNG"))).digest
        assert len(picture.digest) == 16

    async def test_a_pil_picture_stays_as_it_was(self) -> None:
        given = quadrants().convert("RGBA")
        await Picture.open(given)
        assert given.mode == "RGBA"

    @pytest.mark.parametrize("url", ["http://10.0.0.1/a.png", "HTTPS://example.com/b.jpg"])
    async def test_an_address_is_never_fetched(self, url: str) -> None:
        assert "not fetched: download it and pass the file" in await _refusal(url)

    async def test_what_is_no_picture_file_is_refused_in_one_line(self, tmp_path: Path) -> None:
        (tmp_path / "empty.png").touch()
        (tmp_path / "notes.jpg").write_text("a shopping list\n" * 20)
        assert "no such file" in await _refusal(tmp_path / "missing.png")
        assert "the file is empty" in await _refusal(tmp_path / "empty.png")
        assert "not a picture this program reads" in await _refusal(tmp_path / "notes.jpg")
        assert "a folder, not a picture" in await _refusal(tmp_path)
        assert "not a regular file" in await _refusal("/dev/zero")
        assert str(tmp_path / "missing.png") in await _refusal(tmp_path / "missing.png")
        assert "the bytes given: the file is empty" in await _refusal(b"")

    @pytest.mark.parametrize("path", ["a\0b.png", "x" * 5_000, "line\nbreak.png", "\ud800.png"])
    async def test_an_impossible_path_is_refused_in_one_short_line(self, path: str) -> None:
        assert len(await _refusal(path)) < 400

    @pytest.mark.parametrize("url", ["data:image/png;base64", "data:image/png;base64,@@@", "data:image/png;base64,AAé"])
    async def test_a_broken_data_url_is_refused(self, url: str) -> None:
        # Also where the rest would be a picture.
        whole = base64.b64encode(saved(quadrants(), "PNG")).decode()
        assert "not valid base64" in await _refusal(f"data:image/png;base64,{whole[:8]}@{whole[8:]}")
        assert "the data URL" in await _refusal(url)

    async def test_something_else_altogether_is_refused(self) -> None:
        assert "int: not a picture" in await _refusal(7)


class TestLimits:
    @pytest.mark.parametrize("kind", FORMATS)
    async def test_more_than_20_megapixels_are_refused_by_the_header_alone(self, kind: str) -> None:
        # 16 383 is the most a WebP's header can say; 16 383² are 268.4 megapixels.
        side = 16_383 if kind == "WEBP" else 30_000
        data = enlarged(kind, side, side)
        begun = time.process_time()
        message = await _refusal(data)
        assert time.process_time() - begun < 0.5
        assert f"{side}×{side} pixels are {side * side / 1e6:.1f} megapixels, at most 20 are allowed" in message

    async def test_20_megapixels_are_allowed_and_a_row_more_is_not(self) -> None:
        # 5 000 × 4 000 = 20 000 000: the header passes, and the missing rest is found.
        assert "can't be decoded" in await _refusal(png_header(5_000, 4_000))
        assert "20.0 megapixels, at most 20 are allowed" in await _refusal(png_header(5_000, 4_001))

    async def test_a_canvas_that_only_the_extended_webp_header_tells(self) -> None:
        extended = b"VP8X" + (10).to_bytes(4, "little") + b"\0" * 4 + (2**24 - 1).to_bytes(3, "little") * 2
        data = b"RIFF" + (len(extended) + 4).to_bytes(4, "little") + b"WEBP" + extended
        assert "16777216×16777216 pixels" in await _refusal(data)

    @pytest.mark.parametrize("size", [(0, 10), (10, 0)])
    async def test_a_side_of_no_pixels_is_refused(self, size: tuple[int, int]) -> None:
        assert await _refusal(png_header(*size))

    async def test_20_megabytes_are_allowed_and_a_byte_more_is_not(self, tmp_path: Path) -> None:
        path = tmp_path / "long.png"
        for size, said in ((20_000_000, "not a picture"), (20_000_001, "20,000,001 bytes, at most 20,000,000")):
            with path.open("wb") as file:
                file.truncate(size)
            assert said in await _refusal(path)
            assert said in await _refusal(bytes(size))
        url = "data:image/png;base64," + base64.b64encode(bytes(20_000_001)).decode()
        assert "at most 20,000,000 are allowed" in await _refusal(url)

    async def test_a_pil_picture_is_held_to_the_same_pixels(self) -> None:
        assert "5000×5000 pixels are 25.0 megapixels" in await _refusal(Image.new("1", (5_000, 5_000)))


class TestDamage:
    @pytest.mark.parametrize("kind", FORMATS)
    @pytest.mark.parametrize("kept", [0.2, 0.5, 0.9])
    async def test_a_file_that_was_cut_short_is_refused_when_it_is_opened(self, kind: str, kept: float) -> None:
        noisy = Image.effect_noise((300, 200), 80).convert("RGB")
        data = saved(noisy, kind)
        message = await _refusal(data[: int(len(data) * kept)])
        assert "the bytes given" in message
        assert "cut short or damaged" in message

    @pytest.mark.parametrize("kind", FORMATS)
    async def test_damage_anywhere_gives_a_picture_or_an_image_error(self, kind: str) -> None:
        data = saved(Image.effect_noise((40, 30), 80).convert("RGB"), kind)
        for place in range(0, min(len(data), 400), 3):
            broken = bytearray(data)
            broken[place] ^= 0xFF
            try:
                picture = await Picture.open(bytes(broken))
                await picture.crop((0, 0, 1, 1))
            except ImageError as error:
                assert "\n" not in str(error)  # noqa: PT017 - either outcome is right, and only this one has a message

    async def test_a_name_that_lies_about_the_format_does_not_matter(self, tmp_path: Path) -> None:
        path = tmp_path / "really-a-jpeg.png"
        path.write_bytes(saved(quadrants(), "JPEG"))
        assert (await Picture.open(path)).mime == "image/jpeg"


# By the EXIF standard: where the stored row 0 and column 0 are seen, and so where the stored corners R G / B W go.
_SEEN = {
    1: "RG/BW",  # row 0 at the top, column 0 at the left: as stored
    2: "GR/WB",  # top, right
    3: "WB/GR",  # bottom, right
    4: "BW/RG",  # bottom, left
    5: "RB/GW",  # left, top
    6: "BR/WG",  # right, top: a telephone held upright
    7: "WG/BR",  # right, bottom
    8: "GW/RB",  # left, bottom
}


class TestOrientation:
    @pytest.mark.parametrize("value", _SEEN)
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "PIL"])
    async def test_the_picture_is_seen_upright(self, kind: str, value: int) -> None:
        stored = quadrants(64, 32)
        source: bytes | Image.Image
        if kind == "JPEG":
            source = turned_jpeg(value, stored)
        elif kind == "PNG":
            source = turned_png(value, stored)
        elif kind == "PIL":
            source = pixels_of(turned_png(value, stored))
        else:
            exif = Image.Exif()
            exif.load(b"Exif\0\0" + orientation_tag(value))
            source = saved(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
        picture = await Picture.open(source)
        # From 5 on the stored rows are seen as columns.
        assert (picture.width, picture.height) == ((32, 64) if value >= 5 else (64, 32))
        assert read_quadrants(pixels_of((await picture.small()).data)) == _SEEN[value]
        whole = await picture.crop((0, 0, 1, 1))
        assert (whole.width, whole.height) == (picture.width, picture.height)
        assert read_quadrants(pixels_of(whole.data)) == _SEEN[value]

    async def test_a_large_jpeg_is_turned_in_its_reduced_and_in_its_full_form(self) -> None:
        picture = await Picture.open(turned_jpeg(6, quadrants(2_048, 1_024)))
        assert (picture.width, picture.height) == (1_024, 2_048)
        small = await picture.small()
        assert (small.width, small.height) == (256, 512)
        assert read_quadrants(pixels_of(small.data)) == "BR/WG"
        # The lower right quarter of what is seen, G in BR/WG.
        corner = pixels_of((await picture.crop((0.5, 0.5, 1, 1))).data)
        assert corner.size == (512, 1_024)
        assert read_quadrants(corner) == "GG/GG"

    @pytest.mark.parametrize("value", [0, 9, 65_535])
    async def test_an_orientation_that_does_not_exist_is_ignored(self, value: int) -> None:
        picture = await Picture.open(turned_jpeg(value, quadrants()))
        assert read_quadrants(pixels_of((await picture.small()).data)) == "RG/BW"


class TestModes:
    async def _colour(self, picture: Image.Image, kind: str, **options: object) -> tuple[int, ...]:
        view = await (await Picture.open(saved(picture, kind, **options))).small()
        pixel = pixels_of(view.data).convert("RGB").getpixel((1, 1))
        assert isinstance(pixel, tuple)
        return pixel

    async def test_what_is_transparent_lies_on_white(self) -> None:
        assert await self._colour(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "PNG") == WHITE
        # Half of red over white: 255, (0 + 255) / 2, (0 + 255) / 2.
        red, green, blue = await self._colour(Image.new("RGBA", (4, 4), (255, 0, 0, 128)), "PNG")
        assert (red, green in (127, 128), blue in (127, 128)) == (255, True, True)
        assert await self._colour(Image.new("LA", (4, 4), (0, 0)), "PNG") == WHITE
        assert await self._colour(Image.new("RGBA", (4, 4), (0, 0, 0, 0)), "WEBP", lossless=True) == WHITE

    async def test_palettes_with_and_without_transparency(self) -> None:
        assert await self._colour(Image.new("RGB", (4, 4), RED).convert("P"), "PNG") == RED
        palette = Image.new("P", (4, 4), 1)
        palette.putpalette([0, 0, 0, 255, 0, 0])
        assert await self._colour(palette, "PNG", transparency=1) == WHITE
        assert await self._colour(palette, "PNG", transparency=bytes([255, 255])) == RED
        assert await self._colour(palette, "GIF", transparency=1) == WHITE

    async def test_a_colour_that_stands_for_transparency(self) -> None:
        assert await self._colour(Image.new("L", (4, 4), 7), "PNG", transparency=7) == WHITE
        assert await self._colour(Image.new("RGB", (4, 4), RED), "PNG", transparency=RED) == WHITE

    async def test_print_colours(self) -> None:
        # No cyan, all magenta, all yellow, no black: red.
        for kind in ("JPEG", "TIFF"):
            red, green, blue = await self._colour(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), kind)
            assert (red > 240, green < 15, blue < 15) == (True, True, True)

    async def test_greys_of_16_bits_keep_their_shade(self) -> None:
        # 0x4000 of 0xFFFF is a quarter: 16 384 / 65 535 × 255 = 63.75.
        quarter = Image.new("I;16", (4, 4), 0x4000)
        for kind in ("PNG", "TIFF"):
            assert (await self._colour(quarter, kind))[0] in (63, 64)
        # 300 of 65 535 is nearly black: 1.17. Clipped at 255 it would be white.
        assert (await self._colour(Image.new("I;16", (4, 4), 300), "PNG"))[0] == 1

    async def test_greys_as_numbers(self) -> None:
        half = await self._colour(Image.new("F", (4, 4), 0.5), "TIFF")
        assert half[0] in (127, 128)
        assert (await self._colour(Image.new("I", (4, 4), 200), "TIFF"))[0] == 200

    async def test_black_and_white(self) -> None:
        assert await self._colour(Image.new("1", (4, 4), 1), "PNG") == WHITE
        assert await self._colour(Image.new("L", (4, 4), 90), "PNG") == (90, 90, 90)

    async def test_the_first_frame_of_an_animation(self) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
        for kind, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})):
            assert await self._colour(frames[0], kind, save_all=True, append_images=frames[1:], **options) == RED


class TestSmall:
    @pytest.mark.parametrize(
        ("size", "fitted"),
        [
            ((30, 20), (30, 20)),  # never enlarged
            ((512, 512), (512, 512)),
            ((1_024, 256), (512, 128)),
            ((300, 3_000), (51, 512)),  # 300 × 512 / 3 000 = 51.2
            ((5_000, 1), (512, 1)),  # never less than a pixel
        ],
    )
    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    async def test_it_fits_into_512_pixels(self, kind: str, size: tuple[int, int], fitted: tuple[int, int]) -> None:
        view = await (await Picture.open(saved(Image.new("RGB", size, RED), kind))).small()
        assert (view.width, view.height, view.detail) == (*fitted, "low")
        assert pixels_of(view.data).size == fitted

    async def test_it_is_made_once_and_needs_no_second_decoding(self) -> None:
        picture = await Picture.open(saved(quadrants(2_048, 1_024), "JPEG"))
        assert await picture.small() is await picture.small()
        assert (await picture.small(128)).width == 128
        assert picture.decodes == 1
        assert (await picture.small(1_024)).width == 1_024

    async def test_the_reduced_decoding_looks_like_the_full_one(self) -> None:
        rings = Image.radial_gradient("L").resize((3_000, 2_000)).convert("RGB")
        data = saved(rings, "JPEG", quality=95)
        ours = pixels_of((await (await Picture.open(data)).small()).data).convert("L")
        full = pixels_of(data).resize(ours.size, Image.Resampling.LANCZOS).convert("L")
        pairs = zip(ours.get_flattened_data(), full.get_flattened_data(), strict=True)
        error = sum((a - b) ** 2 for a, b in pairs) / (ours.width * ours.height)  # type: ignore[operator]  # greys are ints
        # 40 dB: differences nobody sees.
        assert 10 * math.log10(255**2 / max(error, 1e-9)) > 40

    async def test_a_drawing_is_sent_without_loss_and_a_photograph_as_jpeg(self) -> None:
        drawing = await (await Picture.open(saved(quadrants(), "JPEG", quality=95, subsampling=0))).small()
        photograph = await (await Picture.open(saved(_photograph(), "PNG"))).small()
        assert (drawing.mime, photograph.mime) == ("image/png", "image/jpeg")
        assert pixels_of(drawing.data).format == "PNG"
        assert pixels_of(photograph.data).format == "JPEG"

    async def test_the_block_keeps_its_detail(self) -> None:
        view = await (await Picture.open(quadrants())).small()
        block = view.block()
        assert block["type"] == "image_url"
        assert block["image_url"]["detail"] == "low"
        head, _, body = block["image_url"]["url"].partition(",")
        assert head == "data:image/png;base64"
        assert base64.b64decode(body) == view.data

    async def test_the_loop_goes_on_while_a_picture_is_decoded(self) -> None:
        data = saved(_photograph(), "PNG")
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await asyncio.sleep(0)

        ticking = asyncio.ensure_future(tick())
        await Picture.open(data)
        ticking.cancel()
        assert ticks > 1


class TestCrop:
    @pytest.mark.parametrize(
        ("region", "size", "seen"),
        [
            ((0, 0, 0.5, 0.5), (50, 20), "RR/RR"),
            ((0.5, 0, 1, 0.5), (50, 20), "GG/GG"),
            ((0, 0.5, 0.5, 1), (50, 20), "BB/BB"),
            ((0.25, 0.25, 0.75, 0.75), (50, 20), "RG/BW"),
            ((-0.05, -0.01, 1.05, 1.04), (100, 40), "RG/BW"),  # slightly outside: clamped
            ((0.1, 0.1, 0.13, 0.2), (3, 4), "RR/RR"),
            ((0.101, 0, 0.119, 1), (2, 40), "RR/BB"),  # columns 10.1 to 11.9: the two whole ones, 10 and 11
        ],
    )
    async def test_a_region_is_cut_out_at_full_resolution(
        self, region: Region, size: tuple[int, int], seen: str
    ) -> None:
        view = await (await Picture.open(saved(quadrants(100, 40), "PNG"))).crop(region)
        assert (view.width, view.height, view.detail) == (*size, "high")
        assert pixels_of(view.data).size == size
        assert read_quadrants(pixels_of(view.data)) == seen

    @pytest.mark.parametrize(
        "region",
        [
            (0.5, 0, 0.5, 1),  # no width
            (0.9, 0, 0.1, 1),  # reversed
            (0, 0, 0.009, 1),  # nine tenths of a pixel
            (math.nan, 0, 1, 1),
            (0, 0, math.inf, 1),
            (0, 0, 50, 20),  # pixels instead of fractions
            (-0.2, 0, 1, 1),
            (1.01, 0, 1.04, 1),  # nothing left after clamping
        ],
    )
    async def test_a_region_that_is_none_is_named(self, region: Region) -> None:
        picture = await Picture.open(saved(quadrants(100, 40), "PNG"))
        with pytest.raises(ValueError, match="region") as caught:
            await picture.crop(region)
        assert str(region) in str(caught.value)

    async def test_a_large_crop_is_shrunk(self) -> None:
        picture = await Picture.open(saved(quadrants(2_000, 1_000), "PNG"))
        view = await picture.crop((0, 0, 1, 1), max_side=500)
        assert (view.width, view.height) == (500, 250)
        assert (await picture.crop((0, 0, 1, 1))).width == 1_536

    @pytest.mark.parametrize(("kind", "decodings"), [("JPEG", 2), ("PNG", 1), ("WEBP", 1), ("TIFF", 1)])
    async def test_ten_crops_at_once_decode_the_file_once(self, kind: str, decodings: int) -> None:
        # A JPEG is decoded reduced when it is opened, and once in full; the others in full when they are opened.
        picture = await Picture.open(saved(quadrants(2_048, 1_024), kind))
        assert picture.decodes == 1
        views = await asyncio.gather(*(picture.crop((0, 0, 0.1 * k, 1)) for k in range(1, 11)))
        assert [view.width for view in views[:3]] == [205, 410, 615]  # ⌈204.8⌉, ⌈409.6⌉, ⌈614.4⌉
        assert picture.decodes == decodings

    async def test_a_small_jpeg_is_decoded_once_in_all(self) -> None:
        picture = await Picture.open(saved(quadrants(600, 400), "JPEG"))
        await picture.small()
        await picture.crop((0, 0, 0.5, 0.5))
        assert picture.decodes == 1

    async def test_a_pil_picture_is_never_decoded(self) -> None:
        picture = await Picture.open(quadrants(600, 400))
        view = await picture.crop((0.5, 0, 1, 0.5))
        assert read_quadrants(pixels_of(view.data)) == "GG/GG"
        assert picture.decodes == 0


class TestGallery:
    async def test_the_same_content_is_the_same_picture_whatever_it_came_from(self, tmp_path: Path) -> None:
        data = saved(quadrants(), "PNG")
        (tmp_path / "a.png").write_bytes(data)
        image_store = ImageStore()
        first = await image_store.open(data)
        assert await image_store.open(tmp_path / "a.png") is first
        assert await image_store.open(first.data) is first
        assert len(image_store) == 1
        assert image_store._opening == {}

    async def test_opened_many_times_at_once_it_is_decoded_once(self) -> None:
        image_store, data = ImageStore(), saved(_photograph(), "PNG")
        pictures = await asyncio.gather(*(image_store.open(data) for _ in range(8)))
        assert len({id(picture) for picture in pictures}) == 1
        assert pictures[0].decodes == 1

    async def test_the_least_recently_opened_leaves_first(self) -> None:
        image_store = ImageStore(max_pictures=2)
        a, b, c = (saved(Image.new("RGB", (8, 8), colour), "PNG") for colour in (RED, GREEN, WHITE))
        first = await image_store.open(a)
        second = await image_store.open(b)
        assert await image_store.open(a) is first
        await image_store.open(c)
        assert len(image_store) == 2
        assert await image_store.open(a) is first
        assert await image_store.open(b) is not second

    async def test_it_is_bounded_by_bytes_too(self) -> None:
        data = [saved(Image.effect_noise((64, 64), 80 + k), "PNG") for k in range(3)]
        image_store = ImageStore(max_bytes=2 * max(len(d) for d in data))
        for one in data:
            await image_store.open(one)
        assert len(image_store) == 2

    async def test_pixels_that_had_to_go_come_back(self) -> None:
        # Room for the pixels of one picture of 64 × 32 = 2 048: every second crop finds its own gone.
        image_store = ImageStore(max_pixels=2_048)
        one = await image_store.open(saved(quadrants(), "PNG"))
        two = await image_store.open(saved(quadrants(), "BMP"))
        assert read_quadrants(pixels_of((await two.crop((0, 0, 1, 1))).data)) == "RG/BW"
        assert (one.decodes, two.decodes) == (1, 1)
        assert read_quadrants(pixels_of((await one.crop((0, 0, 1, 1))).data)) == "RG/BW"
        await one.crop((0, 0, 0.5, 1))
        assert (one.decodes, two.decodes) == (2, 1)

    async def test_a_failure_is_told_each_time_under_its_own_name(self, tmp_path: Path) -> None:
        image_store, data = ImageStore(), png_header(30_000, 30_000)
        (tmp_path / "bomb.png").write_bytes(data)
        for source, name in ((data, "the bytes given"), (tmp_path / "bomb.png", "bomb.png")):
            with pytest.raises(ImageError, match=name):
                await image_store.open(source)
        assert len(image_store) == 0

    def test_it_serves_one_event_loop_after_another(self) -> None:
        image_store, data = ImageStore(), saved(quadrants(), "PNG")

        async def crops() -> list[ImageView]:
            picture = await image_store.open(data)
            return await asyncio.gather(*(picture.crop((0, 0, 1, 1)) for _ in range(3)))

        assert asyncio.run(crops())[0].data == asyncio.run(crops())[0].data


def _photograph() -> Image.Image:
    return Image.merge("RGB", [Image.effect_noise((900, 600), 60 + k) for k in range(3)])
