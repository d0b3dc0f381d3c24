"""Values of steps, actions and paths.

A forecast R of an action is cut to the horizon and before its first unsafe step: only safe steps count.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from ecoalign_agent.economics.thoughts import Thought

PathSafety = Literal["minimum", "last", "mean"]
"""Safety of a path from that of its thoughts: the weakest link, or one of the paper's ablations."""


class Step(NamedTuple):
    """One step of a plan, executed or imagined."""

    safety: float
    """s in [-1, 1]; below 0 is unsafe."""
    utility: float
    """u in [0, 1]."""
    cost: float
    """c in cost units, above 0."""


def utility_of_grade(raw: float) -> float:
    """A raw grade r in [-1, 1] made non-negative: u = (1 + r) / 2. Source: EcoAlign, utility."""
    if not -1.0 <= raw <= 1.0:
        raise ValueError(f"a grade is in [-1, 1], not {raw!r}")
    return (1.0 + raw) / 2.0


def weakest_link(path: Sequence[Thought]) -> float:
    """S[P]: safety of the thoughts after the root, that of the least safe, in [-1, 1]; ValueError if there is none.

    Source: EcoAlign, weakest-link principle.
    """
    if not path:
        raise ValueError("a path without a thought after the root has no value")
    return min(thought.safety for thought in path)


def safety_of_path(path: Sequence[Thought], path_safety: PathSafety) -> float:
    """S[P] of the thoughts after the root under the weakest link or an ablation, in [-1, 1]."""
    weakest = weakest_link(path)
    if path_safety == "last":
        return path[-1].safety
    return sum(thought.safety for thought in path) / len(path) if path_safety == "mean" else weakest


def local_return(step: Step) -> float:
    """Γ_local = s · u / c: return of one step for each cost unit. Negative if the step is unsafe.

    Raises:
        ValueError: the cost is not above 0, or a figure is not finite.
    """
    _require_figures(step)
    return step.safety * step.utility / step.cost


def look_ahead_horizon(*, k: float, budget: float, spent: float, unit: float = 20.0, cap: int = 5) -> int:
    """Steps of look-ahead that the rest of the budget can pay for: h = min(cap, floor(k · (B - C) / unit)), at least 0.

    Args:
        k: steps for each unit left, at least 0.
        spent: C in cost units; may be above the budget after an overrun.
        unit: cost units in one unit of the paper's budget, above 0. The paper names neither unit nor cap.
    """
    if not all(map(math.isfinite, (k, budget, spent, unit))) or k < 0 or unit <= 0 or cap < 0:
        raise ValueError(f"no horizon for k={k!r}, budget={budget!r}, spent={spent!r}, unit={unit!r}, cap={cap!r}")
    # 0.05 is no binary fraction: without the allowance, the cost of exactly one step could count as none.
    affordable = math.floor(k * (budget - spent) / unit + 1e-9)
    return max(0, min(cap, affordable))


def net_present_value(
    action: Step, forecasts: Iterable[Sequence[Step]], *, discount: float, horizon: int
) -> float | None:
    """NPV(a) = Γ_local(a) + max over forecasts R of Σ δ^i · Γ_local(r_i). None: the action is unsafe.

    All terms are at least 0, so the best part of a forecast is its whole safe part.

    Args:
        forecasts: imagined next steps; without any, the value is the local return (myopic search).
        discount: δ in (0, 1], the time value of compute.
        horizon: maximum of forecast steps that count, at least 0.
    Source: EcoAlign, net present value, with the first term made explicit.
    """
    _require_outlook(discount, horizon)
    own = local_return(action)
    if action.safety < 0:
        return None
    futures = (
        sum(discount**i * local_return(step) for i, step in enumerate(plan, start=1))
        for plan in _safe_plans(forecasts, horizon)
    )
    return own + max(futures, default=0.0)


def rate_of_return(action: Step, forecasts: Iterable[Sequence[Step]], *, discount: float, horizon: int) -> float | None:
    """Γ of a path begun by a: max over R of min(s) · (u_a + Σ δ^i · u_ri) / (c_a + Σ c_ri). None: a is unsafe.

    Arguments as of `net_present_value`; the discount applies to utilities. Source: ours. A sum of returns grows with
    the plan, so a search that may answer early would delay the answer; the rate values a plan as its finished path is.
    """
    _require_outlook(discount, horizon)
    own = local_return(action)
    if action.safety < 0:
        return None
    rates: list[float] = []
    for plan in _safe_plans(forecasts, horizon):
        for step in plan:
            _require_figures(step)
        safety = min(step.safety for step in (action, *plan))
        utility = action.utility + sum(discount**i * step.utility for i, step in enumerate(plan, start=1))
        rates.append(safety * utility / (action.cost + sum(step.cost for step in plan)))
    return max(rates, default=own)


def _safe_plans(forecasts: Iterable[Sequence[Step]], horizon: int) -> Iterator[Sequence[Step]]:
    """Each forecast, cut to the horizon and before its first unsafe step."""
    for forecast in forecasts:
        plan = forecast[:horizon]
        unsafe = next((i for i, step in enumerate(plan) if step.safety < 0), len(plan))
        yield plan[:unsafe]


def _require_figures(step: Step) -> None:
    if not all(map(math.isfinite, step)) or step.cost <= 0:
        raise ValueError(f"{step} has no return: figures must be finite and the cost above 0")


def _require_outlook(discount: float, horizon: int) -> None:
    if not 0.0 < discount <= 1.0:
        raise ValueError(f"discount is {discount!r}, not in (0, 1]")
    if horizon < 0:
        raise ValueError(f"horizon is {horizon!r}, must be at least 0 steps")
