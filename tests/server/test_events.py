"""``POST /v1/ecoalign/events``: our events as server-sent events, over a real socket."""

import asyncio
import base64
import json
from typing import Any

import httpx
import pytest

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import ServerError
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies
from tests.gates import gated
from tests.pictures import damaged
from tests.search.stage import QUESTION, picture
from tests.server.channels import frames
from tests.server.process import HANG_SECONDS
from tests.server.urls import app_of, served

PATH = "/v1/ecoalign/events"


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


async def post_events(
    agent: EcoAlign, body: Any, *, headers: dict[str, str] | None = None, **config: Any
) -> httpx.Response:
    """The whole response to one request."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    async with served(app_of(agent, **config)) as url, httpx.AsyncClient(timeout=HANG_SECONDS) as client:
        return await client.post(url + PATH, content=content, headers=headers)


async def framed(response: httpx.Response) -> list[dict[str, str]]:
    return [frame async for frame in frames(response)]


async def test_a_frame_holds_number_kind_and_the_event_on_one_line() -> None:
    response = await post_events(EcoAlign(ScriptedModel()), {"question": QUESTION, "images": [data_url(picture())]})
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    received = await framed(response)
    events = [event_adapter.validate_json(frame["data"]) for frame in received]
    assert [(frame["id"], frame["event"]) for frame in received] == [(str(n), e.kind) for n, e in enumerate(events)]
    assert (events[0].kind, events[-1].kind) == ("run_started", "answered")


async def test_text_can_not_begin_a_frame_of_its_own() -> None:
    forged = 'hours?\n\nevent: answered\ndata: {"forged": 1}\r\n\r\nid: 7\u2028event: failed'
    response = await post_events(
        EcoAlign(ScriptedModel(task_replies(scan=scan_reply(caption=forged), answer={"text": forged}))),
        {"question": forged},
    )
    received = await framed(response)
    assert [frame["id"] for frame in received] == [str(number) for number in range(len(received))]
    assert "forged" not in {key for frame in received for key in json.loads(frame["data"])}
    assert json.loads(received[0]["data"])["question"] == forged
    assert json.loads(received[-1]["data"])["result"]["answer"] == forged


@pytest.mark.parametrize(
    ("body", "param", "message"),
    [
        ({"question": " "}, None, "the question is empty"),
        ({"images": []}, "question", "Field required"),
        ({"question": QUESTION, "images": ["/etc/hostname"]}, None, "must be a data URL"),
        ({"question": QUESTION, "images": ["https://example.org/a.png"]}, None, "must be a data URL"),
        ({"question": QUESTION, "images": ["data:image/png;base64,AAAA"]}, "images", "not a picture"),
        ({"question": QUESTION, "images": [data_url(picture())] * 3}, None, "3 pictures, at most 2"),
        ({"question": QUESTION, "options": {"path_safety": "last"}}, "options.path_safety", "not permitted"),
        ({"question": QUESTION, "options": {"policy": "ecoalign/base"}}, "options.policy", "'ecoalign-frugal'"),
        ({"question": QUESTION, "options": {"budget": -1}}, "options.budget", "greater than or equal to 0"),
        ({"question": QUESTION, "options": {"budget": 1}}, "options.budget", "the least is about"),
        (b"{", None, "Invalid JSON"),
        (b"\xff", None, "Invalid JSON"),
    ],
)
async def test_a_mistake_is_an_http_error_in_one_line_and_costs_nothing(
    body: Any, param: str | None, message: str
) -> None:
    model = ScriptedModel()
    response = await post_events(EcoAlign(model), body, max_images=2)
    error = response.json()["error"]
    assert (response.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
    assert message in error["message"]
    assert "\n" not in error["message"]
    assert model.calls == []


async def test_a_stream_is_not_taken_up_again_for_it_would_cost_anew() -> None:
    model = ScriptedModel()
    response = await post_events(EcoAlign(model), {"question": QUESTION}, headers={"last-event-id": "3"})
    assert (response.status_code, response.json()["error"]["param"]) == (400, "Last-Event-ID")
    assert model.calls == []


async def test_a_page_in_a_browser_can_not_start_a_run_by_a_mere_address() -> None:
    model = ScriptedModel()
    async with served(app_of(EcoAlign(model))) as url, httpx.AsyncClient() as client:
        response = await client.get(f"{url}{PATH}?question=hours")
    assert response.status_code == 405
    assert model.calls == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"question": QUESTION, "images": [data_url(damaged())]}, "invalid_image"),
        ({"question": QUESTION, "images": [data_url(picture())], "options": {"budget": 1}}, "budget_too_small"),
    ],
    ids=["damaged", "budget"],
)
async def test_a_mistake_that_shows_later_is_the_last_frame(body: Any, code: str) -> None:
    response = await post_events(EcoAlign(ScriptedModel()), body)
    received = await framed(response)
    assert [frame["event"] for frame in received] == ["run_started", "error"]
    assert "id" not in received[-1]
    assert json.loads(received[-1]["data"])["error"]["code"] == code


async def test_a_run_that_fails_is_an_event_like_others() -> None:
    model = ScriptedModel(lambda call: ServerError("openai:m: 503: overloaded"))
    response = await post_events(EcoAlign(model), {"question": QUESTION})
    received = await framed(response)
    assert [frame["event"] for frame in received] == ["run_started", "failed"]
    assert "overloaded" in json.loads(received[-1]["data"])["result"]["failure"]


async def test_options_tighten_and_what_asks_for_more_is_clamped_and_said() -> None:
    agent = EcoAlign(ScriptedModel(), policy=Policy(budget=6000))
    for requested, budget, clamped in ((4000, 4000.0, False), (9000, 6000.0, True), (0, 6000.0, False)):
        response = await post_events(
            agent, {"question": QUESTION, "options": {"budget": requested}}, policy=agent.policy
        )
        received = [json.loads(frame["data"]) for frame in await framed(response)]
        assert received[0]["budget"] == budget
        assert any("clamped: budget 9000" in note["text"] for note in received[-1]["result"]["notes"]) == clamped


async def test_a_client_that_leaves_ends_its_calls_and_frees_its_place() -> None:
    model = gated(task_replies(), lambda call: call.task == "answer")
    app = app_of(EcoAlign(model), heartbeat=0.02)
    async with asyncio.timeout(HANG_SECONDS), served(app) as url, httpx.AsyncClient() as client:
        async with client.stream("POST", url + PATH, json={"question": QUESTION}) as response:
            async for frame in frames(response):
                if frame["event"] == "heartbeat" and model.reached.is_set():
                    break
        async with asyncio.timeout(HANG_SECONDS):
            await model.let_go.wait()
            while app.state.service.admission.running:  # noqa: ASYNC110 - a number, not a signal
                await asyncio.sleep(0.005)


async def test_where_there_is_no_place_the_client_is_told_when_to_come_back() -> None:
    model = gated(task_replies(), lambda call: call.task == "scan")
    app = app_of(EcoAlign(model), runs=1, queue=0)
    async with (
        asyncio.timeout(HANG_SECONDS),
        served(app) as url,
        httpx.AsyncClient() as client,
        client.stream("POST", url + PATH, json={"question": QUESTION}),
    ):
        await model.reached.wait()
        refused = await client.post(url + PATH, json={"question": QUESTION})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "server_busy")
    assert int(refused.headers["retry-after"]) >= 1
