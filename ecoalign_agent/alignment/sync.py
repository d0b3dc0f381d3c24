"""Synchronous callers of the graph: one clear sentence instead of a search. Ours."""

from typing import Any, NoReturn

from langgraph.graph.state import CompiledStateGraph

from ecoalign_agent.errors import UsageError


def async_only(who: str, *, asynchronous: str = "ainvoke or astream") -> str:
    """What a synchronous caller is told.

    Args:
        who: was called.
        asynchronous: the methods to call instead.
    """
    return (
        f"{who} works asynchronously: call {asynchronous} instead of invoke or stream "
        "(asyncio.run(…) does that where no event loop runs)"
    )


def refuse_sync(graph: CompiledStateGraph[Any, Any, Any, Any], who: str = "EcoAlign") -> None:
    """Let every node of a compiled graph raise a ``UsageError`` when it is run by ``invoke`` or ``stream``.

    A synchronous twin that starts an event loop of its own would break under a running one, as in a notebook.
    """

    def refuse(*_: object, **__: object) -> NoReturn:
        raise UsageError(async_only(who))

    for node in graph.nodes.values():
        # Nodes hold an async function alone; LangGraph asks for the other one only in a synchronous run.
        if getattr(node.bound, "afunc", None) is not None and getattr(node.bound, "func", None) is None:
            node.bound.func = refuse  # type: ignore[attr-defined] # its class is LangGraph's own, not public
