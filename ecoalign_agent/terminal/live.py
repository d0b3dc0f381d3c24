"""The live tree: a run seen on a terminal while it thinks."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ecoalign_agent.terminal.tree import fitted, tree_lines
from ecoalign_agent.terminal.view import View
from ecoalign_agent.terminal.wording import amount, count
from ecoalign_agent.trace.events import Event

_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ENDINGS = {"answered": ("✔", "green"), "declined": ("■", "yellow"), "failed": ("✗", "red"), "waiting": ("…", "cyan")}
_FIXED = 6  # lines that are no tree: question, models, blank, bar, legend, status
_LOWEST = 10  # lines of a terminal below which there is no room for a tree


class LiveTree:
    """Draws a run on a terminal, redrawn eight times a second, so that it never looks dead.

    The last drawing stays on the screen; a run that ended before its first event leaves nothing behind. ``titled``: the
    question is the first line.
    """

    def __init__(self, console: Console, *, titled: bool = True, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._titled = titled
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
            if height < _LOWEST:
                return Group(*[fitted(budget_legend(self._view), width), self._status(width)][-max(1, height - 1) :])
            lines = [
                *([fitted(Text(self._view.question, "bold"), width)] if self._titled else []),
                fitted(Text(self._models(), "dim"), width),
                *tree_lines(self._view, width=width, room=height - 1 - _FIXED),
                Text(""),
                budget_bar(self._view, width),
                fitted(budget_legend(self._view), width),
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
        doing = self._view.doing if result is not None or self._ended is None else f"stopped during: {self._view.doing}"
        line = Text.assemble((f"{mark} ", style), (doing, style), (f"  {seconds:.1f} s", "bold"))
        if self._view.thoughts:
            line.append(f" · {self._view.summary()}", "dim")
        return fitted(line, width)


def budget_bar(view: View, width: int) -> Text:
    """The budget B as a bar: spent, free, set aside for the answer. Told apart by shape, not by colour alone."""
    total = max(view.total, view.spent, 1e-12)
    spent = round(width * view.spent / total)
    aside = min(width - spent, round(width * min(view.set_aside, view.left) / total))
    parts = (("█" * spent, "magenta"), ("─" * (width - spent - aside), "dim"), ("░" * aside, "yellow"))
    return Text.assemble(*parts, no_wrap=True)


def budget_legend(view: View) -> Text:
    """The bar in figures, with the present horizon."""
    legend = Text()
    if view.horizon is not None:
        legend.append(f"horizon {view.horizon}  ", "bold" if view.horizon else "dim")
    legend.append("█ ", "magenta").append(f"spent {amount(view.spent)} of {amount(view.total)}")
    legend.append("  ─ ", "dim").append(f"free {amount(max(0.0, view.left - view.set_aside))}")
    if view.set_aside:
        legend.append("  ░ ", "yellow").append(f"set aside {amount(view.set_aside)}")
    return legend
