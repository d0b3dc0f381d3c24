"""Pictures of a question, by content; and the public names of everything about pictures."""

import asyncio
import threading
import traceback
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cache
from typing import TypeVar

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.fetching import ImageFetcher
from ecoalign_agent.images.image import Picture, PixelCache, image_digest
from ecoalign_agent.images.sources import ImageFile, PictureSource, read_source
from ecoalign_agent.images.url_policy import looks_like_url

MAX_CONCURRENT_READS = 4
"""Pictures that a process reads at the same time; others wait, so that many large ones don't add up. Ours."""

T = TypeVar("T")
R = TypeVar("R")


@cache
def _studio() -> ThreadPoolExecutor:
    # Threads of its own: pictures that wait for their turn must not hold up whatever else goes on in threads.
    return ThreadPoolExecutor(MAX_CONCURRENT_READS, thread_name_prefix="pictures")


def _forgetful(opening: Callable[[T], R], source: T) -> R:
    """Open; a refusal may be kept for long, and its traceback with it, but not the file that stands in there."""
    try:
        return opening(source)
    except ImageError as error:
        held: BaseException | None = error
        while held is not None:
            traceback.clear_frames(held.__traceback__)
            held = held.__cause__
        raise


def _look_at_header(found: ImageFile) -> None:
    """Refuse what its header gives away, before its content is so much as hashed: that takes 30 ms for 20 MB."""
    from ecoalign_agent.images.decoding import read_header  # noqa: PLC0415 - Pillow is loaded with the first picture

    if found.pixels is None:
        read_header(found.data, found.name)


class ImageStore:
    """Pictures by content: one that comes again is not decoded again. Safe for several event loops and threads.

    Bounded three ways: pictures, bytes of their files, and pixels held for crops. The least recently opened goes first;
    a picture that somebody still holds stays usable.

    Args:
        most: pictures.
        most_bytes: bytes of their files, in all.
        most_pixels: pixels held decoded, in all; 3 bytes each.
        fetcher: fetches what is named by a URL; None: nothing is fetched.
    """

    def __init__(
        self,
        most: int = 64,
        *,
        most_bytes: int = 256_000_000,
        most_pixels: int = 80_000_000,
        fetcher: ImageFetcher | None = None,
    ) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._darkroom = PixelCache(most_pixels)
        self._shelf: OrderedDict[str, Picture] = OrderedDict()
        self._names: OrderedDict[str, str] = OrderedDict()
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._fetcher = fetcher or ImageFetcher()

    def __len__(self) -> int:
        return len(self._shelf)

    async def open(self, source: PictureSource) -> Picture:
        """As :meth:`Picture.open`, and an https URL where its host is allowed; the same content gives the same Picture.

        Raises:
            ImageError: as there, and as in :meth:`Fetcher.fetch`.
        """
        loop = asyncio.get_running_loop()
        if isinstance(source, str) and looks_like_url(source):
            return await loop.run_in_executor(_studio(), _forgetful, self._opened, await self._fetcher.fetch(source))
        return await loop.run_in_executor(_studio(), _forgetful, self._open, source)

    @property
    def fetches(self) -> bool:
        """Whether URLs are fetched from any host at all."""
        return bool(self._fetcher.hosts)

    async def read(self, source: PictureSource) -> bytes:
        """The content of a picture's file: its header is checked, nothing is decoded. What a request carries.

        Opening the content later calls the picture by the name that it has here. A PIL picture is encoded, which can
        take a second.

        Raises:
            ImageError: as in :meth:`open`, but for what only decoding shows: a file that is cut short.
        """
        loop = asyncio.get_running_loop()
        if isinstance(source, str) and looks_like_url(source):
            return await loop.run_in_executor(_studio(), _forgetful, self._checked, await self._fetcher.fetch(source))
        return await loop.run_in_executor(_studio(), _forgetful, self._read, source)

    async def of(self, data: bytes) -> Picture:
        """The picture of a file's content, as a checkpoint keeps it.

        Raises:
            ImageError: as in :meth:`open`.
        """
        return await self.open(data)

    def _read(self, source: PictureSource) -> bytes:
        return self._checked(read_source(source))

    def _checked(self, found: ImageFile) -> bytes:
        if found.pixels is not None:
            return self._opened(found).data
        _look_at_header(found)
        with self._lock:
            self._names[image_digest(found.data)] = found.name
            while len(self._names) > self._most:
                self._names.popitem(last=False)
        return found.data

    def _open(self, source: PictureSource) -> Picture:
        found = read_source(source)
        _look_at_header(found)
        if isinstance(source, bytes):
            with self._lock:
                found = replace(found, name=self._names.get(image_digest(found.data), found.name))
        return self._opened(found)

    def _opened(self, found: ImageFile) -> Picture:
        digest = image_digest(found.data)
        with self._lock:
            turn = self._turns.setdefault(digest, threading.Lock())
        try:
            # Others that open the same bytes wait here instead of decoding them too.
            with turn:
                picture = self._known(digest)
                if picture is None:
                    picture = Picture(found, self._darkroom)
                    self._shelve(picture)
                return picture
        finally:
            with self._lock:
                self._turns.pop(digest, None)

    def _known(self, digest: str) -> Picture | None:
        with self._lock:
            if digest in self._shelf:
                self._shelf.move_to_end(digest)
            return self._shelf.get(digest)

    def _shelve(self, picture: Picture) -> None:
        with self._lock:
            self._shelf[picture.digest] = picture
            while len(self._shelf) > 1 and (
                len(self._shelf) > self._most or sum(len(p.data) for p in self._shelf.values()) > self._most_bytes
            ):
                self._shelf.popitem(last=False)
