"""Streams in a task of their own, and the refusal of synchronous calls.

A graph that is streamed and cancelled has to cancel its nodes and wait for them. Under anyio, in which Starlette's
streaming responses run, whoever is cancelled is cancelled again at every further ``await``: LangGraph's clean-up would
be cut off, and the nodes would go on, and go on paying. A task of its own is cancelled once. Ours.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, NoReturn, TypeVar

from langgraph.graph.state import CompiledStateGraph

from ecoalign_agent.errors import UsageError

T = TypeVar("T")


async def run_in_task(items: AsyncGenerator[T, None]) -> AsyncGenerator[T, None]:
    """The items, made in a task of its own, each when it is asked for.

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


def async_only_message(who: str, *, asynchronous: str = "ainvoke or astream") -> str:
    """Message for a synchronous caller of ``who``; ``asynchronous``: the methods to call instead."""
    return (
        f"{who} works asynchronously: call {asynchronous} instead of invoke or stream "
        "(asyncio.run(…) does that where no event loop runs)"
    )


def refuse_sync(graph: CompiledStateGraph[Any, Any, Any, Any], who: str = "EcoAlign") -> None:
    """Let every node of a compiled graph raise a ``UsageError`` when it is run by ``invoke`` or ``stream``.

    A synchronous twin that starts an event loop of its own would break under a running one, as in a notebook.
    """

    def refuse(*_: object, **__: object) -> NoReturn:
        raise UsageError(async_only_message(who))

    for node in graph.nodes.values():
        # Nodes hold an async function alone; LangGraph asks for the other one only in a synchronous run.
        if getattr(node.bound, "afunc", None) is not None and getattr(node.bound, "func", None) is None:
            node.bound.func = refuse  # type: ignore[attr-defined] # its class is LangGraph's own, not public
