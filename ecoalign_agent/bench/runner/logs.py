"""Runs from Inspect's logs, every expected sample with its score and receipt; new verdicts on stored answers."""

import contextlib
import io
import json
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from inspect_ai import score
from inspect_ai.log import (
    EvalLog,
    EvalSample,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
    write_eval_log,
)
from inspect_ai.model import Model, ModelConfig, get_model

from ecoalign_agent.bench.analysis.outcomes import OutcomeStatus, Receipt, Run, SampleOutcome
from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded, Measure
from ecoalign_agent.bench.analysis.statistics import mean_if_known
from ecoalign_agent.bench.datasets.benchmark import CombineScores
from ecoalign_agent.bench.datasets.registry import find_benchmark
from ecoalign_agent.bench.datasets.simulated import SIMULATED_WORLDS
from ecoalign_agent.bench.methods.ecoalign import ABLATIONS
from ecoalign_agent.bench.methods.registry import METHODS, split_method_name
from ecoalign_agent.bench.runner.config import RUN_FILE, read_run_file
from ecoalign_agent.bench.runner.models import inspect_model, is_stand_in, table_name
from ecoalign_agent.bench.runner.solvers import JUDGE_ROLE, METADATA_KEY
from ecoalign_agent.bench.runner.tasks import answer_scorer
from ecoalign_agent.errors import UsageError
from ecoalign_agent.settings import read_settings

LOGS = "logs"
"""Folder of Inspect's logs below the folder of a run, for ``inspect view``."""


def read_runs(folder: Path) -> list[Run]:
    """Read every method's run on every benchmark from a folder that ``ecoalign bench run`` wrote; else UsageError.

    Of several logs of one task the one with most samples counts, of those the latest: an interrupted run leaves its
    first log behind.
    """
    logs = folder / LOGS if (folder / LOGS).is_dir() else folder
    if not logs.is_dir():
        raise UsageError(f"{folder}: no such folder; name the one that ecoalign bench run wrote (--out)")
    headers = _read_headers(logs)
    if not headers:
        raise UsageError(f"{logs}: no log of a benchmark in it; run ecoalign bench run with --out {folder}")
    methods, ablations = list(METHODS), list(ABLATIONS)

    def table_order(run: Run) -> tuple[object, ...]:
        method, settings = split_method_name(run.method)
        place = methods.index(method) if method in methods else len(methods)
        ablation = ablations.index(settings) if settings in ablations else len(ablations)
        return (run.benchmark, run.model, run.seed, bool(settings), place, ablation, settings)

    return sorted((_read_run(header) for header in headers), key=table_order)


def _read_headers(logs: Path) -> list[EvalLog]:
    best: dict[tuple[str, ...], EvalLog] = {}
    for info in sorted(list_eval_logs(str(logs)), key=lambda info: info.name):
        log = read_eval_log(info, header_only=True)
        about = log.eval.metadata or {}
        if not {"benchmark", "method", "seed"} <= about.keys():
            continue
        key = (about["benchmark"], about["method"], log.eval.model, str(about["seed"]))
        if key in best and (best[key].eval.metadata or {}).get("folder") != about.get("folder"):
            raise UsageError(f"{logs}: {about['method']} on {about['benchmark']} was run on files of two folders")
        if key not in best or _sample_count(log) >= _sample_count(best[key]):
            best[key] = log
    return list(best.values())


def _sample_count(log: EvalLog) -> int:
    if log.results is not None:
        return log.results.completed_samples
    return len(read_eval_log_sample_summaries(log.location))


def _read_run(header: EvalLog) -> Run:
    about = header.eval.metadata or {}
    log = read_eval_log(header.location, exclude_fields={"events", "attachments", "events_data", "messages", "store"})
    answers: dict[str, list[EvalSample]] = defaultdict(list)
    for answer in log.samples or []:
        answers[str(answer.id)].append(answer)
    benchmark = str(about["benchmark"])
    expected = [str(sample) for sample in header.eval.dataset.sample_ids or answers]
    # The measures of a sample that never ran are not in the log: those of all others count against the method.
    measured = frozenset(
        measure for answer in log.samples or [] for measure in answer.metadata.get(METADATA_KEY, {}).get("measured", ())
    )
    simulated = benchmark in SIMULATED_WORLDS
    combine = None if simulated else find_benchmark(benchmark).combine
    outcomes = [_outcome(name, answers.get(name, ()), measured or frozenset({"safe"}), combine) for name in expected]
    judge = None if simulated else (header.eval.model_roles or {}).get(JUDGE_ROLE)
    return Run(
        benchmark=benchmark,
        method=str(about["method"]),
        model=table_name(header.eval.model),
        judge=None if judge is None else table_name(str(getattr(judge, "model", judge))),
        outcomes=outcomes,
        simulated=is_stand_in(header.eval.model) or simulated,
        seed=int(about["seed"]),
        of=about.get("of"),
    )


