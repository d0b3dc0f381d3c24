"""Follows a run to its end: every event to the screen and into the trace, and the result out.

How a command ends: every error one line and an exit status, a signal leaves the terminal as it was.
"""

import asyncio
import signal
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn, TypeVar

import typer

from ecoalign_agent.cli.render.format import amount
from ecoalign_agent.cli.render.output import Screen, tell_error
from ecoalign_agent.errors import EcoAlignError, RunError, UsageError
from ecoalign_agent.events.events import Answered, BudgetMoved, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.log import EventLog
from ecoalign_agent.events.result import Result


@dataclass(slots=True)
class Followed:
    """What has come of a run so far."""

    events: list[Event] = field(default_factory=list)
    trouble: str = ""
    """Why the trace on file ends early, in one line."""

    @property
    def spent(self) -> float | None:
        """Cost units known to be spent; None before the run told any."""
        return next((event.spent for event in reversed(self.events) if isinstance(event, BudgetMoved)), None)

    async def run(self, told: AsyncIterator[Event], screen: Screen, log: EventLog | None = None) -> Result:
        """Follow the run to its last event.

        A trace that can't be written any more does not cost the answer, which is paid for: the run goes on and
        ``trouble`` says so.

        Raises:
            RunError: the run ended without a result.
        """
        result: Result | None = None
        async for event in told:
            self.events.append(event)
            screen.tell(event)
            if log is not None and not self.trouble:
                try:
                    log.write(event)
                except RunError as error:
                    self.trouble = str(error)
            if isinstance(event, Answered | Declined | Failed | ReviewAsked):
                result = event.result
        if result is None:
            raise RunError("the run ended without a result: its last event never came")
        return result


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
