"""How often an endpoint is asked: so many requests in any minute, and none while its server asks for a pause."""

import asyncio
import threading
import time
from itertools import pairwise

import pytest

from ecoalign_agent.errors import RateLimitError, ServerError
from ecoalign_agent.factory import build_endpoint
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.failures import Failure
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.rate_limit import MAX_WAIT, RateLimiter
from ecoalign_agent.llm.structured_output import call_with_fallback
from ecoalign_agent.settings import Settings
from ecoalign_agent.testing import ErrorReply, ScriptedModel
from tests.llm.asking import NOTE, PROMPT, Note, meter
from tests.llm.conftest import MakeEndpoint
from tests.scripted_server import ChatServer, in_turn, structured

A_TICK = 0.03
"""Seconds that may pass between a turn and the look at the clock after it, on a busy machine."""


async def begun(rate: RateLimiter, account: Meter | None = None) -> float:
    await rate.acquire("there", None if account is None else account.deadline)
    return time.monotonic()


def asks_to_wait(seconds: float | None, *, retry: bool = True) -> Failure:
    return Failure(RateLimitError("slow down"), status=429, retry=retry, retry_after=seconds)


class TestSoManyAMinute:
    @pytest.mark.parametrize(("most", "requests"), [(1, 4), (3, 8), (5, 5)])
    async def test_no_stretch_of_time_sees_more(self, most: int, requests: int) -> None:
        rate, within = RateLimiter(most, within=0.2), 0.2
        times = sorted(await asyncio.gather(*(begun(rate) for _ in range(requests))))
        for earlier, later in zip(times, times[most:], strict=False):
            assert later - earlier >= within - A_TICK
        # And nobody waits longer than needed: the last of n goes after ⌈n / most⌉ − 1 stretches.
        assert times[-1] - times[0] < within * (-(-requests // most) - 1) + 1.0

    async def test_whoever_comes_first_goes_first(self) -> None:
        rate, order = RateLimiter(1, within=0.2), list[int]()

        async def one(number: int) -> None:
            await begun(rate)
            order.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(3):
                group.create_task(one(number))
        assert order == [0, 1, 2]

    async def test_a_cancelled_wait_uses_nothing_up(self) -> None:
        rate = RateLimiter(1, within=0.2)
        first = await begun(rate)
        waiting = [asyncio.create_task(begun(rate)) for _ in range(10)]
        await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        assert all(
            isinstance(e, asyncio.CancelledError) for e in await asyncio.gather(*waiting, return_exceptions=True)
        )
        # Not behind the ten that left: those would have been two seconds.
        assert 0.2 - A_TICK <= await begun(rate) - first < 1.5

    async def test_those_who_stay_do_not_come_closer_when_one_leaves(self) -> None:
        rate = RateLimiter(1, within=0.15)
        first = await begun(rate)
        leaving, staying = asyncio.create_task(begun(rate)), asyncio.create_task(begun(rate))
        await asyncio.sleep(0)
        leaving.cancel()
        newcomer = asyncio.create_task(begun(rate))
        times = [first, await staying, await newcomer]
        assert all(later - earlier >= 0.15 - A_TICK for earlier, later in pairwise(times))

    async def test_whoever_wakes_late_does_not_hurry_the_next(self) -> None:
        rate = RateLimiter(1, within=0.1)
        await begun(rate)
        waiting = [asyncio.create_task(begun(rate)) for _ in range(3)]
        await asyncio.sleep(0)
        # Nothing may block the loop; if something does, three are due when it ends.
        time.sleep(0.35)  # noqa: ASYNC251 - on purpose
        times = sorted(await asyncio.gather(*waiting))
        assert all(later - earlier >= 0.1 - A_TICK for earlier, later in pairwise(times))

    async def test_the_limit_holds_over_several_event_loops(self) -> None:
        rate, times = RateLimiter(2, within=0.2), list[float]()

        def in_a_loop_of_its_own() -> None:
            async def three() -> list[float]:
                return list(await asyncio.gather(*(begun(rate) for _ in range(3))))

            times.extend(asyncio.run(three()))

        threads = [threading.Thread(target=in_a_loop_of_its_own) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            await asyncio.to_thread(thread.join)
        times.sort()
        assert len(times) == 6
        assert all(later - earlier >= 0.2 - A_TICK for earlier, later in zip(times, times[2:], strict=False))

    async def test_a_wait_that_outlasts_the_deadline_is_not_begun(self) -> None:
        rate = RateLimiter(1, within=60)
        await begun(rate)
        with pytest.raises(RateLimitError) as caught:
            await begun(rate, meter(deadline=time.time() + 5))
        said = str(caught.value)
        assert said.startswith("there: its rate is limited to 1 in 60 s; the next request may be made in ")
        assert "the deadline is in 5 s; the call was not made" in said

    async def test_without_a_limit_nobody_waits(self) -> None:
        for _ in range(1_000):
            await begun(RateLimiter())

    @pytest.mark.parametrize(("most", "within"), [(0, 60.0), (-1, 60.0), (1, 0.0), (1, float("nan"))])
    def test_a_limit_that_allows_nothing_is_a_mistake(self, most: int, within: float) -> None:
        with pytest.raises(ValueError, match="must be allowed"):
            RateLimiter(most, within=within)


class TestAPause:
    async def test_everyone_keeps_it(self) -> None:
        rate, at = RateLimiter(), time.monotonic()
        rate.observe(asks_to_wait(0.2))
        times = await asyncio.gather(*(begun(rate) for _ in range(5)))
        assert all(one - at >= 0.2 - A_TICK for one in times)

    async def test_those_who_wait_already_keep_it_too(self) -> None:
        rate = RateLimiter(1, within=0.05)
        await begun(rate)
        waiting = asyncio.create_task(begun(rate))
        await asyncio.sleep(0)
        at = time.monotonic()
        rate.observe(asks_to_wait(0.2))
        assert await waiting - at >= 0.2 - A_TICK

    async def test_after_it_the_rate_holds_still(self) -> None:
        rate = RateLimiter(1, within=0.1)
        await begun(rate)
        waiting = [asyncio.create_task(begun(rate)) for _ in range(3)]
        await asyncio.sleep(0)
        # By its end two of them would have been due.
        rate.observe(asks_to_wait(0.25))
        times = sorted(await asyncio.gather(*waiting))
        assert all(later - earlier >= 0.1 - A_TICK for earlier, later in pairwise(times))

    async def test_a_shorter_one_does_not_end_a_longer_one(self) -> None:
        rate, at = RateLimiter(), time.monotonic()
        rate.observe(asks_to_wait(0.2))
        rate.observe(asks_to_wait(0.0))
        assert await begun(rate) - at >= 0.2 - A_TICK

    async def test_one_that_outlasts_the_deadline_is_told_at_once(self) -> None:
        rate = RateLimiter()
        rate.observe(asks_to_wait(30))
        with pytest.raises(RateLimitError, match=r"there: its server asked for a pause; .* was not made"):
            await begun(rate, meter(deadline=time.time() + 5))

    @pytest.mark.parametrize(
        "failure",
        [
            asks_to_wait(None),
            # Else one mad answer would stop an endpoint for as long as the process lives.
            asks_to_wait(MAX_WAIT + 1),
            # The server will not learn it by waiting.
            asks_to_wait(30, retry=False),
        ],
    )
    async def test_what_makes_nobody_else_wait(self, failure: Failure) -> None:
        rate, at = RateLimiter(), time.monotonic()
        rate.observe(failure)
        assert await begun(rate) - at < 0.1


async def asked(there: Endpoint, account: Meter | None = None) -> object:
    reply = await call_with_fallback(there, PROMPT, Note, meter=account or meter(), phase="plan", max_tokens=100)
    return reply.value


class TestAtAnEndpoint:
    async def test_after_a_429_no_call_of_any_run_reaches_the_server_before_its_time(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        arrived: list[float] = []
        answer = in_turn(ErrorReply(429, retry_after="0.4"), structured(NOTE))

        def noting(body: dict[str, object]) -> object:
            arrived.append(time.monotonic())
            return answer(body)

        server.answering(noting)
        there = endpoint()
        first = asyncio.create_task(asked(there))
        await server.until(lambda: len(server.requests) == 1)
        async with asyncio.timeout(120):
            while there.rate._paused_until < time.monotonic():  # noqa: ASYNC110 - until the client has read the 429
                await asyncio.sleep(0.001)
        others = [asyncio.create_task(asked(there)) for _ in range(6)]
        assert await asyncio.gather(first, *others) == [Note(**NOTE)] * 7
        # One that was told to wait, its second attempt, and six that were not told.
        assert len(arrived) == 8
        assert min(arrived[1:]) - arrived[0] >= 0.4 - A_TICK

    async def test_whoever_cant_wait_costs_nothing_and_asks_nothing(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(ErrorReply(429, "slow down", retry_after="30"))
        there = endpoint()
        told, hurried = meter(deadline=time.time() + 5), meter(deadline=time.time() + 5)
        with pytest.raises(RateLimitError, match="asks to wait 30 s, the deadline is in"):
            await asked(there, told)
        with pytest.raises(RateLimitError, match="asked for a pause"):
            await asked(there, hurried)
        assert len(server.requests) == told.ledger.calls == 1
        assert (hurried.ledger.calls, hurried.budget.spent, hurried.budget.reserved) == (0, 0, 0)

    async def test_the_place_is_given_back_by_whoever_cant_wait(
        self, server: ChatServer, endpoint: MakeEndpoint
    ) -> None:
        server.answering(structured(NOTE))
        there = endpoint(concurrency=1)
        there.rate.observe(asks_to_wait(0.3))
        with pytest.raises(RateLimitError):
            await asked(there, meter(deadline=time.time() + 0.1))
        assert await asked(there) == Note(**NOTE)

    async def test_a_cancelled_wait_is_not_booked(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(structured(NOTE))
        there, account = endpoint(concurrency=1), meter()
        there.rate.observe(asks_to_wait(30))
        waiting = asyncio.create_task(asked(there, account))
        await asyncio.sleep(0.02)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert (server.requests, account.ledger.calls, account.budget.spent, account.budget.reserved) == ([], 0, 0, 0)
        assert not there.semaphore().locked()

    async def test_retries_count(self, server: ChatServer, endpoint: MakeEndpoint) -> None:
        server.answering(ErrorReply(503, retry_after="0"))
        there = endpoint()
        there.rate = RateLimiter(2, within=60)
        account = meter(deadline=time.time() + 5)
        # Two attempts are allowed; the third would be next minute.
        with pytest.raises((RateLimitError, ServerError)):
            await asked(there, account)
        assert len(server.requests) == account.ledger.calls == 2


class TestFromTheEnvironment:
    def test_the_setting_reaches_every_endpoint(self) -> None:
        settings = Settings(base_url="http://127.0.0.1:9/v1", requests_per_minute=7)
        assert build_endpoint("openai:m", settings).rate._max_requests == 7
        assert build_endpoint(ScriptedModel(), settings).rate._max_requests == 7
        # The embedded model is nobody's server.
        assert build_endpoint("offline", settings).rate._max_requests is None

    def test_unset_there_is_no_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("ECOALIGN_REQUESTS_PER_MINUTE", raising=False)
        assert Settings().requests_per_minute is None
        monkeypatch.setenv("ECOALIGN_REQUESTS_PER_MINUTE", "12")
        assert Settings().requests_per_minute == 12
