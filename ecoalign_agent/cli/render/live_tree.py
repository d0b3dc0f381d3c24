"""The live tree of a run on a terminal: one line a thought, older ones folded away when there are too many.

A thought with several parents hangs under its first one and names the others.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Self

from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from ecoalign_agent.cli.render.format import amount, count, fraction, is_useless, one_line, rate, signed, thought_label
from ecoalign_agent.cli.render.plain import Screen
from ecoalign_agent.cli.render.view import ShownAction, ShownThought, View
from ecoalign_agent.events.events import Event

_MARKS = {"live": "○", "chosen": "●", "pruned": "✗", "merged": "≈"}
_STYLES = {"live": "", "chosen": "bold green", "pruned": "dim", "merged": "dim"}
_MAX_DEPTH = 7  # levels of guides drawn: deeper ones would leave no room for words


_Widths = tuple[int, int, int, int]


def _widths(width: int) -> _Widths:
    """Widths of safety, useful, cost and V; 0 hides a figure that a narrow screen has no room for."""
    if width >= 72:
        return 7, 7, 8, 9
    return (7, 0, 8, 0) if width >= 44 else (0, 0, 0, 0)


def _cells(widths: _Widths, *figures: str, style: str = "") -> Text:
    cells = zip(figures, widths, strict=True)
    return Text("".join(figure.rjust(width) for figure, width in cells if width), style)


def tree_lines(view: View, *, width: int, room: int) -> list[Text]:
    """The tree in at most ``room`` lines of ``width`` columns: root, chosen path and the newest thoughts come first."""
    if not view.thoughts:
        return []
    columns = _widths(width)
    head = _line(Text("thoughts", "dim"), _cells(columns, "safety", "useful", "cost", "V", style="dim"), width, columns)
    actions = _shown_actions(view, limit=max(1, room // 3))
    visible, folded = _visible(view, room - 1 - len(actions))
    children: dict[str | None, list[str]] = {}
    for id_ in visible:
        children.setdefault(_nearest(view, id_, visible), []).append(id_)
    hanging: dict[str | None, list[ShownAction]] = {}
    for action in actions:
        hanging.setdefault(action.tip if action.tip in visible else next(iter(visible), None), []).append(action)
    lines = [head]
    if folded:
        lines.append(fit_line(Text(f"⋯ {folded}", "dim"), width))
    lines += [
        _line(_words(guides, shown, width - sum(columns)), _figures(shown, columns), width, columns)
        for guides, shown in _walk(view, None, children, hanging)
    ]
    return lines[: max(room, 1)]


def fit_line(line: Text, width: int) -> Text:
    """The line, cut to ``width`` columns."""
    line.truncate(width, overflow="ellipsis")
    line.no_wrap = True
    return line


def _shown_actions(view: View, limit: int) -> list[ShownAction]:
    actions = view.candidates.values()
    selected = [action for action in actions if action.selected]
    others = sorted((action for action in actions if not action.selected), key=lambda action: -(action.value or 0))
    # Of the rest a person needs no list.
    return (selected + others[: max(0, 3 - len(selected))])[:limit]


def _visible(view: View, room: int) -> tuple[dict[str, None], str]:
    thoughts = view.thoughts
    chosen = [id_ for id_, thought in thoughts.items() if thought.fate == "chosen"]
    wanted = dict.fromkeys([next(iter(thoughts)), *reversed(chosen), *reversed(thoughts)])
    picked = set(list(wanted)[: max(1, room - 1)])
    gone = [thought for thought in thoughts.values() if thought.id not in picked]
    if len(thoughts) <= room or not gone:
        return dict.fromkeys(thoughts), ""
    cut = sum(thought.fate in {"pruned", "merged"} for thought in gone)
    noun = "older thought" if len(gone) == 1 else "older thoughts"
    return dict.fromkeys(id_ for id_ in thoughts if id_ in picked), f"{len(gone)} {noun} folded away, {cut} of them cut"


def _nearest(view: View, id_: str, visible: dict[str, None]) -> str | None:
    seen = {id_}
    parent = view.parent(view.thoughts[id_])
    while parent is not None and parent not in visible:
        if parent in seen:
            return next(iter(visible))
        seen.add(parent)
        parent = view.parent(view.thoughts[parent])
    return parent


def _walk(
    view: View,
    parent: str | None,
    children: dict[str | None, list[str]],
    hanging: dict[str | None, list[ShownAction]],
    guides: tuple[bool, ...] = (),
) -> Iterator[tuple[tuple[bool, ...], ShownThought | ShownAction]]:
    """Depth first; a guide says for every level whether more follows there."""
    below: list[ShownThought | ShownAction] = [view.thoughts[id_] for id_ in children.get(parent, ())]
    below += hanging.get(parent, []) if parent is not None else []
    for index, shown in enumerate(below):
        here = (*guides, index < len(below) - 1)
        yield here, shown
        if isinstance(shown, ShownThought):
            yield from _walk(view, shown.id, children, hanging, here)


def _guide(levels: tuple[bool, ...]) -> str:
    if len(levels) <= 1:
        return ""
    stems = levels[1:-1]
    drawn = "".join("│ " if more else "  " for more in stems[-_MAX_DEPTH:])
    return ("⋯ " if len(stems) > _MAX_DEPTH else "") + drawn + ("├ " if levels[-1] else "└ ")


def _words(levels: tuple[bool, ...], shown: ShownThought | ShownAction, room: int) -> Text:
    text = Text(_guide(levels), "dim", no_wrap=True)
    if isinstance(shown, ShownAction):
        mark, style = ("▸", "cyan") if shown.selected else ("·", "dim")
        return text.append(f"{mark} {shown.kind}? {shown.aim}", style)
    text.append(f"{_MARKS[shown.fate]} ", _STYLES[shown.fate])
    if shown.kind == "root":
        return text.append(shown.text, "bold")
    text.append(f"{thought_label(shown.kind, shown.id)} ", _STYLES[shown.fate] or "bold")
    if shown.fate in {"pruned", "merged"}:
        return _cut_thought(text, shown, room)
    if len(shown.parents) > 1:
        text.append(f"(with {', '.join(one_line(parent, 8) for parent in shown.parents[1:3])}) ", "dim")
    return text.append(shown.text)


def _cut_thought(text: Text, shown: ShownThought, room: int) -> Text:
    why = f"{shown.fate}: {shown.why}" if shown.fate == "pruned" else shown.why
    left = room - text.cell_len - cell_len(why) - 2
    if shown.text and left >= 12:
        words = Text(shown.text, "strike dim")
        words.truncate(left, overflow="ellipsis")
        text.append_text(words).append("  ")
    return text.append(why, "yellow" if shown.fate == "pruned" else "dim")


def _figures(shown: ShownThought | ShownAction, columns: _Widths) -> Text:
    if isinstance(shown, ShownAction):
        value = rate(shown.value) if shown.value is not None or not shown.scored else "none"
        figures = signed(shown.safety), fraction(shown.utility), f"~{amount(shown.cost)}", value
        return _cells(columns, *figures, style="cyan" if shown.selected else "dim")
    if shown.kind == "root" or (shown.kind == "strategy" and not shown.cost):
        return _cells(columns, signed(shown.safety) if shown.kind == "root" else "", "", "", "")
    cells = _cells(columns, signed(shown.safety), fraction(shown.utility), amount(shown.cost), rate(shown.value))
    if shown.fate in {"pruned", "merged"}:
        cells.stylize("dim")
    unsafe = shown.safety is None or shown.safety < 0
    cells.stylize("red" if unsafe else "green", 0, columns[0])
    return cells


def _line(words: Text, figures: Text, width: int, columns: _Widths) -> Text:
    words.truncate(max(1, width - sum(columns)), overflow="ellipsis", pad=True)
    words.no_wrap = True
    return words.append_text(figures)


_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_ENDINGS = {"answered": ("✔", "green"), "declined": ("■", "yellow"), "failed": ("✗", "red"), "waiting": ("…", "cyan")}
_NOT_USEFUL = ("△", "yellow")
_OTHER_LINES = 6  # lines that are no tree: question, models, blank, bar, legend, status
_MIN_HEIGHT = 10  # lines of a terminal below which there is no room for a tree


class LiveTree(Screen):
    """Draws a run on a terminal, eight times a second, so that it never looks dead; the last drawing stays."""

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
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        with self._lock:
            self._ended = self._clock()
        self._live.transient = not self._view.models  # a run that ended before its first event leaves nothing behind
        self._live.stop()

    def show(self, event: Event) -> None:
        """Draw an event at the next redrawing."""
        with self._lock:
            self._view.update(event)

    def frame(self) -> RenderableType:
        """The present drawing, at most as high as the terminal less one line."""
        width, height = self._console.size
        with self._lock:
            if not self._view.models:
                return self._status(width)
            if height < _MIN_HEIGHT:
                return Group(*[fit_line(budget_legend(self._view), width), self._status(width)][-max(1, height - 1) :])
            pictures = count(self._view.pictures, "picture") if self._view.pictures else "no picture"
            lines = [
                *([fit_line(Text(self._view.question, "bold"), width)] if self._titled else []),
                fit_line(Text(f"{pictures} · {self._view.models}", "dim"), width),
                *tree_lines(self._view, width=width, room=height - 1 - _OTHER_LINES),
                Text(""),
                budget_bar(self._view, width),
                fit_line(budget_legend(self._view), width),
                self._status(width),
            ]
        return Group(*lines)

    def _status(self, width: int) -> Text:
        seconds = (self._clock() if self._ended is None else self._ended) - self._began
        result = self._view.result
        if result is not None:
            mark, style = _NOT_USEFUL if is_useless(result) else _ENDINGS[result.status]
        elif self._ended is not None:
            mark, style = "✗ stopped during:", "red"
        else:
            mark, style = _SPINNER[int(seconds * 8) % len(_SPINNER)], "cyan"
        line = Text.assemble((f"{mark} {self._view.activity}", style), (f"  {seconds:.1f} s", "bold"))
        if self._view.thoughts:
            line.append(f" · {self._view.summary()}", "dim")
        return fit_line(line, width)


def budget_bar(view: View, width: int) -> Text:
    """The budget B as a bar: spent, free, reserved for the answer. They differ by shape, not by colour alone."""
    total = max(view.total, view.spent, 1e-12)
    spent = round(width * view.spent / total)
    reserved = min(width - spent, round(width * min(view.reserved, view.left) / total))
    parts = (("█" * spent, "magenta"), ("─" * (width - spent - reserved), "dim"), ("░" * reserved, "yellow"))
    return Text.assemble(*parts, no_wrap=True)


def budget_legend(view: View) -> Text:
    """The bar in figures, with the present horizon."""
    legend = Text()
    if view.horizon is not None:
        legend.append(f"horizon {view.horizon}  ", "bold" if view.horizon else "dim")
    legend.append("█ ", "magenta").append(f"spent {amount(view.spent)} of {amount(view.total)}")
    legend.append("  ─ ", "dim").append(f"free {amount(max(0.0, view.left - view.reserved))}")
    if view.reserved:
        legend.append("  ░ ", "yellow").append(f"reserved {amount(view.reserved)}")
    return legend
