"""The one retry layer: who waits how long before asking the same endpoint again.

Clients' own retries are switched off: they would spend unseen by the meter, and past the deadline. Source: ours.
"""

import random
from dataclasses import replace
from typing import NoReturn

import tenacity
from tenacity.asyncio import AsyncRetrying

from ecoalign_agent.llm.failures import AttemptError, Failure
from ecoalign_agent.llm.meter import Meter

ATTEMPTS = 3
"""Attempts at one request, the first included."""

LONGEST_WAIT = 60.0
"""Seconds that a server may ask to wait: quotas are counted by the minute.

Asked for more, nobody waits and nobody asks again too early: the failure is told at once, with the wait.
"""


def retrying(meter: Meter, *, backoff: float) -> AsyncRetrying:
    """Attempts at one request: again after rate limits, server failures, broken connections, never past the deadline.

    Args:
        meter: whose deadline counts.
        backoff: seconds to wait at the most before the second attempt, where the server does not say; then twice that.
    """

    def stop(state: tenacity.RetryCallState) -> bool:
        left = meter.seconds_left()
        wait = state.upcoming_sleep
        # A wait that outlasts the deadline is not begun: the failure is told at once.
        return state.attempt_number >= ATTEMPTS or wait > LONGEST_WAIT or (left is not None and wait >= left)

    def pause(state: tenacity.RetryCallState) -> float:
        failure = _failure_in(state)
        if failure is not None and failure.retry_after is not None:
            return failure.retry_after
        # Spread over its upper half, so that parallel calls don't return in step.
        longest = backoff * 2.0 ** (state.attempt_number - 1)
        return random.uniform(longest / 2, longest)  # noqa: S311 - spreads load, guards nothing

    def give_up(state: tenacity.RetryCallState) -> NoReturn:
        failure = _failure_in(state)
        if failure is not None and state.attempt_number < ATTEMPTS:
            raise AttemptError(_naming_the_wait(failure, meter.seconds_left()))
        assert state.outcome is not None  # noqa: S101 - nothing is given up before it was tried
        state.outcome.result()
        raise AssertionError("only failures are given up")

    return AsyncRetrying(
        stop=stop, wait=pause, retry=tenacity.retry_if_exception(_worth_it), retry_error_callback=give_up
    )


def _worth_it(error: BaseException) -> bool:
    return isinstance(error, AttemptError) and error.failure.retry


def _failure_in(state: tenacity.RetryCallState) -> Failure | None:
    error = state.outcome.exception() if state.outcome is not None else None
    return error.failure if isinstance(error, AttemptError) else None


def _naming_the_wait(failure: Failure, left: float | None) -> Failure:
    """The failure, with the wait that the server asked for, and why it was not begun."""
    asked = failure.retry_after
    if asked is None:
        return failure
    longest = f"the longest wait is {LONGEST_WAIT:g} s"
    why = longest if asked > LONGEST_WAIT or left is None else f"the deadline is in {left:.3g} s"
    return replace(failure, error=type(failure.error)(f"{failure.error}; it asks to wait {asked:.6g} s, {why}"))
