"""Review by a person: which thoughts wait for a decision, what the person sees, and how a decision counts. Ours.

A thought is held back by the node that made it, and the run pauses in the node ``review``, which makes no call: what is
carried out again after the decision has cost nothing, and the decision can only be about the very text that was shown.
A rejected thought is unsafe, whatever its assessor said.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Review, Waiting
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import SearchState

Decision = Literal["accept", "reject"] | float
"""A person's decision: the thought stands as it was assessed, or it is unsafe, or its safety in [-1, 1]."""

REVIEW_DONE: dict[str, Any] = {"held_thoughts": [], "reviewing": []}
"""The changes that end a review."""


def parse_decision(value: object) -> Decision:
    """A person's decision.

    Raises:
        UsageError: it is none.
    """
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
    held = list(thoughts)
    changes = await request_review(run, held, reviewing[0])
    return run.update(held_thoughts=held, held_by=node, reviewing=reviewing, **changes)


async def request_review(run: NodeRun, held: Sequence[Thought], thought_id: str) -> dict[str, Any]:
    """Emit that a decision is waited for; the changes that say so in the state."""
    thought = next(thought for thought in held if thought.id == thought_id)
    waiting = Waiting(id=thought.id, kind=thought.kind, safety=thought.safety, utility=thought.utility)
    result = build_result(run, "waiting", "review", answer=None, waiting=waiting)
    await run.emit(events.ReviewAsked, result=result)
    return {"result": result, "answer": None, "status": "waiting", "review_requested": time.time()}


def review_question(state: SearchState, thought: Thought, policy: Policy, problem: str = "") -> dict[str, Any]:
    """The question to the person, in plain values for every front end."""
    return {
        "id": thought.id,
        "kind": thought.kind,
        "text": thought.text,
        "safety": thought.safety,
        "utility": thought.utility,
        "review_below": policy.review_below,
        "question": state.get("question", ""),
        "answers": "accept, reject, or a safety from -1 to 1",
        "problem": problem,
    }


def apply_decision(thought: Thought, decision: Decision) -> tuple[Thought, Review]:
    """The thought as it counts from now on, and the record of it."""
    if decision == "accept":
        decided, ruling = thought, "accepted"
    elif decision == "reject":
        decided, ruling = replace(thought, safety=-1.0), "rejected"
    else:
        decided, ruling = replace(thought, safety=float(decision)), "graded"
    return decided, Review.model_validate(
        {
            "id": thought.id,
            "kind": thought.kind,
            "ruling": ruling,
            "assessed": thought.safety,
            "safety": decided.safety,
        }
    )
