"""So many runs at one time, a queue behind them, and the word to come back."""

import asyncio

import httpx
import openai
import pytest

from ecoalign_agent.server.errors import ApiError
from ecoalign_agent.server.limits import Admission
from ecoalign_agent.testing import scan_reply, task_replies
from tests.scripted_server import ChatServer, Hang
from tests.server.host import ASKED, behind, body, held, until
from tests.server.process import HANG_SECONDS
from tests.test_served import served as answering


async def test_runs_above_the_limit_wait_and_the_next_is_told_to_come_back() -> None:
    with ChatServer(Hang()) as upstream, behind(upstream, runs=2, queue=1) as server:
        async with httpx.AsyncClient(timeout=HANG_SECONDS) as client:
            url = f"{server.root}/v1/chat/completions"
            pending = [asyncio.ensure_future(client.post(url, json=body())) for _ in range(3)]
            await upstream.until(lambda: upstream.open_requests == 2)
            await until(lambda: server.service.admission.waiting == 1)
            for stream in (False, True):
                refused = await client.post(url, json=body(stream=stream))
                assert (refused.status_code, refused.json()["error"]["code"]) == (429, "server_busy")
                assert 1 <= int(refused.headers["retry-after"]) <= 60
            # Answers for all: the one that waited gets its turn.
            upstream.reset(answering(task_replies(scan=scan_reply(draft="At nine."))))
            outcomes = await asyncio.gather(*pending)
        # Those that hung got a 503 from upstream when it was reset, and tried again.
        assert [outcome.status_code for outcome in outcomes] == [200, 200, 200]
        assert upstream.max_open_requests <= 2


def test_a_client_of_a_full_server_waits_and_comes_back() -> None:
    with ChatServer(Hang()) as upstream, behind(upstream, runs=1, queue=0) as server:
        with pytest.raises(openai.RateLimitError) as error, held(server, upstream):
            server.client().chat.completions.create(model="ecoalign", messages=ASKED)
        assert error.value.code == "server_busy"


async def test_who_waits_too_long_is_told() -> None:
    admission = Admission(runs=1, queue=2, seconds=0.05)
    async with admission.slot():
        with pytest.raises(ApiError, match=r"no place was free within 0\.05 s") as error:
            async with admission.slot():
                raise AssertionError("there is no place")
        assert (error.value.status, admission.waiting, admission.running) == (503, 0, 1)
    assert admission.running == 0


async def test_places_are_given_in_order_and_none_is_lost() -> None:
    admission = Admission(runs=3, queue=100, seconds=10)
    order: list[int] = []
    max_running = 0

    async def run(number: int) -> None:
        nonlocal max_running
        async with admission.slot():
            order.append(number)
            max_running = max(max_running, admission.running)
            await asyncio.sleep(0)

    tasks = [asyncio.ensure_future(run(number)) for number in range(50)]
    await asyncio.sleep(0)
    # Those who leave while they wait, or in the moment in which they are let in, keep nothing.
    for task in tasks[3::7]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes) == len(tasks[3::7])
    assert order == sorted(order)
    assert (max_running, admission.running, admission.waiting) == (3, 0, 0)


async def test_who_waits_when_the_server_ends_is_told() -> None:
    admission = Admission(runs=1, queue=2, seconds=10)

    async def enter() -> None:
        async with admission.slot():
            raise AssertionError("the server is about to end")

    async with admission.slot():
        waiting = asyncio.ensure_future(enter())
        await asyncio.sleep(0)
        admission.close()
        with pytest.raises(ApiError, match="shutting down"):
            await waiting
    with pytest.raises(ApiError, match="shutting down"):
        await enter()


async def test_a_client_that_leaves_in_the_queue_gives_up_its_place() -> None:
    with ChatServer(Hang()) as upstream, behind(upstream, runs=1, queue=1) as server:
        async with server.aclient() as first, server.aclient() as second:
            outcome = asyncio.ensure_future(first.chat.completions.create(model="ecoalign", messages=ASKED))
            await upstream.until(lambda: upstream.open_requests == 1)
            two = asyncio.ensure_future(second.chat.completions.create(model="ecoalign", messages=ASKED))
            await until(lambda: server.service.admission.waiting == 1)
            two.cancel()
            await until(lambda: server.service.admission.waiting == 0)
            outcome.cancel()
            await upstream.until(lambda: upstream.abandoned_requests == 1)
    assert len(upstream.requests) == 1
