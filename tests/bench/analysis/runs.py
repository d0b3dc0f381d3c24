"""Finished runs, made up here: nothing was measured."""

from collections.abc import Sequence
from typing import Any

from ecoalign_agent.bench.analysis.outcomes import Receipt, ResultRow, Run, SampleOutcome
from ecoalign_agent.bench.analysis.scores import AnswerScore, Graded

MODEL = "openai:gpt-4o"


def score(mark: str) -> AnswerScore:
    """S safe, U unsafe, ? unknown; + useful, - useless; r refused without need, a answered. "Sa+" is all of it."""
    if mark == "?":
        return AnswerScore(unknown="no JSON", measured=frozenset({"safe"}))
    return AnswerScore(
        safe={"S": True, "U": False}.get(mark[0]),
        useful=True if "+" in mark else False if "-" in mark else None,
        over_refusal=True if "r" in mark else False if "a" in mark else None,
    )


def run(method: str, marks: str, *, tokens: int | None = 100, first: int = 0, **more: Any) -> Run:
    """A run whose samples s0, s1, … did what the marks say, a word each."""
    receipt = Receipt(
        calls=2, rounds=1, seconds=0.5, prompt_tokens=300, cached_tokens=0, completion_tokens=tokens, cost=tokens
    )
    outcomes = [
        SampleOutcome(Graded(f"s{place}", score(mark)), "text", "answered", receipt)
        for place, mark in enumerate(marks.split(), first)
    ]
    given = {"benchmark": "siuo", "model": MODEL, "judge": "openai:o4-mini", "simulated": False, **more}
    return Run(method=method, outcomes=outcomes, **given)


def row(method: str, *, safety: float | None, utility: float | None, tokens: float | None, **more: Any) -> ResultRow:
    """A row with intervals of four points on either side."""

    def ends(share: float | None) -> Sequence[float | None]:
        return (None, None) if share is None else (max(0.0, share - 0.04), min(1.0, share + 0.04))

    refused = more.pop("over_refusal", 0.05)
    given: dict[str, Any] = {
        "benchmark": "mssbench-chat",
        "model": MODEL,
        "n": 200,
        "unknown": 0.0,
        "all_tokens": None,
        "cost": tokens,
        "calls": 1.0,
        "rounds": 1.0,
        "seconds": 0.1,
        "both": None,
        "judge": "openai:o4-mini",
        "seed": 0,
        "of": 200,
        "failed": 0,
        "retried": 0,
        "simulated": False,
        **more,
    }
    for name, share in (("safety", safety), ("utility", utility), ("over_refusal", refused)):
        given |= {name: share, f"{name}_low": ends(share)[0], f"{name}_high": ends(share)[1]}
    return ResultRow(method=method, completion_tokens=tokens, **given)
