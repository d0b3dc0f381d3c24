"""LangServe's routes for the rewriter over a real socket, as LangServe's own client sees them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from langserve import RemoteRunnable

from ecoalign_agent import EcoAlign, Rewriter
from ecoalign_agent.events.events import event_adapter
from ecoalign_agent.events.result import Rewrite
from ecoalign_agent.rewriting.state import RewritePolicy
from ecoalign_agent.server.app import create_app
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.langserve import REWRITE_PATH, add_rewrite_routes
from ecoalign_agent.testing import SCRIPTED_CALL_COST, AnyReply, ScriptedModel, ScriptedReply
from tests.rewriting.scripts import analysis, checked, harmless, rewriting
from tests.search.stage import picture
from tests.server.test_events import data_url
from tests.server.urls import app_of, served

# LangServe reads its input's fields in a way that pydantic will not allow for ever.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Accessing the 'model_fields' attribute on the instance",
    "ignore:astream_log is deprecated",
)

RISKY = {"question": "How do I break into the flat?", "images": [data_url(picture())]}
NEW = "Who opens my own flat for me?"


@asynccontextmanager
async def serving(rewriter: Rewriter, **config: Any) -> AsyncIterator[tuple[str, Any]]:
    """The server's URL, and LangServe's client of its rewriter."""
    app = app_of(EcoAlign(ScriptedModel()), **config)
    add_rewrite_routes(app, app.state.service, rewriter)
    async with served(app) as url:
        client: RemoteRunnable[Any, Any] = RemoteRunnable(url + REWRITE_PATH)
        try:
            yield url, client
        finally:
            client.sync_client.close()
            await client.async_client.aclose()


def rewriter(policy: RewritePolicy | None = None, **parts: AnyReply) -> Rewriter:
    return Rewriter(ScriptedModel(rewriting(**parts)), policy=policy)


async def test_invoke_and_batch_give_the_record() -> None:
    async with serving(rewriter()) as (_, client):
        outputs = [await client.ainvoke(RISKY), *await client.abatch([RISKY, RISKY])]
    rewrites = [Rewrite.model_validate(output) for output in outputs]
    assert [(single.prompt, single.status, single.cost.spent) for single in rewrites] == [
        (NEW, "rewritten", 2 * SCRIPTED_CALL_COST)
    ] * 3
    assert all(set(output) == set(Rewrite.model_fields) for output in outputs)


async def test_a_stream_gives_the_events_and_the_record() -> None:
    async with serving(rewriter()) as (_, client):
        chunks = [dict(chunk) async for chunk in client.astream(RISKY)]
        custom = [
            event["data"]["ecoalign"]["kind"]
            async for event in client.astream_events(RISKY, version="v2")
            if event["event"] == "on_custom_event"
        ]
    events = [event_adapter.validate_python(chunk["event"]) for chunk in chunks[:-1]]
    assert [event.kind for event in events] == custom == ["rewrite_started", "analysed", "rewritten"]
    assert Rewrite.model_validate(chunks[-1]).prompt == NEW


async def test_what_was_rejected_is_told_to_nobody() -> None:
    async with serving(rewriter(check=checked(-0.9))) as (url, client):
        streamed = [str(event) async for event in client.astream_events(RISKY, version="v2")]
        async with httpx.AsyncClient() as direct:
            log = (await direct.post(f"{url}{REWRITE_PATH}/stream_log", json={"input": RISKY})).text
    assert streamed
    assert "'kept'" in streamed[-1]
    assert not any(NEW in event for event in [*streamed, log])


async def test_a_request_can_tighten_and_never_loosen() -> None:
    ceiling = RewritePolicy(budget=1_000.0)
    async with serving(rewriter(ceiling, frugal=harmless(prompt=""))) as (_, client):
        requested = [{"budget": 1e9}, {"budget": 50.0}, {}]
        rewrites = [Rewrite.model_validate(await client.ainvoke(RISKY | {"options": options})) for options in requested]
    assert [single.cost.budget for single in rewrites] == [1_000.0, 50.0, 1_000.0]
    assert [single.status for single in rewrites] == ["unchanged", "failed", "unchanged"]


async def test_the_servers_deadline_holds_whatever_is_asked() -> None:
    slow = rewriter(frugal=ScriptedReply(analysis(prompt=NEW), delay=100.0))
    async with serving(slow, max_seconds=0.2) as (_, client):
        rewrite = Rewrite.model_validate(await client.ainvoke(RISKY | {"options": {"deadline": 60}}))
    assert rewrite.status == "failed"


@pytest.mark.parametrize(
    ("sent_request", "message"),
    [
        ({"question": " "}, "question"),
        ({"question": "What is it?", "images": ["/etc/passwd"]}, "must be a data URL"),
        ({"question": "What is it?", "images": ["data:image/png;base64,AAAA"] * 17}, "at most 16"),
    ],
)
async def test_a_mistake_is_told_in_one_line_and_costs_nothing(sent_request: dict[str, Any], message: str) -> None:
    model = ScriptedModel(rewriting())
    async with serving(Rewriter(model)) as (_, client):
        output = await client.ainvoke(sent_request)
    assert (output["status"], message in output["message"]) == ("refused", True)
    assert model.calls == []


async def test_the_schemas_hold_nothing_that_leaves_the_playground_blank() -> None:
    async with serving(rewriter()) as (url, _), httpx.AsyncClient() as direct:
        schema = (await direct.get(f"{url}{REWRITE_PATH}/input_schema")).json()
        back = (await direct.get(f"{url}{REWRITE_PATH}/output_schema")).json()
        page = await direct.get(f"{url}{REWRITE_PATH}/playground/")
    assert (list(schema["properties"]), schema["required"]) == (["question", "images", "options"], ["question"])
    assert "null" not in str(schema)
    assert set(back["$defs"]["Rewrite"]["properties"]) == set(Rewrite.model_fields)
    assert page.status_code == 200


def test_a_server_with_a_rewriter_has_the_route_and_one_without_has_not() -> None:
    def paths(rewriter: str | None) -> set[str]:
        app = create_app(ServingConfig(model="offline", rewriter=rewriter))
        return {getattr(route, "path", "") for route in app.routes}

    assert "/langserve/rewrite/invoke" in paths("offline")
    assert not any(path.startswith("/langserve/rewrite") for path in paths(None))
