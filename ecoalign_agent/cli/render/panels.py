"""The answer and the receipt in frames, for a terminal."""

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ecoalign_agent.cli.render.format import NOT_USEFUL, amount, fraction, is_useless, share, signed
from ecoalign_agent.cli.render.receipt import answer_text, phase_rows, receipt_rows
from ecoalign_agent.events.result import Result, Status

_STYLES: dict[Status, str] = {"answered": "green", "declined": "yellow", "failed": "red", "waiting": "cyan"}
_BAR = 16  # columns of the widest phase


def answer_panel(result: Result) -> RenderableType:
    """The answer or the refusal in a frame."""
    useless = is_useless(result)
    title = Text("△ " + NOT_USEFUL if useless else "answer" if result.status == "answered" else "declined")
    if result.safety is not None:
        title.append(f" · safety {signed(result.safety)} · useful {fraction(result.utility)}", "not bold")
    style = "yellow" if useless else _STYLES[result.status]
    return Panel(Text(answer_text(result)), title=title, title_align="left", border_style=style, padding=(0, 1))


def labelled_row(label: str, text: str) -> RenderableType:
    """A line with a label in front of it, wrapped beside the label."""
    grid = Table.grid()
    grid.add_column(width=9, style="bold", no_wrap=True)
    grid.add_column()
    grid.add_row(Text(label), Text(text))
    return grid


def receipt_panel(result: Result) -> RenderableType:
    """The receipt in a frame, with a bar for every phase."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    for label, line in receipt_rows(result):
        facts.add_row(Text(label), Text(line))
    parts: list[RenderableType] = [facts]
    if phases := phase_rows(result):
        parts += [Text(""), _bars(phases, result.cost.spent)]
    return Panel(Group(*parts), title=Text("receipt"), title_align="left", border_style="dim", padding=(0, 1))


def _bars(phases: list[tuple[str, float]], spent: float) -> Table:
    bars = Table.grid(padding=(0, 2))
    bars.add_column(no_wrap=True, style="dim", min_width=11)
    bars.add_column(justify="right", no_wrap=True)
    bars.add_column(justify="right", no_wrap=True)
    bars.add_column(no_wrap=True, style="magenta")
    largest = max(cost for _, cost in phases)
    for phase, cost in phases:
        bar = "█" * max(1, round(_BAR * cost / largest))
        bars.add_row(Text(phase), Text(amount(cost)), Text(share(cost, spent)), Text(bar))
    return bars
