"""What a sample took, from the record of its calls."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inspect_ai.event import InfoEvent, ModelEvent
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage

from ecoalign_agent.bench.runner.solvers import receipt_of, sequential_rounds

START = datetime(2026, 1, 1, tzinfo=UTC)


def call(began: float, ended: float, usage: ModelUsage | None) -> ModelEvent:
    """A call of a model, in seconds after the start."""
    output = ModelOutput.from_content("m", "text")
    output.usage = usage
    return ModelEvent(
        model="m",
        input=[],
        tools=[],
        tool_choice="none",
        config=GenerateConfig(),
        output=output,
        timestamp=START + timedelta(seconds=began),
        completed=START + timedelta(seconds=ended),
    )


@pytest.mark.parametrize(
    ("spans", "rounds"),
    [
        ([], 0),
        ([(0, 1)], 1),
        ([(0, 1), (1, 2)], 2),  # one after the other
        ([(0, 1), (0.5, 2)], 1),  # at the same time
        # A scan, three proposals together of which one is slow, then a verdict that waits for the slow one alone.
        ([(0, 1), (1, 2), (1, 2), (1, 5), (5, 6)], 3),
        # While a slow call runs, three others run one after the other: those are the chain.
        ([(0, 10), (0, 1), (1, 2), (2, 3)], 3),
    ],
)
def test_the_longest_chain_of_calls(spans: list[tuple[float, float]], rounds: int) -> None:
    assert sequential_rounds(spans) == rounds
    assert sequential_rounds(spans[::-1]) == rounds


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), max_size=12))
def test_a_chain_is_no_longer_than_the_calls_and_no_shorter_than_the_time_needs(drawn: list[tuple[int, int]]) -> None:
    spans = [(began, began + took) for began, took in drawn]
    rounds = sequential_rounds(spans)
    # At any moment at most so many are open; what is left must have come after them.
    open_at_most = max((sum(b <= at < e for b, e in spans) for at in range(31)), default=0)
    assert rounds <= len(spans)
    if spans:
        assert rounds * open_at_most >= len(spans)


def test_calls_tokens_and_cost_are_added_up() -> None:
    first = ModelUsage(input_tokens=100, output_tokens=10, input_tokens_cache_read=40, total_tokens=150)
    other = ModelUsage(input_tokens=60, output_tokens=30, input_tokens_cache_write=4, total_tokens=94)
    found = receipt_of([call(0, 1, first), InfoEvent(data="a thought"), call(1, 3, other)], 3.5)
    assert (found.calls, found.rounds, found.seconds) == (2, 2, 3.5)
    # 100 + 60 + 4 uncached, 40 cached; 10 + 30 written.
    assert (found.prompt_tokens, found.cached_tokens, found.completion_tokens) == (204, 40, 40)
    assert found.all_tokens == 244
    # 0.25 · 164 + 0.10 · 40 + 1 · 40 = 41 + 4 + 40
    assert found.cost == pytest.approx(85.0)


def test_a_call_without_usage_makes_the_sums_unknown_and_not_smaller() -> None:
    known = ModelUsage(input_tokens=100, output_tokens=10, total_tokens=110)
    found = receipt_of([call(0, 1, known), call(1, 2, None)], 2.0)
    assert found.calls == 2
    assert (found.prompt_tokens, found.completion_tokens, found.cost, found.all_tokens) == (None, None, None, None)
