"""Standard output and error: in UTF-8, drawn on only where they are terminals, and a reader may leave.

What goes where: the answer to standard output, everything else to standard error.
"""

# ruff: noqa: PLC0415 - drawing is imported only where there is a terminal: a pipe gets its answer sooner without it

import json
import os
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Protocol, Self, TextIO

from ecoalign_agent.cli.render import receipt
from ecoalign_agent.cli.render.format import one_line
from ecoalign_agent.cli.render.plain import PlainLines
from ecoalign_agent.errors import RunError
from ecoalign_agent.events.events import Event
from ecoalign_agent.events.log import to_json_line
from ecoalign_agent.events.result import Record, Result


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal to draw on: FORCE_COLOR, which Rich heeds, makes no terminal of a pipe."""
    if stream is None or not stream.isatty():
        return False
    from rich.console import Console

    return not Console(file=stream).is_dumb_terminal


def speak_utf8() -> None:
    """Standard output and error in UTF-8, whatever the locale says: answers are in any language."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(encoding="utf-8", errors="replace")


def write(stream: TextIO | None, text: str) -> None:
    """Write at once. A reader who left is no error; what comes after goes nowhere.

    Raises:
        RunError: the stream can't be written for another reason, such as a full disk.
    """
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


def write_json(value: object) -> None:
    """One JSON object on standard output."""
    write(sys.stdout, json.dumps(value, ensure_ascii=False) + "\n")


def tell_notice(message: str) -> None:
    """One line on standard error that is no error."""
    write(sys.stderr, f"{one_line(message, 1_000)}\n")


def tell_error(message: str) -> None:
    """One line on standard error."""
    write(sys.stderr, f"error: {one_line(message, 1_000)}\n")


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

    def screen(self, *, titled: bool = True) -> Screen:
        """How a run is shown: as a live tree on a terminal, else as plain lines; not at all when quiet.

        Args:
            titled: the live tree begins with the question.
        """
        if self.quiet:
            return Nothing()
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
        """The answer, and the receipt where there is room for one.

        Raises:
            RunError: standard output can't be written.
        """
        if self.json:
            self.record(result)
            return
        self._answer(result)
        if self._framed:
            from ecoalign_agent.cli.render.receipt import receipt_panel

            _draw(receipt_panel(result))
            return
        for line in receipt.receipt_lines(result):
            self.progress(line)

    def record(self, record: Record) -> None:
        """One JSON object on standard output."""
        write(sys.stdout, to_json_line(record) + "\n")

    def say(self, label: str = "", text: str = "") -> None:
        """A line of a demonstration, on standard output, wrapped on a terminal; none beside JSON."""
        if self.json:
            return
        if not is_terminal(sys.stdout):
            write(sys.stdout, f"{label:<9}{text}".rstrip() + "\n")
            return
        from ecoalign_agent.cli.render.receipt import labelled

        _draw(labelled(label, text))

    def table(self, lines: Sequence[str]) -> None:
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
            self.say("answer", receipt.answer_text(result))
        if result.failure:
            self.say("error", one_line(result.failure, 400))
        self.say("receipt", receipt.receipt_line(result))
        self.say("notice", notice)
        self.say()

    @property
    def _framed(self) -> bool:
        return is_terminal(sys.stdout) and not self.quiet

    def _answer(self, result: Result) -> None:
        if result.answer is None:
            return
        if self._framed:
            from ecoalign_agent.cli.render.receipt import answer_panel

            _draw(answer_panel(result))
        else:
            write(sys.stdout, receipt.answer_text(result) + "\n")


def _draw(drawing: object) -> None:
    from rich.console import Console

    Console(file=sys.stdout, highlight=False).print(drawing)
