"""review: waits for a person's decision on one thought that was held back. Makes no call."""

import time
from typing import Any

from langgraph.types import interrupt

from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.errors import UsageError
from ecoalign_agent.events import events
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.human_review import (
    Decision,
    apply_decision,
    parse_decision,
    request_review,
    review_question,
)
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import SearchNode
from ecoalign_agent.search.state import SearchState


def review_node(context: SearchContext) -> SearchNode:
    """The node ``review``. One visit, one decision: each is checkpointed before the next is asked for."""

    async def review(state: SearchState) -> dict[str, Any]:
        held, (thought_id, *others) = list(state["held_thoughts"]), state["reviewing"]
        index = next(number for number, thought in enumerate(held) if thought.id == thought_id)
        decision = _ask_person(state, held[index], context.policy)
        run = NodeRun(context, state)
        # Neither the deadline nor the receipt counts how long a person took.
        run.started += max(0.0, time.time() - state["review_requested"])
        held[index], record = apply_decision(held[index], decision)
        run.reviews.append(record)
        await run.emit(events.Reviewed, review=record)
        outcome: dict[str, Any] = {"result": None, "answer": None, "status": ""}
        if others:
            outcome = await request_review(run, held, others[0])
        return run.update(held_thoughts=held, reviewing=others, **outcome)

    return review


def _ask_person(state: SearchState, thought: Thought, policy: Policy) -> Decision:
    """The person's decision; one that can't be used is asked for again, with the reason, and the pause stays."""
    problem = ""
    while True:
        given = interrupt(review_question(state, thought, policy, problem))
        try:
            return parse_decision(given)
        except UsageError as error:
            problem = str(error)
