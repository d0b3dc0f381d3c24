"""Writes names beside the points of a plot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecoalign_agent.evaluation.cells import printable
from ecoalign_agent.evaluation.charts import INK, MIDDLE, text_size
from ecoalign_agent.evaluation.placement import Box, beads, placed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

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
