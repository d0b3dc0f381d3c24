"""LangServe's routes over a real socket, as LangServe's own client sees them."""

import asyncio
import sys
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import ServerError, UsageError
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.events.log import to_json_line
from ecoalign_agent.events.result import Result
from ecoalign_agent.server.app import create_app
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.langserve import MAX_BATCH, add_search_routes
from ecoalign_agent.server.service import Service
from ecoalign_agent.testing import ScriptedModel, task_replies
from tests.gates import gated
from tests.search.stage import QUESTION, picture
from tests.server.host import body
from tests.server.process import HANG_SECONDS
from tests.server.test_events import data_url
from tests.server.urls import app_of, remote, served

pytestmark = pytest.mark.filterwarnings(
    # LangServe reads its input's fields in a way that pydantic will not allow for ever.
    "ignore:Accessing the 'model_fields' attribute on the instance",
)

REQUEST = {"question": QUESTION, "images": [data_url(picture())]}
ROUTE = "/langserve/ecoalign"


def agent(**parts: Any) -> EcoAlign:
    return EcoAlign(ScriptedModel(task_replies(**parts)))


def same(output: dict[str, Any], own: Result) -> bool:
    """Whether the output is what ``--json`` prints, but for ids and times."""
    changing = {"run_id", "seconds", "time"}
    record = Result.model_validate(output)
    assert set(output) == set(Result.model_fields)
    return record.model_dump(exclude=changing) == own.model_dump(exclude=changing)


async def test_invoke_and_batch_give_what_json_prints_sync_and_async() -> None:
    # Without a picture: what one costs is learnt from each run for the next.
    own = await agent().ask(QUESTION)
    assert '"status":"answered"' in to_json_line(own)
    request = {"question": QUESTION}
    async with served(app_of(agent())) as url, remote(url) as chain:
        outputs = [
            await chain.ainvoke(request),
            *await chain.abatch([request, request]),
            await asyncio.to_thread(chain.invoke, request),
            *await asyncio.to_thread(chain.batch, [request, request]),
        ]
    assert len(outputs) == 6
    assert all(same(output, own) for output in outputs)


async def test_a_stream_gives_the_events_and_the_result_sync_and_async() -> None:
    async with served(app_of(agent())) as url, remote(url) as chain:
        streamed = [chunk async for chunk in chain.astream(REQUEST)]
        in_a_thread = await asyncio.to_thread(lambda: list(chain.stream(REQUEST)))
    for chunks in (streamed, in_a_thread):
        events = [event_adapter.validate_python(dict(chunk)["event"]) for chunk in chunks[:-1]]
        assert (events[0].kind, events[-1].kind) == ("run_started", "answered")
        assert events[-1].result == Result.model_validate(chunks[-1])  # type: ignore[union-attr]  # it is an ending


async def test_the_schemas_hold_nothing_that_leaves_the_playground_blank() -> None:
    async with served(app_of(agent())) as url, httpx.AsyncClient() as client:
        sent_input = (await client.get(f"{url}{ROUTE}/input_schema")).json()
        back = (await client.get(f"{url}{ROUTE}/output_schema")).json()
    assert list(sent_input["properties"]) == ["question", "images", "options"]
    assert sent_input["required"] == ["question"]
    assert "null" not in str(sent_input)
    assert set(back["$defs"]["Result"]["properties"]) == set(Result.model_fields)


@pytest.mark.parametrize(
    ("sent_input", "kind", "message"),
    [
        ({"question": ""}, "UsageError", "the question is empty"),
        ({"question": QUESTION, "images": ["/etc/hostname"]}, "UsageError", "must be a data URL"),
        ({"question": QUESTION, "images": ["data:,no picture"]}, "ImageError", "not a picture"),
        (REQUEST | {"options": {"budget": 1}}, "BudgetTooSmallError", "the least is about"),
    ],
)
async def test_what_a_user_should_see_stands_in_the_output(sent_input: Any, kind: str, message: str) -> None:
    async with served(app_of(agent())) as url, remote(url) as chain:
        outputs = [await chain.ainvoke(sent_input), [dict(chunk) async for chunk in chain.astream(sent_input)][-1]]
    for output in outputs:
        assert (output["status"], output["error"]) == ("refused", kind)
        assert message in output["message"]


async def test_a_run_that_failed_is_a_result_that_says_so() -> None:
    model = ScriptedModel(lambda call: ServerError("openai:m: 503: overloaded"))
    async with served(app_of(EcoAlign(model))) as url, remote(url) as chain:
        output = await chain.ainvoke(REQUEST)
    assert (output["status"], output["answer"]) == ("failed", None)
    assert "overloaded" in output["failure"]


