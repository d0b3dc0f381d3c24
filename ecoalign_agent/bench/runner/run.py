"""Run benchmarks as Inspect eval sets: a finished sample is never paid for again, whatever stopped the run."""

import contextlib
import io
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from inspect_ai import Task, eval_set
from inspect_ai.hooks import Hooks, SampleEnd, hooks
from inspect_ai.log import (
    EvalLog,
    EvalSample,
    EvalSampleSummary,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
)
from inspect_ai.model import Model

from ecoalign_agent.bench.runner.config import CALL_LATENCY, BenchConfig
from ecoalign_agent.bench.runner.logs import LOGS
from ecoalign_agent.bench.runner.models import another_seed, in_world, inspect_model, is_stand_in
from ecoalign_agent.bench.runner.plan import expected_calls
from ecoalign_agent.bench.runner.solvers import ASSESSOR_ROLE, JUDGE_ROLE, METADATA_KEY, SCORER
from ecoalign_agent.bench.runner.tasks import JUDGE_FAILED, bench_task
from ecoalign_agent.models.simulated.model import is_simulated
from ecoalign_agent.settings import Settings, read_settings

_LOCAL_CONCURRENCY, _REMOTE_CONCURRENCY = 4, 16
"""Samples at the same time of a model in this process, and of one behind a URL."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """End of a run: the unfinished tasks with the reason of each."""

    failed: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Every sample of every task was run and scored."""
        return not self.failed


@dataclass
class BenchProgress:
    """Progress of a run.

    Attributes:
        total: answers of the whole run, of which ``before`` are kept from an earlier one.
        done: answers of this process, at a known ``cost`` in cost units.
        method: method of the last answer.
        work: finished work of this process in expected calls, by which methods differ more than by answers.
        expected_work: the same, of all that is not kept from before.
    """

    total: int
    before: int = 0
    done: int = 0
    cost: float = 0.0
    method: str = ""
    work: float = 0.0
    expected_work: float = 0.0
    start: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float | None:
        """Seconds to the end at the pace so far; None: nothing is done yet."""
        if not self.work:
            return None
        return (time.monotonic() - self.start) / self.work * max(0.0, self.expected_work - self.work)


_sample_listeners: list[Callable[[EvalSample], None]] = []


@hooks(name="ecoalign_progress", description="Tells ecoalign bench run how far it is.")
class ProgressHooks(Hooks):
    """Passes every finished sample on to the run under way."""

    def enabled(self) -> bool:
        """Only while a run listens."""
        return bool(_sample_listeners)

    async def on_sample_end(self, data: SampleEnd) -> None:
        """Pass a finished sample on."""
        for listener in _sample_listeners:
            listener(data.sample)


def run_benchmarks(config: BenchConfig, *, on_progress: Callable[[BenchProgress], None]) -> RunSummary:
    """Run every sample that is not finished yet; ``on_progress`` is called after every sample.

    Raises:
        UsageError: it can't be run, or its folder holds results with other settings. No model was called.
        KeyboardInterrupt: it was stopped; finished samples are kept.
    """
    config.check()
    settings = read_settings(base_url=config.base_url)
    groups = {benchmark: _make_tasks(config, benchmark) for benchmark in config.benchmarks}
    config.bind_folder()
    tasks = [task for group in groups.values() for task in group]
    answers = {task.name: len(task.dataset) * (task.epochs or 1) for task in tasks}
    finished = _finished_answers(config, set(answers))
    calls = {configured.name: expected_calls(configured.method) for configured in config.configured_methods()}
    progress = BenchProgress(
        total=sum(answers.values()),
        before=sum(finished.values()),
        expected_work=sum(
            calls[(task.metadata or {})["method"]] * max(0, answers[task.name] - finished[task.name]) for task in tasks
        ),
    )

    def count(sample: EvalSample) -> None:
        figures: dict[str, Any] = sample.metadata.get(METADATA_KEY, {})
        progress.done += 1
        progress.cost += (figures.get("receipt") or {}).get("cost") or 0.0
        progress.method = str(figures.get("method", ""))
        progress.work += calls.get(progress.method, 1)
        on_progress(progress)

    _sample_listeners.append(count)
    try:
        with _quiet_stdout():
            logs = [log for name, group in groups.items() for log in _run_tasks(config, name, group, settings)]
    finally:
        _sample_listeners.remove(count)
    return RunSummary({log.eval.task: reason for log in logs if (reason := _unfinished_reason(log))})


