"""Runs benchmarks as one of Inspect's eval sets: what was finished is never paid again, whatever stopped the run."""

import contextlib
import io
import sys
import time
from collections import Counter
from collections.abc import Callable
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

from ecoalign_agent.bench.runner.config import LATENCY, SIMULATED_LIMIT, Order, chosen, simulated_names
from ecoalign_agent.bench.runner.logs import LOGS
from ecoalign_agent.bench.runner.models import another_seed, in_world, inspect_model, is_stand_in
from ecoalign_agent.bench.runner.plan import expected_calls
from ecoalign_agent.bench.runner.solvers import ASSESSOR, JUDGE, KEPT, SCORER
from ecoalign_agent.bench.runner.tasks import NOT_JUDGED, bench_task
from ecoalign_agent.models.simulated.model import is_simulated
from ecoalign_agent.settings import Settings, settings_with

_HERE, _AWAY = 4, 16
"""Samples at once of a model in this process, and of one behind a URL."""


@dataclass(frozen=True, slots=True)
class Ran:
    """How a run ended.

    Attributes:
        complete: every sample of every task was run and scored.
        failed: tasks that were not, with the reason.
    """

    complete: bool
    failed: dict[str, str] = field(default_factory=dict)


@dataclass
class Progress:
    """How far a run is.

    Attributes:
        of: answers to be had.
        before: answers of an earlier run that are kept.
        done: answers that this process got.
        cost: what they cost in cost units, where it is known.
        method: who answered last.
        work: of this process, in calls as they are about expected; methods differ by more than their answers do.
        ahead: the same, of all that is not kept from before.
        began: on the monotonic clock.
    """

    of: int
    before: int = 0
    done: int = 0
    cost: float = 0.0
    method: str = ""
    work: float = 0.0
    ahead: float = 0.0
    began: float = field(default_factory=time.monotonic)

    @property
    def left(self) -> float | None:
        """Seconds to go, if it goes on as until now; None: nothing is done yet."""
        if not self.work:
            return None
        return (time.monotonic() - self.began) / self.work * max(0.0, self.ahead - self.work)


_watching: list[Callable[[EvalSample], None]] = []


@hooks(name="ecoalign_progress", description="Tells ecoalign bench run how far it is.")
class Watch(Hooks):
    """Told of every sample that ended."""

    def enabled(self) -> bool:
        """Only while somebody watches."""
        return bool(_watching)

    async def on_sample_end(self, data: SampleEnd) -> None:
        """A sample ended."""
        for watch in _watching:
            watch(data.sample)


def run(order: Order, *, tell: Callable[[Progress], None]) -> Ran:
    """Run all that is not done yet.

    Args:
        order: what is to be run.
        tell: is told of every sample that ended.

    Raises:
        UsageError: it can't be run, or its folder holds results of another kind. Nothing was asked.
        KeyboardInterrupt: somebody stopped it; what was finished is kept.
    """
    order.checked()
    settings = settings_with(base_url=order.base_url)
    groups = {benchmark: _tasks(order, benchmark) for benchmark in order.benchmarks}
    order.agree()
    answers = {task.name: len(task.dataset) * (task.epochs or 1) for tasks in groups.values() for task in tasks}
    kept_before = _kept(order, set(answers))
    calls = {method: expected_calls(chosen(method)) for method in order.methods}
    told = Progress(
        of=sum(answers.values()),
        before=sum(kept_before.values()),
        ahead=sum(
            calls[(task.metadata or {})["method"]] * max(0, answers[task.name] - kept_before[task.name])
            for tasks in groups.values()
            for task in tasks
        ),
    )

    def watch(sample: EvalSample) -> None:
        kept: dict[str, Any] = sample.metadata.get(KEPT, {})
        told.done += 1
        told.cost += (kept.get("receipt") or {}).get("cost") or 0.0
        told.method = str(kept.get("method", ""))
        told.work += calls.get(told.method, 1)
        tell(told)

    _watching.append(watch)
    # What Inspect prints about itself would stand in the way of what this program prints.
    heard = io.StringIO()
    try:
        logs: list[EvalLog] = []
        with contextlib.redirect_stdout(heard):
            for benchmark, tasks in groups.items():
                logs += _ran(order, benchmark, tasks, settings)
    except Exception:
        sys.stderr.write(heard.getvalue())
        raise
    finally:
        _watching.remove(watch)
    failed = {log.eval.task: why for log in logs if (why := _why(log))}
    return Ran(complete=not failed, failed=failed)


