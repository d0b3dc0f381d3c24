"""Where labels go beside their points, so that none lies on another, on a point or outside. In points of 1/72 inch."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple


class Box(NamedTuple):
    """An upright rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    def overlap(self, other: "Box") -> float:
        """The area that both cover."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.top, other.top) - max(self.bottom, other.bottom)
        return width * height if width > 0 and height > 0 else 0.0

    def within(self, other: "Box") -> bool:
        """Whether it lies wholly in the other."""
        return (
            self.left >= other.left
            and self.right <= other.right
            and self.bottom >= other.bottom
            and self.top <= other.top
        )

    def grown(self, by: float) -> "Box":
        """The same with a margin."""
        return Box(self.left - by, self.bottom - by, self.right + by, self.top + by)


_RINGS = (7.0, 12.0, 18.0, 26.0, 36.0, 48.0, 64.0, 82.0, 104.0, 130.0)
_TURNS = tuple(math.radians(turn) for turn in (0, 35, -35, 180, 145, -145, 90, -90, 60, -60, 120, -120))
_OUTSIDE = 1e9
_ON_LABEL = 1e6
_ON_POINT = 50.0
_ON_LINE = 3.0
_FAR = 2.0


def placed(
    points: Sequence[tuple[float, float]],
    sizes: Sequence[tuple[float, float]],
    *,
    frame: Box,
    lines: Sequence[Box] = (),
    radius: float = 5.0,
) -> list[Box]:
    """A box for each label, near its point.

    The most crowded point chooses first. A label on another costs most, then one on a point, then one on a line, then
    one far away; where there is no room at all the least bad place is taken.

    Args:
        points: what the labels belong to.
        sizes: width and height of each label.
        frame: no label leaves it.
        lines: thin things that a label should not cover: interval bars.
        radius: of a point's mark.

    Raises:
        ValueError: not as many sizes as points.
    """
    if len(points) != len(sizes):
        raise ValueError(f"{len(points)} points, {len(sizes)} labels")
    marks = [Box(x, y, x, y).grown(radius) for x, y in points]
    crowd = [sum(1 / (20 + math.dist(one, other)) for other in points) for one in points]
    boxes: dict[int, Box] = {}
    for place in sorted(range(len(points)), key=lambda place: (-crowd[place], place)):
        others = list(boxes.values())

        def badness(rung: tuple[int, Box], others: Sequence[Box] = others) -> float:
            ring, box = rung
            return (
                (0.0 if box.within(frame) else _OUTSIDE)
                + _ON_LABEL * sum(box.overlap(other.grown(1.5)) for other in others)
                + _ON_POINT * sum(box.overlap(mark) for mark in marks)
                + _ON_LINE * sum(box.overlap(line) for line in lines)
                + _FAR * _RINGS[ring]
            )

        boxes[place] = min(_choices(points[place], sizes[place]), key=badness)[1]
    return [boxes[place] for place in range(len(points))]


def beads(x0: float, y0: float, x1: float, y1: float, *, radius: float = 0.8) -> Iterator[Box]:
    """A thin line as small boxes in a row, so that a slanting one takes up no more room than it does."""
    # A level or upright line is one thin box already; only steps in floating point keep it from being quite straight.
    straight = min(abs(x1 - x0), abs(y1 - y0)) < radius
    number = 1 if straight else math.ceil(math.dist((x0, y0), (x1, y1)) / 4)
    for step in range(number):
        one, other = step / number, (step + 1) / number
        xs, ys = (x0 + one * (x1 - x0), x0 + other * (x1 - x0)), (y0 + one * (y1 - y0), y0 + other * (y1 - y0))
        yield Box(min(xs), min(ys), max(xs), max(ys)).grown(radius)


def _choices(point: tuple[float, float], size: tuple[float, float]) -> Iterator[tuple[int, Box]]:
    (x, y), (width, height) = point, size
    for ring, far in enumerate(_RINGS):
        for turn in _TURNS:
            dx, dy = far * math.cos(turn), far * math.sin(turn)
            # The label grows away from the point: its near edge, or the middle of it, lies on the ring.
            left = x + dx - (0 if dx > 1 else width if dx < -1 else width / 2)
            bottom = y + dy - height / 2 + (height / 2) * (math.sin(turn) if abs(dx) > 1 else math.copysign(1, dy))
            yield ring, Box(left, bottom, left + width, bottom + height)
