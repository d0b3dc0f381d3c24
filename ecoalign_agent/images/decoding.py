"""Pillow: bytes → checked header → pixels → bytes as they are sent.

Every function here blocks: :mod:`ecoalign_agent.images.image` calls them in threads. Pillow's own size check allows too
much and warns through a process-wide filter, so the format's own reader reads the header, and our cap comes first.
"""

import io
import math
import struct
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.file_checks import check_layout

# Ours, but for the longest side: that is what a JPEG can hold, and so what can be sent on.
MAX_PIXELS = 20_000_000
MAX_SIDE = 65_500
LARGE_PIXELS = 2_000_000  # from so many on, one picture is decoded at a time: 20 megapixels take 80 MB

_Reader = Callable[[io.BytesIO], ImageFile.ImageFile]

_READERS: list[tuple[Callable[[bytes], bool], str, _Reader]] = [
    (lambda head: head.startswith(b"\xff\xd8\xff"), "image/jpeg", JpegImagePlugin.JpegImageFile),
    (lambda head: head.startswith(b"\x89PNG\r\n\x1a\n"), "image/png", PngImagePlugin.PngImageFile),
    (lambda head: head[:4] == b"RIFF" and head[8:12] == b"WEBP", "image/webp", WebPImagePlugin.WebPImageFile),
    (lambda head: head.startswith((b"GIF87a", b"GIF89a")), "image/gif", GifImagePlugin.GifImageFile),
    (lambda head: head.startswith((b"II*\0", b"MM\0*")), "image/tiff", TiffImagePlugin.TiffImageFile),
    (lambda head: head.startswith(b"BM"), "image/bmp", BmpImagePlugin.BmpImageFile),
]


def read_header(data: bytes, name: str) -> tuple[ImageFile.ImageFile, str]:
    """The picture in ``data`` with its size known and nothing decoded, and its mime type; ``name`` is for errors."""
    if not data:
        raise ImageError(f"{name}: the file is empty; give a picture (JPEG, PNG, WebP, GIF, BMP or TIFF)")
    match = next(((mime, reader) for fits, mime, reader in _READERS if fits(data[:16])), None)
    if match is None:
        raise ImageError(f"{name}: not a picture this program reads; give a JPEG, PNG, WebP, GIF, BMP or TIFF")
    mime, reader = match
    if mime == "image/webp":
        # Pillow's reader allocates the whole canvas when it opens the file.
        check_size(*_webp_size(data, name), name)
    elif mime == "image/png" and data[12:16] == b"IHDR" and len(data) >= 24:
        # Reported before anything else that may be wrong with it.
        width, height = struct.unpack(">II", data[16:24])
        check_size(width, height, name)
    try:
        picture = reader(io.BytesIO(check_layout(data, mime, name)))
    except ImageError:
        raise
    except Exception as error:  # a damaged header fails as any of a dozen types; never goes on
        raise _broken(name, mime, error) from error
    check_size(*picture.size, name)
    return picture, mime


def check_size(width: int, height: int, name: str) -> None:
    """Refuse a picture of too many pixels, or with a side that is too long or shorter than 1."""
    if width < 1 or height < 1:
        raise ImageError(f"{name}: its header says {width}×{height} pixels; both sides must be at least 1")
    if width * height > MAX_PIXELS or max(width, height) > MAX_SIDE:
        limit = f"at most {MAX_PIXELS / 1e6:g} are allowed; shrink it first"
        raise ImageError(f"{name}: {width}×{height} pixels are {width * height / 1e6:.1f} megapixels, {limit}")


def decode_image(
    picture: ImageFile.ImageFile, name: str, mime: str, *, min_side: int | None = None
) -> tuple[Image.Image, bool]:
    """Decode the first frame: RGB, transparency on white, upright; and whether width and height changed places.

    Args:
        picture: as :func:`read_header` gave it; used up by this.
        min_side: a JPEG may be decoded at 1/2, 1/4 or 1/8 of its size, as long as it fills a box of that many pixels.
    """
    try:
        if min_side is not None:
            picture.draft(None, fit_size(picture.size, min_side))
        if picture.width * picture.height > LARGE_PIXELS:
            return _single_thread().submit(_decoded, picture).result()
        return _decoded(picture)
    except Exception as error:  # decoders fail as any of a dozen types; never goes on
        raise _broken(name, mime, error) from error


