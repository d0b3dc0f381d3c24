"""Pictures made by hand, byte by byte where it matters."""

import io
import struct
import zlib
from typing import Any

from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)

COLOURS = {"R": RED, "G": GREEN, "B": BLUE, "W": WHITE}


def quadrants(width: int = 64, height: int = 32) -> Image.Image:
    """Red and green above, blue and white below."""
    picture = Image.new("RGB", (width, height), WHITE)
    picture.paste(RED, (0, 0, width // 2, height // 2))
    picture.paste(GREEN, (width // 2, 0, width, height // 2))
    picture.paste(BLUE, (0, height // 2, width // 2, height))
    return picture


def saved(picture: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as a file of some format."""
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def pixels_of(data: bytes) -> Image.Image:
    """What a receiver of these bytes sees."""
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def read_quadrants(picture: Image.Image) -> str:
    """The four corners' colours, as ``RG/BW``: each by the nearest of red, green, blue and white."""
    width, height = picture.size
    places = [(x, y) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    top_left, top_right, low_left, low_right = (_name(picture.convert("RGB").getpixel(place)) for place in places)
    return f"{top_left}{top_right}/{low_left}{low_right}"


def _name(pixel: Any) -> str:
    return min(COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(COLOURS[name], pixel, strict=True)))


def orientation_tag(value: int) -> bytes:
    """A TIFF block with one entry: tag 0x0112 (orientation), type 3 (short), one value."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, value, 0)
    return b"II*\0" + struct.pack("<IH", 8, 1) + entry + struct.pack("<I", 0)


def turned_jpeg(value: int, picture: Image.Image) -> bytes:
    """A JPEG with a hand-made EXIF segment right after its start marker."""
    plain = saved(picture, "JPEG", quality=95, subsampling=0)
    body = b"Exif\0\0" + orientation_tag(value)
    return plain[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + plain[2:]


def png_chunk(kind: bytes, body: bytes) -> bytes:
    """Length, kind, body, checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int) -> bytes:
    """A PNG that says it is so large, and holds next to nothing."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(b"\0" * 100))


def turned_png(value: int, picture: Image.Image) -> bytes:
    """A PNG with a hand-made eXIf chunk after its header (8 + 25 bytes)."""
    plain = saved(picture, "PNG")
    return plain[:33] + png_chunk(b"eXIf", orientation_tag(value)) + plain[33:]


def enlarged(kind: str, width: int, height: int) -> bytes:
    """A small real file whose header was changed to say ``width`` × ``height``."""
    data = bytearray(saved(Image.new("RGB", (16, 8), RED), kind, **({"lossless": True} if kind == "WEBP" else {})))
    if kind == "PNG":
        return png_header(width, height)
    if kind == "JPEG":
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    elif kind == "GIF":
        data[6:10] = struct.pack("<HH", width, height)
    elif kind == "BMP":
        data[18:26] = struct.pack("<ii", width, height)
    elif kind == "WEBP":
        data[21:25] = struct.pack("<I", (width - 1) | (height - 1) << 14)
    elif kind == "TIFF":
        for tag, size in ((256, width), (257, height)):
            place = data.index(struct.pack("<HHI", tag, 4, 1)) if struct.pack("<HHI", tag, 4, 1) in data else None
            if place is None:
                place = data.index(struct.pack("<HHI", tag, 3, 1))
                data[place : place + 12] = struct.pack("<HHII", tag, 4, 1, size)
            else:
                data[place + 8 : place + 12] = struct.pack("<I", size)
    return bytes(data)
