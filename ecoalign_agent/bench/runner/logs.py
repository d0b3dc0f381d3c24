"""From Inspect's logs to what the tables are made of: every sample that was to be run, with its score and receipt.

Judging stored answers again, by another judge: nothing is generated anew.
"""

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
from inspect_ai.model import ModelConfig, get_model

from ecoalign_agent.bench.analysis.outcomes import Outcome, Receipt, Run, Status, mean_of
from ecoalign_agent.bench.analysis.scores import Graded, Measure, Score
from ecoalign_agent.bench.datasets.scoring import SCORING
from ecoalign_agent.bench.datasets.siuo import score_siuo
from ecoalign_agent.bench.runner.config import ABLATIONS, ALL, KEPT_ORDER, kept_order
from ecoalign_agent.bench.runner.models import inspect_model, is_stand_in, plain_name
from ecoalign_agent.bench.runner.solvers import JUDGE, KEPT
from ecoalign_agent.bench.runner.tasks import SIMULATED_WORLDS, answer_scorer
from ecoalign_agent.errors import UsageError
from ecoalign_agent.settings import settings_with

LOGS = "logs"
"""Below the folder of a run: Inspect's logs, for ``inspect view``."""


def runs_in(folder: Path) -> list[Run]:
    """What every method did on every benchmark in a folder that ``ecoalign bench run`` wrote.

    Of several logs of one task the one with most samples counts, of those the latest: a run that was interrupted leaves
    its first log behind.

    Raises:
        UsageError: there is no such folder, or no log of ours in it.
    """
    logs = folder / LOGS if (folder / LOGS).is_dir() else folder
    if not logs.is_dir():
        raise UsageError(f"{folder}: no such folder; name the one that ecoalign bench run wrote (--out)")
    best = counting_logs(logs)
    if not best:
        raise UsageError(f"{logs}: no log of a benchmark in it; run ecoalign bench run with --out {folder}")
    order = {method: place for place, method in enumerate(ALL)}
    runs = [_run(log) for log in best]

    def place(run: Run) -> tuple[object, ...]:
        kind, _, settings = run.method.partition(":")
        ablation = {name: at for at, name in enumerate(ABLATIONS)}.get(settings, len(ABLATIONS))
        return (run.benchmark, run.model, run.seed, bool(settings), order.get(kind, len(order)), ablation, settings)

    return sorted(runs, key=place)


def counting_logs(logs: Path) -> list[EvalLog]:
    """The headers of the logs that count, one for each task; see :func:`runs_in`.

    Raises:
        UsageError: one task was run on the files of two folders.
    """
    best: dict[tuple[str, ...], EvalLog] = {}
    for info in sorted(list_eval_logs(str(logs)), key=lambda one: one.name):
        log = read_eval_log(info, header_only=True)
        told = log.eval.metadata or {}
        if not {"benchmark", "method", "seed"} <= told.keys():
            continue
        key = (told["benchmark"], told["method"], log.eval.model, str(told["seed"]))
        if key in best and (best[key].eval.metadata or {}).get("folder") != told.get("folder"):
            raise UsageError(f"{logs}: {told['method']} on {told['benchmark']} was run on files of two folders")
        if key not in best or _samples(log) >= _samples(best[key]):
            best[key] = log
    return list(best.values())


def _samples(log: EvalLog) -> int:
    if log.results is not None:
        return log.results.completed_samples
    return len(read_eval_log_sample_summaries(log.location))


def _run(header: EvalLog) -> Run:
    told = header.eval.metadata or {}
    log = read_eval_log(header.location, exclude_fields={"events", "attachments", "events_data", "messages", "store"})
    samples: dict[str, list[EvalSample]] = defaultdict(list)
    for sample in log.samples or []:
        samples[str(sample.id)].append(sample)
    benchmark = str(told["benchmark"])
    expected = [str(one) for one in header.eval.dataset.sample_ids or samples]
    # What a sample that never ran would have measured is not told: all that the others do counts against the method.
    measured = frozenset(
        measure for sample in log.samples or [] for measure in sample.metadata.get(KEPT, {}).get("measured", ())
    )
    outcomes = [_outcome(benchmark, name, samples.get(name, ()), measured or frozenset({"safe"})) for name in expected]
    roles = header.eval.model_roles or {}
    judge = roles.get(JUDGE)
    return Run(
        benchmark=benchmark,
        method=str(told["method"]),
        model=plain_name(header.eval.model),
        judge=None if judge is None or benchmark not in SCORING else plain_name(str(getattr(judge, "model", judge))),
        outcomes=outcomes,
        simulated=is_stand_in(header.eval.model) or benchmark in SIMULATED_WORLDS,
        seed=int(told["seed"]),
        of=told.get("of"),
    )