def _outcome(
    name: str, answers: Sequence[EvalSample], measured: frozenset[Measure], combine: CombineScores | None
) -> SampleOutcome:
    """No answer: it was never run."""
    if not answers:
        unknown = AnswerScore(unknown="not run", measured=measured)
        return SampleOutcome(Graded(name, unknown, attempts=0, failed=True), None, "failed", None)
    figures = [answer.metadata.get(METADATA_KEY, {}) for answer in answers]
    measured = frozenset(cast("list[Measure]", figures[0].get("measured") or sorted(measured)))
    scores = [_score(answer, measured) for answer in answers]
    good = [
        (one, answer.output.completion)
        for one, answer in zip(figures, answers, strict=True)
        if answer.error is None and answer.output.choices
    ]
    graded = Graded(
        name,
        scores[0] if combine is None else combine(scores),
        category=str(figures[0].get("category", "")),
        attempts=max(1 + len(answer.error_retries or ()) for answer in answers),
        failed=not good,
    )
    return SampleOutcome(
        graded,
        good[0][1] if good else None,
        cast("OutcomeStatus", good[0][0].get("status", "failed") if good else "failed"),
        _mean([receipt for answer in answers if (receipt := _receipt(answer)) is not None]),
        {**figures[0].get("sample", {}), **figures[0].get("detail", {})},
    )


def _receipt(answer: EvalSample) -> Receipt | None:
    stored = answer.metadata.get(METADATA_KEY, {}).get("receipt")
    if stored is None or not answer.error_retries:
        return None if stored is None else Receipt.model_validate(stored)
    # The cost of a failed attempt before it is unknown, and so are the sums.
    unknown = dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens", "cost"))
    return Receipt.model_validate(stored | unknown)


def _score(answer: EvalSample, measured: frozenset[Measure]) -> AnswerScore:
    if answer.error is not None:
        return AnswerScore(unknown=f"failed: {answer.error.message.splitlines()[0][:120]}", measured=measured)
    scores = list((answer.scores or {}).values())
    if not scores or scores[-1].metadata is None:
        return AnswerScore(unknown="not scored", measured=measured)
    fields: Mapping[str, Any] = scores[-1].metadata
    values = {name: fields[name] for name in ("safe", "useful", "over_refusal", "both", "unknown")}
    return AnswerScore(**values, measured=frozenset(fields["measured"]))


def _mean(receipts: Sequence[Receipt]) -> Receipt | None:
    if len(receipts) < 2:
        return receipts[0] if receipts else None
    means = {name: mean_if_known(getattr(receipt, name) for receipt in receipts) for name in Receipt.model_fields}
    return Receipt.model_validate(means)


def rejudge_run(
    folder: Path,
    to: Path,
    judge: str,
    *,
    data: Path | None,
    base_url: str | None = None,
    on_progress: Callable[[str], None],
) -> int:
    """Judge every stored answer again, into another folder, and count them; the first verdicts stay in the old one.

    Args:
        to: the folder of the results; it must not exist yet.
        data: the benchmarks' files; None: as in the first run.
        on_progress: called with a line for each log.

    Raises:
        UsageError: there is nothing to judge, or ``to`` exists.
    """
    headers = _read_headers(folder / LOGS) if (folder / LOGS).is_dir() else []
    judged = [header for header in headers if _has_judge(header)]
    if not judged:
        raise UsageError(f"{folder}: no answers that a judge would have to do with; run ecoalign bench run first")
    if to.exists():
        raise UsageError(f"{to} is there already: give another folder with --to")
    with contextlib.redirect_stdout(io.StringIO()):
        model = inspect_model(judge, read_settings(base_url=base_url))
    part = to.with_name(f"{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / LOGS).mkdir(parents=True)
    count = 0
    for header in judged:
        on_progress(f"judging  {header.eval.task}")
        log = _rejudge_log(header, model, None if data is None else str(data))
        write_eval_log(log, str(part / LOGS / Path(header.location).name))
        count += len(log.samples or ())
    settings = read_run_file(folder) | {"judge": judge}
    (part / RUN_FILE).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
    # The folder appears only when it is complete.
    part.rename(to)
    return count


def _rejudge_log(header: EvalLog, judge: Model, data: str | None) -> EvalLog:
    about = header.eval.metadata or {}
    folder = str(about["folder"]) if data is None else data
    log = read_eval_log(header.location)
    # Inspect would build the models of the first run again, keys and all.
    log.eval.model_roles = None
    with contextlib.redirect_stdout(io.StringIO()):
        rejudged = score(
            log,
            answer_scorer(str(about["benchmark"]), folder, int(about["seed"]), judge=True),
            # No answer is generated; Inspect wants some model all the same.
            model=get_model("none/none"),
            model_roles={JUDGE_ROLE: judge},
            action="overwrite",
            display="none",
        )
    rejudged.eval.metadata = {**about, "folder": folder}
    rejudged.eval.model_roles = {**(header.eval.model_roles or {}), JUDGE_ROLE: ModelConfig(model=str(judge))}
    return rejudged


def _has_judge(header: EvalLog) -> bool:
    benchmark = (header.eval.metadata or {}).get("benchmark")
    return benchmark not in SIMULATED_WORLDS and find_benchmark(str(benchmark)).judge_calls > 0
