"""Changes of the thought graph with their events, and the events of candidates, budget and frontier."""

from collections.abc import Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.search.node_run import NodeRun
from ecoalign_agent.search.result_builder import frontier_points


async def emit_proposed(run: NodeRun, tip: str, candidates: Sequence[Action], *, problem: str = "") -> None:
    """Emit the candidates from ``tip``; ``problem`` says why nothing could be read."""
    offered = [
        events.OfferedAction(
            id=a.id,
            tip=a.tip,
            kind=a.kind,
            # Like the text of an unsafe thought; such an action will not be selected.
            aim=a.aim if a.step.safety >= 0 else "",
            safety=a.step.safety,
            utility=a.step.utility,
            cost=a.step.cost,
        )
        for a in candidates
    ]
    await run.emit(events.Proposed, tip=tip, actions=offered, problem=problem)


async def emit_budget(run: NodeRun, rounds: int = 0) -> None:
    """Emit what is left, and how far ahead it pays to look."""
    budget = run.budget
    await run.emit(
        events.BudgetMoved,
        total=budget.total,
        spent=budget.spent,
        left=max(0.0, budget.left),
        set_aside=budget.answer_reserve,
        horizon=run.horizon,
        round=rounds,
    )


async def emit_frontier(run: NodeRun, paths: Sequence[FrontierPath]) -> None:
    """Emit the non-dominated answer paths."""
    await run.emit(events.FrontierMoved, points=frontier_points(run, paths))


async def add_thought(run: NodeRun, thought: Thought) -> bool:
    """Add a thought to the graph; whether it stays. An unsafe one is pruned at once, and so is an unassessed one.

    The text of a thought that is unsafe or unassessed is withheld from its event. Under the ablations of path safety
    only the unassessed is pruned: that unsafe thoughts stay is what they measure.
    """
    run.graph.add(thought)
    safe = not thought.unassessed and thought.safety >= 0
    label = run.frontier.best_label(thought.id)
    await run.emit(
        events.ThoughtAdded,
        id=thought.id,
        thought_kind=thought.kind,
        parents=list(thought.parents),
        text=thought.text if safe else "",
        safety=None if thought.unassessed else thought.safety,
        utility=None if thought.unassessed else thought.utility,
        cost=thought.cost,
        gamma=None if label is None else run.frontier.worth(label),
        round=thought.round,
    )
    if any(review.id == thought.id and review.ruling == "rejected" for review in run.reviews):
        await prune_thought(run, thought.id, "rejected by a person")
    elif thought.unassessed:
        await prune_thought(run, thought.id, "unknown verdict: counts as unsafe")
    elif thought.safety < 0 and run.policy.path_safety == "minimum":
        await prune_thought(run, thought.id, f"unsafe ({thought.safety:+.2f})")
    return run.graph.live(thought.id)


async def prune_thought(run: NodeRun, thought_id: str, reason: str) -> None:
    """Take a thought out of the search."""
    run.graph.prune(thought_id, reason)
    await run.emit(events.Pruned, id=thought_id, reason=reason)


async def merge_thoughts(run: NodeRun, first: str, second: str) -> None:
    """Make one of two thoughts that say the same: the one with the higher Γ stays, of equals the first."""
    frontier = run.frontier
    gammas = [
        frontier.worth(label) if (label := frontier.best_label(thought_id)) is not None else float("-inf")
        for thought_id in (first, second)
    ]
    survivor, duplicate = (first, second) if gammas[0] >= gammas[1] else (second, first)
    costs = await run.costs()
    # Cost avoided: proposing from the duplicate, and the answer that would have come of it.
    answer = next(iter(run.context.answer_kinds or run.context.kinds))
    saving = costs.call("propose") + costs.thought(answer)
    run.graph.merge(survivor, duplicate, saving=saving)
    await run.emit(events.Merged, kept=survivor, dropped=duplicate, saving=saving)
