"""Running a stream in a task of its own, apart from whoever waits for it.

A graph that is streamed and cancelled has to cancel its nodes and wait for them. Under anyio, in which Starlette's
streaming responses run, whoever is cancelled is cancelled again at every further ``await``: LangGraph's clean-up would
be cut off, and the nodes would go on, and go on paying, with nobody to hear them. A task of its own is cancelled once.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

T = TypeVar("T")


async def pulled_apart(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items, made in a task of its own; none is worked for before it is asked for.

    Leaving the iteration cancels what is under way and waits until it has ended.
    """
    wanted: asyncio.Queue[None] = asyncio.Queue()
    made: asyncio.Queue[tuple[T] | Exception | None] = asyncio.Queue()

    async def make() -> None:
        end: Exception | None = None
        try:
            async with aclosing(items) as source:
                await wanted.get()
                async for item in source:
                    made.put_nowait((item,))
                    await wanted.get()
        except Exception as error:  # noqa: BLE001 - raised by whoever iterates
            end = error
        made.put_nowait(end)

    got: tuple[T] | Exception | None = None
    # Nothing that fails in this group is raised in it: a group that is left by an error between two items would cancel
    # the task that iterates, wherever that is by then.
    async with asyncio.TaskGroup() as group:
        making = group.create_task(make())
        try:
            while True:
                wanted.put_nowait(None)
                got = await made.get()
                if not isinstance(got, tuple):
                    break
                yield got[0]
        except GeneratorExit:
            got = None
        finally:
            making.cancel()
    if isinstance(got, Exception):
        raise got
