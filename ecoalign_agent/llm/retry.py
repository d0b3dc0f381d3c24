"""The one retry layer: who waits how long before asking the same endpoint again.

Clients' own retries are switched off: they would spend unseen by the meter, and past the deadline. Source: ours.
"""

import random

import tenacity
from tenacity.asyncio import AsyncRetrying

from ecoalign_agent.llm.failures import AttemptError
from ecoalign_agent.llm.meter import Meter

ATTEMPTS = 3
"""Attempts at one request, the first included."""

LONGEST_WAIT = 20.0
"""Seconds; a server that asks for more is asked again after these."""


def retrying(meter: Meter, *, backoff: float) -> AsyncRetrying:
    """Attempts at one request: again after rate limits, server failures, broken connections, never past the deadline.

    Args:
        meter: whose deadline counts.
        backoff: seconds to wait at the most before the second attempt, where the server does not say; then twice that.
    """

    def stop(state: tenacity.RetryCallState) -> bool:
        left = meter.seconds_left()
        # A wait that outlasts the deadline is not begun: the failure is told at once.
        return state.attempt_number >= ATTEMPTS or (left is not None and state.upcoming_sleep >= left)

    def pause(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome is not None else None
        if isinstance(error, AttemptError) and error.failure.retry_after is not None:
            return min(LONGEST_WAIT, error.failure.retry_after)
        # Spread over its upper half, so that parallel calls don't return in step.
        longest = backoff * 2.0 ** (state.attempt_number - 1)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing

    return AsyncRetrying(stop=stop, wait=pause, retry=tenacity.retry_if_exception(_worth_it), reraise=True)


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, AttemptError) and error.failure.retry