def _tasks(order: Order, benchmark: str) -> list[Task]:
    limit = order.limit
    if limit is None and benchmark in simulated_names():
        limit = SIMULATED_LIMIT
    return [
        bench_task(
            benchmark,
            folder="" if order.data is None else str(order.data),
            limit=limit,
            seed=order.seed,
            method=method,
            policy=order.policy,
            budget=order.budget,
            assessor=_assessor(order) is not None,
            judge=order.judge is not None,
        )
        for method in order.methods
    ]


def _assessor(order: Order) -> str | None:
    """Who grades: as ordered; for a simulated model without one, another of its kind."""
    if order.assessor is None and is_simulated(order.model):
        return another_seed(order.model)
    return order.assessor


def _ran(order: Order, benchmark: str, tasks: list[Task], settings: Settings) -> list[EvalLog]:
    def model(name: str) -> Model:
        return inspect_model(in_world(name, benchmark, order.seed, latency=LATENCY), settings)

    roles: dict[str, str | Model] = {}
    assessor = _assessor(order)
    if assessor is not None:
        roles[ASSESSOR] = model(assessor)
    if order.judge is not None:
        roles[JUDGE] = model(order.judge)
    at_once = order.at_once or (_HERE if is_stand_in(order.model) else _AWAY)
    _, logs = eval_set(
        tasks,
        log_dir=str(order.out / LOGS),
        model=model(order.model),
        model_roles=roles,
        display="none",
        log_level="error",
        # One method after another: the seconds of one are not those of the others.
        max_tasks=1,
        max_samples=at_once,
        # A sample that can't be answered is unknown; the others are run all the same, and the log says that it failed:
        # the next call of this command tries it again.
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
        # A provider that is asked too often is asked again for so long, not for ever.
        max_retries=6,
        timeout=int(settings.timeout * 8),
        max_connections=max(at_once * 4, 32),
    )
    # A set that somebody stopped comes back as one that is done, with no logs.
    if len(logs) < len(tasks) or any(log.status == "cancelled" for log in logs):
        raise KeyboardInterrupt
    return logs


def _why(log: EvalLog) -> str:
    """Why a task is not done, in one line; "": it is."""
    if log.error is not None:
        return log.error.message.splitlines()[0]
    summaries = read_eval_log_sample_summaries(log.location)
    lost = sum(one.error is not None for one in summaries)
    unjudged = sum(_unjudged(one) for one in summaries)
    missing = 0 if log.eval.dataset.samples is None else log.eval.dataset.samples * (log.eval.config.epochs or 1)
    missing -= len(summaries)
    told = [f"{count} {what}" for count, what in ((lost, "failed"), (missing, "not run")) if count > 0]
    if unjudged:
        told.append(f"{unjudged} answered but not judged: ecoalign bench rejudge judges them again")
    if not told and log.status != "success":
        return log.status
    return ", ".join(told)


def _unjudged(summary: EvalSampleSummary) -> bool:
    told = (summary.scores or {}).get(SCORER)
    return told is not None and str(told.explanation or "").startswith(NOT_JUDGED)


def _kept(order: Order, names: set[str]) -> Counter[str]:
    """Task → answers of an earlier run that stand."""
    kept = Counter(dict.fromkeys(names, 0))
    folder = order.out / LOGS
    for info in list_eval_logs(str(folder)) if folder.is_dir() else ():
        log = read_eval_log(info, header_only=True)
        if log.eval.task in names:
            # Of an interrupted run the log of the next one holds all that stood in the first.
            good = sum(one.error is None for one in read_eval_log_sample_summaries(info))
            kept[log.eval.task] = max(kept[log.eval.task], good)
    return kept
