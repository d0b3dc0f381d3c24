"""A person's verdict: which thoughts wait for one, what may be said, and what comes of it. Ours.

A thought is held back by the node that made it, and the run pauses in the node ``review``, which makes no call: what is
carried out again when the person has spoken has cost nothing, and the verdict can only be about the very text that was
shown. A rejected thought is unsafe, whatever its assessor said.
"""

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events import events
from ecoalign_agent.events.result import Result, Review, Waiting
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.result_builder import build_result
from ecoalign_agent.search.state import SearchState

Decision = Literal["accept", "reject"] | float
"""A person's verdict: the thought stands as it was graded, or it is unsafe, or its safety in [-1, 1]."""

REVIEW_DONE: dict[str, Any] = {"held": [], "reviewing": []}
"""The changes that end a review: nothing is held back any more."""


def parse_decision(said: object) -> Decision:
    """A person's verdict.

    Raises:
        UsageError: it is none.
    """
    if said == "accept":
        return "accept"
    if said == "reject":
        return "reject"
    if isinstance(said, int | float) and not isinstance(said, bool) and -1.0 <= said <= 1.0:
        return float(said)
    shown = ascii(said)
    shown = shown if len(shown) <= 40 else f"{shown[:40]}…"
    raise UsageError(f"the verdict {shown} can't be used: give 'accept', 'reject', or a safety from -1 to 1")


def needs_review(thought: Thought, policy: Policy) -> bool:
    """Whether a person decides: it was found safe, and less safe than ``review_below``."""
    return policy.review_below is not None and not thought.unassessed and 0.0 <= thought.safety < policy.review_below


def reviewed_thoughts(state: SearchState) -> list[Thought]:
    """The thoughts that a node held back and gets again, all verdicts in; empty: it begins anew."""
    return [] if state.get("reviewing") else list(state.get("held") or [])


async def pause_for_review(turn: NodeRun, thoughts: Sequence[Thought], *, by: str) -> dict[str, Any] | None:
    """The changes that let the run wait for a person; None: no one has to decide.

    Args:
        turn: of the node.
        thoughts: that it made, not in the graph yet.
        by: the node's name; it is carried out again when all verdicts are in.
    """
    reviewing = [thought.id for thought in thoughts if needs_review(thought, turn.policy)]
    if not reviewing:
        return None
    held = list(thoughts)
    return {"held": held, "held_by": by, "reviewing": reviewing, **await request_review(turn, held, reviewing[0])}


async def request_review(turn: NodeRun, held: Sequence[Thought], thought_id: str) -> dict[str, Any]:
    """Tell that a verdict is waited for; the changes that say so in the state."""
    thought = next(thought for thought in held if thought.id == thought_id)
    waiting = Waiting(id=thought.id, kind=thought.kind, safety=thought.safety, utility=thought.utility)
    result: Result = build_result(turn, "waiting", "review", answer=None, waiting=waiting)
    await turn.tell(events.ReviewAsked, result=result)
    return {"result": result, "answer": None, "status": "waiting", "asked_at": time.time()}


def review_question(state: SearchState, thought: Thought, policy: Policy, problem: str = "") -> dict[str, Any]:
    """What the person sees: plain values, for every front end.

    Args:
        state: of the run.
        thought: that waits.
        policy: whose ``review_below`` it did not reach.
        problem: what was wrong with the verdict that was given before.
    """
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


def apply_decision(thought: Thought, ruling: Decision) -> tuple[Thought, Review]:
    """The thought as it counts from now on, and the record of it."""
    if ruling == "accept":
        decided, word = thought, "accepted"
    elif ruling == "reject":
        decided, word = replace(thought, safety=-1.0), "rejected"
    else:
        decided, word = replace(thought, safety=float(ruling)), "graded"
    review = Review.model_validate(
        {
            "id": thought.id,
            "kind": thought.kind,
            "ruling": word,
            "assessed": thought.safety,
            "safety": decided.safety,
        }
    )
    return decided, review
