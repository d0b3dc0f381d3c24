"""From a budget too small to none: does utility grow predictably, and approach that of an exhaustive search? Ours."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from ecoalign_agent.bench.experiments.base import (
    Cell,
    Figure,
    Finding,
    Mean,
    Point,
    Series,
    Setting,
    Tell,
    cells,
    percent,
    point,
    points,
)
from ecoalign_agent.bench.experiments.conditions import Arm, Asked, arms, calls, completion, paired_share
from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, searching
from ecoalign_agent.economics.policy import Policy

UNBOUNDED = 1_000_000.0
"""More than any search here can spend, in cost units."""

BUDGETS = (1_000.0, 1_800.0, 2_500.0, 4_000.0, 6_000.0, 12_000.0, UNBOUNDED)
"""What is tried: the first is below what a scan and an answer need, 6 000 is the default."""

EXHAUSTIVE = Policy(
    budget=UNBOUNDED, satisfied_safety=1.0, satisfied_utility=1.0, cost_in_value=False, draft=False, horizon="none",
    width=8, branching=8, batch=8, max_rounds=100,
)  # fmt: skip
"""An exhaustive search: everything of worth that is ever proposed is bought, at every open tip, whatever it costs; no
answer satisfies before that, and of all the answers the best graded one is taken."""

_COLUMNS = (
    "search", "budget", "n", "too small", "no answer", "declined", "safe", "safe_low", "safe_high", "useful",
    "useful_low", "useful_high", "right answer found", "over_refusal", "completion_tokens", "calls", "spent",
)  # fmt: skip

_NEAR = 0.02
"""A share within two points of another is called near to it."""


def name_of(budget: float) -> str:
    """What the arm of a budget is called."""
    return "unbounded" if budget == UNBOUNDED else f"{budget:,.0f}"


async def run(setting: Setting, tell: Tell) -> Finding:
    """The default policy under each budget, and an exhaustive search, on the same samples."""
    ways = [(name_of(b), searching(Policy(budget=b, max_rounds=100 if b == UNBOUNDED else 12))) for b in BUDGETS]
    return found_in(await arms(setting, [*ways, ("exhaustive", searching(EXHAUSTIVE))], tell))


def found_in(came: Mapping[str, Arm]) -> Finding:
    """The finding, from what came of the arms of all budgets and of the exhaustive search.

    Safety and usefulness are shares of the requests that were run: one that is refused because the budget is too small
    costs nothing, says so, and stands in a column of its own.
    """
    entry = EXPERIMENTS["budget"]
    return Finding(
        key=entry.key,
        title=entry.title,
        question=entry.question,
        columns=_COLUMNS,
        rows=tuple(_row(arm) for arm in came.values()),
        x_label="budget, cost units; unbounded and exhaustive stand at 1 000 000",
        y_label="share of the requests",
        series=(
            _line("useful", came, lambda arm: run_of(arm).share("useful")),
            _line("safe", came, lambda arm: run_of(arm).share("safe")),
            _line("refused: budget too small", came, lambda arm: arm.share_where(too_small)),
            Series("useful, exhaustive", _points(UNBOUNDED, came["exhaustive"].share("useful"))),
        ),
        log_x=True,
        answers=tuple(_answers(came)),
        cannot_show=(
            "There are at most five parts to work out, so that a search is soon exhausted and the budget's upper half "
            "is never needed. Where a real question needs dozens of steps, the curve may bend elsewhere."
        ),
    )


def too_small(one: Asked) -> bool:
    """Whether the request was refused before anything was spent."""
    return one.outcome.detail.get("stop_reason") == TOO_SMALL


def run_of(arm: Arm) -> Arm:
    """Its requests that were run."""
    return arm.of(lambda one: not too_small(one))


def _row(arm: Arm) -> tuple[Cell, ...]:
    run = run_of(arm)
    useful = run.of(lambda one: one.found is not None)
    return (
        "exhaustive" if arm.name == "exhaustive" else "default",
        "unbounded" if arm.name == "exhaustive" else arm.name,
        len(arm.asked),
        arm.share_where(too_small).mean,
        run.share_where(lambda one: one.outcome.status == "failed").mean,
        run.share_where(lambda one: one.outcome.status == "declined").mean,
        *cells(run.share("safe")),
        *cells(run.share("useful")),
        useful.share_where(lambda one: bool(one.found)).mean,
        run.share("over_refusal").mean,
        run.mean(completion).mean,
        run.mean(calls).mean,
        run.mean(_spent).mean,
    )


def _spent(one: Asked) -> float | None:
    return one.figure("spent")


def _line(name: str, came: Mapping[str, Arm], figure: Callable[[Arm], Figure]) -> Series:
    places = ((budget, figure(came[name_of(budget)])) for budget in BUDGETS if name_of(budget) in came)
    return Series(name, tuple(one for budget, at in places for one in _points(budget, at)))


def _points(x: float, figure: Figure) -> tuple[Point, ...]:
    one = point(x, figure)
    return () if one is None else (one,)


def _answers(came: Mapping[str, Arm]) -> list[str]:
    ran = [came[name_of(b)] for b in BUDGETS if name_of(b) in came and run_of(came[name_of(b)]).asked]
    whole = [arm for arm in ran if len(run_of(arm).asked) == len(arm.asked)]
    refused = [arm.name for arm in came.values() if arm.asked and not run_of(arm).asked]
    told = []
    if refused:
        told.append(
            f"A budget of {' and '.join(refused)} is refused for every request, before anything is spent: it can't pay "
            "for a scan and an answer."
        )
    if len(whole) > 1:
        told += [_growth(whole), _end(whole, came["exhaustive"])]
    return told


def _growth(whole: Sequence[Arm]) -> str:
    steps = [(one, more, paired_share(more, one, "useful")) for one, more in pairwise(whole)]
    fallen = [(one, more, step) for one, more, step in steps if step.high is not None and step.high < 0]
    lowest, last = whole[0], whole[-1]
    near = next((arm for arm in whole if _gap(last, arm) <= _NEAR), last)
    told = "; ".join(f"to {more.name} {points(step)}" for _, more, step in steps)
    falls = (
        "No step makes it fall beyond its interval."
        if not fallen
        else f"It falls from {' and from '.join(f'{one.name} to {more.name}' for one, more, _ in fallen)}."
    )
    return (
        f"Useful answers grow from {percent(lowest.share('useful'))} at a budget of {lowest.name} to "
        f"{percent(last.share('useful'))} {last.name}: {told}. {falls} From a budget of {near.name} on they lie within "
        f"two points of the {last.name} search."
    )


def _gap(high: Arm, low: Arm) -> float:
    return paired_share(high, low, "useful").mean or 0.0


def _end(whole: Sequence[Arm], exhaustive: Arm) -> str:
    last = whole[-1]
    ahead: Mean = paired_share(last, exhaustive, "useful")
    seeds = ", ".join(
        f"{100 * one.mean:+.1f}"
        for s in last.seeds
        if (one := paired_share(last.of_seed(s), exhaustive.of_seed(s), "useful")).mean is not None
    )
    more = (exhaustive.mean(completion).mean or 0.0) / (last.mean(completion).mean or 1.0)
    return (
        f"Useful answers, the {last.name} search against the exhaustive one: {points(ahead)}, by seed {seeds}; the "
        f"exhaustive one takes {more:.1f} times the completion tokens. What became of requests for a total: "
        f"{_chosen(last)}; {_chosen(exhaustive)}."
    )


def _chosen(arm: Arm) -> str:
    """How often a right answer was bought, and how often given: the rest was lost in choosing."""
    asked = arm.of(lambda one: one.found is not None)
    missed = sum(bool(one.found) and not one.outcome.score.useful for one in asked.asked)
    bought = asked.share_where(lambda one: bool(one.found))
    return (
        f"{arm.name}, a right answer was bought for {percent(bought)} and given to {percent(asked.share('useful'))}: "
        f"{missed} times another was chosen"
    )
