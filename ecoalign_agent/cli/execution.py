"""A command's run: its events to screen and trace, one line for an error, an exit status, and a clean end by signal."""

import asyncio
import signal
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any, NoReturn, TypeVar

import typer

from ecoalign_agent.cli.render.format import amount
from ecoalign_agent.cli.render.output import Output
from ecoalign_agent.cli.render.streams import write_error, write_notice
from ecoalign_agent.errors import EcoAlignError, UsageError
from ecoalign_agent.events.result import Result

_T = TypeVar("_T")

EXIT_FAILED, EXIT_MISUSED, EXIT_WAITING, EXIT_NOT_USEFUL = 1, 2, 3, 4
EXIT_INTERRUPTED, EXIT_TERMINATED = 130, 143  # 128 and the signal's number, as shells have it

_PROGRESS_SECONDS = 2.0


class _Terminated(BaseException):  # no Exception: a handler of errors must not catch SIGTERM
    pass


@contextmanager
def exit_cleanly(output: Output, *, debug: bool) -> Iterator[None]:
    """Turn whatever ends a command into one line and an exit status; with ``debug`` the traceback is shown too."""
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    except typer.Exit:
        raise
    except (KeyboardInterrupt, _Terminated) as end:
        write_error("interrupted" + (f"; {amount(output.spent)} cost units had been spent" if output.spent else ""))
        raise typer.Exit(EXIT_TERMINATED if isinstance(end, _Terminated) else EXIT_INTERRUPTED) from None
    except Exception as error:  # noqa: BLE001 - the outermost border: the error is shown and the program ends
        if debug:
            import traceback

            traceback.print_exc()
        unexpected = f"unexpected {type(error).__name__}: {error}; this is a fault of the program, --debug shows where"
        write_error(str(error) if isinstance(error, EcoAlignError) else unexpected)
        raise typer.Exit(EXIT_MISUSED if isinstance(error, UsageError) else EXIT_FAILED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


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


def end_run(output: Output, result: Result, *, state: str | None = None, require_useful: bool = False) -> NoReturn:
    """Show the result and exit; ``state``: where the run is kept, if it is."""
    output.result(result)
    if result.status == "failed":
        write_error(result.failure or f"the run failed: {result.stop_reason}")
    if output.trace_error:
        write_error(output.trace_error)
    if result.waiting is not None and state is not None:
        import shlex

        from ecoalign_agent.search.checkpointing import store_name

        command = f"ecoalign review {shlex.quote(store_name(state))} {result.run_id}"
        write_notice(f"{result.waiting.kind} {result.waiting.id} waits for a person: '{command}' shows it")
    if result.status == "failed" or output.trace_error:
        raise typer.Exit(EXIT_FAILED)
    if require_useful and result.status != "waiting" and not result.satisfied:
        raise typer.Exit(EXIT_NOT_USEFUL)
    raise typer.Exit(EXIT_WAITING if result.status == "waiting" else 0)


def throttle(
    write: Callable[[str], None], line: Callable[[_T], str], *, is_last: Callable[[_T], bool] = lambda _: False
) -> Callable[[_T], None]:
    """A report of progress that writes one line every two seconds, and the last one."""
    written = time.monotonic()

    def report(progress: _T) -> None:
        nonlocal written
        if is_last(progress) or time.monotonic() - written >= _PROGRESS_SECONDS:
            written = time.monotonic()
            write(line(progress))

    return report


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
