"""One JSON object a line on standard error: what happened to which request. No key, no prompt unless asked for."""

import json
import logging
import sys
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

LOG = logging.getLogger("ecoalign_agent.serving")
"""Where the server writes; fields go into ``extra={"fields": {…}}``."""

_LONGEST = 4_000

_ENCODER = json.JSONEncoder(default=str)


class JsonLines(logging.Formatter):
    """Formats a record as one line of JSON: time, level, what happened, and its fields."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; whatever a field holds, it stays one line and one object."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage()[:_LONGEST],
        }
        line |= {name: _bounded(value) for name, value in getattr(record, "fields", {}).items() if value is not None}
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["traceback"] = _where(record.exc_info[1])
        return _ENCODER.encode(line)


class _Standard(logging.StreamHandler[Any]):
    """Writes to what standard error is at that moment; a reader who left is no error."""

    def emit(self, record: logging.LogRecord) -> None:
        self.stream = sys.stderr
        with suppress(BrokenPipeError):
            super().emit(record)


def start_logging() -> None:
    """Send our own lines and the web server's warnings to standard error as JSON."""
    handler = _Standard()
    handler.setFormatter(JsonLines())
    for name, level in ((LOG.name, logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(level)


def tell(event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 - JSON
    """Write one line."""
    LOG.log(level, event, extra={"fields": fields})


def _bounded(value: object) -> object:
    return value[:_LONGEST] + "…" if isinstance(value, str) and len(value) > _LONGEST else value


def _where(error: BaseException) -> list[str]:
    """Files, lines and functions, of every error of a group; not the messages, which may hold what was asked."""
    if isinstance(error, BaseExceptionGroup):
        return [place for inner in error.exceptions[:4] for place in _where(inner)]
    frames = traceback.extract_tb(error.__traceback__)[-12:]
    return [type(error).__name__, *(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)]
