"""Stored runs: which request one is about, how far it came, and the input with which it goes on. Ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import Event
from ecoalign_agent.events.result import Result
from ecoalign_agent.llm.meter import request_digest
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.human_review import parse_decision
from ecoalign_agent.search.result_builder import FINAL_EVENTS
from ecoalign_agent.search.state import STATE_VERSION, SearchInput, find_prior, require_version

_FIRST_NODES = ("scan", "analyse", "rewrite", "check", "handover")
"""Nodes before whose end a stored run holds its request alone; all but the first of a rewriter in front."""

_DIFFERENCES = {
    "question": "is about another question or other pictures",
    "policy": "was begun under another policy",
    "models": "was begun with other models",
    "front": "was begun with another rewriter in front, or with none",
}

_CONTINUED = ("policy", "models")
"""Parts of a fingerprint that must be the same for a run that goes on after a review."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run that a checkpointer keeps."""

    fingerprint: Mapping[str, str] = field(default_factory=dict)
    result: Result | None = None
    """Its end, or its pause for a person; None: it is under way."""
    under_way: bool = False
    review_question: Mapping[str, Any] | None = None

    def require_same(self, run_id: str, fingerprint: Mapping[str, str]) -> None:
        """Raise a ``UsageError`` for another request than this run's; parts missing on either side do not count."""
        for part, digest in self.fingerprint.items():
            if fingerprint.get(part, digest) != digest:
                raise UsageError(
                    f"run {run_id} {_DIFFERENCES[part]}: it stays as it is; ask what it asked, or give this one "
                    "another id"
                )


def request_fingerprint(context: SearchContext, question: str, images: Sequence[bytes | str]) -> dict[str, str]:
    """Digests of a request and of how it is carried out: two that are equal in all are the same run."""
    models = context.models
    return {
        "question": request_digest([question, *images]),
        "policy": request_digest([repr(context.policy)]),
        "models": request_digest([models.actor, models.assessor]),
        "front": request_digest(context.front),
    }


def derived_run_id(request: SearchInput, context: SearchContext) -> str:
    """The id of a run that was given none: the same for the same request, policy and models."""
    return request_digest(request_fingerprint(context, request["question"], request["images"]).values())[:20]


async def load_run(
    graph: CompiledStateGraph[Any, Any, Any, Any], run_id: str, context: SearchContext
) -> StoredRun | None:
    """The run that is stored under an id; None: there is none. A ``UsageError`` if another version stored it."""
    snapshot = await graph.aget_state({"configurable": {"thread_id": run_id}})
    values = snapshot.values
    if not values:
        return None
    # Not `next`: it leaves out a node that had ended when the process died before the checkpoint after it.
    steps = {task.name for task in snapshot.tasks}
    request_alone = not steps.isdisjoint(_FIRST_NODES)
    require_version({**values, "run_id": run_id} | ({"version": STATE_VERSION} if request_alone else {}))
    fingerprint, prior = values.get("fingerprint"), find_prior(values)
    if "scan" in steps and prior is not None:
        fingerprint = prior.fingerprint
    elif request_alone:
        whole = request_fingerprint(context, values.get("question", ""), values.get("images", []))
        fingerprint = {"question": whole["question"]}
    question = next((found.value for found in snapshot.interrupts if isinstance(found.value, dict)), None)
    return StoredRun(fingerprint or {}, values.get("result"), bool(steps), question)


async def waiting_reviews(
    graph: CompiledStateGraph[Any, Any, Any, Any], saver: BaseCheckpointSaver[str], context: SearchContext
) -> dict[str, dict[str, Any]]:
    """The questions to persons of all runs that a checkpointer keeps, by run id, the latest first."""
    # To its end first: a saver may hold its only connection while it lists.
    listed = [stored.config.get("configurable", {}).get("thread_id", "") async for stored in saver.alist(None)]
    found: dict[str, dict[str, Any]] = {}
    for run_id in dict.fromkeys(map(str, listed)):
        try:
            run = await load_run(graph, run_id, context)
        except UsageError:
            continue  # of another version: nobody can decide on it here
        if run is not None and run.review_question is not None:
            found[run_id] = dict(run.review_question)
    return found


@dataclass(frozen=True, slots=True)
class RunInput:
    """The input with which a run goes on."""

    value: SearchInput | Command[Any] | None = None
    """For the graph; None: it goes on from its last checkpoint."""
    result: Result | None = None
    """Of a run that needs no further step; then nothing is given to the graph."""


def resume_input(stored: StoredRun | None, request: SearchInput, context: SearchContext) -> RunInput:
    """The input for a request whose run may be stored already; a ``UsageError`` where that is another one."""
    if stored is None:
        return RunInput(request)
    fingerprint = request_fingerprint(context, request["question"], request["images"])
    stored.require_same(request["run_id"], fingerprint)
    if stored.review_question is not None:
        return RunInput(result=stored.result)
    if stored.under_way:
        return RunInput()
    # What failed may succeed by now.
    done = stored.result is not None and stored.result.status != "failed"
    return RunInput(result=stored.result) if done else RunInput(request)


def review_input(stored: StoredRun, run_id: str, decision: object, context: SearchContext) -> RunInput:
    """The input with a person's decision; a ``UsageError`` where it can't be used or none is waited for."""
    value = parse_decision(decision)
    if stored.review_question is None:
        state = "is under way" if stored.under_way or stored.result is None else f"has ended: {stored.result.status}"
        raise UsageError(f"run {run_id} waits for no verdict: it {state}")
    fingerprint = request_fingerprint(context, "", ())
    stored.require_same(run_id, {part: fingerprint[part] for part in _CONTINUED})
    return RunInput(Command(resume=value))


def final_event(result: Result) -> Event:
    """The last event of a run that ended before."""
    return FINAL_EVENTS[result.status](result=result, run_id=result.run_id, at=result.seconds)
