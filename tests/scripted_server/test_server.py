"""The test server does what it says: else the tests that lean on it show nothing."""

import asyncio
import json
import time
from typing import Any

import httpx
import pytest

from ecoalign_agent.testing import CompletionReply, ErrorReply
from tests.scripted_server import (
    ChatServer,
    Cut,
    Delayed,
    Drip,
    Hang,
    Page,
    empty_choices,
    in_turn,
    rejecting,
    saying,
    structured,
)

QUESTION = {"model": "m", "messages": [{"role": "user", "content": "12345678"}]}


async def post(server: ChatServer, body: dict[str, Any] | None = None) -> httpx.Response:
    async with httpx.AsyncClient() as client:
        return await client.post(f"{server.url}/chat/completions", json=body or QUESTION, headers={"x-who": "me"})


async def test_a_completion_with_its_usage_and_a_record_of_the_request() -> None:
    with ChatServer(saying("hello")) as server:
        answer = (await post(server)).json()
        assert answer["choices"][0]["message"]["content"] == "hello"
        # 8 and 5 characters at four a token.
        assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (2, 2)
        assert server.bodies == [QUESTION]
        assert server.requests[0].headers["x-who"] == "me"


async def test_pictures_are_counted() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,", "detail": "low"}}
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "1234"}, picture]}]}
    with ChatServer(saying("x")) as server:
        usage = (await post(server, body)).json()["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["image_tokens"]) == (86, 85)


async def test_the_form_asked_for_is_the_form_given() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    with ChatServer(structured({"a": 1})) as server:
        plain = (await post(server)).json()["choices"][0]["message"]
        called = (await post(server, QUESTION | {"tools": tools})).json()["choices"][0]["message"]
    assert json.loads(plain["content"]) == {"a": 1}
    assert called["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a": 1}'}


@pytest.mark.parametrize(
    ("options", "streams_usage", "counted"),
    [({}, True, 0), ({"include_usage": True}, True, 1), ({"include_usage": True}, False, 0)],
)
async def test_a_stream_with_usage_where_it_is_asked_for(
    options: dict[str, bool], streams_usage: bool, counted: int
) -> None:
    with ChatServer(CompletionReply("hello", streams_usage=streams_usage)) as server:
        answer = await post(server, QUESTION | {"stream": True, "stream_options": options})
    *lines, done = [line.removeprefix("data: ") for line in answer.text.split("\n\n") if line]
    chunks = [json.loads(line) for line in lines]
    assert (answer.headers["content-type"].split(";")[0], done) == ("text/event-stream", "[DONE]")
    choices = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
    assert "".join(choice["delta"].get("content", "") for choice in choices) == "hello"
    assert choices[-1]["finish_reason"] == "stop"
    assert [chunk["usage"]["prompt_tokens"] for chunk in chunks if "usage" in chunk] == [2] * counted


async def test_what_it_rejects_and_what_it_does_not() -> None:
    with ChatServer(rejecting(saying("x"), "response_format=json_schema", "tools")) as server:
        refused = await post(server, QUESTION | {"response_format": {"type": "json_schema"}})
        taken = await post(server, QUESTION | {"response_format": {"type": "json_object"}})
    assert (refused.status_code, refused.json()["error"]["param"], taken.status_code) == (400, "response_format", 200)


async def test_statuses_pages_and_empty_answers() -> None:
    with ChatServer(in_turn(ErrorReply(429, "slow", retry_after="7"), Page(status=502), empty_choices())) as server:
        first, second, third, fourth = [await post(server) for _ in range(4)]
    assert (first.status_code, first.headers["retry-after"], first.json()["error"]["message"]) == (429, "7", "slow")
    assert (second.status_code, "<html>" in second.text) == (502, True)
    # The last answer stands for all further ones.
    assert third.json()["choices"] == fourth.json()["choices"] == []


@pytest.mark.parametrize("sent", [b"", b'{"id": '])
async def test_a_connection_is_cut(sent: bytes) -> None:
    with ChatServer(Cut(sent)) as server:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await post(server)
        assert (await post(server.reset(saying("x")))).status_code == 200


async def test_a_drip_sends_its_head_at_once_and_then_a_byte_at_a_time() -> None:
    with ChatServer(Drip(CompletionReply("hello"), seconds=0.001)) as server:
        assert (await post(server)).json()["choices"][0]["message"]["content"] == "hello"
        server.reset(Drip(CompletionReply("hello"), seconds=0.02))
        async with httpx.AsyncClient() as client:
            request = client.build_request("POST", f"{server.url}/chat/completions", json=QUESTION)
            begun = time.monotonic()
            answer = await client.send(request, stream=True)
            pieces = answer.aiter_raw()
            first = [await anext(pieces) for _ in range(3)]
            # Each byte comes alone, and none is waited for longer than a client's read time-out allows.
            assert (answer.status_code, [len(piece) for piece in first]) == (200, [1, 1, 1])
            assert time.monotonic() - begun >= 0.06 - 0.002
            await answer.aclose()
        await server.until(lambda: (server.open_requests, server.abandoned_requests) == (0, 1))


async def test_what_hangs_ends_when_the_client_leaves() -> None:
    with ChatServer(Hang()) as server:
        asking = asyncio.ensure_future(post(server))
        await server.until(lambda: server.open_requests == 1)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await server.until(lambda: server.open_requests == 0)
        assert server.abandoned_requests == 1


async def test_what_hangs_ends_when_the_server_is_reset() -> None:
    with ChatServer(Hang()) as server:
        asking = asyncio.ensure_future(post(server))
        await server.until(lambda: server.open_requests == 1)
        server.reset()
        assert (await asking).status_code == 503


async def test_how_many_were_under_way_at_once() -> None:
    with ChatServer(Delayed(0.1, CompletionReply("x"))) as server:
        await asyncio.gather(*(post(server) for _ in range(4)))
        assert (len(server.requests), server.max_open_requests, server.open_requests) == (4, 4, 0)


async def test_what_never_holds_is_said() -> None:
    with ChatServer() as server, pytest.raises(AssertionError, match="did not come to hold"):
        await server.until(lambda: bool(server.requests), within=0.05)


async def test_its_models() -> None:
    async with httpx.AsyncClient() as client:
        with ChatServer(models=("a", "b")) as server:
            listed = (await client.get(f"{server.url}/models")).json()
    assert [model["id"] for model in listed["data"]] == ["a", "b"]
