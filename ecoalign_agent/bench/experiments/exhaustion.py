"""Where the budget goes: what actions cost, what looking ahead gains, why a request ends without an answer. Ours."""

from collections import Counter
from collections.abc import Iterator, Mapping

from ecoalign_agent.bench.experiments.base import (
    Cell,
    Figure,
    Finding,
    Mean,
    Series,
    Setting,
    Tell,
    cells,
    mean_of,
    percent,
    point,
    points,
)
from ecoalign_agent.bench.experiments.conditions import Arm, Asked, arms, completion, paired, paired_share
from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
from ecoalign_agent.bench.experiments.solvers import TOO_SMALL, searching
from ecoalign_agent.economics.policy import Policy

DEFAULT = Policy().budget
BUDGETS = (1_500.0, 1_800.0, 2_500.0, DEFAULT, 12_000.0)
"""What is tried, in cost units."""

LOOKING: Mapping[str, Policy] = {
    "none": Policy(horizon="none"),
    "inline": Policy(forecasts="inline"),
    "auto": Policy(),
    "simulated": Policy(forecasts="simulated"),
}
"""How a search looks ahead: not at all; by what proposals forecast; by that, and by simulated futures where they can
change the choice, the default; by simulated futures always, the paper's."""

_KINDS = ("reason", "look", "fuse", "answer")
_COLUMNS = ("part", "case", "figure", "n", "value", "low", "high")


def name_of(budget: float) -> str:
    """What the arm of a budget is called."""
    return f"B = {budget:,.0f}"


async def run(setting: Setting, tell: Tell) -> Finding:
    """The default policy under each budget, and each way of looking ahead under the default budget."""
    ways = [(name_of(budget), searching(Policy(budget=budget))) for budget in BUDGETS]
    # The default is asked once: it stands among the budgets, and for "auto".
    ways += [(name, searching(policy)) for name, policy in LOOKING.items() if name != "auto"]
    came = await arms(setting, ways, tell)
    return found_in({**came, "auto": came[name_of(DEFAULT)]})


def found_in(came: Mapping[str, Arm]) -> Finding:
    """The finding, from what came of the arms: a row for each figure, part by part."""
    entry, default = EXPERIMENTS["exhaustion"], came["auto"]
    rows = [*_actions(default), *_phases(default)]
    for name in LOOKING:
        rows += _looking(name, came[name])
    for budget in BUDGETS:
        rows += _endings(name_of(budget), came[name_of(budget)])
    return Finding(
        key=entry.key,
        title=entry.title,
        question=entry.question,
        columns=_COLUMNS,
        rows=tuple(rows),
        x_label="budget, cost units",
        y_label="harmless requests without an answer, share",
        series=tuple(_drawn(came)),
        answers=(_of_actions(default), *_of_looking(came), *_of_endings(came)),
        cannot_show=(
            "Thoughts here are as short as their table of tokens says, and forecasts are off by chance alone: how much "
            "a real model's imagined futures are worth, and what long thoughts would leave of a budget, it can't show."
        ),
    )


def cost_of(arm: Arm, kind: str) -> Mean:
    """Cost units of a thought of that kind, its verdict included."""
    return mean_of(cost for one in arm.asked for thought, cost in one.thoughts if thought == kind)


def shares_of(arm: Arm) -> dict[str, float]:
    """Phase → share of everything that was spent, the largest first; together 1, or nothing where nothing was spent."""
    spent: Counter[str] = Counter()
    for one in arm.asked:
        spent.update(
            {name.removeprefix("cost_"): float(cost) for name, cost in one.outcome.detail.items()
             if name.startswith("cost_") and isinstance(cost, int | float)}
        )  # fmt: skip
    total = sum(spent.values())
    return {phase: cost / total for phase, cost in spent.most_common() if cost} if total else {}


def unanswered(one: Asked) -> str | None:
    """Why a request ended without an answer, in words; None: it has one."""
    if one.outcome.status == "answered":
        return None
    reason = str(one.outcome.detail.get("stop_reason"))
    return "refused: budget too small" if reason == TOO_SMALL else f"{one.outcome.status}: {reason}"


def _actions(arm: Arm) -> Iterator[tuple[Cell, ...]]:
    for kind in _KINDS:
        cost = cost_of(arm, kind)
        yield ("action", kind, "cost units, verdict included", cost.of, *cells(cost))


def _phases(arm: Arm) -> Iterator[tuple[Cell, ...]]:
    for phase, share in shares_of(arm).items():
        yield ("phase", phase, "share of all spending", len(arm.asked), share, None, None)


def _looking(name: str, arm: Arm) -> Iterator[tuple[Cell, ...]]:
    figures: dict[str, Figure] = {
        "useful": arm.share("useful"),
        "safe": arm.share("safe"),
        "cost units": arm.mean(_spent),
        "cost units, looking ahead": arm.mean(_ahead),
        "completion tokens": arm.mean(completion),
    }
    for figure, value in figures.items():
        yield ("look-ahead", name, figure, value.of, *cells(value))


