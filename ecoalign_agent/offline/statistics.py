"""What a picture is made of, by Pillow alone: size, main colours by name, brightness, and where something fine is drawn. Ours."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageFilter, ImageStat

from ecoalign_agent.offline.brief import Box
from ecoalign_agent.offline.rows import around

_NAMED = {
    "black": (20, 20, 20), "dark grey": (84, 84, 88), "grey": (136, 136, 140), "light grey": (200, 200, 204),
    "white": (246, 246, 246), "cream": (250, 244, 220), "red": (205, 40, 45), "dark red": (120, 25, 30),
    "orange": (240, 140, 40), "yellow": (248, 222, 90), "brown": (128, 86, 54), "beige": (216, 200, 168),
    "green": (50, 150, 70), "dark green": (20, 84, 56), "light green": (160, 215, 150), "blue": (50, 100, 200),
    "dark blue": (28, 56, 110), "light blue": (160, 204, 238), "purple": (130, 70, 160), "pink": (240, 160, 180),
}  # fmt: skip
"""Colour name → a typical value; a colour is called by the nearest of them."""

_SIDE = 64
_GRID = 8


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of one picture.

    Attributes:
        width: in pixels, as it was sent.
        height: in pixels, as it was sent.
        colours: names of the main colours with their share of the picture, the most common first.
        brightness: mean luminance, in [0, 1].
        busy: where something fine is drawn, such as small print; None: nowhere in particular.
    """

    width: int
    height: int
    colours: tuple[tuple[str, float], ...]
    brightness: float
    busy: Box | None


def measure(picture: Image.Image) -> Statistics:
    """The figures of an RGB picture."""
    grey = picture.convert("L")
    grey.thumbnail((256, 256))
    brightness = ImageStat.Stat(grey).mean[0] / 255
    return Statistics(picture.width, picture.height, main_colours(picture), brightness, _busy(grey))


def main_colours(picture: Image.Image, box: Box | None = None, *, most: int = 4) -> tuple[tuple[str, float], ...]:
    """Names of the main colours of a picture, or of the part ``box`` of it, with their shares; below 4 % none is named."""
    if box is not None:
        picture = picture.crop(_pixels(box, picture.size))
    small = picture.resize((min(_SIDE, picture.width), min(_SIDE, picture.height)), Image.Resampling.BOX)
    counted: Counter[str] = Counter()
    for count, colour in small.convert("RGB").getcolors(_SIDE * _SIDE) or []:
        if isinstance(colour, tuple):
            counted[colour_name(colour)] += count
    pixels = small.width * small.height
    return tuple((name, n / pixels) for name, n in counted.most_common(most) if n / pixels >= 0.04)


def colour_name(colour: Sequence[float]) -> str:
    """The name of the nearest colour that has one, by a weighted distance close to how eyes tell colours apart."""
    red, green, blue = colour[:3]
    return min(
        _NAMED,
        key=lambda name: (
            2 * (red - _NAMED[name][0]) ** 2 + 4 * (green - _NAMED[name][1]) ** 2 + 3 * (blue - _NAMED[name][2]) ** 2
        ),
    )


def _pixels(box: Box, size: tuple[int, int]) -> tuple[int, int, int, int]:
    left, top = int(box[0] * size[0]), int(box[1] * size[1])
    return left, top, max(left + 1, round(box[2] * size[0])), max(top + 1, round(box[3] * size[1]))


def _busy(grey: Image.Image) -> Box | None:
    edges = grey.filter(ImageFilter.FIND_EDGES).resize((_GRID, _GRID), Image.Resampling.BOX)
    strength = list(edges.tobytes())
    mean = sum(strength) / len(strength)
    strong = [place for place, value in enumerate(strength) if value > max(12.0, 1.5 * mean)]
    cells = [(x / _GRID, y / _GRID, (x + 1) / _GRID, (y + 1) / _GRID) for y, x in (divmod(n, _GRID) for n in strong)]
    return around(cells) if cells else None
