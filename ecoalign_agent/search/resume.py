"""Runs that a checkpointer keeps: which request one is about, how far it came, and what waits in it. Ours."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Command

from ecoalign_agent.errors import UsageError
from ecoalign_agent.events.events import Answered, Declined, Event, Failed, ReviewAsked
from ecoalign_agent.events.result import Result, Status
from ecoalign_agent.llm.meter import request_digest
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.human_review import parse_decision
from ecoalign_agent.search.state import SearchInput, find_prior

_LAST: dict[Status, type[Answered | Declined | Failed | ReviewAsked]] = {
    "answered": Answered,
    "declined": Declined,
    "failed": Failed,
    "waiting": ReviewAsked,
}

_FIRST = ("scan", "analyse", "rewrite", "check", "handover")
"""The nodes before the end of which nothing but the request is there of a run; all but one of a rewriter in front."""

_SAID = {
    "question": "is about another question or other pictures",
    "policy": "was begun under another policy",
    "models": "was begun with other models",
    "front": "was begun with another rewriter in front, or with none",
}


_PAST = frozenset({"question", "front"})
"""What a run that waits for a person needs no more."""


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A run as it is kept.

    Attributes:
        begun: digests of what it is about and how it is carried out; see ``request_fingerprint``.
        result: how it ended, or that it waits; None: it is under way.
        under_way: it has not ended.
        asked: what a person is asked, with the text; None: nothing is waited for.
    """

    begun: Mapping[str, str] = field(default_factory=dict)
    result: Result | None = None
    under_way: bool = False
    asked: Mapping[str, Any] | None = None

    def differs(self, begun: Mapping[str, str]) -> str | None:
        """In which way a request is another than that of this run, in words; None: it is the same."""
        return next((_SAID[part] for part, digest in self.begun.items() if begun.get(part, digest) != digest), None)


def request_fingerprint(desk: SearchContext, question: str, images: Sequence[bytes | str]) -> dict[str, str]:
    """Digests of a request and of how it is carried out: two that are equal in all are the same run.

    Args:
        desk: its models and its policy.
        question: as it was asked.
        images: as they were given.
    """
    models = desk.models
    return {
        "question": request_digest([question, *images]),
        "policy": request_digest([repr(desk.policy)]),
        "models": request_digest([models.actor, models.assessor]),
        "front": request_digest(desk.front),
    }


def derived_run_id(request: SearchInput, desk: SearchContext) -> str:
    """The id of a run that was given none: the same for the same request, policy and models."""
    return request_digest(request_fingerprint(desk, request["question"], request["images"]).values())[:20]


async def load_run(graph: CompiledStateGraph[Any, Any, Any, Any], run_id: str, desk: SearchContext) -> StoredRun | None:
    """The run that is kept under an id; None: there is none.

    Args:
        graph: compiled with the checkpointer.
        run_id: the run's, which is its thread's.
        desk: of the graph.
    """
    snapshot = await graph.aget_state({"configurable": {"thread_id": run_id}})
    values = snapshot.values
    if not values:
        return None
    begun = values.get("begun")
    prior = find_prior(values)
    # Not `next`: it leaves out a node that had ended when the process died before the checkpoint after it.
    steps = {task.name for task in snapshot.tasks}
    if "scan" in steps and prior is not None:
        begun = prior.begun
    elif not steps.isdisjoint(_FIRST):
        # The first node has not ended: of this run only the request is there.
        begun = {
            "question": request_fingerprint(desk, values.get("question", ""), values.get("images", []))["question"]
        }
    asked = next((found.value for found in snapshot.interrupts if isinstance(found.value, dict)), None)
    return StoredRun(begun or {}, values.get("result"), bool(steps), asked)


async def waiting_reviews(
    graph: CompiledStateGraph[Any, Any, Any, Any], saver: BaseCheckpointSaver[str], desk: SearchContext
) -> dict[str, dict[str, Any]]:
    """What persons are asked in all the runs that a checkpointer keeps, by run id, the latest first."""
    # To its end first: a saver may hold its only connection while it lists.
    listed = [kept.config.get("configurable", {}).get("thread_id", "") async for kept in saver.alist(None)]
    found: dict[str, dict[str, Any]] = {}
    for run_id in dict.fromkeys(map(str, listed)):
        run = await load_run(graph, run_id, desk)
        if run is not None and run.asked is not None:
            found[run_id] = dict(run.asked)
    return found


@dataclass(frozen=True, slots=True)
class RunInput:
    """What a run goes on with.

    Attributes:
        given: to the graph; None: it goes on from its last checkpoint.
        result: of a run that needs no step more; then nothing is given.
    """

    given: SearchInput | Command[Any] | None = None
    result: Result | None = None


def resume_input(kept: StoredRun | None, request: SearchInput, desk: SearchContext) -> RunInput:
    """How a request goes on that may be kept already.

    Args:
        kept: what is kept under its id.
        request: with question, images and run id.
        desk: of the graph that will carry it out.

    Raises:
        UsageError: what is kept is another run.
    """
    if kept is None:
        return RunInput(request)
    _require_same(kept, request["run_id"], request_fingerprint(desk, request["question"], request["images"]))
    if kept.asked is not None:
        return RunInput(result=kept.result)
    if kept.under_way:
        return RunInput()
    # What failed may succeed by now, and nobody wants the old failure told again.
    done = kept.result is not None and kept.result.status != "failed"
    return RunInput(result=kept.result) if done else RunInput(request)


def review_input(kept: StoredRun, run_id: str, ruling: object, desk: SearchContext) -> RunInput:
    """How a run goes on with a person's verdict.

    Raises:
        UsageError: the verdict can't be used, none is waited for, or the run was begun otherwise.
    """
    said = parse_decision(ruling)
    if kept.asked is None:
        state = "is under way" if kept.under_way or kept.result is None else f"has ended: {kept.result.status}"
        raise UsageError(f"run {run_id} waits for no verdict: it {state}")
    begun = request_fingerprint(desk, "", ())
    _require_same(kept, run_id, {part: digest for part, digest in begun.items() if part not in _PAST})
    return RunInput(Command(resume=said))


def final_event(result: Result) -> Event:
    """The last event of a run that ended before."""
    return _LAST[result.status](result=result, run_id=result.run_id, at=result.seconds)


def _require_same(kept: StoredRun, run_id: str, begun: Mapping[str, str]) -> None:
    other = kept.differs(begun)
    if other is not None:
        raise UsageError(f"run {run_id} {other}: it stays as it is; ask what it asked, or give this one another id")