@contextlib.contextmanager
def _quiet_stdout() -> Iterator[None]:
    """Hold back Inspect's output, which would mix with this program's; print it to stderr if an error ends the run."""
    output = io.StringIO()
    try:
        with contextlib.redirect_stdout(output):
            yield
    except Exception:
        sys.stderr.write(output.getvalue())
        raise


def _make_tasks(config: BenchConfig, benchmark: str) -> list[Task]:
    return [
        bench_task(
            benchmark,
            folder="" if config.data is None else str(config.data),
            limit=config.limit,
            seed=config.seed,
            method=method,
            policy=config.policy,
            budget=config.budget,
            assessor=_assessor_name(config) is not None,
            judge=config.judge is not None,
        )
        for method in config.methods
    ]


def _assessor_name(config: BenchConfig) -> str | None:
    # For a simulated model without one, another of its kind.
    return another_seed(config.model) if config.assessor is None and is_simulated(config.model) else config.assessor


def _run_tasks(config: BenchConfig, benchmark: str, tasks: list[Task], settings: Settings) -> list[EvalLog]:
    def model(name: str) -> Model:
        return inspect_model(in_world(name, benchmark, config.seed, latency=CALL_LATENCY), settings)

    named_roles = {ASSESSOR_ROLE: _assessor_name(config), JUDGE_ROLE: config.judge}
    roles: dict[str, str | Model] = {role: model(name) for role, name in named_roles.items() if name is not None}
    concurrency = config.concurrency or (_LOCAL_CONCURRENCY if is_stand_in(config.model) else _REMOTE_CONCURRENCY)
    _, logs = eval_set(
        tasks,
        log_dir=str(config.out / LOGS),
        model=model(config.model),
        model_roles=roles,
        display="none",
        log_level="error",
        # One method after another: the seconds of one are not those of the others.
        max_tasks=1,
        max_samples=concurrency,
        # A sample without an answer is unknown; the others are run all the same, and the log says that it failed: the
        # next call of this command tries it again.
        fail_on_error=True,
        continue_on_fail=True,
        retry_immediate=False,
        retry_attempts=1,
        retry_on_error=1,
        # Each finished sample is on disc before the next is paid for.
        log_buffer=1,
        log_realtime=False,
        log_images=False,
        log_dir_allow_dirty=True,
        ctl_server=False,
        # A provider that limits the rate is retried this often, not for ever.
        max_retries=6,
        timeout=int(settings.timeout * 8),
        max_connections=max(concurrency * 4, 32),
    )
    # A stopped set returns as a finished one, with no logs.
    if len(logs) < len(tasks) or any(log.status == "cancelled" for log in logs):
        raise KeyboardInterrupt
    return logs


def _unfinished_reason(log: EvalLog) -> str:
    if log.error is not None:
        return log.error.message.splitlines()[0]
    summaries = read_eval_log_sample_summaries(log.location)
    failed = sum(summary.error is not None for summary in summaries)
    unjudged = sum(_is_unjudged(summary) for summary in summaries)
    missing = 0 if log.eval.dataset.samples is None else log.eval.dataset.samples * (log.eval.config.epochs or 1)
    missing -= len(summaries)
    reasons = [f"{count} {state}" for count, state in ((failed, "failed"), (missing, "not run")) if count > 0]
    if unjudged:
        reasons.append(f"{unjudged} answered but not judged: ecoalign bench rejudge judges them again")
    if not reasons and log.status != "success":
        return log.status
    return ", ".join(reasons)


def _is_unjudged(summary: EvalSampleSummary) -> bool:
    score = (summary.scores or {}).get(SCORER)
    return score is not None and str(score.explanation or "").startswith(JUDGE_FAILED)


def _finished_answers(config: BenchConfig, names: set[str]) -> Counter[str]:
    finished = Counter(dict.fromkeys(names, 0))
    folder = config.out / LOGS
    for info in list_eval_logs(str(folder)) if folder.is_dir() else ():
        log = read_eval_log(info, header_only=True)
        if log.eval.task in names:
            # The log of a resumed run holds all answers of the interrupted one.
            good = sum(summary.error is None for summary in read_eval_log_sample_summaries(info))
            finished[log.eval.task] = max(finished[log.eval.task], good)
    return finished
