"""What goes where: the answer to standard output, everything else to standard error."""
# ruff: noqa: PLC0415 - drawing is imported only where there is a terminal: a pipe gets its answer sooner without it

import os
import sys
from types import TracebackType
from typing import Protocol, Self, TextIO

from ecoalign_agent.errors import RunError
from ecoalign_agent.terminal import receipt
from ecoalign_agent.terminal.plain import PlainLines
from ecoalign_agent.terminal.wording import one_line
from ecoalign_agent.trace.events import Event
from ecoalign_agent.trace.log import as_json
from ecoalign_agent.trace.result import Record, Result


class Screen(Protocol):
    """Shows a run while it thinks."""

    def __enter__(self) -> Self:
        """Begin to show."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the terminal as it was, whatever happened."""

    def tell(self, event: Event) -> None:
        """Show what happened."""


class Nothing:
    """The screen of ``--quiet``."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def tell(self, event: Event) -> None:
        """Show nothing."""


class Output:
    """Where the words of one command go.

    Standard output holds the answer and nothing else, on a terminal with the receipt below it; with ``json`` exactly
    one JSON object. A reader who leaves early (``| head``) ends nothing and is no error.
    """

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self.quiet = quiet

    def screen(self) -> Screen:
        """How a run is shown: as a live tree on a terminal, else as plain lines; not at all when quiet."""
        if self.quiet:
            return Nothing()
        if is_terminal(sys.stderr):
            from rich.console import Console

            from ecoalign_agent.terminal.live import LiveTree

            return LiveTree(Console(stderr=True, highlight=False))
        return PlainLines(self.progress)

    def progress(self, line: str = "") -> None:
        """A line for whoever watches, on standard error."""
        if not self.quiet:
            _write(sys.stderr, line + "\n")

    def result(self, result: Result) -> None:
        """The answer, and the receipt where there is room for one.

        Raises:
            RunError: standard output can't be written.
        """
        if self.json:
            self.record(result)
            return
        self._answer(result)
        if self._framed:
            from ecoalign_agent.terminal.panels import receipt_panel

            _draw(receipt_panel(result))
            return
        for line in receipt.receipt_lines(result):
            self.progress(line)

    def record(self, record: Record) -> None:
        """One JSON object on standard output."""
        _write(sys.stdout, as_json(record) + "\n")

    def say(self, line: str = "") -> None:
        """A line of a demonstration, on standard output; none beside JSON."""
        if not self.json:
            _write(sys.stdout, line + "\n")

    def outcome(self, result: Result, notice: str) -> None:
        """A demonstration's answer, its receipt in one line, and what to notice."""
        if self.json:
            return
        self._answer(result)
        self.say(f"receipt  {receipt.receipt_line(result)}")
        for note in result.notes:
            self.say(f"note     {one_line(note, 400)}")
        self.say(f"notice   {notice}")
        self.say()

    def error(self, message: str) -> None:
        """One line on standard error, also when quiet."""
        _write(sys.stderr, f"error: {one_line(message, 1_000)}\n")

    @property
    def _framed(self) -> bool:
        return is_terminal(sys.stdout) and not self.quiet

    def _answer(self, result: Result) -> None:
        if result.answer is None:
            return
        if self._framed:
            from ecoalign_agent.terminal.panels import answer_panel

            _draw(answer_panel(result))
        else:
            _write(sys.stdout, receipt.answer_text(result) + "\n")


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal to draw on: FORCE_COLOR, which Rich heeds, makes no terminal of a pipe."""
    return stream is not None and stream.isatty() and os.environ.get("TERM", "") not in {"dumb", "unknown"}


def speak_utf8() -> None:
    """Standard output and error in UTF-8, whatever the locale says: answers are in any language."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def _draw(drawing: object) -> None:
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(drawing)


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _silence(stream)
    except OSError as error:
        _silence(stream)
        raise RunError(
            f"{stream.name} can't be written: {error.strerror}; free some space or write elsewhere"
        ) from error


def _silence(stream: TextIO) -> None:
    """What is still in the stream's buffer would fail again when the interpreter ends: let it go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