@cache
def _single_thread() -> ThreadPoolExecutor:
    # One thread for all: a second one would bring its own share of memory and keep it after use.
    return ThreadPoolExecutor(1, thread_name_prefix="large pictures")


def _decoded(picture: ImageFile.ImageFile) -> tuple[Image.Image, bool]:
    try:
        picture.load()
        return _upright(picture)
    except Exception as error:
        # Its traceback would hold the pixels.
        traceback.clear_frames(error.__traceback__)
        picture.close()
        raise


def fit_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """``size`` fitted into a square of ``side`` pixels, each side at least 1; never enlarged."""
    scale = min(1.0, side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def fit_image(picture: Image.Image, side: int) -> Image.Image:
    """``picture`` fitted into ``side`` × ``side`` by LANCZOS; itself when it already fits."""
    size = fit_size(picture.size, side)
    return picture if size == picture.size else picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def encode_image(picture: Image.Image) -> tuple[bytes, str]:
    """An RGB picture as it is sent, and its mime type."""
    out = io.BytesIO()
    # Drawings and screenshots: their text stays crisp.
    if picture.getcolors(4096) is not None:
        picture.save(out, "PNG", compress_level=6)
        return out.getvalue(), "image/png"
    picture.save(out, "JPEG", quality=90)
    return out.getvalue(), "image/jpeg"


def encode_pil(picture: Image.Image, name: str) -> tuple[Image.Image, bytes]:
    """A PIL picture given by the caller: its pixels, RGB and upright, and the same as PNG bytes."""
    check_size(*picture.size, name)
    try:
        upright, _ = _upright(picture.copy())
    except Exception as error:  # as in decode
        raise _broken(name, "a picture", error) from error
    out = io.BytesIO()
    upright.save(out, "PNG", compress_level=1)
    return upright, out.getvalue()


# EXIF orientation → how to make the picture upright. From 5 on width and height change places.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def _upright(picture: Image.Image) -> tuple[Image.Image, bool]:
    # A TIFF is turned by its reader, and its tag removed; other formats leave both to us.
    orientation = picture.getexif().get(ExifTags.Base.Orientation, 1)
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    flat = _flattened(picture)
    return (flat, False) if turn is None else (flat.transpose(turn), orientation >= 5)


def _flattened(picture: Image.Image) -> Image.Image:
    if picture.mode.startswith("I") or picture.mode == "F":
        return _eight_bit(picture).convert("RGB")
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        flat = Image.new("RGBA", layered.size, (255, 255, 255, 255))
        flat.alpha_composite(layered)
        return flat.convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Wider greys scaled to 0…255: Pillow's own conversion would clip everything above 255 to white."""
    wide = picture.convert("F")
    low, high = wide.getextrema()
    if not (isinstance(low, float) and isinstance(high, float) and math.isfinite(low) and math.isfinite(high)):
        raise ValueError("its greys are not finite numbers")
    if picture.mode == "F" and low >= 0.0 and high <= 1.0:
        low, high = 0.0, 1.0
    elif low >= 0.0 and high <= 255.0 and picture.mode == "I":
        low, high = 0.0, 255.0
    elif low >= 0.0 and high <= 65535.0:
        low, high = 0.0, 65535.0
    scale = 255.0 / (high - low) if high > low else 0.0
    return wide.point(lambda grey: grey * scale + (-low * scale)).convert("L")


def _webp_size(data: bytes, name: str) -> tuple[int, int]:
    kind, head = data[12:16], data[:30]
    if kind == b"VP8X" and len(head) == 30:
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L" and len(head) >= 25:
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, ((bits >> 14) & 0x3FFF) + 1
    if kind == b"VP8 " and len(head) == 30:
        width, height = struct.unpack("<HH", head[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ImageError(f"{name}: its WebP header is cut short or damaged; save the picture again")


def _broken(name: str, mime: str, error: Exception) -> ImageError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return ImageError(f"{name}: {mime} that can't be decoded ({reason}); it is cut short or damaged, save it again")
