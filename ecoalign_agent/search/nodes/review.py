"""review: waits for a person's verdict on one thought that was held back. Makes no call."""

import time
from typing import Any

from langgraph.types import interrupt

from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events import events
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.human_review import Decision, apply_decision, parse_decision, request_review, review_question
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.state import SearchState


def review_node(desk: SearchContext) -> Node:
    """The node ``review``. One visit, one verdict: each is checkpointed before the next is asked for."""

    async def review(state: SearchState) -> dict[str, Any]:
        held, (thought_id, *others) = list(state["held"]), state["reviewing"]
        place = next(number for number, thought in enumerate(held) if thought.id == thought_id)
        ruling = _ruling(state, held[place], desk)
        turn = NodeRun(desk, state)
        # Neither the deadline nor the receipt counts how long a person took.
        turn.started += max(0.0, time.time() - state["asked_at"])
        held[place], record = apply_decision(held[place], ruling)
        turn.reviews.append(record)
        await turn.tell(events.Reviewed, review=record)
        standing = {"result": None, "answer": None, "status": ""}
        if others:
            standing = await request_review(turn, held, others[0])
        return turn.update(held=held, reviewing=others, **standing)

    return review


def _ruling(state: SearchState, thought: Thought, desk: SearchContext) -> Decision:
    """The person's verdict; one that can't be used is asked for again, with the reason, and the pause stays."""
    problem = ""
    while True:
        said = interrupt(review_question(state, thought, desk.policy, problem))
        try:
            return parse_decision(said)
        except UsageError as error:
            problem = str(error)
