"""Files that cost far more than they should, or are no pictures; and what opening sixteen of one at once costs.

Run as a program it measures: ``python -m tests.llm.bombs FOLDER`` opens every file in the folder, sixteen at once, and
prints one JSON object. A process of its own, because memory's high-water mark is the process's.
"""

import asyncio
import io
import json
import resource
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.store import ImageStore
from tests.llm.pictures import enlarged, png_chunk, png_header, quadrants, saved

AT_ONCE = 16

_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_Entry = tuple[int, int, int, int]


def refused() -> Iterator[tuple[str, bytes]]:
    """Name and content of what must be refused."""
    yield "9000x9000.png", _flat_png(9_000)
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        side = 16_383 if kind == "WEBP" else 30_000
        yield f"giant.{kind.lower()}", enlarged(kind, side, side)
    yield "giant-canvas.webp", _webp_canvas()
    yield "giant-frames.gif", enlarged("GIF", 65_535, 65_535) * 20
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        noisy = saved(Image.effect_noise((600, 400), 80).convert("RGB"), kind)
        yield f"cut.{kind.lower()}", noisy[: len(noisy) // 2]
    yield "cut-20-megapixels.png", png_header(5_000, 4_000)
    yield "cut-at-the-end.png", _flat_png(4_472)[:-1]  # 19 998 784 pixels, and all of them there
    yield "profile.png", _png(png_chunk(b"iCCP", b"p\0\0" + zlib.compress(bytes(100_000_000))))
    yield "chunks.png", _png(png_chunk(b"abCd", b"") * 1_600_000)
    yield "exif.png", _png(png_chunk(b"eXIf", b"II*\0" + _directory([(0x112, 3, 9_000_000, 100)]) + bytes(18_100_000)))
    overlap = _directory([(40_000 + k, 7, 60_000, 8) for k in range(5_000)])
    yield "tags.png", _png(png_chunk(b"eXIf", b"II*\0" + overlap + bytes(60_000)))
    yield "tags.tiff", b"II*\0" + overlap + bytes(60_000)
    plain = saved(quadrants(), "JPEG")
    yield "segments.jpeg", plain[:2] + b"\xff\xe0\0\2" * 4_900_000 + plain[2:]
    yield "fill.jpeg", plain[:2] + b"\xff" * 1_000_000 + plain[2:]
    yield "exif.jpeg", plain[:2] + (b"\xff\xe1\xff\xffExif\0\0" + bytes(65_527)) * 10 + plain[2:]
    progressive = saved(Image.new("RGB", (4_400, 4_400)), "JPEG", progressive=True)
    last = progressive[progressive.rindex(b"\xff\xda") : -2]
    yield "scans.jpeg", progressive[:-2] + last * 100_000 + progressive[-2:]
    gif = saved(Image.new("P", (8, 8)), "GIF")
    head = 13 + (3 << ((gif[10] & 7) + 1))
    yield "comments.gif", gif[:head] + b"!\xfe\0" * 500_000 + gif[head:]
    yield "comment.gif", gif[:head] + b"!\xfe" + b"\x01a" * 9_000_000 + b"\0" + gif[head:]
    yield "junk.gif", gif[:head] + bytes(1_000_000) + gif[head:]
    yield (
        "strips.tiff",
        _tiff([(273, 4, 2_400_000, 200), (279, 4, 2_400_000, 200), (278, 4, 1, 1)], 1, 65_000, 19_000_000),
    )
    tiles = [(322, 4, 1, 1), (323, 4, 1, 1), (324, 4, 4_900_000, 200), (325, 4, 4_900_000, 200)]
    yield "tiles.tiff", _tiff(tiles, 4_000, 4_900, 19_700_000)
    yield "bits.tiff", _tiff([(258, 3, 500_000, 200)], 8, 8, 1_000_200)
    yield "chunks.webp", saved(quadrants(), "WEBP", lossless=True) + b"abcd\0\0\0\0" * 200_000
    yield "empty.png", b""
    yield "drawing.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="100000" height="100000"/>'
    yield "entities.svg", b'<!DOCTYPE svg [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><svg>&b;</svg>'
    yield "icon.ico", saved(Image.new("RGB", (16, 16)), "ICO")
    yield "paper.png", b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n" * 100
    yield "archive.png", b"PK\x03\x04" + bytes(1_000)
    yield "page.jpg", b"<html><script>1</script></html>"
    yield "one-byte-over.png", _SIGNATURE + bytes(20_000_001 - len(_SIGNATURE))


def damaged() -> tuple[str, bytes]:
    """Name and content of the dearest that is refused: as large as allowed, and wrong only near its end."""
    data = bytearray(_flat_png(4_472))
    data[-2_000] ^= 0xFF
    return "damaged.png", bytes(data)


def harmless() -> Iterator[tuple[str, bytes]]:
    """Name and content of what is meant to cost much, and is a picture that opens at the price of any other."""
    small = quadrants()
    frames = [small.rotate(90 * (k % 4)) for k in range(300)]
    yield "frames.gif", saved(small, "GIF", save_all=True, append_images=frames)
    yield "animated.png", saved(small, "PNG", save_all=True, append_images=frames)
    yield "pages.tiff", saved(small, "TIFF", save_all=True, append_images=frames)
    packed = zlib.compress(bytes(1_000_000), 9)
    text = b"".join(png_chunk(b"zTXt", b"k%d\0\0" % k + packed) for k in range(60))
    more = b"".join(png_chunk(b"iTXt", b"k%d\0\1\0\0\0" % k + packed) for k in range(60))
    yield "text.png", _png(text + more)
    yield "late-text.png", _png(b"", text + more)
    yield "polyglot.gif", saved(small.convert("P"), "GIF") + b"/*<script>1</script>*/"
    yield "polyglot.png", saved(small, "PNG") + b"PK\x03\x04" + bytes(10_000)
    huge = [(322, 4, 1, 2**24), (323, 4, 1, 2**24), (324, 4, 1, 8), (325, 4, 1, 64)]
    yield "huge-tile.tiff", _tiff(huge, 64, 64, 10_000)


def _flat_png(side: int) -> bytes:
    packer, row = zlib.compressobj(9), bytes(3 * side + 1)
    body = b"".join([*(packer.compress(row) for _ in range(side)), packer.flush()])
    return _SIGNATURE + _ihdr(side, side) + png_chunk(b"IDAT", body) + png_chunk(b"IEND", b"")


def _png(before: bytes, after: bytes = b"") -> bytes:
    body = png_chunk(b"IDAT", zlib.compress(bytes(8 * 25)))
    return _SIGNATURE + _ihdr(8, 8) + before + body + after + png_chunk(b"IEND", b"")


def _ihdr(width: int, height: int) -> bytes:
    return png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))


