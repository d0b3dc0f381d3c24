"""A command's run: its events to screen and trace, one line for an error, an exit status, and a clean end by signal."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, NoReturn, TypeVar

import typer

from ecoalign_agent.cli.render.format import amount
from ecoalign_agent.cli.render.output import Output
from ecoalign_agent.cli.render.plain import Screen
from ecoalign_agent.cli.render.streams import write_error, write_notice
from ecoalign_agent.errors import EcoAlignError, RunError, UsageError
from ecoalign_agent.events.events import Answered, BudgetMoved, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.log import EventLog
from ecoalign_agent.events.result import Result

_T = TypeVar("_T")

EXIT_FAILED, EXIT_MISUSED, EXIT_WAITING, EXIT_NOT_USEFUL = 1, 2, 3, 4
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143  # 128 and the signal's number, as shells have it

_PROGRESS_SECONDS = 2.0


@dataclass(slots=True)
class RunFollower:
    """Follows a run: its events so far, and why the trace on file ends early, in one line ("": it does not)."""

    events: list[Event] = field(default_factory=list)
    trace_error: str = ""

    @property
    def spent(self) -> float | None:
        """Cost units known to be spent; None before the first event with a budget."""
        return next((event.spent for event in reversed(self.events) if isinstance(event, BudgetMoved)), None)

    async def run(self, events: AsyncIterator[Event], screen: Screen, log: EventLog | None = None) -> Result:
        """Follow the run to its last event.

        A trace that can't be written any more does not cost the answer, which is paid for: the run goes on, and
        ``trace_error`` says why.

        Raises:
            RunError: the run ended without a result.
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


class _Terminated(BaseException):
    """SIGTERM arrived. No Exception: nothing on the way may take it for an error of its own."""


@contextmanager
def exit_cleanly(follower: RunFollower | None = None, *, debug: bool) -> Iterator[None]:
    """Turn whatever ends a command into one line and an exit status; with ``debug`` the traceback is shown too.

    Raises:
        typer.Exit: 2 for the caller's mistake, 1 for an error during a run, 130 or 143 after a signal.
    """
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except typer.Exit:
        raise
    except (KeyboardInterrupt, _Terminated) as end:
        spent = follower.spent if follower is not None else None
        write_error("interrupted" + (f"; {amount(spent)} cost units had been spent" if spent else ""))
        raise typer.Exit(EXIT_TERMINATED if isinstance(end, _Terminated) else EXIT_INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - the outermost border: the error is shown and the program ends
        if debug:
            import traceback

            traceback.print_exc()
        write_error(_message(error))
        raise typer.Exit(EXIT_MISUSED if isinstance(error, UsageError) else EXIT_FAILED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def command_output(*, json: bool = False, quiet: bool = False, debug: bool = False) -> Iterator[Output]:
    """The output of a command that follows no run; ends as ``exit_cleanly`` does."""
    with exit_cleanly(debug=debug):
        yield Output(json=json, quiet=quiet)


def run_async(run: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine; SIGTERM cancels it, so that it closes its calls and then ends like an interrupted one."""
    return asyncio.run(_cancel_on_sigterm(run))


async def _cancel_on_sigterm(run: Coroutine[Any, Any, _T]) -> _T:
    # A handler that raised wherever the loop happens to be would leave half-closed generators behind.
    task, loop, terminated = asyncio.current_task(), asyncio.get_running_loop(), False

    def end() -> None:
        nonlocal terminated
        terminated = True
        if task is not None:
            task.cancel()

    with suppress(NotImplementedError):  # a loop without signals, as on Windows
        loop.add_signal_handler(signal.SIGTERM, end)
    try:
        return await run
    except asyncio.CancelledError:
        if terminated:
            raise _Terminated from None
        raise
    finally:
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGTERM)


def end_run(
    output: Output,
    follower: RunFollower,
    result: Result,
    *,
    state: str | None = None,
    require_useful: bool = False,
) -> NoReturn:
    """Show the result and exit.

    Args:
        output: where it goes.
        follower: of the run.
        result: how the run ended.
        state: where the run is kept, if it is.
        require_useful: whether an answer below the policy's utility is a failure.

    Raises:
        typer.Exit: always.
    """
    output.result(result)
    if result.status == "failed":
        write_error(result.failure or f"the run failed: {result.stop_reason}")
    if follower.trace_error:
        write_error(follower.trace_error)
    if result.waiting is not None and state is not None:
        import shlex

        from ecoalign_agent.search.checkpointing import store_name

        command = f"ecoalign review {shlex.quote(store_name(state))} {result.run_id}"
        write_notice(f"{result.waiting.kind} {result.waiting.id} waits for a person: '{command}' shows it")
    if result.status == "failed" or follower.trace_error:
        raise typer.Exit(EXIT_FAILED)
    if require_useful and result.status != "waiting" and not result.satisfied:
        raise typer.Exit(EXIT_NOT_USEFUL)
    raise typer.Exit(EXIT_WAITING if result.status == "waiting" else 0)


def throttle(write: Callable[[str], None]) -> Callable[..., None]:
    """``write`` for lines of progress, of which one every two seconds gets through, and each that is ``last``."""
    written = time.monotonic()

    def progress(line: str, *, last: bool = False) -> None:
        nonlocal written
        if last or time.monotonic() - written >= _PROGRESS_SECONDS:
            written = time.monotonic()
            write(line)

    return progress


def _message(error: Exception) -> str:
    if isinstance(error, EcoAlignError):
        return str(error)
    return f"unexpected {type(error).__name__}: {error}; this is a fault of the program, --debug shows where"


def _terminate(number: int, frame: FrameType | None) -> NoReturn:
    del number, frame
    raise _Terminated
