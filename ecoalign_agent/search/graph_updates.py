"""Changes of the thought graph with their events, pruning of branches that can't win, and reasons to stop."""

from collections.abc import Sequence

from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.pareto import FrontierPath
from ecoalign_agent.economics.selection import can_beat, choose, may_satisfy, open_tips, satisfies
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.events.result import StopReason
from ecoalign_agent.search.node_run import NodeRun

MAX_ENDPOINT_FAILURES = 3
"""Calls that may fail at their endpoint before the search stops spending on it. Each had its own retries. Ours."""


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


def best_path(run: NodeRun) -> FrontierPath | None:
    """The path that would be answered from now."""
    return choose(run.frontier.tip_paths(), policy=run.policy, utility_of=lambda tip: run.graph[tip].utility)


async def stop_reason(
    run: NodeRun, candidates: Sequence[Action], best: FrontierPath | None, *, rounds: int
) -> StopReason | None:
    """The first reason to stop that holds after a round; None: go on."""
    policy = run.policy
    if policy.answers == "early" and best and satisfies(best.value, run.graph[best.tip].utility, policy):
        return "satisfied"
    if len(run.endpoint_failures) >= MAX_ENDPOINT_FAILURES:
        return "endpoint"
    if policy.deadline is not None:
        # Another round must not run into the time that is reserved for the answer.
        mean = run.ledger.seconds / run.ledger.calls if run.ledger.calls else 0.0
        if run.emitter.elapsed + mean + run.answer_seconds() >= policy.deadline:
            return "deadline"
    if rounds >= policy.max_rounds:
        return "rounds"
    needed = [await run.max_action_cost(action) for action in candidates]
    if open_tips(run.graph, run.frontier, width=1, candidate_tips={action.tip for action in candidates}):
        kinds, costs = run.context.answer_kinds or run.context.kinds, await run.costs()
        answer = min(costs.max_thought(kind, assessments=run.assessments) for kind in kinds)
        needed.append(costs.min_call("propose") + answer - await run.reassessment_reserve())
    if not needed:
        return "no_open_tip"
    return "budget" if run.budget.free < min(needed) else None


async def prune_dominated(run: NodeRun, best: FrontierPath | None) -> bool:
    """Prune the branches that can't beat the best path within what is left; whether there were any."""
    if best is None:
        return False
    policy, frontier, costs = run.policy, run.frontier, await run.costs()
    utility, free = run.graph[best.tip].utility, run.budget.free
    # A lower bound, or a branch that could win were cut: prompts are estimated on the high side, means are no bound.
    cheapest = 0.5 * min(costs.call(kind, completion=1) for kind in run.context.kinds)
    # While nothing satisfies, whatever may still satisfy stays, without a comparison.
    unsatisfied = not satisfies(best.value, utility, policy)
    dominated = []
    for thought_id in run.graph.leaves():
        label = frontier.best_label(thought_id)
        if label and unsatisfied and may_satisfy(label, policy=policy, free=free, cheapest=cheapest):
            continue
        labels = frontier.labels(thought_id)
        if run.graph[thought_id].kind in {"answer", "strategy"} or thought_id in best.path or not labels:
            continue
        if not any(can_beat(label, best, utility, policy=policy, free=free, cheapest=cheapest) for label in labels):
            dominated.append(thought_id)
    for thought_id in dominated:
        await prune_thought(run, thought_id, "can't beat the best path within what is left")
    return bool(dominated)
