"""Standard output and error: UTF-8, safe when the reader closes the pipe. Loads nothing heavy."""

import json
import os
import sys
from typing import TextIO

from ecoalign_agent.cli.render.format import one_line
from ecoalign_agent.errors import RunError


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal to draw on: FORCE_COLOR, which Rich heeds, makes no terminal of a pipe."""
    if stream is None or not stream.isatty():
        return False
    from rich.console import Console

    return not Console(file=stream).is_dumb_terminal


def use_utf8() -> None:
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
    # The stream's buffer would fail again when the interpreter ends.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def write_json(value: object) -> None:
    """One JSON object on standard output."""
    write(sys.stdout, json.dumps(value, ensure_ascii=False) + "\n")


def write_notice(message: str) -> None:
    """One line on standard error that is no error."""
    write(sys.stderr, f"{one_line(message, 1_000)}\n")


def write_error(message: str) -> None:
    """One line on standard error."""
    write(sys.stderr, f"error: {one_line(message, 1_000)}\n")
