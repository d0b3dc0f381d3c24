"""From Inspect's logs to what the tables are made of: every sample that was to be run, with its score and receipt."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from inspect_ai.log import (
    EvalLog,
    EvalSample,
    list_eval_logs,
    read_eval_log,
    read_eval_log_sample_summaries,
)

from ecoalign_agent.benching.methods import ABLATIONS, ALL
from ecoalign_agent.benching.models import is_stand_in, plain_name
from ecoalign_agent.benching.solving import JUDGE, KEPT
from ecoalign_agent.benching.tasks import SIMULATED_WORLDS
from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.benchmarks.scoring import SCORING
from ecoalign_agent.evaluation.benchmarks.siuo import score_siuo
from ecoalign_agent.evaluation.outcomes import Outcome, Receipt, Run, Status, mean_of
from ecoalign_agent.evaluation.scores import Graded, Measure, Score

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
