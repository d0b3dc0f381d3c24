"""Tuning from the first sample to the written policy: search, choose, and show on held-out samples. Ours.

The front is chosen on the tuning part alone. Many policies are tried on few samples there, and the best of many always
look better than they are: so the front's policies are measured again on the whole tuning part before one is chosen, and
the only figures that are a result are those of the held-out part, which nothing before depends on.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.bench.tuning.attempts import (
    CONCURRENCY,
    PolicyFigures,
    PolicyTrials,
    Preference,
    choose_policy,
    describe_preference,
    policy_front,
    summarise_attempts,
)
from ecoalign_agent.bench.tuning.grading import AnswerGrader
from ecoalign_agent.bench.tuning.held_out import FigureDifference, compare_attempts, describe_verdict, tuning_verdict
from ecoalign_agent.bench.tuning.policy_file import write_policy
from ecoalign_agent.bench.tuning.report import MAX_FINALISTS, TuneReport, TuningPlan, front_rows, tuned_settings
from ecoalign_agent.bench.tuning.samples import SampleParts, TuningSample, first_samples, split_samples
from ecoalign_agent.bench.tuning.search import SearchRecord, search_policies, search_space
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import EcoAlignError, UsageError

FEW_PAIRS = 30
"""Held-out samples of a measure below which the report warns."""


@dataclass(frozen=True, slots=True)
class TuningConfig:
    """Configuration of a tuning: policies to try, samples for each of them at most, and the share that is held out."""

    trials: int = 40
    samples: int = 60
    held_out: float = 0.5
    seed: int = 0
    prefer: Preference = "balanced"
    concurrency: int = CONCURRENCY


@dataclass(frozen=True, slots=True)
class TuningProgress:
    """Progress of a tuning; ``total`` policies in all; spent is in cost units; seconds left, None: not known yet."""

    stage: str
    policies: int
    total: int
    runs: int
    seconds_left: float | None
    spent: float
    judge_spent: float


def split_checked(samples: Sequence[TuningSample], config: TuningConfig, *, judge: bool) -> SampleParts:
    """Split the samples in two parts; raises UsageError where one needs a judge, and there is none."""
    unscorable = [sample for sample in samples if sample.needs_judge]
    if unscorable and not judge:
        unsafe = any(sample.label == "unsafe" for sample in unscorable)
        kind = "unsafe requests" if unsafe else "requests without an answer"
        raise UsageError(
            f"{len(unscorable)} of {len(samples)} samples, such as {unscorable[0].id[:60]!r}, are {kind}, which no "
            "rule can grade: name a model that judges them with --judge NAME"
        )
    return split_samples(samples, seed=config.seed, held_out=config.held_out)


def plan_tuning(parts: SampleParts, config: TuningConfig) -> TuningPlan:
    """Size of the tuning."""
    samples = [*parts.tuning, *parts.held_out]
    return TuningPlan(
        trials=config.trials,
        searched=len(first_samples(parts.tuning, config.samples)),
        tuning=len(parts.tuning),
        held_out=len(parts.held_out),
        judged=sum(sample.needs_judge for sample in samples) / len(samples),
    )


async def tune_policy(
    agent: EcoAlign,
    parts: SampleParts,
    config: TuningConfig,
    grader: AnswerGrader,
    *,
    out: str,
    label: str | None = None,
    notes: Sequence[str] = (),
    on_progress: Callable[[TuningProgress], None] = lambda _: None,
    on_notice: Callable[[str], None] = lambda _: None,
) -> TuneReport:
    """Find a policy for the agent's model, and write it to the file ``out``.

    Args:
        agent: its policy is the start of the search; its k and δ give way to the published ones.
        label: label of a simulated or offline model.
        notes: further caveats for the report.
        on_progress: called after every run.
        on_notice: called with one line for anything besides, such as a failed policy.

    Raises:
        RunError: endpoints failed, or the file can't be written. The best policy so far is written first.
        UsageError: the published policy's budget is too small for the samples, or one can't be asked.
    """
    tuning = _Tuning(agent, parts, config, grader, on_progress)
    try:
        measured, chosen = await tuning.choose(on_notice)
        result = await tuning.compare(chosen)
    except (asyncio.CancelledError, EcoAlignError):
        _write_unfinished(tuning.record, config, out, on_notice)
        raise
    verdict = tuning_verdict(result)
    published = tuning.space.base
    few = [one for one in result if one.pairs < FEW_PAIRS]
    report = TuneReport(
        model=agent.models.actor,
        assessor=agent.models.assessor,
        judge=None if grader.judge is None else grader.judge.name,
        label=label,
        prefer=config.prefer,
        rule=describe_preference(config.prefer),
        seed=config.seed,
        trials=tuning.record.tried,
        failed=tuning.record.failures,
        searched=tuning.plan.searched,
        tuning=tuning.plan.tuning,
        held_out=tuning.plan.held_out,
        front=front_rows(policy_front(measured), published=published, chosen=chosen),
        published=front_rows(measured[:1], published=published, chosen=chosen)[0],
        chosen=tuned_settings(chosen),
        result=result,
        verdict=verdict,
        finding=describe_verdict(verdict, result),
        file=out,
        written="published" if verdict == "worse" else "tuned",
        tariff=agent.policy.tariff.name,
        spent=tuning.trials.spent,
        calls=tuning.trials.calls,
        judge_spent=grader.spent,
        judge_calls=grader.calls,
        seconds=time.monotonic() - tuning.start,
        notes=[*notes, *(f"{one.figure}: only {one.pairs} held-out samples" for one in few)],
    )
    # A file is used without its comments being read: it must not hold what was found worse.
    write_policy(out, published if report.written == "published" else chosen, _remarks(report))
    return report


class _Tuning:
    def __init__(
        self,
        agent: EcoAlign,
        parts: SampleParts,
        config: TuningConfig,
        grader: AnswerGrader,
        on_progress: Callable[[TuningProgress], None],
    ) -> None:
        self.start, self.space, self.record = time.monotonic(), search_space(agent.policy), SearchRecord()
        self.plan = plan_tuning(parts, config)
        self.trials = PolicyTrials(agent, grader, config.concurrency, self._report_run)
        self._parts, self._config, self._on_progress = parts, config, on_progress
        self._stage = "searching"

    async def choose(self, on_notice: Callable[[str], None]) -> tuple[list[PolicyFigures], Policy]:
        """Measure the finalists on the whole tuning part, the published policy first, and choose one of them."""
        searched, config = first_samples(self._parts.tuning, self._config.samples), self._config

        async def try_policy(policy: Policy) -> PolicyFigures:
            return summarise_attempts(policy, await self.trials.attempt(policy, searched))

        await search_policies(
            self.space, try_policy, trials=config.trials, seed=config.seed, record=self.record, on_notice=on_notice
        )
        self._stage = "measuring the front"
        measured = [
            summarise_attempts(finalist.policy, await self.trials.attempt(finalist.policy, self._parts.tuning))
            for finalist in _finalists(self.record.figures, config.prefer)
        ]
        return measured, choose_policy(policy_front(measured), config.prefer, self.space.base).policy

    async def compare(self, chosen: Policy) -> list[FigureDifference]:
        self._stage = "held-out samples"
        published = await self.trials.attempt(self.space.base, self._parts.held_out)
        return compare_attempts(published, await self.trials.attempt(chosen, self._parts.held_out))

    def _report_run(self) -> None:
        trials, seconds = self.trials, time.monotonic() - self.start
        self._on_progress(
            TuningProgress(
                stage=self._stage,
                policies=self.record.tried,
                total=self._config.trials,
                runs=trials.runs,
                seconds_left=seconds / trials.runs * max(0, self.plan.runs - trials.runs) if trials.runs else None,
                spent=trials.spent,
                judge_spent=trials.grader.spent,
            )
        )


def _finalists(tried: Sequence[PolicyFigures], prefer: Preference) -> list[PolicyFigures]:
    """The published policy, and those of the front that would be chosen first, one after the other."""
    front, finalists = policy_front(tried), [tried[0]]
    while front and len(finalists) <= MAX_FINALISTS:
        best = choose_policy(front, prefer)
        front.remove(best)
        if best not in finalists:
            finalists.append(best)
    return finalists


def _write_unfinished(record: SearchRecord, config: TuningConfig, out: str, on_notice: Callable[[str], None]) -> None:
    """Write the best policy of an interrupted search, marked as checked on nothing."""
    if not record.figures:
        return
    best = choose_policy(policy_front(record.figures), config.prefer, record.figures[0].policy)
    remark = f"unfinished: the best of {len(record.figures)} policies by then, not checked on held-out samples"
    write_policy(out, best.policy, [f"ecoalign tune, {remark}"])
    on_notice(f"{out}: {remark}")


def _remarks(report: TuneReport) -> list[str]:
    label = f" ({report.label})" if report.label and report.label not in report.model else ""
    return [
        f"ecoalign tune --prefer {report.prefer} --seed {report.seed}, for {report.model}{label}",
        f"{report.trials} policies on {report.searched} of {report.tuning} tuning samples; {report.held_out} held out",
        report.finding,
        f"this is the {report.written} policy",
    ]
