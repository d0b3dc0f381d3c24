"""What tuning will take, by hand."""

import pytest

from ecoalign_agent.bench.tuning.report import (
    RUN_CALLS,
    RUN_COMPLETION,
    RUN_PROMPT,
    TuningPlan,
    estimate_lines,
    estimate_tuning,
)
from ecoalign_agent.economics.cost import Price
from ecoalign_agent.llm.prices import FREE

# 10 trials of 6; 4 of the front and the published one on 14 more each; two policies on 20: 60 + 70 + 40.
PLAN = TuningPlan(trials=10, searched=6, tuning=20, held_out=20, judged=0.25)
PRICE = Price(text=2.0, image=2.0, cached=1.0, completion=8.0, currency="USD", source="a test", date="2026-01-01")


def test_runs_calls_tokens_and_prices() -> None:
    found = estimate_tuning(PLAN, max_budget=12_000, price=PRICE, judge_price=FREE)
    assert found.runs == 170
    assert found.calls == 170 * RUN_CALLS
    # A quarter of 170 is 42.5.
    assert found.verdicts == 42
    assert found.most_cost == 2_040_000
    assert found.price == pytest.approx(170 * (2 * RUN_PROMPT + 8 * RUN_COMPLETION) / 1e6)
    assert (found.currency, found.judge_price, found.judge_currency) == ("USD", 0, None)


def test_a_price_that_is_not_known_is_not_zero() -> None:
    found = estimate_tuning(PLAN, max_budget=12_000, price=None, judge_price=None)
    assert (found.price, found.judge_price) == (None, None)
    lines = list(estimate_lines(found, tariff="units"))
    assert sum("not known" in line for line in lines) == 2


def test_fewer_trials_than_finalists_are_all_measured() -> None:
    # 2 trials of 6; both, and the published one, on 14 more at the most; 40 held out.
    assert TuningPlan(trials=2, searched=6, tuning=20, held_out=20, judged=0).runs == 12 + 42 + 40
