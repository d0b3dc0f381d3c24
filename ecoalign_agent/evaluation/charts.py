"""How a plot is drawn and kept: one look in print and on screen, labels beside their points, the same bytes each time.

Nothing global is touched: no pyplot, and settings hold only while a plot is drawn.
"""
# ruff: noqa: PLC0415 - matplotlib is an extra, and heavy

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.evaluation.blocks import block_of, heading
from ecoalign_agent.evaluation.outcomes import Row

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
