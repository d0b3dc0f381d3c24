"""A clock that only waiting moves: an event loop with nothing to do goes on to its next timer at once.

Deadlines of minutes pass in no time, and no load on the machine makes a call late. For stories inside one process: a
real server knows no virtual time. Import the fixture, and ask for it.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

START = 1_000_000.0


@pytest.fixture
async def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the test's loop and the program's clocks on virtual time.

    Time stands still while code runs or a thread works for the loop, and jumps to the next timer when nothing is left.
    """
    loop: Any = asyncio.get_running_loop()
    now, threads = START, 0
    run_once, run_in_executor = loop._run_once, loop.run_in_executor

    def clock() -> float:
        return now

    def jump_and_run_once() -> None:
        nonlocal now
        if not loop._ready and loop._scheduled and not threads:
            now = max(now, loop._scheduled[0].when())
        run_once()

    def count_threads(executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        nonlocal threads

        def end(_: "asyncio.Future[Any]") -> None:
            nonlocal threads
            threads -= 1

        future: asyncio.Future[Any] = run_in_executor(executor, func, *args)
        threads += 1
        future.add_done_callback(end)
        return future

    for name, value in (("time", clock), ("_run_once", jump_and_run_once), ("run_in_executor", count_threads)):
        monkeypatch.setattr(loop, name, value)
    for name in ("time", "monotonic", "perf_counter"):
        monkeypatch.setattr(time, name, clock)