def _webp_canvas() -> bytes:
    extended = b"VP8X" + (10).to_bytes(4, "little") + bytes(4) + (2**24 - 1).to_bytes(3, "little") * 2
    return b"RIFF" + (len(extended) + 4).to_bytes(4, "little") + b"WEBP" + extended


def _directory(entries: Sequence[_Entry]) -> bytes:
    """Offset of a TIFF directory, and the directory: it begins right there."""
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return struct.pack("<IH", 8, len(entries)) + body + bytes(4)


def _tiff(given: Sequence[_Entry], width: int, height: int, after: int) -> bytes:
    """A grey TIFF in one strip whose pixels are its own header, but for the entries given."""
    plain: list[_Entry] = [
        *((256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)),
        *((273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width * height)),
    ]
    tags = {entry[0] for entry in given}
    return b"II*\0" + _directory(sorted([*(e for e in plain if e[0] not in tags), *given])) + bytes(after)


def measure(path: Path) -> dict[str, float | str]:
    """Open a file sixteen times at once: megabytes that memory grew at most, seconds for all, and what was said."""

    async def opened() -> str:
        results = await asyncio.gather(*(ImageStore().open(path) for _ in range(AT_ONCE)), return_exceptions=True)
        said = {str(one) if isinstance(one, ImageError) else type(one).__name__ for one in results}
        return "; ".join(sorted(said))

    before = _high_water(reset=True)
    begun = time.process_time()
    said = asyncio.run(opened())
    seconds = time.process_time() - begun
    return {"growth": _high_water() - before, "seconds": seconds, "said": said}


def _high_water(*, reset: bool = False) -> float:
    """The most memory that was resident, in MB, since it was last reset; where it can't be reset, ever."""
    status = Path("/proc/self/status")
    if not status.exists():
        unit = 1 if sys.platform == "darwin" else 1_024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    if reset:
        # "5" sets the high-water mark back to what is resident now.
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    line = next(line for line in status.read_text(encoding="ascii").splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1_024 / 1e6


def main(folder: Path) -> None:
    """Measure every file in a folder."""
    # Libraries and threads come with the first pictures: they are no file's fault.
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        data = io.BytesIO(saved(quadrants(), kind)).getvalue()
        asyncio.run(_warm(data))
    print(json.dumps({path.name: measure(path) for path in sorted(folder.iterdir())}))


async def _warm(data: bytes) -> None:
    await asyncio.gather(*(ImageStore().open(data) for _ in range(AT_ONCE)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
