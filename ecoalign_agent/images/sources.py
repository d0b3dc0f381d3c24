"""Sources of a picture: a path, a file's content, a data URL or a PIL picture; read, bounded, not decoded.

Every function blocks; :mod:`ecoalign_agent.images.image` calls them in a thread. URLs are fetched by
:mod:`ecoalign_agent.images.fetching`.
"""

import base64
import binascii
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Union
from urllib.parse import unquote_to_bytes

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.url_policy import display_url, looks_like_url

if TYPE_CHECKING:
    from PIL import Image

MAX_IMAGE_BYTES = 20_000_000
"""A picture's file may hold at most so many bytes. Ours."""

PictureSource = Union[str, bytes, "os.PathLike[str]", "Image.Image"]
"""A path, a file's content, a data URL, a PIL picture; and an https URL, where its host is allowed."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A picture's file in memory, named for errors; of a PIL picture also its pixels, upright RGB."""

    data: bytes
    name: str
    pixels: "Image.Image | None" = None


def read_source(source: PictureSource) -> ImageFile:
    """The bytes behind ``source``; ImageError: none, too many, or an address."""
    if isinstance(source, bytes | bytearray | memoryview):
        return ImageFile(_bounded(bytes(source), "the bytes given"), "the bytes given")
    if isinstance(source, str) and source[:5].lower() == "data:":
        return ImageFile(_from_data_url(source), "the data URL")
    if isinstance(source, str | os.PathLike):
        return _from_path(os.fspath(source))
    return _from_pil(source)


def _from_pil(picture: "Image.Image") -> ImageFile:
    from PIL import Image  # noqa: PLC0415 - Pillow is loaded with the first picture, not before

    from ecoalign_agent.images.decoding import encode_pil  # noqa: PLC0415 - as above

    if not isinstance(picture, Image.Image):
        raise ImageError(f"{type(picture).__name__}: not a picture; give a path, bytes, a data URL or a PIL image")
    pixels, data = encode_pil(picture, "the picture given")
    # The byte cap is for files: PNG of 20 megapixels of noise is larger, and the pixel cap already holds.
    return ImageFile(data, "the picture given", pixels)


def _from_path(path: str) -> ImageFile:
    if looks_like_url(path):
        raise url_not_fetched(path)
    name = _display_path(path)
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise ImageError(f"{name}: a folder, not a picture; name a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise ImageError(f"{name}: not a regular file; give a picture's file")
        if status.st_size > MAX_IMAGE_BYTES:
            raise file_too_large(name, status.st_size)
        # One byte more than allowed shows a file that grew since it was looked at.
        with Path(path).open("rb") as file:
            return ImageFile(_bounded(file.read(MAX_IMAGE_BYTES + 1), name), name)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file") from error
    except (OSError, ValueError) as error:  # no permission, a name too long, a zero byte in it
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{name}: can't be read: {reason}") from error


def _from_data_url(url: str) -> bytes:
    name = "the data URL"
    head, comma, body = url.partition(",")
    if not comma:
        raise ImageError(f"{name}: no comma after its type; it must read data:image/…;base64,…")
    # Four characters of base64 hold three bytes; escapes take up to three characters a byte.
    if len(body) > 4 * MAX_IMAGE_BYTES:
        raise file_too_large(name, len(body) * 3 // 4)
    try:
        if head.lower().rstrip().endswith(";base64"):
            data = base64.b64decode("".join(unquote_to_bytes(body).decode("ascii").split()), validate=True)
        else:
            data = unquote_to_bytes(body)
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ImageError(f"{name}: not valid base64; encode the file's bytes again") from error
    return _bounded(data, name)


def _bounded(data: bytes, name: str) -> bytes:
    if len(data) > MAX_IMAGE_BYTES:
        raise file_too_large(name, len(data))
    return data


def file_too_large(name: str, size: int) -> ImageError:
    """Error for a file of ``size`` bytes."""
    return ImageError(f"{name}: {size:,} bytes, at most {MAX_IMAGE_BYTES:,} are allowed; shrink it first")


def url_not_fetched(url: str) -> ImageError:
    """Error for a URL where none may be fetched."""
    remedy = "download it and pass the file, or allow its host (--allow-image-host, image_hosts)"
    return ImageError(f"{display_url(url)}: image URLs are not fetched: {remedy}")


def _display_path(path: str) -> str:
    """A path on one line and bounded: it may be a whole file's text, given by mistake."""
    line = path if path.isprintable() else repr(path)
    return line if len(line) <= 200 else f"{line[:100]}…{line[-60:]}"
