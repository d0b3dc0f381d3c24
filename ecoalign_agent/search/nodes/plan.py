"""plan: a strategy for a sensitive request, written or given, assessed before anything else is bought."""

from dataclasses import replace
from typing import Any

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.llm.structured_output import ModelReply
from ecoalign_agent.search.assessment import assess, generate_text, make_thought, reserve_for_path
from ecoalign_agent.search.context import SearchContext
from ecoalign_agent.search.graph_updates import emit_thought, prune_if_unsafe
from ecoalign_agent.search.human_review import REVIEW_DONE, pause_for_review, reviewed_thoughts
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.nodes.scan import Node
from ecoalign_agent.search.schemas import TextReply
from ecoalign_agent.search.state import SearchState


def plan_node(desk: SearchContext) -> Node:
    """The node ``plan``. Without a strategy (unreadable, unsafe, or too dear) the search goes on from the root.

    Where one was given before the search, no planner is asked.
    """

    async def plan(state: SearchState) -> dict[str, Any]:
        turn = NodeRun(desk, state)
        back = reviewed_thoughts(state)
        thought = back[0] if back else await _strategy(turn)
        if thought is None:
            return turn.update()
        if not back and (pause := await pause_for_review(turn, [thought], by="plan")):
            return turn.update(**pause)
        turn.graph.add(thought)
        await emit_thought(turn, thought)
        await prune_if_unsafe(turn, thought)
        live = turn.graph.live("strategy")
        await turn.tell(events.Planned, id="strategy", text=thought.text if live else "")
        offers = state["offers"]
        if live:
            # What the scan proposed now follows from the strategy, and so does what is proposed next.
            offers = [replace(offer, parents=("strategy", *offer.parents[1:])) for offer in offers]
            if offers:
                turn.graph.expanded("strategy")
            await reserve_for_path(turn, [thought])
        return turn.update(offers=offers, **(REVIEW_DONE if back else {}))

    return plan


async def _strategy(turn: NodeRun) -> Thought | None:
    """The strategy, assessed; None: none could be had."""
    scene = await turn.scene()
    given = "" if turn.prior is None else turn.prior.strategy
    reply = await generate_text(
        turn, "plan", lambda: _given(given) if given else turn.ports.planner.plan(scene, meter=turn.meter)
    )
    if reply is None or reply.value is None:
        turn.note(
            "no_strategy", f"no strategy could be {'used' if given else 'written'}; the search went on without one"
        )
        return None
    if not given:
        turn.learn("plan", reply.usage.completion)
    verdict = await assess(turn, scene, reply.value.text, role="a strategy of the assistant")
    return make_thought("strategy", "strategy", reply.value.text, ("root",), reply.cost, verdict, round_=0)


async def _given(text: str) -> ModelReply[TextReply]:
    """A strategy that is there already, as a planner would hand it over: writing it costs nothing any more."""
    return ModelReply(
        TextReply(text=text),
        Usage(),
        cost=0.0,
        finish_reason=None,
        mode="plain",
        unreadable=None,
        seconds=0.0,
        calls=0,
        text=None,
    )
