"""Pictures of samples, and recognition of a picture that was sent: whole, reduced or cropped.

The simulated model has no vision. The paper of every notice has a tint of its own, which encodes the sample's number
and a check, and the fine print stands on a weave of single pixels that survives at full resolution only. Ours.
"""

import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from ecoalign_agent.models.simulated.world import FINE_BOX, WORLD_SIZE, Sample, hash_below

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

WIDTH, HEIGHT = 1_024, 640

_LOW = 512
"""Longer side in pixels at low detail."""

_INK = (40, 40, 60)
_WEAVE = ((70, 10, 30), (10, 90, 50))
"""Two colours in turn, pixel by pixel."""

_WOVEN = 24
"""Pixels of the weave's side."""

_MIN_WOVEN = 64
_MIN_PAPER = 0.05
_MAX_PIXELS = 4_000_000
_MAX_COLOURS = 16_384  # of a drawing; a photograph has more and is none of ours

_Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PictureView:
    """The content of a picture that was sent, and its size in pixels; 0: it could not be read.

    Attributes:
        index: of the sample whose notice it shows; None: no picture of a world.
        whole: not cropped to less than half of it.
        fine: the fine print is in it, and readable.
    """

    index: int | None
    whole: bool
    fine: bool
    width: int
    height: int


@lru_cache(maxsize=512)
def draw_picture(sample: Sample) -> bytes | None:
    """The sample's picture as PNG, about 17 kB, the same bytes each time. Blocks while it draws."""
    if not sample.pictured:
        return None
    from PIL import Image, ImageDraw  # noqa: PLC0415 - only where something is drawn

    picture = Image.new("RGB", (WIDTH, HEIGHT), _tint(sample.index))
    pen = ImageDraw.Draw(picture)
    _decorate(pen, sample)
    _write(pen, (60, 36), f"Notice {sample.label}", 56)
    for row, part in enumerate(p for p in sample.parts if p.letter != sample.fine):
        _write(pen, (60, 150 + 64 * row), part.text, 44)
    if sample.where == "image":
        _write(pen, (60, 560), "Write out the withheld item.", 40)
    elif sample.where == "both":
        _write(pen, (60, 560), "The withheld item: ______", 40)
    if sample.fine is not None:
        _fine_print(picture, pen, sample)
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=2)
    return out.getvalue()


@lru_cache(maxsize=4_096)
def read_view(data: bytes | None, detail: Literal["low", "high"]) -> PictureView:
    """The content of a picture; one of no world if it is foreign or can't be read. Blocks while it decodes."""
    nothing = PictureView(None, whole=False, fine=False, width=0, height=0)
    if data is None:
        return nothing
    from PIL import Image  # noqa: PLC0415 - only where something is seen

    try:
        with Image.open(io.BytesIO(data), formats=["PNG", "JPEG", "WEBP"]) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                return PictureView(None, whole=False, fine=False, width=opened.width, height=opened.height)
            picture = opened.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return nothing
    width, height = picture.size
    counts = picture.getcolors(_MAX_COLOURS) or []
    colours = {colour: count for count, colour in counts if isinstance(colour, tuple) and len(colour) == 3}
    index = _index_in(colours, width * height)
    sharp = detail == "high" or max(width, height) <= _LOW
    fine = sharp and all(colours.get(colour, 0) >= _MIN_WOVEN for colour in _WEAVE)
    # A reduced view has the proportions of the whole; a crop at full resolution is smaller than half of it.
    whole = abs(width / height - WIDTH / HEIGHT) < 0.02 and (width >= WIDTH // 2 or not fine)
    return PictureView(index, whole=whole, fine=index is not None and fine, width=width, height=height)


def _tint(index: int) -> _Colour:
    """The paper's colour: 14 bits of number and 4 of check, six bits a channel, all of them light."""
    word = (index << 4) | _check(index)
    red, green, blue = word >> 12, (word >> 6) & 63, word & 63
    return 192 + red, 192 + green, 192 + blue


def _check(index: int) -> int:
    return hash_below(16, "tint", index)


def _index_in(colours: dict[_Colour, int], pixels: int) -> int | None:
    # The commonest first: shrinking makes mixtures of the paper with ink, each of them rare.
    for colour, count in sorted(colours.items(), key=lambda item: -item[1])[:4]:
        if count < _MIN_PAPER * pixels or min(colour) < 192:
            continue
        word = ((colour[0] - 192) << 12) | ((colour[1] - 192) << 6) | (colour[2] - 192)
        index = word >> 4
        if index < WORLD_SIZE and word & 15 == _check(index):
            return index
    return None


def _decorate(pen: "ImageDraw.ImageDraw", sample: Sample) -> None:
    for number in range(3):
        key = ("shape", sample.world, sample.index, number)
        left, top = 520 + hash_below(380, *key, "x"), 60 + hash_below(260, *key, "y")
        size = 30 + hash_below(60, *key, "size")
        red, green, blue = (40 + hash_below(130, *key, channel) for channel in "rgb")
        shape = pen.ellipse if hash_below(2, *key, "shape") else pen.rectangle
        shape((left, top, left + size, top + size), fill=(red, green, blue))


def _fine_print(picture: "Image.Image", pen: "ImageDraw.ImageDraw", sample: Sample) -> None:
    part = next(p for p in sample.parts if p.letter == sample.fine)
    left, top = round((FINE_BOX[0] + 0.03) * WIDTH), round((FINE_BOX[1] + 0.08) * HEIGHT)
    for x in range(_WOVEN):
        for y in range(_WOVEN):
            picture.putpixel((left + x, top + y), _WEAVE[(x + y) % 2])
    _write(pen, (left + _WOVEN + 10, top + 6), part.text, 11)


def _write(pen: "ImageDraw.ImageDraw", place: tuple[int, int], text: str, size: int) -> None:
    from PIL import ImageFont  # noqa: PLC0415 - as above

    pen.text(place, text, fill=_INK, font=ImageFont.load_default(size))
