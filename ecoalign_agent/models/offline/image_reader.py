"""Contents of the pictures of a call: rows of text, size and main colours. Remembered by digest, bounded."""

import hashlib
import threading
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

from PIL import Image

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.decoding import decode_image, read_header
from ecoalign_agent.models.offline.layout import Row, rows_of
from ecoalign_agent.models.offline.ocr_engines import Engine, read_pieces

UNREAD = "unclear to read"
"""Stands in a caption where there is text that could not be read."""

_COLOURS = MappingProxyType(
    {
        "black": (15, 15, 15), "dark grey": (80, 80, 80), "grey": (135, 135, 135), "light grey": (205, 205, 205),
        "white": (250, 250, 250), "red": (215, 30, 40), "dark red": (120, 20, 30), "orange": (240, 140, 30),
        "yellow": (250, 225, 100), "green": (40, 150, 60), "dark green": (20, 84, 58), "blue": (40, 90, 205),
        "dark blue": (28, 55, 110), "light blue": (165, 205, 238), "purple": (125, 55, 155), "pink": (245, 150, 185),
        "brown": (140, 95, 60), "beige": (225, 205, 165),
    }
)  # fmt: skip
_MIN_SHARE = 0.04
_PLAIN_CONTRAST = 24
_NAME = "a picture in the message"


@dataclass(frozen=True, slots=True)
class ImageContent:
    """The content of one picture.

    Attributes:
        rows: its text from top to bottom, unclear rows included.
        width: in pixels, as it was sent; 0: it could not be decoded.
        height: in pixels.
        colours: names of its main colours, the most common first.
        plain: nothing is drawn on it: its brightness hardly changes.
        engine: read the text; "none": nothing did.
    """

    rows: tuple[Row, ...] = ()
    width: int = 0
    height: int = 0
    colours: tuple[str, ...] = ()
    plain: bool = True
    engine: Engine = "none"

    @property
    def clear(self) -> list[Row]:
        """The rows that can be trusted."""
        return [row for row in self.rows if row.clear]

    @property
    def unclear(self) -> list[Row]:
        """The rows that are too small or too uncertain to be trusted."""
        return [row for row in self.rows if not row.clear]

    @property
    def caption(self) -> str:
        """Size, text and colours in one sentence."""
        if not self.width:
            return "A picture that could not be decoded."
        size = f"A picture of {self.width} × {self.height} pixels"
        return f"{size}; {self._text()}. Main colours: {', '.join(self.colours) or 'mixed'}."

    def _text(self) -> str:
        if self.engine == "none":
            return "no OCR: its text was not read"
        if not self.rows:
            return "no text found"
        count = "1 line" if len(self.rows) == 1 else f"{len(self.rows)} lines"
        tallest = max(self.rows, key=lambda row: row.height)
        largest = f', the largest "{tallest.text}"' if tallest.clear else ""
        unread = f"; {len(self.unclear)} of them too small or {UNREAD}" if self.unclear else ""
        return f"{count} of text{largest}{unread}"


def caption_of(contents: Sequence[ImageContent]) -> str:
    """The captions of all pictures, numbered where there are several."""
    if not contents:
        return "No picture was sent."
    captions = [content.caption for content in contents]
    return captions[0] if len(captions) == 1 else " ".join(f"Picture {n}: {text}" for n, text in enumerate(captions))


def read_image(data: bytes | None, engine: Engine) -> ImageContent:
    """Read one encoded picture. Blocking. Data that is no picture has no content."""
    if data is None:
        return ImageContent()
    try:
        header, mime = read_header(data, _NAME)
        picture, _ = decode_image(header, _NAME, mime)
    except ImageError:
        return ImageContent()
    rows = rows_of(read_pieces(picture, engine), picture.width, picture.height)
    darkest, lightest = picture.convert("L").getextrema()
    plain = float(lightest) - float(darkest) < _PLAIN_CONTRAST  # type: ignore[arg-type]  # of one band: two numbers
    return ImageContent(tuple(rows), picture.width, picture.height, main_colours(picture), plain, engine)


def main_colours(picture: Image.Image, *, max_colours: int = 4) -> tuple[str, ...]:
    """Names of the main colours of an RGB picture, the most common first; one below 4 % is left out."""
    small = picture.resize((min(64, picture.width), min(64, picture.height)), Image.Resampling.NEAREST).quantize(24)
    shades, counted = small.getpalette("RGB") or [], Counter[str]()
    for number, count in enumerate(small.histogram()):
        if count and 3 * number + 2 < len(shades):
            counted[colour_name((shades[3 * number], shades[3 * number + 1], shades[3 * number + 2]))] += count
    least = _MIN_SHARE * small.width * small.height
    return tuple(name for name, count in counted.most_common(max_colours) if count >= least)


def colour_name(colour: tuple[int, int, int]) -> str:
    """The name of the nearest colour, by the distance of red, green and blue."""
    return min(_COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(_COLOURS[name], colour, strict=True)))


class ImageReader:
    """Reads pictures with one engine and remembers the last ``max_pictures`` of them by their digests."""

    def __init__(self, engine: Engine, *, max_pictures: int = 128) -> None:
        self.engine = engine
        self._max_pictures = max_pictures
        self._contents: OrderedDict[bytes, ImageContent] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, pictures: Sequence[bytes | None]) -> list[ImageContent] | None:
        """The contents of all ``pictures`` if none of them has to be read anew, else None."""
        contents = [content for data in pictures if (content := self._recall(data)) is not None]
        return contents if len(contents) == len(pictures) else None

    def read(self, pictures: Sequence[bytes | None]) -> list[ImageContent]:
        """The contents of ``pictures``, in order. Blocking: call it in a thread."""
        return [self._recall(data) or self._remember(data, read_image(data, self.engine)) for data in pictures]

    def _recall(self, data: bytes | None) -> ImageContent | None:
        if data is None:
            return ImageContent()
        key = hashlib.sha256(data).digest()
        with self._lock:
            if key in self._contents:
                self._contents.move_to_end(key)
            return self._contents.get(key)

    def _remember(self, data: bytes | None, content: ImageContent) -> ImageContent:
        if data is not None:
            with self._lock:
                self._contents[hashlib.sha256(data).digest()] = content
                while len(self._contents) > self._max_pictures:
                    self._contents.popitem(last=False)
        return content
