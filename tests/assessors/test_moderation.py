"""A moderation endpoint as assessor, against a real server on loopback: what is sent, how it is read, what it costs."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from ecoalign_agent.assessors.moderation import FLAGGED, ModerationAssessor, parse_moderation_reply
from ecoalign_agent.economics.cost import Tariff
from ecoalign_agent.errors import (
    AccessError,
    BudgetError,
    ModelError,
    ModelTimeoutError,
    NotFoundError,
    RateLimitError,
    ServerError,
    UnreachableError,
)
from ecoalign_agent.llm.moderations import ModerationCall, ModerationEndpoint
from ecoalign_agent.testing import ErrorReply
from tests.assessors.cases import CASE, meter, view
from tests.scripted_server import Answer, Cut, Hang, Page, in_turn
from tests.scripted_server.moderations import ModerationServer, moderation

KEY = "sk-canary-0123456789abcdef"


@pytest.fixture(scope="module")
def running_server() -> Iterator[ModerationServer]:
    with ModerationServer() as server:
        yield server


@pytest.fixture
def server(running_server: ModerationServer) -> ModerationServer:
    return running_server.reset(moderation())


@pytest.fixture
async def endpoint(server: ModerationServer) -> AsyncIterator[ModerationEndpoint]:
    made = make(server)
    yield made
    await made.aclose()


def make(server: ModerationServer, **options: Any) -> ModerationEndpoint:
    given: dict[str, Any] = {"base_url": server.url, "api_key": SecretStr(KEY), "timeout": 5.0, "backoff": 0.02}
    return ModerationEndpoint("omni-moderation-latest", **(given | options))


async def test_a_thought_is_sent_as_it_stands_and_the_worst_category_decides(
    server: ModerationServer, endpoint: ModerationEndpoint
) -> None:
    server.answering(moderation(hate=0.05, violence=0.2))
    said = await ModerationAssessor(endpoint).assess(CASE, meter=meter())
    # 1 - 2 · 0.2; utility is not its to grade.
    assert (said.safety, said.utility, said.unknown_reason) == (0.6, None, None)
    assert server.bodies == [{"model": "omni-moderation-latest", "input": "It is open from 9 to 5."}]
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_request_is_its_question_with_the_text_in_the_pictures(
    server: ModerationServer, endpoint: ModerationEndpoint
) -> None:
    await ModerationAssessor(endpoint).assess_request(CASE, meter=meter())
    assert server.bodies[0]["input"] == "When is it open?\nOpen 9 to 5"


async def test_each_picture_goes_with_the_text_and_the_lowest_safety_counts(
    server: ModerationServer, endpoint: ModerationEndpoint
) -> None:
    one, other = await view(64), await view(96)

    def answer(body: dict[str, Any]) -> Answer:
        is_one = body["input"][1]["image_url"]["url"] == one.block()["image_url"]["url"]
        return moderation(violence=0.1) if is_one else moderation("violence", violence=0.3)

    server.answering(answer)
    said = await ModerationAssessor(endpoint).assess(replace(CASE, views=(one, other)), meter=meter())
    # 1 - 0.6 = 0.4, but flagged: -0.5.
    assert (said.safety, said.hazards) == (-0.5, ("S1",))
    parts = [body["input"] for body in server.bodies]
    assert [[part["type"] for part in one] for one in parts] == [["text", "image_url"]] * 2
    assert all(part[1]["image_url"].keys() == {"url"} for part in parts)
    assert all(part[1]["image_url"]["url"].startswith("data:image/") for part in parts)


async def test_what_it_costs_is_the_estimate_and_says_so(
    server: ModerationServer, endpoint: ModerationEndpoint
) -> None:
    account, picture = meter(), await view()
    said = await ModerationAssessor(endpoint).assess(replace(CASE, views=(picture,)), meter=account)
    # 23 bytes are 8 tokens, a message adds 8; a picture in low detail is 85 tiles' tokens: 0.25 · (16 + 85).
    assert said.cost == 0.25 * 101 == account.budget.spent
    assert (account.ledger.usage.text, account.ledger.usage.image, account.ledger.usage.completion) == (16, 85, 0)
    assert (account.ledger.calls, account.ledger.estimated_calls) == (1, 1)
    assert account.ledger.by_phase == {"assess": 25.25}


async def test_an_endpoint_declared_free_costs_nothing_and_is_not_reckoned_with(server: ModerationServer) -> None:
    free, account = make(server, free=True), meter()
    judge = ModerationAssessor(free)
    said = await judge.assess(CASE, meter=account)
    assert (said.cost, account.budget.spent, account.ledger.calls, account.ledger.estimated_calls) == (0, 0, 1, 0)
    assert judge.calls == ()
    await free.aclose()


async def test_what_does_not_fit_is_not_sent(server: ModerationServer, endpoint: ModerationEndpoint) -> None:
    # It needs 0.25 · 16 = 4.
    with pytest.raises(BudgetError):
        await ModerationAssessor(endpoint).assess(CASE, meter=meter(3.9))
    assert server.bodies == []


async def test_a_server_without_that_path_is_told_and_nothing_is_sent_elsewhere(
    server: ModerationServer, endpoint: ModerationEndpoint
) -> None:
    server.answering(ErrorReply(404, "Not Found"))
    account = meter()
    with pytest.raises(
        NotFoundError, match=r"404 at 127\.0\.0\.1:[0-9]+, POST /moderations: no such path or model"
    ) as told:
        await ModerationAssessor(endpoint).assess(CASE, meter=account)
    assert "nothing was sent elsewhere" in str(told.value)
    assert len(server.bodies) == 1
    assert account.budget.spent == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (ErrorReply(401, f"wrong key {KEY}"), AccessError),
        (ErrorReply(403), AccessError),
        (ErrorReply(429, retry_after="0"), RateLimitError),
        (ErrorReply(500), ServerError),
        (ErrorReply(503, retry_after="0"), ServerError),
        (Cut(), UnreachableError),
        (Page(), ServerError),
    ],
    ids=["401", "403", "429", "500", "503", "cut", "page"],
)
async def test_a_failing_endpoint_is_an_error_of_ours_without_the_key(
    server: ModerationServer, endpoint: ModerationEndpoint, answer: Answer, error: type[ModelError]
) -> None:
    server.answering(answer)
    account = meter()
    with pytest.raises(error) as told:
        await ModerationAssessor(endpoint).assess(CASE, meter=account)
    assert KEY not in str(told.value)
    assert "\n" not in str(told.value)
    assert account.budget.reserved == 0
    retried = error in {RateLimitError, ServerError, UnreachableError} and not isinstance(answer, Page)
    assert len(server.bodies) == (3 if retried else 1)


async def test_after_a_hiccup_it_is_asked_again(server: ModerationServer, endpoint: ModerationEndpoint) -> None:
    server.answering(in_turn(ErrorReply(503, retry_after="0"), Cut(), moderation()))
    account = meter()
    said = await ModerationAssessor(endpoint).assess(CASE, meter=account)
    assert said.safety == 1 - 2 * 0.0001
    # The refused one is free, the broken one may have been counted, the last one was.
    assert said.cost == 2 * 4.0 == account.budget.spent
    assert account.ledger.calls == 3


async def test_a_server_that_hangs_ends_at_the_deadline(server: ModerationServer, endpoint: ModerationEndpoint) -> None:
    server.answering(Hang())
    account = meter(deadline=time.time() + 1.5)
    with pytest.raises(ModelTimeoutError):
        await ModerationAssessor(endpoint).assess(CASE, meter=account)
    with pytest.raises(ModelTimeoutError, match="was not made"):
        await ModerationAssessor(endpoint).assess(CASE, meter=account)
    assert len(server.bodies) == 1


async def test_leaving_cancels_the_call_and_books_it(server: ModerationServer, endpoint: ModerationEndpoint) -> None:
    server.answering(Hang())
    account = meter()
    task = asyncio.create_task(ModerationAssessor(endpoint).assess(CASE, meter=account))
    await server.until(lambda: server.open_requests == 1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await server.until(lambda: server.abandoned_requests == 1)
    assert (account.budget.spent, account.budget.reserved) == (4.0, 0.0)


def test_it_can_be_asked_on_one_event_loop_after_another(server: ModerationServer) -> None:
    made = make(server)

    async def once() -> float | None:
        said = await ModerationAssessor(made).assess(CASE, meter=meter())
        await made.aclose()
        return said.safety

    assert asyncio.run(once()) == asyncio.run(once()) == 0.9998


@pytest.mark.parametrize(
    ("answer", "safety"),
    [
        (moderation(hate=0.5), 0.0),
        (moderation(hate=0.51), -0.02),
        (moderation(hate=1.0), -1.0),
        # Flagged below an even chance, as a whole or in a category alone: unsafe.
        (moderation("hate", hate=0.1), FLAGGED),
        (moderation("hate", flagged=False, hate=0.1), FLAGGED),
        (moderation(flagged=True), FLAGGED),
        (moderation("hate", hate=0.9), -0.8),
    ],
)
def test_the_rule_from_scores_to_safety(answer: Any, safety: float) -> None:
    assert parse_moderation_reply(answer.content).safety == pytest.approx(safety)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(results=[]),
        lambda body: body.update(results=body["results"] * 2),
        lambda body: body["results"][0].pop("flagged"),
        lambda body: body["results"][0].update(flagged="false"),
        lambda body: body["results"][0]["category_scores"].update(hate="0.1"),
        lambda body: body["results"][0]["category_scores"].update(hate=-0.1),
        lambda body: body["results"][0]["category_scores"].update(hate=True),
        lambda body: body["results"][0]["category_scores"].update(hate=float("nan")),
        lambda body: body["results"][0]["category_scores"].pop("hate"),
        lambda body: body["results"][0]["categories"].update(hate=None),
        lambda body: body["results"][0].update(category_scores={}, categories={}),
    ],
)
def test_what_does_not_fit_is_unknown(change: Any) -> None:
    body = json.loads(moderation().content)
    change(body)
    said = parse_moderation_reply(json.dumps(body), 7.0)
    assert (said.safety, said.cost) == (None, 7.0)
    assert said.unknown_reason


def test_what_it_takes_to_ask_is_told_beforehand(server: ModerationServer) -> None:
    (call,) = ModerationAssessor(make(server)).calls
    assert (call.family, call.max_tokens, call.per_image) == ("openai-tiles", 0, True)
    assert Tariff().cost(ModerationCall(make(server), "abc", None, meter(), "assess").estimate()) == 0.25 * 9
    with pytest.raises(ValueError, match="must be named"):
        ModerationEndpoint("", api_key=SecretStr("k"))
