"""plan: a strategy for a sensitive request, written and assessed before anything else is bought."""

from dataclasses import replace
from typing import Any

from ecoalign_agent.alignment.desk import Desk
from ecoalign_agent.alignment.nodes.grading import grade, keep_for_ending, thought_of, written
from ecoalign_agent.alignment.nodes.scan import Node
from ecoalign_agent.alignment.state import SearchState
from ecoalign_agent.alignment.telling import prune_if_unsafe, tell_thought
from ecoalign_agent.alignment.turn import Turn
from ecoalign_agent.trace import events


def plan_node(desk: Desk) -> Node:
    """The node ``plan``. Without a strategy (unreadable, unsafe, or too dear) the search goes on from the root."""

    async def plan(state: SearchState) -> dict[str, Any]:
        turn = Turn(desk, state)
        scene = await turn.scene()
        reply = await written(turn, "plan", lambda: turn.ports.planner.plan(scene, meter=turn.meter))
        if reply is None or reply.value is None:
            turn.notes.append("no strategy could be written; the search went on without one")
            return turn.update()
        turn.learn("plan", reply.usage.completion)
        verdict = await grade(turn, scene, reply.value.text, role="a strategy of the assistant")
        thought = thought_of("strategy", "strategy", reply.value.text, ("root",), reply.cost, verdict, round_=0)
        turn.graph.add(thought)
        await tell_thought(turn, thought)
        await prune_if_unsafe(turn, thought)
        live = turn.graph.live("strategy")
        await turn.tell(events.Planned, id="strategy", text=thought.text if live else "")
        offers = state["offers"]
        if live:
            # What the scan proposed now follows from the strategy, and so does what is proposed next.
            offers = [replace(offer, parents=("strategy", *offer.parents[1:])) for offer in offers]
            if offers:
                turn.graph.expanded("strategy")
            await keep_for_ending(turn, [thought])
        return turn.update(offers=offers)

    return plan
