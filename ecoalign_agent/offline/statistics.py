"""What a picture is made of, by Pillow alone: size, colours by name, brightness, where fine detail is. Ours."""

import colorsys
from collections import Counter
from dataclasses import dataclass

from PIL import Image, ImageChops, ImageFilter, ImageStat

from ecoalign_agent.offline.brief import Box
from ecoalign_agent.offline.rows import around

Colour = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

_SIDE = 64
_GRID = 8
_LEAST_SHARE = 0.04
_TOLD_APART = 30


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


def main_colours(picture: Image.Image, *, most: int = 4) -> tuple[tuple[str, float], ...]:
    """Names of the main colours with their shares, the most common first; one below 4 % is not named."""
    counted, pixels = _counted(picture)
    return tuple((name, n / pixels) for name, n in counted.most_common(most) if n / pixels >= _LEAST_SHARE)


def paper_and_ink(picture: Image.Image, box: Box) -> tuple[str, str]:
    """The colours behind the text in ``box`` and of the text; the same name twice where they can't be told apart."""
    left, top = int(box[0] * picture.width), int(box[1] * picture.height)
    right, bottom = round(box[2] * picture.width), round(box[3] * picture.height)
    part = picture.crop((left, top, max(left + 1, right), max(top + 1, bottom)))
    counted = _palette(part, 8)
    paper = max(counted, key=counted.__getitem__)
    apart = ImageChops.difference(part, Image.new("RGB", part.size, paper)).convert("L")
    furthest = apart.getextrema()[1]
    if not isinstance(furthest, int | float) or furthest < _TOLD_APART:
        return colour_name(paper), colour_name(paper)
    # Ink is thin and blurred at its edges: only what is furthest from the paper has its true colour.
    core = apart.point([255 if value >= 0.6 * furthest else 0 for value in range(256)])
    red, green, blue = (round(channel) for channel in ImageStat.Stat(part, core).mean)
    return colour_name(paper), colour_name((red, green, blue))


def colour_name(colour: Colour) -> str:
    """What an RGB colour is called, by its hue, saturation and value."""
    hue, saturation, value = colorsys.rgb_to_hsv(*(part / 255 for part in colour))
    degrees = hue * 360
    if value < 0.18:
        return "black"
    if saturation < 0.08 or (saturation < 0.2 and value < 0.4):
        return next(name for least, name in _GREYS if value >= least)
    if 15 <= degrees < 68 and (name := _earthy(degrees, saturation, value)):
        return name
    name = next(name for below, name in _HUES if degrees < below)
    if name == "red" and value > 0.8 and saturation < 0.5:
        return "pink"
    shade = "light " if value > 0.72 and saturation < 0.45 else "dark " if value < 0.5 else ""
    return shade + name


_GREYS = ((0.92, "white"), (0.72, "light grey"), (0.42, "grey"), (0.0, "dark grey"))
_HUES = (
    (15, "red"), (40, "orange"), (68, "yellow"), (165, "green"), (190, "turquoise"), (265, "blue"), (292, "purple"),
    (345, "pink"), (361, "red"),
)  # fmt: skip


def _earthy(degrees: float, saturation: float, value: float) -> str | None:
    if value > 0.9 and saturation < 0.22:
        return "cream"
    if value > 0.7 and saturation < 0.32:
        return "beige"
    return "brown" if value < 0.66 or (degrees < 40 and value < 0.82 and saturation < 0.65) else None


def _counted(picture: Image.Image) -> tuple[Counter[str], int]:
    small = picture.resize((min(_SIDE, picture.width), min(_SIDE, picture.height)), Image.Resampling.NEAREST)
    counted: Counter[str] = Counter()
    for colour, count in _palette(small, 24).items():
        counted[colour_name(colour)] += count
    return counted, small.width * small.height


def _palette(picture: Image.Image, colours: int) -> dict[Colour, int]:
    """Few colours for many, with their pixels: naming thousands of shades one by one would cost more."""
    reduced = picture.quantize(colours)
    shades = reduced.getpalette("RGB") or []
    return {
        (shades[3 * number], shades[3 * number + 1], shades[3 * number + 2]): count
        for number, count in enumerate(reduced.histogram())
        if count and 3 * number + 2 < len(shades)
    }


def _busy(grey: Image.Image) -> Box | None:
    edges = grey.filter(ImageFilter.FIND_EDGES).resize((_GRID, _GRID), Image.Resampling.BOX)
    strength = list(edges.tobytes())
    mean = sum(strength) / len(strength)
    strong = [place for place, value in enumerate(strength) if value > max(12.0, 1.5 * mean)]
    cells = [(x / _GRID, y / _GRID, (x + 1) / _GRID, (y + 1) / _GRID) for y, x in (divmod(n, _GRID) for n in strong)]
    return around(cells) if cells else None
