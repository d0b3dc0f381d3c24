"""EcoAlign as a node of a graph whose state has other keys than its own."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from ecoalign_agent.errors import UsageError
from ecoalign_agent.integrations.assessment import SearchAgent

Node = Callable[[Any], Awaitable[dict[str, Any]]]
"""A node function: the state in, the keys that changed out."""


def as_node(
    agent: SearchAgent,
    *,
    question: str = "question",
    images: str | None = "images",
    answer: str | None = "answer",
    status: str | None = None,
    result: str | None = None,
) -> Node:
    """A node function that reads and writes keys of the parent's state.

    Where the keys are EcoAlign's own, put ``agent.graph`` into the parent itself. Works in parents
    that checkpoint: the search goes on where it was. Its events surface under ``subgraphs=True``.

    Args:
        agent: who answers.
        question: the key of the question, a text.
        images: the key of the pictures, a list of bytes or data URLs, which may be missing; None: there are none.
        answer: the key that gets the answer or the refusal, None of a failed run; None: not written.
        status: the key that gets ``answered``, ``declined`` or ``failed``; None: not written.
        result: the key that gets the receipt, as JSON has it, so that any checkpointer can keep it; None: not written.

    Raises:
        UsageError: two things would be written to one key, or nothing would be. When the node runs: the state has no
            such key, or the request can't be used.
    """
    written = {"answer": answer, "status": status, "result": result}
    keys = [key for key in written.values() if key is not None]
    if not keys or len(set(keys)) < len(keys):
        raise UsageError(f"as_node writes to {keys}: name at least one key, and none twice")

    async def ecoalign(state: Any) -> dict[str, Any]:  # noqa: ANN401 - a dict, a dataclass or a pydantic model
        request = {
            "question": _read(state, question),
            "images": list((_read(state, images, default=()) if images else ()) or ()),
        }
        # A missing question is the caller's mistake, and must not be looked for in other keys.
        if not request["question"]:
            raise UsageError(f"the key {question!r} of the state is empty: it has to hold the question")
        done = await agent.graph.ainvoke(request)
        told = {"answer": done["answer"], "status": done["status"], "result": done["result"].model_dump(mode="json")}
        return {key: told[name] for name, key in written.items() if key is not None}

    return ecoalign


_MISSING = object()


def _read(state: Any, key: str, *, default: object = _MISSING) -> Any:  # noqa: ANN401 - whatever the parent keeps there
    found = state.get(key, default) if isinstance(state, Mapping) else getattr(state, key, default)
    if found is _MISSING:
        raise UsageError(f"the state has no key {key!r}: as_node(…) takes the names of yours")
    return found
