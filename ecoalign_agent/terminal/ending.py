"""How a command ends: every error one line and an exit status, a signal leaves the terminal as it was."""

import asyncio
import signal
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

import typer

from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.terminal.follow import Followed
from ecoalign_agent.terminal.streams import tell_error
from ecoalign_agent.terminal.wording import amount

T = TypeVar("T")

INTERRUPTED, TERMINATED = 130, 143  # 128 and the signal's number, as shells have it


class _Terminated(BaseException):
    """The process was asked to end. No Exception: nothing on the way may take it for an error of its own."""


@contextmanager
def ending_well(followed: Followed, *, debug: bool) -> Iterator[None]:
    """Turn whatever ends a command into one line and an exit status; a traceback is shown only when it is asked for.

    Raises:
        typer.Exit: 2 for the caller's mistake, 1 for what happened in a run, 130 or 143 when it was interrupted.
    """
    before = signal.signal(signal.SIGTERM, _terminated)
    try:
        yield
    except typer.Exit:
        raise
    except (KeyboardInterrupt, _Terminated) as end:
        spent = f"; {amount(followed.spent)} cost units had been spent" if followed.spent else ""
        tell_error(f"interrupted{spent}")
        raise typer.Exit(TERMINATED if isinstance(end, _Terminated) else INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - the outermost border: the error is told and the program ends
        if debug:
            import traceback  # noqa: PLC0415 - seldom needed

            traceback.print_exc()
        tell_error(_told(error))
        raise typer.Exit(2 if isinstance(error, UsageError) else 1) from None
    finally:
        signal.signal(signal.SIGTERM, before)


async def endable(run: Coroutine[Any, Any, T]) -> T:
    """Await ``run``; being asked to end cancels it, so that it closes its calls and then ends like an interrupted one.

    A handler that raised wherever the loop happens to be would leave half-closed generators behind.
    """
    task, loop, asked = asyncio.current_task(), asyncio.get_running_loop(), False

    def end() -> None:
        nonlocal asked
        asked = True
        if task is not None:
            task.cancel()

    with suppress(NotImplementedError):  # a loop without signals, as on Windows
        loop.add_signal_handler(signal.SIGTERM, end)
    try:
        return await run
    except asyncio.CancelledError:
        if asked:
            raise _Terminated from None
        raise
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGTERM)


def _told(error: Exception) -> str:
    if isinstance(error, EcoAlignError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; this is a fault of the program, --debug shows where"


def _terminated(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _Terminated
