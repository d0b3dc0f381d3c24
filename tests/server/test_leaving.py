"""Clients that leave or stop reading end their runs; those that stay are never left in silence."""

import asyncio
import json
from typing import Any

import httpx
import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.server.answer_request import read_answer_request
from ecoalign_agent.server.completions import stream_answer
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.service import Service
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies
from tests.gates import gated
from tests.scripted_server import ChatServer, Hang
from tests.server.host import Hosted, behind, body, head_of
from tests.server.process import HANG_SECONDS


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_its_run(stream: bool) -> None:
    with ChatServer(Hang()) as upstream, behind(upstream) as server:
        sent = json.dumps(body(stream=stream)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head_of(sent) + sent)
        await upstream.until(lambda: upstream.open_requests == 1)
        if stream:
            assert b"200 OK" in await reader.readline()
        writer.close()
        # Before the run's deadline of 100 s, so that only the disconnect can end it.
        await upstream.until(lambda: upstream.abandoned_requests == 1, within=90.0)
        await upstream.until(lambda: server.service.admission.running == 0 or upstream.open_requests == 0)
        text = (await asyncio.to_thread(server.get, "/metrics")).text
    assert 'ecoalign_runs_cancelled_total{why="client_left"} 1.0' in text


@pytest.mark.parametrize("progress", [False, True])
async def test_a_client_that_takes_nothing_more_ends_its_run(progress: bool) -> None:
    model = ScriptedModel(task_replies(), delay=300)
    service = Service.create(ServingConfig(stalled_seconds=0.1, heartbeat=0.05), EcoAlign(model))
    request = read_answer_request(json.dumps(body(stream=True, ecoalign={"progress": progress})).encode(), service)
    messages: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if len(messages) == 2:
            await asyncio.Event().wait()
        messages.append(message)

    async with asyncio.timeout(HANG_SECONDS):
        assert await stream_answer(service, request, receive, send) is None
    assert (model.cancelled_calls, service.admission.running, len(messages)) == (1, 0, 2)
    assert 'why="client_stalled"} 1.0' in service.metrics.text().decode()


@pytest.mark.parametrize("progress", [False, True])
def test_a_stream_begins_at_once_and_is_never_silent(progress: bool) -> None:
    model = gated(task_replies(scan=scan_reply(draft="At nine.")), lambda call: call.task == "scan")
    request = body(stream=True, ecoalign={"progress": progress})
    with (
        Hosted(model, heartbeat=0.05) as server,
        httpx.Client(timeout=HANG_SECONDS) as client,
        client.stream("POST", f"{server.root}/v1/chat/completions", json=request) as answer,
    ):
        text, pieces = "", answer.iter_text()
        # Signs of life come while the first call is held.
        while text.count(": keep-alive") < (1 if progress else 6) or (progress and '"heartbeat"' not in text):
            text += next(pieces)
        assert "At nine." not in text
        server.call_soon(model.gate.set)
        text += "".join(pieces)
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"]) == "At nine."
