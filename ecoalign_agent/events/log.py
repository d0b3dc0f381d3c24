"""Traces: the events of runs as JSON Lines, one event a line, in order."""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.events.events import Event, event_adapter
from ecoalign_agent.events.result import Record

# Characters that a terminal acts on or hides. In JSON they can only stand in strings, where an escape means the same.
_UNSEEN = re.compile("[\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]")
_HALF = re.compile("[\ud800-\udfff]")


def to_json_line(record: Record) -> str:
    """A record as one line of JSON that is safe to print: no control character stands in it unescaped.

    Half a surrogate pair, which a model can send and UTF-8 can't hold, becomes the replacement character.
    """
    text = json.dumps(record.model_dump(mode="python"), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", _HALF.sub("\ufffd", text))


class EventLog:
    """Writes events to a file as they come. Each line is one write, so that a reader never sees half an event.

    An existing trace is added to. A file that was made and got no event is taken away again.

    Raises:
        UsageError: on entering: the file can't be written, or holds what is no trace. Nothing is spent by then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = Path(path)
        self._file: int | None = None
        self._made = False
        self._written = 0

    def __enter__(self) -> Self:
        try:
            self._made = not self._path.exists()
            self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
            if self._path.is_file():
                _check_end(self._path)
        except (OSError, ValueError) as error:
            self._close()
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(f"trace file {str(self._path)!r} can't be written: {reason}; name another file") from error
        except UsageError:
            self._close()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._close()
        if self._made and not self._written:
            self._path.unlink(missing_ok=True)

    def write(self, event: Event) -> None:
        """Add one event. A line that could not be written whole is taken back where the file allows it: RunError."""
        if self._file is None:
            raise RunError(f"trace file {str(self._path)!r} is not open")
        line = (to_json_line(event) + "\n").encode()
        try:
            done = os.write(self._file, line)
        except OSError as error:
            raise RunError(f"trace file {str(self._path)!r} ends early: {error.strerror}") from error
        if done < len(line):
            if self._path.is_file():
                os.ftruncate(self._file, os.fstat(self._file).st_size - done)
            raise RunError(f"trace file {str(self._path)!r} ends early: no space for event {event.number}")
        self._written += 1

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def read_events(path: str | os.PathLike[str]) -> Iterator[Event]:
    """The events of a trace, in order, one at a time; UsageError names the file, and the line that is no event."""
    try:
        with Path(path).open("rb") as lines:
            for number, line in enumerate(lines, start=1):
                yield _event(line, f"trace file {str(path)!r}, line {number}")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"trace file {str(path)!r} can't be read: {reason}") from error


def _event(line: bytes, where: str) -> Event:
    try:
        return event_adapter.validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(f"{where} is no event: {first['msg']}") from error


def _check_end(path: Path) -> None:
    """Refuse to add to a file whose end is no event: it is something else, or was cut off."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size == 0:
            return
        end = b""
        while size > 0 and end.count(b"\n", 0, len(end) - 1 if end else 0) == 0:
            step = min(size, 65_536)
            size -= step
            file.seek(size)
            end = file.read(step) + end
    last = end[:-1].rsplit(b"\n", 1)[-1]
    try:
        event_adapter.validate_json(last if end.endswith(b"\n") else b"")
    except ValidationError as error:
        raise UsageError(
            f"trace file {str(path)!r} exists and does not end with an event: no whole trace; name another file"
        ) from error
