"""The output of a command: the answer on standard output, everything else on standard error.

Drawing is imported only where there is a terminal: a pipe gets its answer sooner without it.
"""

import sys
from collections.abc import AsyncIterator, Mapping, Sequence

from ecoalign_agent.cli.render import receipt
from ecoalign_agent.cli.render.format import one_line
from ecoalign_agent.cli.render.plain import PlainLines, Screen
from ecoalign_agent.cli.render.streams import is_terminal, write, write_json
from ecoalign_agent.errors import RunError
from ecoalign_agent.events.events import Answered, BudgetMoved, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.log import EventLog, to_json_line
from ecoalign_agent.events.result import Record, Result


class Output:
    """Standard output and error of one command.

    Standard output holds the answer and nothing else, on a terminal with the receipt below it; with ``json`` exactly
    one JSON object. A reader who leaves early (``| head``) ends nothing and is no error.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet
        self.events: list[Event] = []
        self.trace_error = ""

    @property
    def spent(self) -> float | None:
        """Cost units known to be spent; None before the first event with a budget."""
        return next((event.spent for event in reversed(self.events) if isinstance(event, BudgetMoved)), None)

    async def follow(self, events: AsyncIterator[Event], screen: Screen, log: EventLog | None = None) -> Result:
        """Follow a run to its last event.

        A trace that can't be written any more does not cost the answer, which is paid for: ``trace_error`` says why.
        """
        result: Result | None = None
        async for event in events:
            self.events.append(event)
            screen.show(event)
            if log is not None and not self.trace_error:
                try:
                    log.write(event)
                except RunError as error:
                    self.trace_error = str(error)
            if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                result = event.result
        if result is None:
            raise RunError("the run ended without a result: its last event never came")
        return result

    def screen(self, *, titled: bool = True) -> Screen:
        """A live tree on a terminal, with the question if ``titled``; else plain lines; nothing when quiet."""
        if self.quiet:
            return Screen()
        if is_terminal(sys.stderr):
            from rich.console import Console

            from ecoalign_agent.cli.render.live_tree import LiveTree

            return LiveTree(Console(stderr=True, highlight=False), titled=titled)
        return PlainLines(self.progress)

    def progress(self, line: str = "") -> None:
        """A line for whoever watches, on standard error."""
        if not self.quiet:
            write(sys.stderr, line + "\n")

    def result(self, result: Result) -> None:
        """The answer, and the receipt where there is room for one."""
        if self.json:
            self.record(result)
            return
        self._answer(result)
        if self._framed:
            from ecoalign_agent.cli.render.panels import receipt_panel

            _draw(receipt_panel(result))
        else:
            self.progress("\n".join(receipt.receipt_lines(result)))

    def record(self, record: Record) -> None:
        """One JSON object on standard output."""
        write(sys.stdout, to_json_line(record) + "\n")

    def report(self, record: Record | Mapping[str, object], lines: Sequence[str]) -> None:
        """A command's outcome on standard output: one JSON object, or the lines of its text."""
        if not self.json:
            self.lines(lines)
        elif isinstance(record, Record):
            self.record(record)
        else:
            write_json(record)

    def labelled(self, label: str = "", text: str = "") -> None:
        """A line with a label on standard output, wrapped on a terminal; none beside JSON."""
        if self.json:
            return
        if not is_terminal(sys.stdout):
            write(sys.stdout, f"{label:<9}{text}".rstrip() + "\n")
            return
        from ecoalign_agent.cli.render.panels import labelled_row

        _draw(labelled_row(label, text))

    def lines(self, lines: Sequence[str]) -> None:
        """Lines that are laid out already."""
        if not self.json:
            write(sys.stdout, "".join(line + "\n" for line in lines))

    def outcome(self, result: Result, notice: str) -> None:
        """A demonstration's answer, its receipt in one line, and what to notice."""
        if self.json:
            return
        if self._framed or result.answer is None:
            self._answer(result)
        else:
            self.labelled("answer", receipt.answer_text(result))
        if result.failure:
            self.labelled("error", one_line(result.failure, 400))
        self.labelled("receipt", receipt.receipt_line(result))
        self.labelled("notice", notice)
        self.labelled()

    @property
    def _framed(self) -> bool:
        return is_terminal(sys.stdout) and not self.quiet

    def _answer(self, result: Result) -> None:
        if result.answer is None:
            return
        if self._framed:
            from ecoalign_agent.cli.render.panels import answer_panel

            _draw(answer_panel(result))
        else:
            write(sys.stdout, receipt.answer_text(result) + "\n")


def _draw(drawing: object) -> None:
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(drawing)
