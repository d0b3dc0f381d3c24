"""The server ends: what is under way finishes, or is cancelled and told."""

import asyncio
import threading
import time

import httpx
import openai
import pytest

from ecoalign_agent.cli import main
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies
from tests.scripted_server import ChatServer, Hang
from tests.server.host import ASKED, Hosted, behind, body
from tests.server.process import HANG_SECONDS, ServeProcess


def test_what_is_under_way_finishes_when_the_server_ends() -> None:
    slow = ScriptedModel(task_replies(scan=scan_reply(draft="At nine.")), delay=0.2)
    answers: list[httpx.Response] = []
    with Hosted(slow, grace=10.0) as server:
        client = threading.Thread(target=lambda: answers.append(server.post(body())))
        client.start()
        while not slow.calls:
            time.sleep(0.005)
        server.end()
        client.join(HANG_SECONDS)
        assert server.ended()
    assert answers[0].json()["choices"][0]["message"]["content"] == "At nine."


@pytest.mark.parametrize("stream", [False, True])
def test_what_does_not_finish_in_time_is_cancelled_and_told(stream: bool) -> None:
    answers: list[httpx.Response] = []
    with ChatServer(Hang()) as upstream, behind(upstream, grace=0.2) as server:
        client = threading.Thread(target=lambda: answers.append(server.post(body(stream=stream))))
        client.start()
        asyncio.run(upstream.until(lambda: upstream.open_requests == 1))
        if stream:
            time.sleep(0.15)  # the stream begins after 50 ms: then the error is in it
        server.end()
        client.join(HANG_SECONDS)
        assert server.ended()
        asyncio.run(upstream.until(lambda: upstream.abandoned_requests == 1))
    assert "shutting_down" in answers[0].text
    assert answers[0].status_code == (200 if stream else 503)
    assert not stream or answers[0].text.endswith("data: [DONE]\n\n")


def test_a_process_ends_by_sigterm_with_status_zero_and_takes_nobody_in() -> None:
    with ServeProcess("--no-langserve") as served:
        with openai.OpenAI(base_url=served.url, api_key="x", max_retries=0) as client:
            answer = client.chat.completions.create(model="ecoalign", messages=ASKED)
        assert answer.choices[0].message.content
        assert served.end() == 0
        assert [line["event"] for line in served.lines] == ["listening", "request", "ending", "ended"]
        with pytest.raises(httpx.ConnectError):
            httpx.get(f"{served.url}/models")


def test_a_port_that_is_taken_is_one_line_and_status_one(capsys: pytest.CaptureFixture[str]) -> None:
    with Hosted() as server:
        assert main.main(["serve", "--model", "offline", "--port", str(server.port)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert f"can't listen at 127.0.0.1 port {server.port}" in lines[0]
