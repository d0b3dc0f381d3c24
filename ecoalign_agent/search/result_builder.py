"""The result of a run, and its end."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ecoalign_agent.economics.budget import Ledger
from ecoalign_agent.economics.cost import Price
from ecoalign_agent.economics.pareto import FrontierPath, worth
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events import events
from ecoalign_agent.events.result import (
    Cost,
    FrontierPoint,
    Money,
    Note,
    NoteCode,
    PathStep,
    PrunedThought,
    Result,
    Status,
    StopReason,
    Time,
    Waiting,
)
from ecoalign_agent.search.node_run import NodeRun

FINAL_EVENTS: Mapping[Status, type[events.Answered | events.Declined | events.Failed | events.ReviewAsked]] = {
    "answered": events.Answered,
    "declined": events.Declined,
    "failed": events.Failed,
    "waiting": events.ReviewAsked,
}


def frontier_points(run: NodeRun, paths: Sequence[FrontierPath]) -> list[FrontierPoint]:
    """The frontier as results and events show it; the root is left out of a path."""
    return [
        FrontierPoint(
            path=list(p.path[1:]),
            utility=p.value.utility,
            cost=p.value.cost,
            safety=p.value.safety,
            gamma=worth(p.value, cost_in_value=run.policy.cost_in_value),
        )
        for p in paths
    ]


def build_result(
    run: NodeRun,
    status: Status,
    stop: StopReason,
    *,
    answer: str | None = None,
    path: Sequence[Thought] = (),
    safety: float | None = None,
    utility: float | None = None,
    failure: str | None = None,
    waiting: Waiting | None = None,
) -> Result:
    """Everything a run holds in the end."""
    wall = run.emitter.elapsed
    rewrite = None if run.prior is None else run.prior.rewrite
    return Result(
        answer=answer,
        status=status,
        safety=safety,
        utility=utility,
        stop_reason=stop,
        failure=failure,
        path=[
            PathStep(id=t.id, kind=t.kind, text=t.text, safety=t.safety, utility=t.utility, cost=t.cost) for t in path
        ],
        frontier=frontier_points(run, run.state.get("frontier", [])),
        cost=_cost(run, path),
        seconds=round(wall, 4),
        time=Time(wall=wall, model=run.ledger.seconds, overhead=max(0.0, wall - run.emitter.waited)),
        rounds=run.state.get("round", 0),
        pruned=[
            PrunedThought(id=t.id, kind=t.kind, reason=reason, safety=None if t.unassessed else t.safety, cost=t.cost)
            for t in run.graph
            if (reason := run.graph.pruned(t.id)) is not None
        ],
        unknown_verdicts=run.unknown_verdicts,
        models=run.context.models,
        prompts=[*(rewrite.prompts if rewrite else ()), *run.context.prompts],
        notes=[
            *(Note(code=code, text=text) for code, text in _outcome_notes(run, stop, utility)),
            *(*run.context.notes, *run.notes),
            *(Note(code=code, text=text) for code, text in _run_notes(run)),
        ],
        satisfied=status == "answered" and utility is not None and utility >= run.policy.satisfied_utility,
        run_id=run.run_id,
        waiting=waiting,
        reviews=run.reviews,
        rewrite=rewrite,
    )


async def finish_run(run: NodeRun, status: Status, stop: StopReason, **outcome: Any) -> dict[str, Any]:  # noqa: ANN401 - see build_result
    """The update that ends a run; ``outcome`` as in ``build_result``. The last event is emitted."""
    result = build_result(run, status, stop, **outcome)
    await run.emit(FINAL_EVENTS[status], result=result)
    return run.final_update(result, stop=stop)


def _cost(run: NodeRun, path: Sequence[Thought]) -> Cost:
    ledger = run.ledger
    return Cost(
        **run.cost_fields(),
        remaining=max(0.0, run.budget.total - run.budget.spent),
        chosen_path=sum(t.cost for t in path) if path else None,
        saved=run.graph.saving,
        money=_money(ledger, run.context.prices),
        money_unknown=_unpriced(ledger, run.context.prices),
        image_factors=_image_factors(run) if ledger.image_estimated else {},
    )


def _money(ledger: Ledger, prices: Mapping[str, Price]) -> Money | None:
    """Cost of the tokens in money; None: not every price is known, or nothing was used."""
    if not ledger.by_endpoint or _unpriced(ledger, prices):
        return None
    called = {name: prices[name] for name in ledger.by_endpoint}
    by_model = {name: prices[name].cost(usage) for name, usage in ledger.by_endpoint.items()}
    return Money(
        amount=math.fsum(by_model.values()),
        currency=next((price.currency for price in called.values() if price.currency), None),
        by_model=by_model,
        source="; ".join(dict.fromkeys(price.source for price in called.values())),
        date=min((price.date for price in called.values() if price.date), default=None),
    )


def _unpriced(ledger: Ledger, prices: Mapping[str, Price]) -> list[str]:
    """Models that were called and have no known price, or one in another currency than the first of them has."""
    currency = next((prices[n].currency for n in ledger.by_endpoint if n in prices and prices[n].currency), "")
    unpriced = [n for n in ledger.by_endpoint if n not in prices or prices[n].currency not in {"", currency}]
    named = sum(usage.total for usage in ledger.by_endpoint.values())
    # An assessor of the caller's may book what it asks of others without naming them.
    return unpriced + ["a model that was not named"] * (named < ledger.usage.total)


def _image_factors(run: NodeRun) -> dict[str, float]:
    calibrations = [run.context.calibration, *(call.calibration for call in run.context.sizes.assessment)]
    learnt = {calibration.name: calibration.images.factor for calibration in calibrations if calibration is not None}
    return {name: round(factor, 4) for name, factor in learnt.items() if factor is not None}


def _outcome_notes(run: NodeRun, stop: StopReason, utility: float | None) -> Iterator[tuple[NoteCode, str]]:
    policy, total = run.policy, run.budget.total
    better = "; a vision-language model may do better" if run.context.models.actor.startswith("offline") else ""
    if utility is not None and utility < policy.satisfied_utility:
        text = f"the answer's utility is {utility:.2f}, {policy.satisfied_utility:g} was asked for{better}"
        yield "utility_below_policy", text
    if total < 0.99 * policy.budget:
        text = f"the budget of {policy.budget:g} was lowered to {total:g}: riskier requests are governed tighter"
        yield "budget_lowered", text
    if stop == "budget":
        yield "round_unaffordable", "what was left could not pay the most that another round might have cost"


def _run_notes(run: NodeRun) -> Iterator[tuple[NoteCode, str]]:
    for review in run.reviews:
        decision = f"a person decided on {review.id}: {review.ruling}, safety {review.safety:+.2f}"
        yield "human_decision", f"{decision} where its assessor had said {review.assessed:+.2f}"
    if not run.context.models.independent:
        text = "the assessor is the actor's own model: not independent, it shares its blind spots"
        yield "assessor_not_independent", text
    if run.policy.ablated:
        yield "ablation", f"ablation, for measuring only: {', '.join(run.policy.ablated)}"
    if run.frontier.capped:
        yield "label_cap", f"the label cap of {run.policy.label_cap} was hit: the frontier may be incomplete"
    if over := run.budget.overrun:
        figure = f"{over:{'.0f' if over >= 1 else '.3g'}}"
        yield "budget_overrun", f"the provider counted {figure} cost units more than the budget"
    if run.ledger.estimated_calls:
        text = f"{run.ledger.estimated_calls} of {run.ledger.calls} calls reported no usage: estimated"
        yield "usage_estimated", text
    if run.unknown_verdicts:
        yield "verdict_unknown", f"{run.unknown_verdicts} verdicts could not be had or read; each counted as unsafe"
    for line in run.endpoint_failures:
        yield "endpoint_failure", f"trouble: {line}"
