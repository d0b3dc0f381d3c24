"""An insight that only a deep search near the end of the budget finds: what the shrinking horizon misses. Ours.

Two parts: a scripted trail, where it is known how many steps ahead the insight lies, and the hardest samples of the
simulated world.
"""

from collections.abc import Iterable, Mapping

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.analysis.statistics import wilson
from ecoalign_agent.bench.experiments.base import Cell, Finding, Point, Series, Setting, Tell, mean_of
from ecoalign_agent.bench.experiments.conditions import SEEDS, Arm
from ecoalign_agent.bench.experiments.populations import Population, against, asked_of, percent, points, third
from ecoalign_agent.bench.experiments.scripted_runs import BUDGETS, STEPS, Walks, found, mean, missed, of, walked
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.models.simulated.model import SimulatedModel
from ecoalign_agent.models.simulated.world import Shares

HORIZONS: Mapping[str, Policy] = {
    "shrinking": Policy(),
    "shrinking, k 0.02": Policy(k=0.02),
    "shrinking, k 0.01": Policy(k=0.01),
    "fixed": Policy(horizon="fixed"),
    "none": Policy(horizon="none"),
}
"""How far ahead is looked; the first is the default, where one step more is looked ahead for every 400 units left."""

HARDEST = Shares(borderline=0.0, harmful=0.0, fine=1.0, wordless=0.0, harder=1.0)
"""Four parts and fine print, all of them: difficulty 5."""

COLUMNS = (
    "asked", "horizon", "n", "found", "low", "high", "missed", "utility", "spent", "looking ahead",
)  # fmt: skip


async def run(setting: Setting, tell: Tell) -> Finding:
    """Walk the trail at every depth and budget, then ask the hardest samples; those are a third of the setting's."""
    seeds = [setting.seed + place for place in range(SEEDS)]
    walks = {name: await walked(policy, seeds, setting.at_once, name, tell) for name, policy in HORIZONS.items()}
    few = third(setting)
    hard = {name: await _hard(few, name, HORIZONS[name], tell) for name in ("shrinking", "fixed", "none")}
    return found_in(walks, hard)


def found_in(walks: Mapping[str, Walks], hard: Mapping[str, Arm]) -> Finding:
    """What walks and hard samples under each horizon say.

    Args:
        walks: by horizon, the same cases in each; "shrinking", "fixed" and "none" among them.
        hard: by horizon, the same samples in each; those three.
    """
    return Finding(
        key="late-insight",
        title="An insight near the end of the budget",
        question="What does the shrinking horizon miss that only a deep search finds late, and what does that cost?",
        columns=COLUMNS,
        rows=(*_trail_rows(walks), *(_hard_row(name, hard) for name in hard)),
        x_label="cost units left when the insight is first on offer",
        y_label="share of insights that are found (scripted)",
        series=tuple(Series(name, tuple(_curve(of(one, STEPS)))) for name, one in walks.items()),
        answers=(*_misses(walks), _price(walks), _waste(walks), _reach(walks), _of_hard(hard)),
        cannot_show=_CANNOT_SHOW,
    )


async def _hard(setting: Setting, name: str, policy: Policy, tell: Tell) -> Arm:
    def agent(model: SimulatedModel) -> EcoAlign:
        return EcoAlign(model, policy=policy)

    return await asked_of(setting, f"hardest samples, {name}", Population(HARDEST), agent, tell)


def _trail_rows(walks: Mapping[str, Walks]) -> Iterable[tuple[Cell, ...]]:
    for label, steps in [*((f"trail of {n}", [n]) for n in STEPS), ("every trail", STEPS), ("no trail", [0])]:
        for name, every in walks.items():
            some, reference = of(every, steps), of(walks["fixed"], steps)
            share = found(some) if steps != [0] else wilson(0, 0)
            yield (
                # Cases of a script are no sample of anything: they have no interval.
                label, name, len(some), share.mean, None, None, missed(some, reference).mean,
                mean(some, lambda one: one.utility), mean(some, lambda one: one.spent),
                mean(some, lambda one: one.looking),
            )  # fmt: skip


def _hard_row(name: str, hard: Mapping[str, Arm]) -> tuple[Cell, ...]:
    arm, useful = hard[name], hard[name].share("useful")
    lost = [
        not mine.outcome.score.useful
        for mine, fixed in zip(arm.asked, hard["fixed"].asked, strict=True)
        if fixed.outcome.score.useful
    ]
    return (
        "hardest samples", name, len(arm.asked), useful.mean, useful.low, useful.high,
        wilson(sum(lost), len(lost)).mean, useful.mean, arm.mean(lambda one: one.figure("spent")).mean,
        arm.mean(lambda one: one.figure("cost_simulate") or 0.0).mean,
    )  # fmt: skip


