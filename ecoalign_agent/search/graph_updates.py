"""Telling what happened, and changing the thought graph so that everyone who listens hears of it."""

from collections.abc import Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.result_builder import frontier_points


async def emit_proposed(turn: NodeRun, tip: str, offers: Sequence[Action], *, problem: str = "") -> None:
    """What can be bought from ``tip``; ``problem`` says why nothing could be read."""
    offered = [
        events.OfferedAction(
            id=a.id,
            tip=a.tip,
            kind=a.kind,
            # Like the text of an unsafe thought; such an action will not be bought.
            aim=a.aim if a.step.safety >= 0 else "",
            safety=a.step.safety,
            utility=a.step.utility,
            cost=a.step.cost,
        )
        for a in offers
    ]
    await turn.tell(events.Proposed, tip=tip, actions=offered, problem=problem)


async def emit_budget(turn: NodeRun, rounds: int = 0) -> None:
    """What is left, and how far ahead it pays to look."""
    budget = turn.budget
    await turn.tell(
        events.BudgetMoved,
        total=budget.total,
        spent=budget.spent,
        left=max(0.0, budget.left),
        set_aside=budget.answer_reserve,
        horizon=turn.horizon,
        round=rounds,
    )


async def emit_frontier(turn: NodeRun, paths: Sequence[FrontierPath]) -> None:
    """The non-dominated answer paths."""
    await turn.tell(events.FrontierMoved, points=frontier_points(turn, paths))


async def emit_thought(turn: NodeRun, thought: Thought) -> None:
    """A thought and its grades; the text of one that is unsafe or unassessed is withheld."""
    safe = not thought.unassessed and thought.safety >= 0
    label = turn.frontier.best_label(thought.id)
    await turn.tell(
        events.ThoughtAdded,
        id=thought.id,
        thought_kind=thought.kind,
        parents=list(thought.parents),
        text=thought.text if safe else "",
        safety=None if thought.unassessed else thought.safety,
        utility=None if thought.unassessed else thought.utility,
        cost=thought.cost,
        gamma=None if label is None else turn.frontier.worth(label),
        round=thought.round,
    )


async def prune_thought(turn: NodeRun, thought_id: str, reason: str) -> None:
    """Take a thought out of the search."""
    turn.graph.prune(thought_id, reason)
    await turn.tell(events.Pruned, id=thought_id, reason=reason)


async def prune_if_unsafe(turn: NodeRun, thought: Thought) -> None:
    """The weakest link: an unsafe thought is pruned at once, and so is one whose verdict is unknown.

    Under the ablations of path safety only the unknown is: that unsafe thoughts stay is what they measure.
    """
    if any(review.id == thought.id and review.ruling == "rejected" for review in turn.reviews):
        await prune_thought(turn, thought.id, "rejected by a person")
    elif thought.unassessed:
        await prune_thought(turn, thought.id, "unknown verdict: counts as unsafe")
    elif thought.safety < 0 and turn.policy.path_safety == "minimum":
        await prune_thought(turn, thought.id, f"unsafe ({thought.safety:+.2f})")


async def merge_thoughts(turn: NodeRun, first: str, second: str) -> None:
    """Make one of two thoughts that say the same: the one with the higher Γ stays, of equals the first."""
    frontier = turn.frontier
    gammas = [
        frontier.worth(label) if (label := frontier.best_label(thought_id)) is not None else float("-inf")
        for thought_id in (first, second)
    ]
    kept, dropped = (first, second) if gammas[0] >= gammas[1] else (second, first)
    costing = await turn.costing()
    # What need not be bought now: proposing from the other one, and the answer that would have come of it.
    saving = costing.call("propose") + costing.thought("answer")
    turn.graph.merge(kept, dropped, saving=saving)
    await turn.tell(events.Merged, kept=kept, dropped=dropped, saving=saving)
