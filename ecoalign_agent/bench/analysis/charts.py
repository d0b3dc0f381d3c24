"""How a plot is drawn and kept: one look in print and on screen, labels beside their points, the same bytes each time.

Nothing global is touched: no pyplot, and settings hold only while a plot is drawn.

Where labels go beside their points, so that none lies on another, on a point or outside. In points of 1/72 inch.

Writes names beside the points of a plot.
"""

# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, TypeVar

from ecoalign_agent.bench.analysis.format import block_of, heading, printable
from ecoalign_agent.bench.analysis.outcomes import Row
from ecoalign_agent.errors import RunError, UsageError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


P = ParamSpec("P")
R = TypeVar("R")

ACCENT, INK, MIDDLE, PALE = "#b3261e", "#111111", "#666666", "#b0b0b0"
"""One colour, which nothing depends on, and three greys."""

_STYLE = {
    "font.family": "DejaVu Sans",  # it comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MIDDLE,
    "axes.grid": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "svg.fonttype": "none",  # text stays text: it can be searched and read aloud
    "svg.hashsalt": "ecoalign",
    "text.hinting": "none",  # text is as wide in every resolution
    "text.parse_math": False,  # a dollar in a name is a dollar
    "hatch.linewidth": 0.7,
}


@contextmanager
def style() -> Iterator[None]:
    """The look, for as long as it lasts.

    Raises:
        UsageError: matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'ecoalign-agent[eval]'") from error
    with mpl.rc_context():
        # From the library's own defaults: what a user has set for plots of their own does not change these.
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draws under the look."""

    @wraps(draw)
    def drawn(*args: P.args, **kwargs: P.kwargs) -> R:
        with style():
            return draw(*args, **kwargs)

    return drawn


def canvas(title: str, rows: Sequence[Row], *, height: float = 5.0, left: float = 0.72) -> "tuple[Figure, Axes]":
    """An empty figure with its title: what is plotted, of which benchmark, model, samples, judge and seed.

    Args:
        title: what is plotted.
        rows: all of one block.
        height: of the figure, in inches; it is 7.4 wide.
        left: margin for the labels of the upright axis, in inches.

    Raises:
        ValueError: there is no row, or the rows belong to different benchmarks, models, judges or seeds.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(of := {block_of(row) for row in rows}) != 1:
        raise ValueError(f"{title}: a plot is of one benchmark, model, judge and seed; these rows are of {len(of)}")
    width = 7.4
    told = _broken(heading(of.pop(), rows), wide=72 * (width - left - 0.1), size=8)
    above = 0.42 + 0.17 * len(told)
    figure = Figure(figsize=(width, height), dpi=72)
    FigureCanvasAgg(figure)
    below = 0.8
    axes = figure.add_axes(
        (left / width, below / height, (width - left - 0.2) / width, (height - above - below) / height)
    )
    figure.text(left / width, 1 - 0.27 / height, title, fontsize=11.5, weight="bold", color=INK)
    for place, line in enumerate(told):
        figure.text(left / width, 1 - (0.46 + 0.17 * place) / height, line, fontsize=8, color=MIDDLE)
    return figure, axes


def footnote(axes: "Axes", text: str) -> None:
    """A line in small letters at the foot of the figure; a longer one is broken."""
    figure, begin = axes.figure, axes.get_position().x0
    height, width = axes.figure.bbox.height / 72, axes.figure.bbox.width * (1 - begin) - 7
    lines = _broken(text.split("; "), wide=width, size=7, joint="; ")
    for place, line in enumerate(reversed(lines)):
        figure.text(begin, (0.1 + 0.145 * place) / height, line, fontsize=7, color=MIDDLE)


def save(figure: "Figure", stem: Path) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes.

    Args:
        figure: drawn.
        stem: the files' path without its ending; missing folders are made.

    Returns:
        The PNG and the SVG.

    Raises:
        RunError: a file can't be written.
    """
    png, svg = (stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg"))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(png, format="png", dpi=150, metadata={"Software": None}, facecolor="white")
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    except OSError as error:
        raise RunError(f"{error.filename or stem}: can't write the plot: {error.strerror or error}") from error
    return png, svg


def text_size(text: str, *, size: float = 8, strong: bool = False) -> tuple[float, float]:
    """Width and height of a text with a little air round it, in points.

    Args:
        text: on one line.
        size: of the letters, in points.
        strong: printed bold.
    """
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if strong else "normal")
    width, height, _ = RendererAgg(1, 1, 72).get_text_width_height_descent(text, font, ismath=False)
    return float(width) + 2, float(height) + 2


def _broken(parts: Sequence[str], *, wide: float, size: float, joint: str = " · ") -> list[str]:
    """Parts on as few lines of ``wide`` points as they need; one that is too long for a line is cut."""
    lines: list[str] = []
    for part in parts:
        short = part
        while len(short) > 1 and text_size(short, size=size)[0] > wide:
            short = short[:-2].rstrip() + "…"
        if lines and text_size(lines[-1] + joint + short, size=size)[0] <= wide:
            lines[-1] += joint + short
        else:
            lines.append(short)
    return lines


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


Line = tuple[float, float, float, float]
"""A thin line: x and y of one end and of the other."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its label.

    Attributes:
        x: in the data's units.
        y: as above.
        text: its label.
        strong: printed bold.
    """

    x: float
    y: float
    text: str
    strong: bool = False


def label_points(axes: "Axes", marks: Sequence[Mark], lines: Sequence[Line] = ()) -> None:
    """Write each label where it covers nothing, with a thin line to its point where that is not next to it.

    Args:
        axes: with its limits set, for they decide what lies on what.
        marks: points and labels.
        lines: to keep clear of: interval bars, a front, a curve.
    """
    at = [tuple(map(float, axes.transData.transform((mark.x, mark.y)))) for mark in marks]
    sizes = [text_size(printable(mark.text), strong=mark.strong) for mark in marks]
    thin = [
        box
        for x0, y0, x1, y1 in lines
        for box in beads(*(map(float, axes.transData.transform(((x0, y0), (x1, y1))).ravel())))
    ]
    frame = Box(*map(float, axes.bbox.extents))
    boxes = placed([(x, y) for x, y in at], sizes, frame=frame.grown(-1), lines=thin)
    for mark, (x, y), box in zip(marks, at, boxes, strict=True):
        near = (min(max(x, box.left), box.right), min(max(y, box.bottom), box.top))
        away = max(abs(near[0] - x), abs(near[1] - y)) > 11
        axes.annotate(
            printable(mark.text),
            (mark.x, mark.y),
            xytext=(box.left - x, (box.bottom + box.top) / 2 - y),
            textcoords="offset points",
            va="center",
            ha="left",
            fontsize=8,
            weight="bold" if mark.strong else "normal",
            color=INK,
            zorder=6,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
        if away:
            axes.annotate(
                "",
                (mark.x, mark.y),
                xytext=(near[0] - x, near[1] - y),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": MIDDLE, "shrinkA": 0, "shrinkB": 4},
                zorder=4,
            )