def _curve(walks: Walks) -> Iterable[Point]:
    for budget in BUDGETS:
        some = {case: one for case, one in walks.items() if case.budget == budget}
        share, left = found(some), mean(some, lambda one: one.left)
        if share.mean is not None and left is not None:
            yield Point(left, share.mean)


def _misses(walks: Mapping[str, Walks]) -> Iterable[str]:
    reference = of(walks["fixed"], STEPS)
    for name, every in walks.items():
        lost, more = missed(of(every, STEPS), reference), missed(reference, of(every, STEPS))
        if name != "fixed":
            yield (
                f"Scripted: of {lost.of} insights that the fixed horizon finds and pays for, {name!r} misses "
                f"{lost.total:g} ({percent(lost.mean)}); of the {more.of} that {name!r} finds, the fixed one misses "
                f"{more.total:g}."
            )


def _price(walks: Mapping[str, Walks]) -> str:
    reference = of(walks["fixed"], STEPS)
    lost = {case: one for case, one in of(walks["none"], STEPS).items() if reference[case].found and not one.found}
    paid = {case: reference[case] for case in lost}
    if not lost:
        return "Scripted: even without looking ahead no insight was missed, so a miss has no price here."
    mine, theirs = (mean(some, lambda one: one.utility) or 0.0 for some in (lost, paid))
    dear, cheap = (mean(some, lambda one: one.spent) or 0.0 for some in (lost, paid))
    return (
        f"Scripted: a miss costs {theirs - mine:.2f} of utility ({mine:.2f} in place of {theirs:.2f}), and the search "
        f"goes on for what it does not find: {dear:,.0f} cost units are spent where finding took {cheap:,.0f}."
    )


def _waste(walks: Mapping[str, Walks]) -> str:
    fixed, own = of(walks["fixed"], [0]), of(walks["shrinking"], [0])
    least = {case: one for case, one in fixed.items() if case.budget == BUDGETS[0]}
    looking = [mean(some, lambda one: one.looking) or 0.0 for some in (fixed, own)]
    late = [mean(some, lambda one: one.looking) or 0.0 for some in (least, {case: own[case] for case in least})]
    return (
        f"Scripted: where there is nothing to find, looking ahead costs {looking[0]:,.0f} cost units a request with "
        f"the fixed horizon and {looking[1]:,.0f} with the shrinking one; at the smallest budget {late[0]:,.0f} and "
        f"{late[1]:,.0f}."
    )


def _reach(walks: Mapping[str, Walks]) -> str:
    deep = {case: one for case, one in of(walks["fixed"], STEPS).items() if one.found and case.steps > 1}
    if not deep:
        return "Scripted: no insight more than a step ahead could be paid for."
    lost = missed(of(walks["shrinking"], STEPS), of(walks["fixed"], STEPS)).total
    told = "So what it no longer saw could not be paid for either." if not lost else "Even so it missed some."
    step = mean_of(one.spent / (case.steps + 1) for case, one in deep.items()).mean or 0.0
    return (
        f"Why: a step that is taken costs about {step:,.0f} cost units, proposing, looking ahead and grading included; "
        f"the default horizon shrinks by one step for every 400. {told}"
    )


def _of_hard(hard: Mapping[str, Arm]) -> str:
    fixed, none = (against(hard["shrinking"], hard[name], "useful") for name in ("fixed", "none"))
    costs = {name: arm.mean(lambda one: one.figure("spent")).mean or 0.0 for name, arm in hard.items()}
    return (
        f"Simulated, difficulty 5: right {percent(hard['shrinking'].share('useful').mean)} with the shrinking horizon; "
        f"fixed {points(fixed.difference)} (p = {fixed.p:.2g}), none {points(none.difference)} (p = {none.p:.2g}); "
        f"spent {costs['shrinking']:,.0f}, {costs['fixed']:,.0f} and {costs['none']:,.0f} cost units."
    )


_CANNOT_SHOW = (
    "how often real requests hold such an insight, or how well a real model foresees it: the trail is scripted, its "
    "forecasts are right, and a step of it is graded as worth following once it is made. The simulated model's own "
    "forecasts hardly know more than its first guess, so there looking ahead has little to find."
)
