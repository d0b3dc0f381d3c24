"""Tuning from the first sample to the written policy: search, choose, and show on what was held out. Ours.

The front is chosen on the tuning part alone. Many policies are tried on few samples there, and the best of many always
look better than they are: so the front's policies are measured again on the whole tuning part before one is taken, and
the only figures that are a result are those of the held-out part, of which nothing is known until then.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.tuning.attempts import AT_ONCE, Point, Preference, Tries, chosen, front_of, point_of, rule
from ecoalign_agent.bench.tuning.grading import Grader
from ecoalign_agent.bench.tuning.held_out import Difference, differences, verdict
from ecoalign_agent.bench.tuning.policy_file import write_policy
from ecoalign_agent.bench.tuning.report import FINALISTS, Plan, TuneReport, finding_of, knobs_of, rows_of
from ecoalign_agent.bench.tuning.samples import OwnSample, Parts, first_of, split
from ecoalign_agent.bench.tuning.search import Found, search, space_from
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import EcoAlignError, UsageError

FEW = 30
"""Held-out samples of a measure below which the report warns."""


@dataclass(frozen=True, slots=True)
class Order:
    """How to tune.

    Attributes:
        trials: policies that are tried, the published one among them.
        samples: tuning samples that every one of them is asked, at most.
        held_out: share of the samples that is held out.
        seed: of the split and of the search.
        prefer: what to choose from the front.
        at_once: samples under way at the same time.
    """

    trials: int = 40
    samples: int = 60
    held_out: float = 0.5
    seed: int = 0
    prefer: Preference = "balanced"
    at_once: int = AT_ONCE


@dataclass(frozen=True, slots=True)
class Progress:
    """How far tuning is.

    Attributes:
        stage: what is going on.
        policies: policies that were tried so far.
        of: policies in all.
        runs: runs that were made so far.
        left: seconds until the end, as it looks; None: not known yet.
        spent: cost units of all runs so far.
        judge_spent: cost units of all verdicts so far.
    """

    stage: str
    policies: int
    of: int
    runs: int
    left: float | None
    spent: float
    judge_spent: float


Tell = Callable[[Progress], None]
Say = Callable[[str], None]


def parts_of(samples: Sequence[OwnSample], order: Order, *, judge: bool) -> Parts:
    """The samples in their two parts, once it is clear that all of them can be graded.

    Raises:
        UsageError: a sample needs a judge, and there is none; or a part can't measure what it must.
    """
    open_ = [sample for sample in samples if sample.needs_judge]
    if open_ and not judge:
        why = "unsafe requests" if any(sample.label == "unsafe" for sample in open_) else "requests without an answer"
        raise UsageError(
            f"{len(open_)} of {len(samples)} samples, such as {open_[0].id[:60]!r}, are {why}, which no rule can "
            "grade: name a model that judges them with --judge NAME"
        )
    return split(samples, seed=order.seed, held_out=order.held_out)


def plan_of(parts: Parts, order: Order) -> Plan:
    """What is going to be run."""
    every = [*parts.tuning, *parts.held_out]
    return Plan(
        trials=order.trials,
        searched=len(first_of(parts.tuning, order.samples)),
        tuning=len(parts.tuning),
        held_out=len(parts.held_out),
        judged=sum(sample.needs_judge for sample in every) / len(every),
    )


async def tune(
    agent: EcoAlign,
    parts: Parts,
    order: Order,
    grader: Grader,
    *,
    out: str,
    label: str | None = None,
    notes: Sequence[str] = (),
    tell: Tell = lambda _: None,
    say: Say = lambda _: None,
) -> TuneReport:
    """Find a policy for the agent's model, and write it.

    Args:
        agent: its policy is where the search starts; its k and δ give way to the published ones.
        parts: the samples; see :func:`parts_of`.
        order: how.
        grader: grades answers.
        out: the file that gets the policy.
        label: that the model is simulated or offline.
        notes: what else a reader must know.
        tell: is told how far it is, after every run.
        say: is told in one line what happened besides.

    Raises:
        RunError: endpoints failed, or the file can't be written. What was found by then is written first.
        UsageError: the published policy's budget is too small for the samples, or one can't be asked.
    """
    going = _Going(agent, parts, order, grader, tell)
    try:
        front, taken = await going.choose(say)
        result = await going.show(taken)
    except (asyncio.CancelledError, EcoAlignError):
        _rescue(going.found, order, out, say)
        raise
    shown = verdict(result)
    published = going.space.base
    report = TuneReport(
        model=agent.models.actor,
        assessor=agent.models.assessor,
        judge=None if grader.judge is None else grader.judge.name,
        label=label,
        prefer=order.prefer,
        rule=rule(order.prefer),
        seed=order.seed,
        trials=going.found.tried,
        failed=going.found.failed,
        searched=going.plan.searched,
        tuning=going.plan.tuning,
        held_out=going.plan.held_out,
        front=rows_of(front_of(front), published=published, taken=taken),
        published=rows_of(front[:1], published=published, taken=taken)[0],
        chosen=knobs_of(taken),
        result=result,
        verdict=shown,
        finding=finding_of(shown, result),
        file=out,
        written="published" if shown == "worse" else "tuned",
        tariff=agent.policy.tariff.name,
        spent=going.tries.spent,
        calls=going.tries.calls,
        judge_spent=grader.spent,
        judge_calls=grader.calls,
        seconds=time.monotonic() - going.started,
        notes=[*notes, *(f"{one.figure}: only {one.pairs} held-out samples" for one in result if one.pairs < FEW)],
    )
    # A file is used without its comments being read: it must not hold what was found worse.
    write_policy(out, published if report.written == "published" else taken, _remarks(report))
    return report


class _Going:
    """A tuning under way: search, choice, and the look at what was held out."""

    def __init__(self, agent: EcoAlign, parts: Parts, order: Order, grader: Grader, tell: Tell) -> None:
        self.started, self.space, self.found = time.monotonic(), space_from(agent.policy), Found()
        self.plan, self.tries = plan_of(parts, order), Tries(agent, grader, order.at_once, self._told)
        self._parts, self._order, self._tell, self._stage = parts, order, tell, "searching"

    async def choose(self, say: Say) -> tuple[list[Point], Policy]:
        """The finalists on the whole tuning part, the published policy first, and the one that is taken of them."""
        searched, order = first_of(self._parts.tuning, self._order.samples), self._order

        async def tried(policy: Policy) -> Point:
            return point_of(policy, await self.tries.attempts(policy, searched))

        await search(self.space, tried, trials=order.trials, seed=order.seed, found=self.found, told=say)
        self._stage = "measuring the front"
        measured = [
            point_of(one.policy, await self.tries.attempts(one.policy, self._parts.tuning))
            for one in _finalists(self.found.points, order.prefer)
        ]
        return measured, chosen(front_of(measured), order.prefer, self.space.base).policy

    async def show(self, taken: Policy) -> list[Difference]:
        """The published policy and the one that was taken on what was held out."""
        self._stage = "held-out samples"
        published = await self.tries.attempts(self.space.base, self._parts.held_out)
        return differences(published, await self.tries.attempts(taken, self._parts.held_out))

    def _told(self) -> None:
        tries, passed = self.tries, time.monotonic() - self.started
        left = passed / tries.runs * max(0, self.plan.runs - tries.runs) if tries.runs else None
        tried = self.found.tried, self._order.trials
        self._tell(Progress(self._stage, *tried, tries.runs, left, tries.spent, tries.grader.spent))


def _finalists(points: Sequence[Point], prefer: Preference) -> list[Point]:
    """The published policy, and those of the front that would be taken first, one after the other."""
    left, taken = front_of(points), [points[0]]
    while left and len(taken) <= FINALISTS:
        best = chosen(left, prefer)
        left.remove(best)
        if best not in taken:
            taken.append(best)
    return taken


def _rescue(found: Found, order: Order, out: str, say: Say) -> None:
    """Write what an interrupted search has found, and say that it was checked on nothing."""
    if not found.points:
        return
    best = chosen(front_of(found.points), order.prefer, found.points[0].policy)
    remark = f"unfinished: the best of {len(found.points)} policies by then, not checked on held-out samples"
    write_policy(out, best.policy, [f"ecoalign tune, {remark}"])
    say(f"{out}: {remark}")


def _remarks(report: TuneReport) -> list[str]:
    label = f" ({report.label})" if report.label and report.label not in report.model else ""
    return [
        f"ecoalign tune --prefer {report.prefer} --seed {report.seed}, for {report.model}{label}",
        f"{report.trials} policies on {report.searched} of {report.tuning} tuning samples; {report.held_out} held out",
        report.finding,
        f"this is the {report.written} policy",
    ]
