"""Judging stored answers again, by another judge: nothing is generated anew."""

import contextlib
import io
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from inspect_ai import score
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import ModelConfig, get_model

from ecoalign_agent.benching.logs import LOGS, counting_logs
from ecoalign_agent.benching.models import inspect_model
from ecoalign_agent.benching.order import KEPT_ORDER, kept_order
from ecoalign_agent.benching.solving import JUDGE
from ecoalign_agent.benching.tasks import answer_scorer
from ecoalign_agent.errors import UsageError
from ecoalign_agent.evaluation.benchmarks.scoring import SCORING
from ecoalign_agent.settings import settings_with


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
