"""Pictures of a process, cached by content: the same bytes are decoded once."""

import asyncio
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TypeVar

from cachetools import LRUCache

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.fetching import ImageFetcher
from ecoalign_agent.images.image import Picture, PixelCache, image_digest
from ecoalign_agent.images.sources import ImageFile, PictureSource, read_source
from ecoalign_agent.images.url_policy import looks_like_url

MAX_CONCURRENT_READS = 4  # in a process; others wait, so that many large pictures don't add up. Ours

T = TypeVar("T")
R = TypeVar("R")


class ImageStore:
    """Pictures by content. Safe for several event loops and threads.

    Bounded three ways: pictures, bytes of their files, and pixels held for crops, 3 bytes each. The least recently
    opened leaves first; a picture that a caller still holds stays usable. Without a fetcher no URL is fetched.
    """

    def __init__(
        self,
        max_pictures: int = 64,
        *,
        max_bytes: int = 256_000_000,
        max_pixels: int = 80_000_000,
        fetcher: ImageFetcher | None = None,
    ) -> None:
        # One weight bounds both: a small picture counts as its share of the bytes; a huge one as all of them.
        share = max_bytes // max_pictures
        self._pictures: LRUCache[str, Picture] = LRUCache(
            max_bytes, lambda it: min(max_bytes, max(share, len(it.data)))
        )
        self._names: LRUCache[str, str] = LRUCache(max_pictures)
        self._pixel_cache = PixelCache(max_pixels)
        self._opening: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._fetcher = fetcher or ImageFetcher()

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def fetches(self) -> bool:
        """Whether URLs are fetched from any host at all."""
        return bool(self._fetcher.hosts)

    async def open(self, source: PictureSource) -> Picture:
        """As :meth:`Picture.open`, and an https URL if its host is allowed; the same content gives the same Picture."""
        if isinstance(source, str) and looks_like_url(source):
            return await _in_thread(self._open_file, await self._fetcher.fetch(source))
        return await _in_thread(self._open, source)

    async def read(self, source: PictureSource) -> bytes:
        """The content of a picture's file, for a request: its header is checked, nothing is decoded.

        Opening the content later calls the picture by the name that it has here.
        """
        if isinstance(source, str) and looks_like_url(source):
            return await _in_thread(self._checked_data, await self._fetcher.fetch(source))
        return await _in_thread(lambda named: self._checked_data(read_source(named)), source)

    def _checked_data(self, file: ImageFile) -> bytes:
        if file.pixels is not None:
            return self._open_file(file).data
        _check_header(file)
        with self._lock:
            self._names[image_digest(file.data)] = file.name
        return file.data

    def _open(self, source: PictureSource) -> Picture:
        file = read_source(source)
        _check_header(file)
        if isinstance(source, bytes):
            with self._lock:
                file = replace(file, name=self._names.get(image_digest(file.data), file.name))
        return self._open_file(file)

    def _open_file(self, file: ImageFile) -> Picture:
        digest = image_digest(file.data)
        with self._lock:
            opening = self._opening.setdefault(digest, threading.Lock())
        try:
            # Others that open the same bytes wait here instead of decoding them too.
            with opening:
                with self._lock:
                    picture = self._pictures.get(digest)
                if picture is None:
                    picture = Picture(file, self._pixel_cache)
                    with self._lock:
                        self._pictures[digest] = picture
                return picture
        finally:
            with self._lock:
                self._opening.pop(digest, None)


@cache
def _threads() -> ThreadPoolExecutor:
    # Of their own: pictures that wait for their turn must not hold up whatever else goes on in threads.
    return ThreadPoolExecutor(MAX_CONCURRENT_READS, thread_name_prefix="pictures")


async def _in_thread(work: Callable[[T], R], argument: T) -> R:
    return await asyncio.get_running_loop().run_in_executor(_threads(), _without_frames, work, argument)


def _without_frames(work: Callable[[T], R], argument: T) -> R:
    """Carry out ``work``; an error may be held for long, and its traceback with it, but not the file in its frames."""
    try:
        return work(argument)
    except ImageError as error:
        cause: BaseException | None = error
        while cause is not None:
            traceback.clear_frames(cause.__traceback__)
            cause = cause.__cause__
        raise


def _check_header(file: ImageFile) -> None:
    """Refuse a file by its header, before its content is so much as hashed: that takes 30 ms for 20 MB."""
    from ecoalign_agent.images.decoding import read_header  # noqa: PLC0415 - Pillow is loaded with the first picture

    if file.pixels is None:
        read_header(file.data, file.name)
