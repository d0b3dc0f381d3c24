"""What the embedded model really sees of the pictures it is sent: rows of text and figures. Cached, bounded."""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from ecoalign_agent.errors import ImageError
from ecoalign_agent.images.decoding import decode_image, read_header
from ecoalign_agent.offline.ocr import Engine, read_lines
from ecoalign_agent.offline.rows import Row, around, rows_of
from ecoalign_agent.offline.statistics import Statistics, measure, paper_and_ink

_NAME = "a picture in the message"


@dataclass(frozen=True, slots=True)
class Sight:
    """One picture, seen.

    Attributes:
        rows: its text, from top to bottom, unclear rows included.
        statistics: its figures; None: it could not be decoded.
        paper: the colour behind the text; "" without text.
        ink: the colour of the text; "" without text.
        engine: what read the text; "none": nothing did.
    """

    rows: tuple[Row, ...] = ()
    statistics: Statistics | None = None
    paper: str = ""
    ink: str = ""
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
    def text_share(self) -> float:
        """The share of the picture that text covers, in [0, 1]."""
        areas = [(b[2] - b[0]) * (b[3] - b[1]) for row in self.rows if (b := row.box) is not None]
        return min(1.0, sum(areas))


def look_at(data: bytes | None, engine: Engine) -> Sight:
    """See one encoded picture. Blocking: call it in a thread. Data that is no picture is a sight without figures."""
    if data is None:
        return Sight()
    try:
        header, mime = read_header(data, _NAME)
        picture, _ = decode_image(header, _NAME, mime)
    except ImageError:
        return Sight()
    rows = tuple(rows_of(read_lines(picture, engine)))
    boxes = [row.box for row in rows if row.box is not None]
    paper, ink = paper_and_ink(picture, around(boxes)) if boxes else ("", "")
    return Sight(rows, measure(picture), paper, ink, engine)


class Eyes:
    """Sees pictures with one engine and remembers the last ``most`` of them by their content."""

    def __init__(self, engine: Engine, *, most: int = 128) -> None:
        self.engine = engine
        self._most = most
        self._seen: OrderedDict[bytes, Sight] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, pictures: Sequence[bytes | None]) -> list[Sight] | None:
        """The sights of all ``pictures`` if none of them has to be looked at anew, else None."""
        sights = [self._recall(data) for data in pictures]
        known = [sight for sight in sights if sight is not None]
        return known if len(known) == len(sights) else None

    def see(self, pictures: Sequence[bytes | None]) -> list[Sight]:
        """The sights of ``pictures``, in order. Blocking: call it in a thread."""
        return [self._recall(data) or self._keep(data, look_at(data, self.engine)) for data in pictures]

    def _recall(self, data: bytes | None) -> Sight | None:
        if data is None:
            return Sight()
        key = _key(data)
        with self._lock:
            if key in self._seen:
                self._seen.move_to_end(key)
            return self._seen.get(key)

    def _keep(self, data: bytes | None, sight: Sight) -> Sight:
        if data is not None:
            with self._lock:
                self._seen[_key(data)] = sight
                while len(self._seen) > self._most:
                    self._seen.popitem(last=False)
        return sight


def _key(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()
