"""A run as plain lines, for logs and pipes: one line for every event that is worth one.

Several runs side by side, as a table of plain text that fits 80 columns.
"""

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from ecoalign_agent.cli.render.format import STOPPED, amount, count, fraction, one_line, rate, signed, who
from ecoalign_agent.events import events as told
from ecoalign_agent.events.result import Result


class PlainLines:
    """Writes a line for every event that is worth one. ``write`` takes a line without its end."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._offers: dict[str, told.OfferedAction] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tell(self, event: told.Event) -> None:
        """Write what happened, when it is worth a line."""
        if isinstance(event, told.Proposed):
            self._offers.update({action.id: action for action in event.actions})
        line = self._line(event)
        if line:
            self._write(f"{event.at:6.1f} s  {line}")

    def _line(self, event: told.Event) -> str:
        match event:
            case told.RewriteStarted() | told.Analysed() | told.Rewritten():
                line = _rewrite(event)
            case told.RunStarted():
                line = _started(event)
            case told.Scanned():
                line = _scanned(event)
            case told.Planned():
                line = f"planned   {one_line(event.text, 100) or 'the strategy was not safe and is not used'}"
            case told.Proposed():
                line = _proposed(event)
            case told.Scored():
                line = self._scored(event)
            case told.ThoughtAdded():
                line = _thought(event)
            case _:
                line = _bookkeeping(event)
        return line

    def _scored(self, event: told.Scored) -> str:
        bought = [
            f"{one_line(self._offers[scored.action].kind, 12)} (V {rate(scored.value)})"
            if scored.action in self._offers
            else one_line(scored.action, 24)
            for scored in event.actions
            if scored.bought
        ]
        ahead = f"horizon {event.horizon}{', looked ahead' if event.simulated else ''}"
        return f"scored    {count(len(event.actions), 'action')}, {ahead}; buying {', '.join(bought) or 'nothing'}"


def _rewrite(event: told.RewriteStarted | told.Analysed | told.Rewritten) -> str:
    match event:
        case told.RewriteStarted():
            pictures = count(event.pictures, "picture")
            return f"rewriting {pictures}, up to {amount(event.budget)} {one_line(event.tariff)}"
        case told.Analysed():
            found = next((part for part in (event.both, event.image, event.text) if part), "nothing provokes harm")
            return f"analysed  safety {signed(event.safety)} as asked: {one_line(found, 100)}"
        case told.Rewritten():
            made = event.rewrite
            if made.changed:
                return f"rewritten {one_line(made.prompt, 200)}"
            return "unchanged the question is harmless" if made.status == "unchanged" else f"as asked  {made.status}"


def _started(event: told.RunStarted) -> str:
    pictures = count(event.pictures, "picture")
    return f"started   {pictures}, budget {amount(event.budget)} {one_line(event.tariff)}; {who(event.models)}"


def _scanned(event: told.Scanned) -> str:
    found = [count(event.regions, "place"), count(event.actions, "action")]
    if event.drafted:
        found.append("a draft answer")
    hazard = f" ({one_line(event.hazard, 40)})" if event.safety < 0 and event.hazard else ""
    caption = one_line(event.caption or event.seen_text, 70)
    return (
        f"scanned   safety {signed(event.safety)}{hazard}, {', '.join(found)}, budget {amount(event.budget)}"
        f"{': ' + caption if caption else ''}"
    )


def _proposed(event: told.Proposed) -> str:
    if event.problem:
        return f"proposed  nothing readable: {one_line(event.problem, 100)}"
    kinds = ", ".join(one_line(action.kind, 12) for action in event.actions)
    return f"proposed  {kinds or 'nothing'} from {one_line(event.tip, 24)}"


def _thought(event: told.ThoughtAdded) -> str:
    if event.thought_kind == "root":
        return ""
    figures = f"safety {signed(event.safety)} useful {fraction(event.utility)} cost {amount(event.cost)}"
    kind, text = one_line(event.thought_kind, 12), one_line(event.text, 100) or "(text withheld)"
    return f"thought   {one_line(event.id, 24)} {kind}: {figures}: {text}"


def _bookkeeping(event: told.Event) -> str:
    match event:
        case told.Pruned():
            return f"pruned    {one_line(event.id, 24)}: {one_line(event.reason, 100)}"
        case told.Merged():
            saving = f", saves {amount(event.saving)}" if event.saving else ""
            return f"merged    {one_line(event.dropped, 24)} into {one_line(event.kept, 24)}{saving}"
        case told.BudgetMoved():
            free = max(0.0, event.left - event.set_aside)
            spent = f"spent {amount(event.spent)} of {amount(event.total)}, free {amount(free)}"
            return f"budget    {spent}, set aside {amount(event.set_aside)}, horizon {event.horizon}"
        case told.Reviewed():
            review = event.review
            return f"reviewed  {one_line(review.id, 24)}: {review.ruling}, safety {signed(review.safety)}"
        case told.Answered() | told.Declined() | told.Failed() | told.ReviewAsked():
            return f"{event.result.status:<9} {STOPPED[event.result.stop_reason]}"
        case _:
            return ""


_QUESTION = 42


def summary_lines(runs: Sequence[tuple[str, Result]]) -> list[str]:
    """One line for every question with its result, and the sums."""
    rows = [("question", "status", "calls", "cost", "seconds")]
    rows += [
        (
            one_line(question, _QUESTION),
            result.status,
            str(result.cost.calls),
            amount(result.cost.spent),
            f"{result.seconds:.1f}",
        )
        for question, result in runs
    ]
    results = [result for _, result in runs]
    rows.append(
        (
            "together",
            "",
            str(sum(result.cost.calls for result in results)),
            amount(sum(result.cost.spent for result in results)),
            f"{sum(result.seconds for result in results):.1f}",
        )
    )
    lines = [f"{row[0]:<{_QUESTION}}  {row[1]:<9}{row[2]:>6}{row[3]:>9}{row[4]:>9}" for row in rows]
    rule = "─" * len(lines[0])
    return [lines[0], rule, *lines[1:-1], rule, lines[-1]]