def _outcome(benchmark: str, name: str, answers: Sequence[EvalSample], measured: frozenset[Measure]) -> Outcome:
    """One sample: its answers, of which there may be several, as one outcome; none: it was never run."""
    if not answers:
        return Outcome(
            _graded(name, "", Score(unknown="not run", measured=measured), 0, failed=True), None, "failed", None
        )
    told = [answer.metadata.get(KEPT, {}) for answer in answers]
    measured = frozenset(cast("list[Measure]", told[0].get("measured") or sorted(measured)))
    scores = [_score(answer, measured) for answer in answers]
    needed = SCORING[benchmark].answers if benchmark in SCORING else 1
    score = scores[0] if needed == 1 else score_siuo([(one.safe, _yes(one.useful)) for one in scores])
    good = [
        (one, answer)
        for one, answer in zip(told, answers, strict=True)
        if answer.error is None and answer.output.choices
    ]
    answered = [answer.output.completion for _, answer in good]
    status = cast("Status", good[0][0].get("status", "failed") if good else "failed")
    receipts = [_receipt(answer) for answer in answers if answer.metadata.get(KEPT, {}).get("receipt") is not None]
    attempts = max(1 + len(answer.error_retries or ()) for answer in answers)
    return Outcome(
        _graded(name, str(told[0].get("category", "")), score, attempts, failed=not answered),
        answered[0] if answered else None,
        status,
        _mean(receipts),
        {**told[0].get("sample", {}), **told[0].get("detail", {})},
    )


def _receipt(answer: EvalSample) -> Receipt:
    """What an answer took; what an attempt before it that failed has cost is not known, and so the sums are not."""
    receipt = Receipt.model_validate(answer.metadata[KEPT]["receipt"])
    if not answer.error_retries:
        return receipt
    unknown = dict.fromkeys(("prompt_tokens", "cached_tokens", "completion_tokens", "cost"))
    return receipt.model_copy(update=unknown)


def _graded(name: str, category: str, score: Score, attempts: int, *, failed: bool) -> Graded:
    return Graded(name, score, category=category, attempts=attempts, failed=failed)


def _score(answer: EvalSample, measured: frozenset[Measure]) -> Score:
    """The latest score of an answer; what has none is unknown."""
    if answer.error is not None:
        return Score(unknown=f"failed: {answer.error.message.splitlines()[0][:120]}", measured=measured)
    told = list((answer.scores or {}).values())
    if not told or told[-1].metadata is None:
        return Score(unknown="not scored", measured=measured)
    kept: Mapping[str, Any] = told[-1].metadata
    return Score(
        safe=kept["safe"],
        useful=kept["useful"],
        over_refusal=kept["over_refusal"],
        both=kept["both"],
        unknown=kept["unknown"],
        measured=frozenset(kept["measured"]),
    )


def _yes(useful: bool | float | None) -> bool | None:  # noqa: FBT001 - a vote
    return None if useful is None else bool(useful)


def _mean(receipts: Sequence[Receipt]) -> Receipt | None:
    if len(receipts) < 2:
        return receipts[0] if receipts else None
    names = Receipt.model_fields
    means = {name: mean_of(getattr(receipt, name) for receipt in receipts) for name in names}
    return Receipt.model_validate(means)


def rejudge(
    folder: Path, to: Path, judge: str, *, data: Path | None, base_url: str | None = None, tell: Callable[[str], None]
) -> int:
    """Judge every stored answer again, into another folder; the first judge's verdicts stay where they are.

    Args:
        folder: what ``ecoalign bench run`` wrote.
        to: the folder of the results; it must not be there yet.
        judge: who judges, by name.
        data: the benchmarks' files; None: where they were.
        base_url: of an OpenAI-compatible server.
        tell: is told which log is judged.

    Returns:
        How many answers were judged.

    Raises:
        UsageError: there is nothing to judge, or ``to`` is there already.
    """
    logs = counting_logs(folder / LOGS) if (folder / LOGS).is_dir() else []
    judged = [log for log in logs if _judged(log.eval.metadata)]
    if not judged:
        raise UsageError(f"{folder}: no answers that a judge would have to do with; run ecoalign bench run first")
    if to.exists():
        raise UsageError(f"{to} is there already: give another folder with --to")
    with contextlib.redirect_stdout(io.StringIO()):
        asked = inspect_model(judge, settings_with(base_url=base_url))
    part = to.with_name(f"{to.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / LOGS).mkdir(parents=True)
    count = 0
    for header in judged:
        told = header.eval.metadata or {}
        tell(f"judging  {header.eval.task}")
        log = read_eval_log(header.location)
        # Inspect would build the models of the first run again, keys and all.
        log.eval.model_roles = None
        count += len(log.samples or ())
        where = str(told["folder"]) if data is None else str(data)
        scorer = answer_scorer(str(told["benchmark"]), where, int(told["seed"]), judge=True)
        with contextlib.redirect_stdout(io.StringIO()):
            anew = score(
                log,
                scorer,
                # No answer is asked for; Inspect wants some model all the same.
                model=get_model("none/none"),
                model_roles={JUDGE: asked},
                action="overwrite",
                display="none",
            )
        anew.eval.metadata = {**told, "folder": where}
        anew.eval.model_roles = {**(header.eval.model_roles or {}), JUDGE: ModelConfig(model=str(asked))}
        write_eval_log(anew, str(part / LOGS / Path(header.location).name))
    (part / KEPT_ORDER).write_text(json.dumps(kept_order(folder) | {"judge": judge}, indent=1) + "\n", encoding="utf-8")
    # Only whole is it there.
    part.rename(to)
    return count


def _judged(told: Mapping[str, Any] | None) -> bool:
    scoring = SCORING.get(str((told or {}).get("benchmark")))
    return scoring is not None and scoring.judge_calls > 0