@pytest.mark.parametrize(
    "sent_input",
    [
        {"images": []},
        {"question": 7},
        REQUEST | {"options": {"path_safety": "last"}},
        REQUEST | {"options": {"budget": -1}},
    ],
)
async def test_an_input_of_another_form_is_refused_by_its_schema(sent_input: Any) -> None:
    model = ScriptedModel()
    async with served(app_of(EcoAlign(model))) as url, httpx.AsyncClient() as client:
        response = await client.post(f"{url}{ROUTE}/invoke", json={"input": sent_input})
    assert response.status_code == 422
    assert model.calls == []


async def test_options_belong_to_their_request_and_a_clients_configuration_to_none() -> None:
    base = EcoAlign(ScriptedModel(), policy=Policy(budget=6000))
    config = {"configurable": {"model": "openai:other", "policy": {"budget": 1}}}
    async with served(app_of(base, policy=base.policy)) as url, httpx.AsyncClient(timeout=HANG_SECONDS) as client:

        async def request(budget: float) -> Any:
            body = {"input": {"question": QUESTION, "options": {"budget": budget}}, "config": config}
            return (await client.post(f"{url}{ROUTE}/invoke", json=body)).json()["output"]

        outputs = await asyncio.gather(*(request(budget) for budget in (3000, 4000, 5000, 9000)))
    # The scan's safety is 0.9: B = B_max · (0.5 + 0.5 · 0.9).
    assert [output["cost"]["budget"] for output in outputs] == pytest.approx([2850.0, 3800.0, 4750.0, 5700.0])
    assert ["clamped" in str(output["notes"]) for output in outputs] == [False, False, False, True]
    assert {output["models"]["actor"] for output in outputs} == {"ScriptedModel"}


async def test_a_batch_is_bounded() -> None:
    model = ScriptedModel()
    async with served(app_of(EcoAlign(model))) as url, remote(url) as chain:
        outputs = await chain.abatch([{"question": QUESTION}] * (MAX_BATCH + 2))
    assert [output["status"] for output in outputs] == ["answered"] * MAX_BATCH + ["refused"] * 2
    assert model.tasks().count("scan") == MAX_BATCH


@pytest.mark.parametrize("endpoint", ["stream", "stream_events"])
async def test_a_client_that_leaves_a_stream_ends_its_calls(endpoint: str) -> None:
    model = gated(task_replies(), lambda call: call.task == "answer")
    app = app_of(EcoAlign(model), heartbeat=0.02)
    async with asyncio.timeout(HANG_SECONDS), served(app) as url, httpx.AsyncClient() as client:
        async with client.stream("POST", f"{url}{ROUTE}/{endpoint}", json={"input": REQUEST}) as response:
            async for part in response.aiter_text():
                if "heartbeat" in part and model.reached.is_set():
                    break
        async with asyncio.timeout(HANG_SECONDS):
            await model.let_go.wait()


@pytest.mark.parametrize(
    ("path", "request_body"),
    [
        ("/v1/ecoalign/events", {"question": QUESTION}),
        ("/v1/chat/completions", body(stream=True, ecoalign={"progress": True})),
        ("/langserve/ecoalign/invoke", {"input": {"question": QUESTION}}),
    ],
)
async def test_a_stream_is_refused_where_the_configured_heartbeat_is_too_short(path: str, request_body: Any) -> None:
    model = ScriptedModel()
    async with (
        served(create_app(ServingConfig(heartbeat=0.009, langserve=True), agent=EcoAlign(model))) as url,
        httpx.AsyncClient(timeout=HANG_SECONDS) as client,
    ):
        response = await client.post(url + path, json=request_body)
    assert "heartbeat is 0.009, must be a number of seconds from 0.01 to 10" in response.text
    assert model.tasks() == []


async def test_a_client_that_leaves_invoke_is_caught_by_the_deadline() -> None:
    model = gated(task_replies(), lambda call: call.task == "scan")
    app = app_of(EcoAlign(model), max_seconds=2.0)
    async with asyncio.timeout(HANG_SECONDS), served(app) as url, httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(
                f"{url}{ROUTE}/invoke", json={"input": REQUEST}, timeout=httpx.Timeout(HANG_SECONDS, read=0.2)
            )
        # LangServe goes on without its client; the run has a deadline all the same, or this would never end.
        async with asyncio.timeout(HANG_SECONDS):
            await model.let_go.wait()
            while app.state.service.admission.running:  # noqa: ASYNC110 - a number, not a signal
                await asyncio.sleep(0.005)


def test_without_langserve_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "langserve", None)
    app = FastAPI()
    with pytest.raises(UsageError, match=r"^LangServe is not installed: pip install 'ecoalign-agent\[serve\]'"):
        add_search_routes(app, Service.create(ServingConfig(), EcoAlign(ScriptedModel())))
