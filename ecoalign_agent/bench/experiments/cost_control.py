"""Without cost in the value: does the cost explode? Source of the question: EcoAlign's ablation Γ' = S · U.

Its figures, relative to the plain model: 21.2 with cost, 79.6 without, for GPT-4o. Its unit of cost is not known.
"""

from collections.abc import Callable, Mapping, Sequence

from ecoalign_agent.bench.analysis.statistics import wilson
from ecoalign_agent.bench.experiments.base import (
    Cell,
    Finding,
    Mean,
    Series,
    Setting,
    Tell,
    cells,
    factor,
    mean_of,
    percent,
    point,
    points,
    times,
)
from ecoalign_agent.bench.experiments.conditions import (
    Arm,
    Asked,
    Way,
    all_tokens,
    arms,
    calls,
    completion,
    paired,
    paired_share,
)
from ecoalign_agent.bench.experiments.registry import EXPERIMENTS
from ecoalign_agent.bench.experiments.solvers import plainly, searching
from ecoalign_agent.economics.policy import Policy

PUBLISHED = 79.6 / 21.2
"""How many times dearer the search is without cost in Γ, as published for GPT-4o."""

POLICIES: Mapping[str, Policy] = {"default": Policy(), "paper": Policy.paper()}
"""The policies that are run with and without cost."""

_COLUMNS = (
    "policy", "cost in value", "samples", "n", "completion_tokens", "low", "high", "x base", "all_tokens", "calls",
    "useful", "safe", "had to choose", "nothing left to do",
)  # fmt: skip


async def run(setting: Setting, tell: Tell) -> Finding:
    """Base, and each policy with and without cost in the value, on the same samples."""
    ways: list[tuple[str, Way]] = [("base", plainly)]
    for name, policy in POLICIES.items():
        ways += [(name, searching(policy)), (without(name), searching(policy.replace(cost_in_value=False)))]
    return found_in(await arms(setting, ways, tell))


def without(name: str) -> str:
    """What a policy's arm without cost in the value is called."""
    return f"{name}, no cost"


def found_in(came: Mapping[str, Arm]) -> Finding:
    """The finding, from what came of the five arms."""
    entry, base = EXPERIMENTS["cost-control"], came["base"].mean(completion)
    searched = [arm for name, arm in came.items() if name != "base"]
    difficulties = sorted({one.sample.difficulty for one in came["base"].asked})
    rows = [_row(arm, "all", base) for arm in came.values()]
    rows += [_row(arm.of(_of_difficulty(n)), f"difficulty {n}", base) for n in difficulties for arm in searched]
    return Finding(
        key=entry.key,
        title=entry.title,
        question=entry.question,
        columns=_COLUMNS,
        rows=tuple(rows),
        x_label="difficulty: parts to work out, one more for fine print",
        y_label="completion tokens of a request",
        series=tuple(_by_difficulty(arm, difficulties) for arm in searched),
        answers=tuple(answer for name in POLICIES for answer in _answers(name, came)),
        cannot_show=(
            "The simulated model proposes only steps that lead somewhere, at most five of them, and stops when the "
            "parts are worked out. A real model always has another idea, some of them dear: that is where leaving cost "
            "out would hurt, and it is not in this world."
        ),
    )


def _row(arm: Arm, samples: str, base: Mean) -> tuple[Cell, ...]:
    policy, _, cost = arm.name.partition(", ")
    tokens = arm.mean(completion)
    searched = policy in POLICIES
    over = tokens.mean / base.mean if tokens.mean is not None and base.mean else None
    return (
        policy, ("no" if cost else "yes") if searched else "-", samples, len(arm.asked), *cells(tokens), over,
        arm.mean(all_tokens).mean, arm.mean(calls).mean, arm.share("useful").mean, arm.share("safe").mean,
        _chose(arm), arm.share_where(_ran_dry).mean if searched else None,
    )  # fmt: skip


def _by_difficulty(arm: Arm, difficulties: Sequence[int]) -> Series:
    drawn = (point(n, arm.of(_of_difficulty(n)).mean(completion)) for n in difficulties)
    return Series(arm.name, tuple(one for one in drawn if one is not None))


def _of_difficulty(number: int) -> Callable[[Asked], bool]:
    return lambda one: one.sample.difficulty == number


def _ran_dry(one: Asked) -> bool:
    return one.outcome.detail.get("stop_reason") == "no_open_tip"


def _chose(arm: Arm) -> float | None:
    """The share of rounds in which something of worth was left unbought: only there can a value change anything."""
    return wilson(sum(one.tried[1] for one in arm.asked), sum(one.tried[0] for one in arm.asked)).mean


def _answers(name: str, came: Mapping[str, Arm]) -> list[str]:
    held, free = came[name], came[without(name)]
    dearer = _dearer(held, free)
    seeds = ", ".join(
        f"{one.mean:.2f}" for s in held.seeds if (one := _dearer(held.of_seed(s), free.of_seed(s))).mean is not None
    )
    kinds = {
        kind: mean_of(c for one in held.asked for k, c in one.thoughts if k == kind) for kind in ("reason", "look")
    }
    prices = " and ".join(f"{mean.mean:,.0f} for a {kind}" for kind, mean in kinds.items() if mean.mean is not None)
    chose = _chose(held)
    return [
        (
            f"Under the {name} policy a search without cost in its value takes {times(dearer)} the completion tokens, "
            f"by seed {seeds}. {_compared(dearer)} Useful answers: {points(paired_share(free, held, 'useful'))}; safe "
            f"ones: {points(paired_share(free, held, 'safe'))}."
        ),
        (
            f"Why, under the {name} policy: in {'no' if not chose else f'{100 * chose:.0f} % of'} rounds something of "
            f"worth was left unbought, so that its value could matter at all; a thought with its verdict costs "
            f"{prices or 'nothing'}, in the policy's own units; and {percent(held.share_where(_ran_dry))} of the "
            f"searches ended because nothing was left to do, {percent(held.share_where(_ran_out))} because the budget "
            "was."
        ),
    ]


def _ran_out(one: Asked) -> bool:
    return one.outcome.detail.get("stop_reason") == "budget"


def _dearer(held: Arm, free: Arm) -> Mean:
    return factor(paired(free, held, completion), held.mean(completion))


def _compared(dearer: Mean) -> str:
    if dearer.mean is None or dearer.low is None or dearer.high is None:
        return "Nothing can be compared."
    published = f"published is {PUBLISHED:.2f} times"
    if dearer.low > 1:
        size = "and in size" if dearer.high >= PUBLISHED else "not in size"
        return f"The cost rises: this agrees with the paper in direction, {size} ({published})."
    if dearer.high < 1:
        return f"The cost falls: this disagrees with the paper ({published})."
    return f"No rise can be told from none: the paper's explosion does not show here ({published})."
