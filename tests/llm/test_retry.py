"""The one retry layer, against a server that fails on demand."""

import time

import pytest

from ecoalign_agent.errors import ModelTimeoutError, RateLimitError, ServerError
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.rate_limit import retry_wait
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.testing import ErrorReply
from tests.llm.asking import NOTE, PROMPT, Note, meter
from tests.llm.conftest import MakeEndpoint
from tests.scripted_server import ChatServer, Hang, in_turn, structured


async def test_it_succeeds_when_the_server_recovers(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(in_turn(ErrorReply(503), ErrorReply(429, retry_after="0"), structured(NOTE)))
    account = meter()
    reply = await call_with_fallback(endpoint(), PROMPT, Note, meter=account, phase="plan", max_tokens=100)
    assert reply.value == Note(**NOTE)
    assert reply.calls == len(server.requests) == account.ledger.calls == 3


async def test_it_gives_up_after_three(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(ErrorReply(429, "slow down", retry_after="0"))
    account = meter()
    with pytest.raises(RateLimitError, match="429"):
        await call_with_fallback(endpoint(), PROMPT, Note, meter=account, phase="plan", max_tokens=100)
    assert (len(server.requests), account.budget.spent, account.ledger.calls) == (3, 0, 3)


async def test_the_wait_that_the_server_asks_for_is_kept(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(in_turn(ErrorReply(429, retry_after="0.3"), structured(NOTE)))
    begun = time.monotonic()
    await call_with_fallback(endpoint(), PROMPT, Note, meter=meter(), phase="plan", max_tokens=100)
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("answer", [ErrorReply(429, retry_after="3600"), ErrorReply(503, retry_after="30")])
async def test_a_wait_that_outlasts_the_deadline_is_not_begun(
    server: ChatServer, endpoint: MakeEndpoint, answer: ErrorReply
) -> None:
    server.answering(answer)
    with pytest.raises((RateLimitError, ServerError)):
        await call_with_fallback(
            endpoint(), PROMPT, Note, meter=meter(deadline=time.time() + 5), phase="plan", max_tokens=100
        )
    assert len(server.requests) == 1


async def test_retries_end_with_the_deadline(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(in_turn(ErrorReply(503, retry_after="0"), Hang()))
    account = meter(deadline=time.time() + 2)
    with pytest.raises(ModelTimeoutError):
        await call_with_fallback(endpoint(), PROMPT, Note, meter=account, phase="plan", max_tokens=100)
    assert account.ledger.calls == 2


async def test_the_clients_own_retries_are_switched_off(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(in_turn(ErrorReply(400, "no"), structured(NOTE)))
    await call_with_fallback(endpoint(max_retries=5), PROMPT, Note, meter=meter(), phase="plan", max_tokens=100)
    server.reset(ErrorReply(500, retry_after="0"))
    with pytest.raises(ServerError):
        await call_with_fallback(endpoint(max_retries=5), PROMPT, Note, meter=meter(), phase="plan", max_tokens=100)
    assert len(server.requests) == 3


def wait(failure: Failure, attempt: int) -> float:
    return retry_wait(failure, attempt, backoff=0.5, seconds_left=None)


@pytest.mark.parametrize("asked", [0.0, 7.5, 59.9])
def test_what_the_server_asks_for_is_kept(asked: float) -> None:
    assert wait(Failure(RateLimitError("x"), retry=True, retry_after=asked), 1) == asked


@pytest.mark.parametrize("asked", ["61", "3600", "1e9"])
async def test_a_wait_of_more_than_a_minute_is_told_and_not_shortened(
    server: ChatServer, endpoint: MakeEndpoint, asked: str
) -> None:
    # Asked again sooner than it wants, the server can only refuse again.
    server.answering(ErrorReply(429, "slow down", retry_after=asked))
    with pytest.raises(RateLimitError) as caught:
        await call_with_fallback(endpoint(), PROMPT, Note, meter=meter(), phase="plan", max_tokens=100)
    assert len(server.requests) == 1
    assert str(caught.value).endswith(f"; it asks to wait {float(asked):g} s, the longest wait is 60 s")


async def test_a_wait_that_is_not_begun_is_named_with_the_deadline(server: ChatServer, endpoint: MakeEndpoint) -> None:
    server.answering(ErrorReply(503, "busy", retry_after="30"))
    with pytest.raises(
        ServerError, match=r"^openai:vision-1: 503 \(busy\): .*; it asks to wait 30 s, the deadline is in "
    ):
        await call_with_fallback(
            endpoint(), PROMPT, Note, meter=meter(deadline=time.time() + 5), phase="plan", max_tokens=100
        )


@pytest.mark.parametrize(("attempt", "least", "most"), [(1, 0.25, 0.5), (2, 0.5, 1.0)])
def test_else_waits_double_and_are_spread(attempt: int, least: float, most: float) -> None:
    waits = {wait(Failure(ServerError("x"), retry=True), attempt) for _ in range(50)}
    assert least <= min(waits) < max(waits) <= most
