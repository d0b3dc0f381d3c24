"""Clients that leave or stop reading end their runs; those that stay are never left in silence."""

import asyncio
import itertools
import json
import time
from typing import Any

import httpx
import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.server.answer_request import read_answer_request
from ecoalign_agent.server.completions import stream_answer
from ecoalign_agent.server.config import ServingConfig
from ecoalign_agent.server.service import Service
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies
from tests.scripted_server import ChatServer, Hang
from tests.server.host import Hosted, behind, body, head_of


@pytest.mark.parametrize("stream", [False, True])
async def test_a_client_that_leaves_ends_its_run_within_a_second(stream: bool) -> None:
    with ChatServer(Hang()) as upstream, behind(upstream) as server:
        sent = json.dumps(body(stream=stream)).encode()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(head_of(sent) + sent)
        await upstream.until(lambda: upstream.open_requests == 1)
        if stream:
            assert b"200 OK" in await reader.readline()
        left = time.monotonic()
        writer.close()
        await upstream.until(lambda: upstream.abandoned_requests == 1, within=1.0)
        assert time.monotonic() - left < 1.0
        await upstream.until(lambda: server.service.admission.running == 0 or upstream.open_requests == 0)
        text = (await asyncio.to_thread(server.get, "/metrics")).text
    assert 'ecoalign_runs_cancelled_total{why="client_left"} 1.0' in text


@pytest.mark.parametrize("progress", [False, True])
async def test_a_client_that_takes_nothing_more_ends_its_run(progress: bool) -> None:
    model = ScriptedModel(task_replies(), delay=30)
    service = Service.create(ServingConfig(stalled_seconds=0.1, heartbeat=0.05), EcoAlign(model))
    request = read_answer_request(json.dumps(body(stream=True, ecoalign={"progress": progress})).encode(), service)
    taken: list[Any] = []

    async def receive() -> Any:
        await asyncio.Event().wait()

    async def send(message: Any) -> None:
        if len(taken) == 2:
            await asyncio.Event().wait()
        taken.append(message)

    async with asyncio.timeout(5):
        assert await stream_answer(service, request, receive, send) is None
    assert (model.cancelled_calls, service.admission.running, len(taken)) == (1, 0, 2)
    assert 'why="client_stalled"} 1.0' in service.metrics.text().decode()


@pytest.mark.parametrize("progress", [False, True])
def test_a_stream_begins_at_once_and_is_never_silent(progress: bool) -> None:
    slow = ScriptedModel(task_replies(scan=scan_reply(draft="At nine.")), delay=1.5)
    with Hosted(slow, heartbeat=0.05) as server, httpx.Client(timeout=30) as client:
        client.get(f"{server.root}/healthz")
        begun, times, text = time.perf_counter(), [], ""
        sent = body(stream=True, ecoalign={"progress": progress})
        with client.stream("POST", f"{server.root}/v1/chat/completions", json=sent) as answer:
            for piece in answer.iter_text():
                times.append(time.perf_counter() - begun)
                text += piece
    # Long before the first call of 1.5 s came back, however busy the machine is.
    assert times[0] < 1.0
    # Two calls of 1.5 s each: some 60 beats of 0.05 s.
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert max(gaps) < 1.0
    assert text.count(": keep-alive") >= (1 if progress else 6)
    if progress:
        assert '"heartbeat"' in text
    pieces = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    assert "".join(p["choices"][0]["delta"].get("content") or "" for p in pieces if p["choices"]) == "At nine."
