"""A run as plain lines, for logs and pipes; and several runs as a table of 80 columns."""

from collections.abc import Callable, Sequence
from typing import Self

from ecoalign_agent.cli.render.format import (
    amount,
    count,
    fraction,
    models_line,
    one_line,
    outcome_line,
    rate,
    signed,
)
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Result, Rewrite


class Screen:
    """Shows a run under way; this one shows nothing, as ``--quiet`` wants it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Leave the terminal as it was, whatever happened."""

    def show(self, event: events.Event) -> None:
        """Show an event."""


class PlainLines(Screen):
    """Writes one line for each event that is worth one. ``write`` takes a line without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._actions: dict[str, events.OfferedAction] = {}

    def show(self, event: events.Event) -> None:
        """Write the event's line."""
        if isinstance(event, events.Proposed):
            self._actions.update({action.id: action for action in event.actions})
        if line := self._line(event):
            self._write(f"{event.at:6.1f} s  {line}")

    def _line(self, event: events.Event) -> str:
        match event:
            case events.RewriteStarted():
                pictures = count(event.pictures, "picture")
                line = f"rewriting {pictures}, up to {amount(event.budget)} {one_line(event.tariff)}"
            case events.Analysed():
                found = next((part for part in (event.both, event.image, event.text) if part), "nothing provokes harm")
                line = f"analysed  safety {signed(event.safety)} as asked: {one_line(found, 100)}"
            case events.Rewritten():
                line = _rewritten(event.rewrite)
            case events.RunStarted():
                budget = f"budget {amount(event.budget)} {one_line(event.tariff)}"
                line = f"started   {count(event.pictures, 'picture')}, {budget}; {models_line(event.models)}"
            case events.Scanned():
                line = _scanned(event)
            case events.Planned():
                line = f"planned   {one_line(event.text, 100) or 'the strategy was not safe and is not used'}"
            case events.Proposed():
                line = _proposed(event)
            case events.Scored():
                line = self._scored(event)
            case events.ThoughtAdded():
                line = _thought(event)
            case _:
                line = _bookkeeping(event)
        return line

    def _scored(self, event: events.Scored) -> str:
        selected = [
            f"{one_line(self._actions[scored.action].kind, 12)} (V {rate(scored.value)})"
            if scored.action in self._actions
            else one_line(scored.action, 24)
            for scored in event.actions
            if scored.bought
        ]
        ahead = f"horizon {event.horizon}{', looked ahead' if event.simulated else ''}"
        return f"scored    {count(len(event.actions), 'action')}, {ahead}; buying {', '.join(selected) or 'nothing'}"


def _rewritten(rewrite: Rewrite) -> str:
    if rewrite.changed:
        return f"rewritten {one_line(rewrite.prompt, 200)}"
    return "unchanged the question is harmless" if rewrite.status == "unchanged" else f"as asked  {rewrite.status}"


def _scanned(event: events.Scanned) -> str:
    found = [count(event.regions, "place"), count(event.actions, "action")]
    if event.drafted:
        found.append("a draft answer")
    hazard = f" ({one_line(event.hazard, 40)})" if event.safety < 0 and event.hazard else ""
    line = f"scanned   safety {signed(event.safety)}{hazard}, {', '.join(found)}, budget {amount(event.budget)}"
    caption = one_line(event.caption or event.seen_text, 70)
    return f"{line}: {caption}" if caption else line


def _proposed(event: events.Proposed) -> str:
    if event.problem:
        return f"proposed  nothing readable: {one_line(event.problem, 100)}"
    kinds = ", ".join(one_line(action.kind, 12) for action in event.actions)
    return f"proposed  {kinds or 'nothing'} from {one_line(event.tip, 24)}"


def _thought(event: events.ThoughtAdded) -> str:
    if event.thought_kind == "root":
        return ""
    figures = f"safety {signed(event.safety)} useful {fraction(event.utility)} cost {amount(event.cost)}"
    kind, text = one_line(event.thought_kind, 12), one_line(event.text, 100) or "(text withheld)"
    return f"thought   {one_line(event.id, 24)} {kind}: {figures}: {text}"


def _bookkeeping(event: events.Event) -> str:
    match event:
        case events.Pruned():
            return f"pruned    {one_line(event.id, 24)}: {one_line(event.reason, 100)}"
        case events.Merged():
            saving = f", saves {amount(event.saving)}" if event.saving else ""
            return f"merged    {one_line(event.dropped, 24)} into {one_line(event.kept, 24)}{saving}"
        case events.BudgetMoved():
            free = max(0.0, event.left - event.set_aside)
            spent = f"spent {amount(event.spent)} of {amount(event.total)}, free {amount(free)}"
            return f"budget    {spent}, reserved {amount(event.set_aside)}, horizon {event.horizon}"
        case events.Reviewed():
            review = event.review
            return f"reviewed  {one_line(review.id, 24)}: {review.ruling}, safety {signed(review.safety)}"
        case events.Answered() | events.Declined() | events.Failed() | events.ReviewAsked():
            status, _, reason = outcome_line(event.result).partition(": ")
            return f"{status:<9} {reason}"
        case _:
            return ""


_QUESTION = 42


def summary_lines(runs: Sequence[tuple[str, Result]]) -> list[str]:
    """One line for every question with its result, and the sums."""
    lines = [_row("question", "status", "calls", "cost", "seconds"), "─" * (_QUESTION + 35)]
    lines += [_row(one_line(question, _QUESTION), result.status, *_figures([result])) for question, result in runs]
    together = _row("together", "", *_figures([result for _, result in runs]))
    return [*lines, lines[1], together]


def _row(question: str, status: str, calls: str, cost: str, seconds: str) -> str:
    return f"{question:<{_QUESTION + 2}}{status:<9}{calls:>6}{cost:>9}{seconds:>9}"


def _figures(results: Sequence[Result]) -> tuple[str, str, str]:
    calls, spent = sum(result.cost.calls for result in results), sum(result.cost.spent for result in results)
    return str(calls), amount(spent), f"{sum(result.seconds for result in results):.1f}"
