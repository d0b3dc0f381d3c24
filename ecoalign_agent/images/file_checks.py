"""Checks of a picture file's layout, before a library reads it: too many parts cost more than many pixels.

A file of 20 MB can hold millions of empty segments, scans or strips, or text that unpacks to a thousand times its size:
seconds of work and hundreds of megabytes, and not one pixel of them. Only that is bounded here; the format's own reader
finds out whether the file is sound. Every function blocks. Source: ours.
"""

import re
import struct
from collections.abc import Callable

from ecoalign_agent.errors import ImageError

# All limits are ours.
MAX_PARTS = 20_000  # chunks, segments or blocks of a file: 20 MB in parts of a kilobyte
MAX_SCANS = 100  # of one JPEG; an encoder writes about ten, and each is a pass over all pixels
MAX_EXIF_BYTES = 200_000  # a JPEG's holds 64 KB
MAX_TAG_VALUES = 65_536  # of one TIFF tag, of its strips' places too: a strip for each row of the longest side
MAX_TAGS = 512  # of a TIFF or EXIF directory; a camera writes some fifty

_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")


def check_layout(data: bytes, mime: str, name: str) -> bytes:
    """``data`` for its reader: the same, or without compressed text that no reader needs."""
    check = _CHECKS.get(mime)
    return data if check is None else check(data, name)


def _png(data: bytes, name: str) -> bytes:
    segments, place, parts, since, kind = [], 8, 0, 0, b""
    while place + 12 <= len(data) and kind != b"IEND":
        parts += 1
        _bound(parts, name)
        size, kind = struct.unpack_from(">I4s", data, place)
        end = place + 12 + size
        if kind == b"eXIf":
            _exif(data[place + 8 : place + 8 + min(size, MAX_EXIF_BYTES)], size, name)
        if _idle(kind, size, data[place + 8 : place + 98]):
            segments.append(data[since:place])
            since = end
        place = end
    if kind != b"IEND" or place > len(data):
        # Found before room is made for its pixels: 57 bytes can ask for 80 MB.
        remedy = "it is cut short or damaged, save it again"
        raise ImageError(f"{name}: image/png that can't be decoded (it has no end); {remedy}")
    return b"".join([*segments, data[since:]]) if segments else data


def _idle(kind: bytes, size: int, beginning: bytes) -> bool:
    """Whether a chunk is text that is large or would be unpacked; nobody reads it."""
    if kind == b"iTXt":
        # A keyword of 79 letters at the most, a zero, and whether what follows is compressed.
        return beginning.partition(b"\0")[2][:1] != b"\0"
    return kind == b"zTXt" or (kind == b"tEXt" and size > MAX_EXIF_BYTES)


def _jpeg(data: bytes, name: str) -> bytes:
    place, parts, exif, sequential, components = 2, 0, bytearray(), False, 0
    while place + 4 <= len(data) and data[place] == 0xFF:
        parts += 1
        _bound(parts, name)
        marker = data[place + 1]
        if marker in {0x00, 0xFF}:  # padding
            place += 2 if marker == 0 else 1
            continue
        if marker == 0xD9:
            break
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # stands alone
            place += 2
            continue
        size = int.from_bytes(data[place + 2 : place + 4], "big")
        body = data[place + 4 : place + 10]
        if marker == 0xE1 and body == b"Exif\0\0":
            # Several of them are one, as they stand.
            exif += data[place + 10 : place + 2 + size]
            _exif(exif, len(exif), name)
        elif 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC} and len(body) == 6:
            sequential, components = marker in {0xC0, 0xC1}, body[5]
        elif marker == 0xDA:
            # A sequential picture whose first scan holds every component ends with it.
            if not (sequential and body[:1] == bytes([components])):
                _bound_scans(data, place, name)
            break
        place += 2 + size
    return data


def _bound_scans(data: bytes, place: int, name: str) -> None:
    parts = scans = 0
    while (match := _MARKER.search(data, place)) is not None and (marker := data[match.start() + 1]) != 0xD9:
        parts += 1
        scans += marker == 0xDA
        _bound(parts, name)
        if scans > MAX_SCANS:
            raise ImageError(f"{name}: a JPEG of more than {MAX_SCANS} scans; save it again")
        standalone = marker in {0x01, 0xD8}
        place = match.end() + (0 if standalone else int.from_bytes(data[match.end() : match.end() + 2], "big"))


def _gif(data: bytes, name: str) -> bytes:
    place, parts = 13, 0
    if len(data) > 10 and data[10] & 0x80:
        place += 3 << ((data[10] & 7) + 1)
    # Up to the first picture: no other frame is ever read.
    while place < len(data) and data[place] not in b",;":
        parts += 1
        _bound(parts, name)
        if data[place] != 0x21:
            place += 1
            continue
        place += 2
        while place < len(data) and data[place] != 0:
            parts += 1
            _bound(parts, name)
            place += 1 + data[place]
        place += 1
    return data


def _tiff(data: bytes, name: str) -> bytes:
    _bound_directory(data, name)
    return data


def _bound_directory(data: bytes | bytearray, name: str) -> None:
    order = "<" if data[:2] == b"II" else ">"
    place = struct.unpack_from(f"{order}I", data, 4)[0] if len(data) >= 8 else len(data)
    if place + 2 > len(data):
        return
    (entries,) = struct.unpack_from(f"{order}H", data, place)
    if entries > MAX_TAGS:
        raise ImageError(f"{name}: {entries:,} tags, at most {MAX_TAGS} are allowed; save it again")
    for entry in range(min(entries, (len(data) - place - 2) // 12)):
        tag, kind, count = struct.unpack_from(f"{order}HHI", data, place + 2 + 12 * entry)
        # Bytes, letters and opaque data stay bytes; of everything else each value becomes an object.
        if kind not in {1, 2, 6, 7} and count > MAX_TAG_VALUES:
            limit = f"at most {MAX_TAG_VALUES:,} are allowed; save it again"
            raise ImageError(f"{name}: its TIFF tag {tag} has {count:,} values, {limit}")


def _webp(data: bytes, name: str) -> bytes:
    place, parts = 12, 0
    while place + 8 <= len(data):
        parts += 1
        _bound(parts, name)
        kind, size = struct.unpack_from("<4sI", data, place)
        if kind == b"EXIF":
            _exif(data[place + 8 : place + 8 + min(size, MAX_EXIF_BYTES)].removeprefix(b"Exif\0\0"), size, name)
        place += 8 + size + (size & 1)
    return data


def _bound(parts: int, name: str) -> None:
    if parts > MAX_PARTS:
        raise ImageError(f"{name}: a file of more than {MAX_PARTS:,} parts, which no picture needs; save it again")


def _exif(block: bytes | bytearray, size: int, name: str) -> None:
    if size > MAX_EXIF_BYTES:
        raise ImageError(f"{name}: {size:,} bytes of EXIF, at most {MAX_EXIF_BYTES:,} are allowed; save it without")
    _bound_directory(block, name)


_CHECKS: dict[str, Callable[[bytes, str], bytes]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/gif": _gif,
    "image/tiff": _tiff,
    "image/webp": _webp,
}
