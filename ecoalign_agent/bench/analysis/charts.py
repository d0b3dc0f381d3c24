"""Drawing and saving of plots: one style, headings and footnotes, labels beside their points, reproducible files.

Nothing global is changed: no pyplot, and settings hold only while a plot is drawn. Sizes are in inches, text in points
of 1/72 inch. The same figure gives the same bytes.
"""

# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecoalign_agent.bench.analysis.format import printable
from ecoalign_agent.bench.analysis.outcomes import ResultRow, group_of, heading
from ecoalign_agent.errors import RunError, UsageError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    Boxes = npt.NDArray[np.float64]

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
    """Apply the style within a context, or as a decorator; UsageError: matplotlib is not installed."""
    try:
        import matplotlib as mpl
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'ecoalign-agent[eval]'") from error
    with mpl.rc_context():
        # From the library's own defaults: a user's settings for other plots do not change these.
        mpl.rcdefaults()
        mpl.rcParams.update(_STYLE)
        yield


def canvas(title: str, rows: Sequence[ResultRow], *, height: float = 5.0, left: float = 0.72) -> "tuple[Figure, Axes]":
    """An empty figure with title and heading: benchmark, model, samples, judge and seed; lengths are in inches.

    ``left`` is the margin for the labels of the upright axis.

    Raises:
        ValueError: there is no row, or the rows belong to different benchmarks, models, judges or seeds.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    if len(groups := {group_of(row) for row in rows}) != 1:
        raise ValueError(f"{title}: a plot is of one benchmark, model, judge and seed; these rows are of {len(groups)}")
    width = 7.4
    lines = _broken(heading(groups.pop(), rows), width=72 * (width - left - 0.1), size=8)
    above, below = 0.42 + 0.17 * len(lines), 0.8
    figure = Figure(figsize=(width, height), dpi=72)
    FigureCanvasAgg(figure)
    axes = figure.add_axes(
        (left / width, below / height, (width - left - 0.2) / width, (height - above - below) / height)
    )
    figure.text(left / width, 1 - 0.27 / height, title, fontsize=11.5, weight="bold", color=INK)
    for number, line in enumerate(lines):
        figure.text(left / width, 1 - (0.46 + 0.17 * number) / height, line, fontsize=8, color=MIDDLE)
    return figure, axes


def footnote(axes: "Axes", text: str) -> None:
    """Write a line in small letters at the foot of the figure; a longer one is broken at its semicolons."""
    figure, left = axes.figure, axes.get_position().x0
    height, width = figure.bbox.height / 72, figure.bbox.width * (1 - left) - 7
    lines = _broken(text.split("; "), width=width, size=7, joint="; ")
    for number, line in enumerate(reversed(lines)):
        figure.text(left, (0.1 + 0.145 * number) / height, line, fontsize=7, color=MIDDLE)


def save_figure(figure: "Figure", stem: Path) -> tuple[Path, Path]:
    """Write a figure as PNG and as SVG; the same figure gives the same bytes. RunError: a file can't be written."""
    png, svg = (stem.with_name(f"{stem.name}.{ending}") for ending in ("png", "svg"))
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        with style():
            figure.savefig(png, format="png", dpi=150, metadata={"Software": None}, facecolor="white")
            figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    except OSError as error:
        raise RunError(f"{error.filename or stem}: can't write the plot: {error.strerror or error}") from error
    return png, svg


def text_size(text: str, *, size: float = 8, bold: bool = False) -> tuple[float, float]:
    """Width and height of a line of text with a margin of one point on each side, in points."""
    from matplotlib.backends.backend_agg import RendererAgg
    from matplotlib.font_manager import FontProperties

    font = FontProperties(family="DejaVu Sans", size=size, weight="bold" if bold else "normal")
    width, height, _ = RendererAgg(1, 1, 72).get_text_width_height_descent(text, font, ismath=False)
    return float(width) + 2, float(height) + 2


def _broken(parts: Sequence[str], *, width: float, size: float, joint: str = " · ") -> list[str]:
    """Parts on as few lines of ``width`` points as they need; one that is too long for a line is cut."""
    lines: list[str] = []
    for part in parts:
        fitting = part
        while len(fitting) > 1 and text_size(fitting, size=size)[0] > width:
            fitting = fitting[:-2].rstrip() + "…"
        if lines and text_size(lines[-1] + joint + fitting, size=size)[0] <= width:
            lines[-1] += joint + fitting
        else:
            lines.append(fitting)
    return lines


LineSegment = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class LabelledPoint:
    """A point, in the data's units, with its label."""

    x: float
    y: float
    text: str
    bold: bool = False


