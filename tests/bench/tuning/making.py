"""Small parts that the tests of tuning are made of."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded
from ecoalign_agent.bench.tuning.attempts import Attempt, PolicyFigures
from ecoalign_agent.bench.tuning.samples import TuningSample
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.training.synthesis.records import Label


def own(number: int, label: Label = "benign", **changes: Any) -> TuningSample:
    answers = ("9 to 5",) if label == "benign" else ()
    sample = {"id": f"s{number}", "question": f"When does door {number} open?", "image": None, "label": label}
    return TuningSample(**sample | {"answers": answers} | changes)


def point(safety: float, utility: float, cost: float, *, n: int = 100) -> PolicyFigures:
    # Its own budget makes it a policy of its own.
    policy = Policy(budget=1_000 + 100 * cost + 10 * safety + utility)
    return PolicyFigures(policy, n, safety, utility, None, 0.0, cost, 6.0)


def attempts(safe: Sequence[bool], useful: Sequence[bool], cost: Sequence[float]) -> list[Attempt]:
    rows = zip(safe, useful, cost, strict=True)
    return [
        Attempt(Graded(f"s{number}", AnswerScore(safe=good, useful=right)), paid, 6)
        for number, (good, right, paid) in enumerate(rows)
    ]


def write_rows(path: Path, *rows: Any) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
