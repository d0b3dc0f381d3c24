"""Review by a person: which thoughts wait for a decision, what the person sees, and how a decision counts. Ours.

A thought is held back by the node that made it, and the run pauses in the node ``review``, which makes no call: what is
carried out again after the decision has cost nothing, and the decision can only be about the very text that was shown.
A rejected thought is unsafe, whatever its assessor said.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from langgraph.types import interrupt

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Review, Waiting
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import SearchState

Decision = Literal["accept", "reject"] | float
"""A person's decision: the thought stands as it was assessed, or it is unsafe, or its safety in [-1, 1]."""

REVIEW_DONE: dict[str, Any] = {"held_thoughts": [], "reviewing": []}


def parse_decision(value: object) -> Decision:
    """A person's decision, or a ``UsageError`` for what is none."""
    if value == "accept":
        return "accept"
    if value == "reject":
        return "reject"
    if isinstance(value, int | float) and not isinstance(value, bool) and -1.0 <= value <= 1.0:
        return float(value)
    shown = ascii(value)
    shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
    raise UsageError(f"the verdict {shown} can't be used: give 'accept', 'reject', or a safety from -1 to 1")


def needs_review(thought: Thought, policy: Policy) -> bool:
    """True if a person decides: the thought was found safe, and less safe than ``review_below``."""
    return policy.review_below is not None and not thought.unassessed and 0.0 <= thought.safety < policy.review_below


def reviewed_thoughts(state: SearchState) -> list[Thought]:
    """The thoughts that a node held back, with all decisions in; empty: the node begins anew."""
    return [] if state.get("reviewing") else list(state.get("held_thoughts") or [])


async def pause_for_review(run: NodeRun, thoughts: Sequence[Thought], *, node: str) -> dict[str, Any] | None:
    """The update that lets the run wait for a person; None: no one has to decide."""
    reviewing = [thought.id for thought in thoughts if needs_review(thought, run.policy)]
    if not reviewing:
        return None
    changes = await _request_review(run, thoughts, reviewing[0])
    return run.update(held_thoughts=list(thoughts), held_by=node, reviewing=reviewing, **changes)


async def _request_review(run: NodeRun, held: Sequence[Thought], thought_id: str) -> dict[str, Any]:
    thought = next(thought for thought in held if thought.id == thought_id)
    waiting = Waiting(id=thought.id, kind=thought.kind, safety=thought.safety, utility=thought.utility)
    result = build_result(run, "waiting", "review", waiting=waiting)
    await run.emit(events.ReviewAsked, result=result)
    return {"result": result, "answer": None, "status": "waiting", "review_requested": time.time()}


async def review_node(context: SearchContext, state: SearchState) -> dict[str, Any]:
    """The node ``review``. One visit, one decision: each is checkpointed before the next is asked for."""
    held, (thought_id, *others) = list(state["held_thoughts"]), state["reviewing"]
    index = next(number for number, thought in enumerate(held) if thought.id == thought_id)
    decision = _ask_person(state, held[index], context.policy)
    run = NodeRun(context, state)
    # Neither the deadline nor the receipt counts how long a person took.
    run.started += max(0.0, time.time() - state["review_requested"])
    held[index], record = _apply_decision(held[index], decision)
    run.reviews.append(record)
    await run.emit(events.Reviewed, review=record)
    outcome: dict[str, Any] = {"result": None, "answer": None, "status": ""}
    if others:
        outcome = await _request_review(run, held, others[0])
    return run.update(held_thoughts=held, reviewing=others, **outcome)


def _ask_person(state: SearchState, thought: Thought, policy: Policy) -> Decision:
    """The person's decision; one that can't be used is asked for again, with the reason, and the pause stays."""
    # Plain values, for every front end.
    question = {
        "id": thought.id,
        "kind": thought.kind,
        "text": thought.text,
        "safety": thought.safety,
        "utility": thought.utility,
        "review_below": policy.review_below,
        "question": state.get("question", ""),
        "answers": "accept, reject, or a safety from -1 to 1",
        "problem": "",
    }
    while True:
        given = interrupt(question)
        try:
            return parse_decision(given)
        except UsageError as error:
            question = {**question, "problem": str(error)}


def _apply_decision(thought: Thought, decision: Decision) -> tuple[Thought, Review]:
    ruling: Literal["accepted", "rejected", "graded"] = "graded"
    if decision == "accept":
        ruling, safety = "accepted", thought.safety
    elif decision == "reject":
        ruling, safety = "rejected", -1.0
    else:
        safety = float(decision)
    record = Review(id=thought.id, kind=thought.kind, ruling=ruling, assessed=thought.safety, safety=safety)
    return replace(thought, safety=safety), record
