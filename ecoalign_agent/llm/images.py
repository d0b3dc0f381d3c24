"""Pictures of a question, by content; and the public names of everything about pictures."""

import asyncio
import threading
from collections import OrderedDict

from ecoalign_agent.llm.image_tokens import Detail, ImageFamily, family_of, image_tokens
from ecoalign_agent.llm.picture import OVERVIEW, Darkroom, ImageView, Picture, Region, digest_of
from ecoalign_agent.llm.sources import MOST_BYTES, Source, read_source

__all__ = [
    "MOST_BYTES",
    "OVERVIEW",
    "Detail",
    "Gallery",
    "ImageFamily",
    "ImageView",
    "Picture",
    "Region",
    "Source",
    "family_of",
    "image_tokens",
]


class Gallery:
    """Pictures by content: one that comes again is not decoded again. Safe for several event loops and threads.

    Bounded three ways: pictures, bytes of their files, and pixels held for crops. The least recently opened goes first;
    a picture that somebody still holds stays usable.

    Args:
        most: pictures.
        most_bytes: bytes of their files, in all.
        most_pixels: pixels held decoded, in all; 3 bytes each.
    """

    def __init__(self, most: int = 64, *, most_bytes: int = 256_000_000, most_pixels: int = 80_000_000) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._darkroom = Darkroom(most_pixels)
        self._shelf: OrderedDict[str, Picture] = OrderedDict()
        self._turns: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._shelf)

    async def open(self, source: Source) -> Picture:
        """As :meth:`Picture.open`; the same content gives the same Picture.

        Raises:
            ImageError: as there.
        """
        return await asyncio.to_thread(self._open, source)

    async def of(self, data: bytes) -> Picture:
        """The picture of a file's content, as a checkpoint keeps it.

        Raises:
            ImageError: as in :meth:`open`.
        """
        return await self.open(data)

    def _open(self, source: Source) -> Picture:
        found = read_source(source)
        digest = digest_of(found.data)
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
