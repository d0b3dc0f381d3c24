"""What a sample took, counted from Inspect's own record of the calls, the same way for every method."""

from collections.abc import Sequence

from inspect_ai.event import Event, ModelEvent

from ecoalign_agent.economics.tariff import Tariff, Usage
from ecoalign_agent.evaluation.outcomes import Receipt


def sequential(spans: Sequence[tuple[float, float]]) -> int:
    """The longest chain of spans of which each began no sooner than the one before it had ended.

    What could have run at the same time counts once, whether or not it did.

    Args:
        spans: (began, ended) each, on one clock.
    """
    depth: list[tuple[float, int]] = []
    for began, ended in sorted(spans):
        depth.append((ended, 1 + max((deep for end, deep in depth if end <= began), default=0)))
    return max((deep for _, deep in depth), default=0)


def receipt_of(events: Sequence[Event], seconds: float) -> Receipt:
    """What the calls among ``events`` took; figures that a call did not report are unknown.

    Args:
        events: of one sample, from Inspect's transcript.
        seconds: wall time.
    """
    calls = [event for event in events if isinstance(event, ModelEvent)]
    spans = [
        (call.timestamp.timestamp(), call.completed.timestamp())
        for call in calls
        if call.timestamp is not None and call.completed is not None
    ]
    # A call that failed has no usage, and nothing says what it cost.
    usages = [usage for call in calls if (usage := _usage(call)) is not None]
    known = len(usages) == len(calls)
    total = Usage()
    for usage in usages:
        total += usage
    return Receipt(
        calls=len(calls),
        rounds=sequential(spans) if len(spans) == len(calls) else None,
        seconds=seconds,
        prompt_tokens=total.text + total.cached if known else None,
        cached_tokens=total.cached if known else None,
        completion_tokens=total.completion if known else None,
        cost=Tariff().cost(total) if known else None,
    )


def _usage(call: ModelEvent) -> Usage | None:
    """A call's tokens. Inspect does not keep pictures' tokens apart: they stand with the text's, at the same weight."""
    usage = call.output.usage
    if usage is None:
        return None
    cached = usage.input_tokens_cache_read or 0
    # Inspect tells cached tokens apart from the others.
    return Usage(
        text=usage.input_tokens + (usage.input_tokens_cache_write or 0), cached=cached, completion=usage.output_tokens
    )
