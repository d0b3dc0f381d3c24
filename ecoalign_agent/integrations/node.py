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

    Where the keys are EcoAlign's own, put ``agent.graph`` into the parent itself. In a parent that checkpoints, an
    interrupted search resumes. Its events surface under ``subgraphs=True``.

    Args:
        agent: answers.
        question: key of the question, a text.
        images: key of the pictures, a list of bytes or data URLs, which may be missing; None: no pictures.
        answer: key for the answer or the refusal, None of a failed run; None: no key.
        status: key for ``answered``, ``declined`` or ``failed``; None: no key.
        result: key for the receipt as JSON, which any checkpointer can store; None: no key.

    Raises:
        UsageError: two values for one key, or no key at all. When the node runs: the state has no such key, or the
            request can't be used.
    """
    outputs = {"answer": answer, "status": status, "result": result}
    keys = [key for key in outputs.values() if key is not None]
    if not keys or len(set(keys)) < len(keys):
        raise UsageError(f"as_node writes to {keys}: name at least one key, and none twice")

    async def ecoalign(state: Any) -> dict[str, Any]:  # noqa: ANN401 - a dict, a dataclass or a pydantic model
        request = {
            "question": _read(state, question),
            "images": list((_read(state, images, default=()) if images else ()) or ()),
        }
        # An empty question must not be looked for in other keys.
        if not request["question"]:
            raise UsageError(f"the key {question!r} of the state is empty: it has to hold the question")
        state_after = await agent.graph.ainvoke(request)
        values = {name: state_after[name] for name in outputs} | {
            "result": state_after["result"].model_dump(mode="json")
        }
        return {key: values[name] for name, key in outputs.items() if key is not None}

    return ecoalign


_MISSING = object()


def _read(state: Any, key: str, *, default: object = _MISSING) -> Any:  # noqa: ANN401 - of any type
    value = state.get(key, default) if isinstance(state, Mapping) else getattr(state, key, default)
    if value is _MISSING:
        raise UsageError(f"the state has no key {key!r}: as_node(…) takes the names of yours")
    return value
