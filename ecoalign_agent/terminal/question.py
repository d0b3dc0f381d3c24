"""The question as the command line or standard input gives it."""

import io
import sys

from ecoalign_agent.errors import UsageError


def read_question(given: str) -> str:
    """The question: as it was given, or from standard input where it is "-".

    Raises:
        UsageError: it is no UTF-8, or too long.
    """
    return _from_input() if given == "-" else _readable(given)


def _from_input() -> str:
    from ecoalign_agent.alignment.request import MAX_QUESTION  # noqa: PLC0415 - heavy, and seldom needed

    try:
        asked = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8").read(MAX_QUESTION + 1)
    except UnicodeDecodeError as error:
        raise UsageError(f"the question on standard input is not UTF-8 text (byte {error.start})") from error
    if len(asked) > MAX_QUESTION:
        raise UsageError(f"the question on standard input is longer than {MAX_QUESTION:,} characters; shorten it")
    return asked


def _readable(question: str) -> str:
    try:
        question.encode()
    except UnicodeEncodeError as error:
        # The shell handed over bytes that are no UTF-8.
        raise UsageError(f"the question is not UTF-8 text (character {error.start})") from error
    return question