def label_points(axes: "Axes", points: Sequence[LabelledPoint], lines: Sequence[LineSegment] = ()) -> None:
    """Write each label where it covers nothing, with a thin line to its point if that is not next to it.

    Args:
        axes: with its limits set, for they decide on overlaps.
        lines: to keep clear of: interval bars, a front, a curve.
    """
    if not points:
        return
    places = [(float(x), float(y)) for x, y in axes.transData.transform([(point.x, point.y) for point in points])]
    sizes = [text_size(printable(point.text), bold=point.bold) for point in points]
    ends = axes.transData.transform([end for x0, y0, x1, y1 in lines for end in ((x0, y0), (x1, y1))] or [(0, 0)])
    thin = [box for i in range(len(lines)) for box in _line_boxes(*ends[2 * i], *ends[2 * i + 1])]
    left, bottom, right, top = axes.bbox.extents
    boxes = place_labels(places, sizes, frame=(left + 1, bottom + 1, right - 1, top - 1), obstacles=thin)
    for point, (x, y), (left, bottom, right, top) in zip(points, places, boxes, strict=True):
        axes.annotate(
            printable(point.text),
            (point.x, point.y),
            xytext=(left - x, (bottom + top) / 2 - y),
            textcoords="offset points",
            va="center",
            ha="left",
            fontsize=8,
            weight="bold" if point.bold else "normal",
            color=INK,
            zorder=6,
            bbox={"boxstyle": "square,pad=0.05", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
        )
        edge = (min(max(x, left), right), min(max(y, bottom), top))
        if max(abs(edge[0] - x), abs(edge[1] - y)) > 11:
            axes.annotate(
                "",
                (point.x, point.y),
                xytext=(edge[0] - x, edge[1] - y),
                textcoords="offset points",
                arrowprops={"arrowstyle": "-", "linewidth": 0.5, "color": MIDDLE, "shrinkA": 0, "shrinkB": 4},
                zorder=4,
            )


_DISTANCES = (7.0, 12.0, 18.0, 26.0, 36.0, 48.0, 64.0, 82.0, 104.0, 130.0)
_ANGLES = tuple(math.radians(angle) for angle in (0, 35, -35, 180, 145, -145, 90, -90, 60, -60, 120, -120))
_OUTSIDE, _ON_LABEL, _ON_POINT, _ON_LINE, _PER_DISTANCE = 1e9, 1e6, 50.0, 3.0, 2.0
"""Cost of a place: outside the frame; for each square point on a label, a point, a line; for each point of distance."""


def place_labels(
    points: Sequence[Sequence[float]],
    sizes: Sequence[tuple[float, float]],
    *,
    frame: LineSegment,
    obstacles: Sequence[LineSegment] = (),
) -> list[tuple[float, float, float, float]]:
    """A box (left, bottom, right, top) for each label, near its point; units are points.

    The most crowded point chooses first, and takes the cheapest of 120 places around it. If there is no
    room, it takes the least bad one.

    Args:
        sizes: width and height of each label.
        frame: left, bottom, right, top of the area that no label leaves.
        obstacles: boxes that a label should not cover: interval bars.
    """
    import numpy as np

    marks = _array([(x - 5, y - 5, x + 5, y + 5) for x, y in points])
    crowding = [sum(1 / (20 + math.dist(point, other)) for other in points) for point in points]
    distance = np.repeat(_DISTANCES, len(_ANGLES))
    placed: dict[int, tuple[float, float, float, float]] = {}
    for index in sorted(range(len(points)), key=lambda index: (-crowding[index], index)):
        boxes = _places(points[index], sizes[index])
        outside = (boxes[:, :2] < frame[:2]).any(axis=1) | (boxes[:, 2:] > frame[2:]).any(axis=1)
        others = _array([(left - 1.5, low - 1.5, right + 1.5, top + 1.5) for left, low, right, top in placed.values()])
        cost = (
            _OUTSIDE * outside
            + _ON_LABEL * _overlap(boxes, others)
            + _ON_POINT * _overlap(boxes, marks)
            + _ON_LINE * _overlap(boxes, _array(obstacles))
            + _PER_DISTANCE * distance
        )
        left, bottom, right, top = map(float, boxes[int(cost.argmin())])
        placed[index] = (left, bottom, right, top)
    return [placed[index] for index in range(len(points))]


def _places(point: Sequence[float], size: tuple[float, float]) -> "Boxes":
    """The boxes around a point, nearest first; each grows away from the point: its near edge lies on the ring."""
    import numpy as np

    (x, y), (width, height) = point, size
    distance, angle = np.repeat(_DISTANCES, len(_ANGLES)), np.tile(_ANGLES, len(_DISTANCES))
    dx, dy = distance * np.cos(angle), distance * np.sin(angle)
    left = x + dx - np.select([dx > 1, dx < -1], [0.0, width], width / 2)
    lean = np.where(abs(dx) > 1, np.sin(angle), np.copysign(1, dy))
    bottom = y + dy + (lean - 1) * height / 2
    return np.column_stack([left, bottom, left + width, bottom + height])


def _overlap(boxes: "Boxes", others: "Boxes") -> "Boxes":
    import numpy as np

    low = np.maximum(boxes[:, None, :2], others[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], others[None, :, 2:])
    shared: Boxes = np.clip(high - low, 0, None).prod(axis=2).sum(axis=1)
    return shared


def _array(boxes: Sequence[Sequence[float]]) -> "Boxes":
    import numpy as np

    return np.asarray(boxes, dtype=float).reshape(-1, 4)


def _line_boxes(x0: float, y0: float, x1: float, y1: float) -> Iterator[LineSegment]:
    """A thin line as small boxes in a row, so that a slanting one takes up no more room than it does."""
    # A level or upright line is one thin box already; only floating-point steps keep it from being quite straight.
    radius = 0.8
    straight = min(abs(x1 - x0), abs(y1 - y0)) < radius
    number = 1 if straight else math.ceil(math.dist((x0, y0), (x1, y1)) / 4)
    for step in range(number):
        xs, ys = ([low + (step + end) / number * (high - low) for end in (0, 1)] for low, high in ((x0, x1), (y0, y1)))
        yield min(xs) - radius, min(ys) - radius, max(xs) + radius, max(ys) + radius
