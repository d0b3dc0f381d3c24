"""The live tree: a run seen on a terminal while it thinks."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ecoalign_agent.terminal.tree import tree_lines
from ecoalign_agent.terminal.view import View
from ecoalign_agent.terminal.wording import amount, count
from ecoalign_agent.trace.events import Event

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ENDINGS = {"answered": ("✔", "green"), "declined": ("■", "yellow"), "failed": ("✗", "red")}
_FIXED = 6  # lines that are no tree: question, models, blank, bar, legend, status


class LiveTree:
    """Draws a run on a terminal, redrawn eight times a second, so that it never looks dead.

    The last drawing stays on the screen; a run that ended before its first event leaves nothing behind.
    """

    def __init__(self, console: Console, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._clock = clock
        self._began = clock()
        self._ended: float | None = None
        self._view = View()
        # The drawing thread reads what the run writes.
        self._lock = threading.Lock()
        self._live = Live(console=console, get_renderable=self.frame, refresh_per_second=8, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            self._ended = self._clock()
        self._live.transient = not self._view.begun
        self._live.__exit__(kind, error, trace)

    def tell(self, event: Event) -> None:
        """Draw what happened at the next redrawing."""
        with self._lock:
            self._view.tell(event)

    def frame(self) -> RenderableType:
        """The present drawing, at most as high as the terminal less one line."""
        width, height = self._console.size
        with self._lock:
            if not self._view.begun:
                return self._status(width)
            lines = [
                _fitted(Text(self._view.question, "bold"), width),
                _fitted(Text(self._models(), "dim"), width),
                *tree_lines(self._view, width=width, room=max(2, height - 1 - _FIXED)),
                Text(""),
                budget_bar(self._view, width),
                _fitted(budget_legend(self._view), width),
                self._status(width),
            ]
        return Group(*lines)

    def _models(self) -> str:
        pictures = count(self._view.pictures, "picture") if self._view.pictures else "no picture"
        return f"{pictures} · {self._view.models}"

    def _status(self, width: int) -> Text:
        now = self._clock() if self._ended is None else self._ended
        seconds = now - self._began
        result = self._view.result
        if result is not None:
            mark, style = _ENDINGS[result.status]
        elif self._ended is not None:
            mark, style = "✗", "red"
        else:
            mark, style = _SPINNER[int(seconds * 8) % len(_SPINNER)], "cyan"
        doing = self._view.doing if result is not None or self._ended is None else f"stopped while {self._view.doing}"
        line = Text.assemble((f"{mark} ", style), (doing, style), (f"  {seconds:.1f} s", "bold"))
        if self._view.begun:
            line.append(f" · {self._view.summary()}", "dim")
        return _fitted(line, width)


def budget_bar(view: View, width: int) -> Text:
    """The budget B as a bar: spent, under way, free, set aside. Told apart by shape, not by colour alone."""
    total = max(view.total, view.spent, 1e-12)
    parts = [
        (view.spent, "█", "magenta"),
        (max(0.0, view.total - view.spent - view.left), "▓", "cyan"),
        (max(0.0, view.left - view.set_aside), "─", "dim"),
        (min(view.set_aside, view.left), "░", "yellow"),
    ]
    bar, drawn, reached = Text(no_wrap=True), 0, 0.0
    for part, shape, style in parts:
        reached += part
        end = min(width, round(width * reached / total))
        bar.append(shape * (end - drawn), style)
        drawn = max(drawn, end)
    return bar


def budget_legend(view: View) -> Text:
    """The bar in figures, with the present horizon."""
    legend = Text()
    if view.horizon is not None:
        legend.append(f"horizon {view.horizon}  ", "bold" if view.horizon else "dim")
    legend.append("█ ", "magenta").append(f"spent {amount(view.spent)} of {amount(view.total)}")
    under_way = view.total - view.spent - view.left
    if view.result is None and under_way > 0.005 * view.total:
        legend.append("  ▓ ", "cyan").append(f"under way {amount(under_way)}")
    legend.append("  ─ ", "dim").append(f"free {amount(max(0.0, view.left - view.set_aside))}")
    if view.set_aside:
        legend.append("  ░ ", "yellow").append(f"set aside {amount(view.set_aside)}")
    return legend


def _fitted(line: Text, width: int) -> Text:
    line.truncate(width, overflow="ellipsis")
    line.no_wrap = True
    return line
