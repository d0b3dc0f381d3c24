"""One picture of a question: checked, reduced for the scan, cropped for a closer look.

Decoding, shrinking and encoding run in threads: a 12-megapixel photograph takes 40 to 200 ms, which would stall every
search in the process.
"""

import asyncio
import base64
import hashlib
import math
import threading
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cachetools import LRUCache

from ecoalign_agent.economics.thoughts import Region
from ecoalign_agent.images.image_tokens import Detail
from ecoalign_agent.images.sources import ImageFile, PictureSource, read_source

if TYPE_CHECKING:
    from PIL import Image

OVERVIEW = 512
"""Pixels of the longer side of the picture that the scan sees."""

_SLACK = 0.05  # a region may reach so far outside the picture and is clamped; ours

_Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class ImageView:
    """A picture as it is sent to a model: JPEG or PNG, its size in pixels, ``detail`` low for overviews."""

    data: bytes = field(repr=False)
    mime: str
    width: int
    height: int
    detail: Detail

    @cached_property
    def _url(self) -> str:
        return f"data:{self.mime};base64,{base64.b64encode(self.data).decode('ascii')}"

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.width, self.height

    def block(self) -> dict[str, Any]:
        """The content block of a chat message, in the one form that keeps ``detail`` on every server."""
        return {"type": "image_url", "image_url": {"url": self._url, "detail": self.detail}}


class PixelCache:
    """Full-size pixels of the pictures last looked at closely, bounded in all; the last one always stays."""

    def __init__(self, max_pixels: int) -> None:
        limit = max(1, max_pixels)
        self._pixels: LRUCache[str, Image.Image] = LRUCache(limit, lambda image: min(limit, image.width * image.height))
        self._lock = threading.Lock()

    def get(self, digest: str) -> "Image.Image | None":
        """A picture's pixels, while they are held."""
        with self._lock:
            return self._pixels.get(digest)

    def put(self, digest: str, pixels: "Image.Image") -> None:
        """Hold a picture's pixels; the least recently used leave."""
        with self._lock:
            self._pixels[digest] = pixels


class Picture:
    """One picture of a question, checked and known to decode; its size in pixels is that of the upright picture.

    Attributes:
        data: the original file; of a PIL picture its pixels as PNG.
        decodes: how often the file was decoded so far, reduced or in full.
    """

    def __init__(self, file: ImageFile, pixel_cache: PixelCache) -> None:
        from ecoalign_agent.images import decoding as tools  # noqa: PLC0415 - Pillow is loaded with the first picture

        self.data = file.data
        self.digest = image_digest(file.data)
        self.decodes = 0
        self._name = file.name
        self._pixel_cache = pixel_cache
        self._lock = threading.Lock()
        self._views: dict[int, ImageView] = {}
        header, self.mime = tools.read_header(file.data, file.name)
        self.width, self.height = header.size
        pixels = file.pixels
        if pixels is None:
            self.decodes = 1
            pixels, turned = tools.decode_image(header, file.name, self.mime, min_side=OVERVIEW)
            if turned:
                self.width, self.height = self.height, self.width
        if pixels.size == (self.width, self.height):
            pixel_cache.put(self.digest, pixels)
        # Kept small for good; full-size pixels may leave the cache and be decoded again.
        self._overview = tools.fit_image(pixels, OVERVIEW)

    @classmethod
    async def open(cls, source: PictureSource) -> "Picture":
        """Read, check and decode a picture, in a thread. An http(s) URL is not fetched."""
        return await asyncio.to_thread(lambda: cls(read_source(source), PixelCache(0)))

    async def small(self, side: int = OVERVIEW) -> ImageView:
        """The whole picture within ``side`` × ``side`` pixels, never enlarged, as ``detail: low``. Made once a side."""
        view = self._views.get(side)
        return await asyncio.to_thread(self._small, side) if view is None else view

    async def crop(self, region: Region, *, max_side: int = 1536) -> ImageView:
        """A region at full resolution, shrunk to ``max_side`` pixels, as ``detail: high``; ten crops decode once.

        ValueError: the region is not finite, reversed, outside the picture or smaller than one pixel.
        """
        return await asyncio.to_thread(self._crop, self._box(region), max_side)

    def _small(self, side: int) -> ImageView:
        with self._lock:
            if side not in self._views:
                self._views[side] = _view(self._overview if side <= OVERVIEW else self._full(), side, "low")
            return self._views[side]

    def _crop(self, box: _Box, max_side: int) -> ImageView:
        with self._lock:
            pixels = self._full()
        return _view(pixels.crop(box), max_side, "high")

    def _full(self) -> "Image.Image":
        from ecoalign_agent.images import decoding as tools  # noqa: PLC0415 - as above

        if (cached := self._pixel_cache.get(self.digest)) is not None:
            return cached
        self.decodes += 1
        header, mime = tools.read_header(self.data, self._name)
        pixels, _ = tools.decode_image(header, self._name, mime)
        self._pixel_cache.put(self.digest, pixels)
        return pixels

    def _box(self, region: Region) -> _Box:
        if not all(math.isfinite(edge) and -_SLACK <= edge <= 1 + _SLACK for edge in region):
            raise ValueError(f"region {region}: left, top, right, bottom must be fractions of the picture, from 0 to 1")
        left, top, right, bottom = (min(1.0, max(0.0, edge)) for edge in region)
        if (right - left) * self.width < 1 or (bottom - top) * self.height < 1:
            raise ValueError(f"region {region}: reversed, or smaller than one pixel of {self.width}×{self.height}")
        # Outwards to whole pixels; the inner rounding keeps 0.1 × 30 = 3.0000000000000004 from becoming 4.
        return (
            math.floor(round(left * self.width, 6)),
            math.floor(round(top * self.height, 6)),
            math.ceil(round(right * self.width, 6)),
            math.ceil(round(bottom * self.height, 6)),
        )


def _view(pixels: "Image.Image", max_side: int, detail: Detail) -> ImageView:
    from ecoalign_agent.images import decoding as tools  # noqa: PLC0415 - as above

    fitted = tools.fit_image(pixels, max_side)
    data, mime = tools.encode_image(fitted)
    return ImageView(data, mime, fitted.width, fitted.height, detail)


def image_digest(data: bytes) -> str:
    """A file's name by content: first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(data).hexdigest()[:16]