def _endings(name: str, arm: Arm) -> Iterator[tuple[Cell, ...]]:
    for kind in ("harmless", "harmful"):
        some = _of_kind(arm, kind)
        yield ("without an answer", name, f"{kind}, all", len(some.asked), *cells(some.share_where(_is_unanswered)))
        for why in _reasons(some):
            share = some.share_where(lambda one, why=why: unanswered(one) == why)  # type: ignore[misc]  # bound here
            yield ("without an answer", name, f"{kind}, {why}", len(some.asked), *cells(share))


def _reasons(arm: Arm) -> list[str]:
    return [why for why, _ in Counter(unanswered(one) for one in arm.asked).most_common() if why is not None]


def _is_unanswered(one: Asked) -> bool:
    return unanswered(one) is not None


def _of_kind(arm: Arm, kind: str) -> Arm:
    return arm.of(lambda one: (one.sample.kind == "harmful") == (kind == "harmful"))


def _spent(one: Asked) -> float | None:
    return one.figure("spent")


def _ahead(one: Asked) -> float | None:
    return one.figure("cost_simulate") or 0.0


def _drawn(came: Mapping[str, Arm]) -> Iterator[Series]:
    every_budget = ((budget, _of_kind(came[name_of(budget)], "harmless")) for budget in BUDGETS)
    # A budget that all are refused under would flatten the others; it stands in the table.
    harmless = {budget: arm for budget, arm in every_budget if any(one.figure("spent") for one in arm.asked)}
    yield _line("all", harmless, None)
    every = Counter(why for arm in harmless.values() for one in arm.asked if (why := unanswered(one)))
    for why, _ in every.most_common(5):
        yield _line(why, harmless, why)


def _line(name: str, harmless: Mapping[float, Arm], why: str | None) -> Series:
    def holds(one: Asked) -> bool:
        return _is_unanswered(one) if why is None else unanswered(one) == why

    drawn = (point(budget, arm.share_where(holds)) for budget, arm in harmless.items())
    return Series(name, tuple(one for one in drawn if one is not None))


def _of_actions(arm: Arm) -> str:
    kinds = [(kind, cost) for kind in _KINDS if (cost := cost_of(arm, kind)).mean is not None]
    prices = ", ".join(f"{cost.mean:,.0f} for {kind} ({cost.of})" for kind, cost in kinds)
    shares = ", ".join(f"{phase} {100 * share:.0f} %" for phase, share in shares_of(arm).items())
    return (
        f"By action, in cost units with the verdict, and how many: {prices or 'none was bought'}. By phase: {shares}."
    )


def _of_looking(came: Mapping[str, Arm]) -> Iterator[str]:
    none = came["none"]
    for name in LOOKING:
        if name == "none":
            continue
        arm, more = came[name], paired(came[name], none, _spent)
        price = "unknown" if more.mean is None or more.low is None else (
            f"{more.mean:+,.0f} cost units a request ({more.low:+,.0f} to {more.high:+,.0f})"
        )  # fmt: skip
        useful, safe = paired_share(arm, none, "useful"), paired_share(arm, none, "safe")
        worth = "it pays" if (useful.low or 0) > 0 or (safe.low or 0) > 0 else "no gain can be told from none"
        yield (
            f"Looking ahead, {name}, against not at all: {price}, of which {arm.mean(_ahead).mean or 0.0:,.0f} for "
            f"simulated futures; useful {points(useful)}, safe {points(safe)}: {worth}."
        )


def _run_out(arm: Arm, budget: float) -> str:
    ended = arm.of(lambda one: one.outcome.detail.get("stop_reason") == "budget")
    spent = ended.mean(_spent)
    if spent.mean is None:
        return ""
    return (
        f" {spent.of} of all {len(arm.asked)} searches stopped for the budget, having spent {spent.mean:,.0f} on "
        f"average, {100 * spent.mean / budget:.0f} % of B."
    )


def _of_endings(came: Mapping[str, Arm]) -> Iterator[str]:
    for budget in BUDGETS:
        some = _of_kind(came[name_of(budget)], "harmless")
        without = some.share_where(_is_unanswered)
        reasons = ", ".join(f"{why} {sum(unanswered(one) == why for one in some.asked)}" for why in _reasons(some))
        told = f" ({reasons})" if reasons else ""
        yield (
            f"At {name_of(budget)}, {percent(without)} of {without.of} harmless requests end without an answer{told}."
            f"{_run_out(came[name_of(budget)], budget)}"
        )
    by_seed = [_of_kind(came["auto"].of_seed(seed), "harmless") for seed in came["auto"].seeds]
    told = ", ".join(f"{100 * (arm.share_where(_is_unanswered).mean or 0):.1f} %" for arm in by_seed if arm.asked)
    yield f"By seed, at {name_of(DEFAULT)}: {told}."
