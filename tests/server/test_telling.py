"""Metrics, logs and traces of the server, and the secrets that are in none of them."""

import json

import httpx
import pytest

from ecoalign_agent.server.observability import LOG, JsonLines
from ecoalign_agent.testing import scan_reply, task_replies, verdict_reply
from tests.scripted_server import ChatServer, Hang
from tests.server.host import KEY, Hosted, body
from tests.server.process import HANG_SECONDS, ServeProcess, TraceSink
from tests.test_served import served as answering


def test_what_is_counted() -> None:
    script = task_replies(assess=lambda call: verdict_reply() if "9 to 5" in call["candidate"] else {"nonsense": True})
    with Hosted(script) as server:
        server.post(body())
        server.post(body(model="ecoalign-frugal"))
        server.post(body(model="CANARY-name"))
        server.get("/CANARY-path")
        text = server.get("/metrics").text
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert lines['ecoalign_requests_total{code="200",route="/v1/chat/completions"}'] == "2.0"
    assert lines['ecoalign_requests_total{code="404",route="/v1/chat/completions"}'] == "1.0"
    assert lines['ecoalign_requests_total{code="404",route="other"}'] == "1.0"
    assert lines['ecoalign_runs_total{model="ecoalign",status="answered",stop_reason="satisfied"}'] == "1.0"
    # Two runs of three calls, of 400 prompt and 40 completion tokens, at 0.25 and 1 a token: 3 · 140 each.
    assert lines['ecoalign_tokens_total{part="prompt"}'] == "2400.0"
    assert lines['ecoalign_tokens_total{part="completion"}'] == "240.0"
    assert lines['ecoalign_cost_units_total{model="ecoalign"}'] == "420.0"
    assert (lines["ecoalign_runs_under_way"], lines["ecoalign_requests_waiting"]) == ("0.0", "0.0")
    assert "CANARY" not in text


def test_unknown_verdicts_are_counted() -> None:
    with Hosted(task_replies(assess={"nonsense": 1})) as server:
        receipt = server.post(body()).json()["ecoalign"]
        text = server.get("/metrics").text
    assert receipt["unknown_verdicts"] > 0
    assert f"ecoalign_unknown_verdicts_total {float(receipt['unknown_verdicts'])}" in text


def test_logs_are_lines_of_json_without_secrets_and_without_prompts() -> None:
    with ChatServer(answering(task_replies(scan=scan_reply(draft="CANARY-answer")))) as upstream:
        env = {"OPENAI_API_KEY": "sk-canary-upstream-0a1b2c3d", "ECOALIGN_SERVE_KEYS": KEY}
        with ServeProcess("--model", "openai:m", "--base-url", upstream.url, "--no-langserve", **env) as served:
            root = served.url.removesuffix("/v1")
            headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
            sent = body(messages=[{"role": "user", "content": "CANARY-question?"}])
            with httpx.Client(headers=headers) as client:
                plain = client.post(f"{served.url}/chat/completions", json=sent, headers={"x-request-id": "my-id_1"})
                hostile = client.post(f"{served.url}/chat/completions", json=sent, headers={"x-request-id": 'a"b\tc'})
                client.get(f"{root}/healthz?CANARY-query=1")
                client.get(f"{root}/CANARY-path?key=CANARY-key")
                client.get(f"{served.url}/models", headers={"authorization": "Bearer CANARY-wrong-key"})
                upstream.reset(Hang())
                client.post(f"{served.url}/chat/completions", json=sent | {"ecoalign": {"deadline": 0.2}})
            assert served.end() == 0
    assert (plain.status_code, plain.headers["x-request-id"]) == (200, "my-id_1")
    assert len(hostile.headers["x-request-id"]) == 32
    text = json.dumps(served.lines)
    for canary in (KEY, "sk-canary", "CANARY"):
        assert canary not in text
    request_lines = [line for line in served.lines if line["event"] == "request"]
    assert [line["status"] for line in request_lines] == [200, 200, 404, 401, 504]
    first = request_lines[0]
    assert (first["request_id"], first["outcome"], first["model"], first["route"]) == (
        "my-id_1",
        "answered",
        "ecoalign",
        "/v1/chat/completions",
    )
    assert first["tokens"] > 0
    assert first["run_id"] == plain.json()["ecoalign"]["run_id"]


def test_prompts_are_logged_only_on_request(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger=LOG.name), Hosted(log_prompts=True) as server:
        answer = server.post(body())
    line = next(json.loads(JsonLines().format(r)) for r in caplog.records if r.message == "request")
    assert line["question"] == "When does it open?"
    assert line["answer"] == answer.json()["choices"][0]["message"]["content"]


def test_traces_are_sent_without_what_was_asked() -> None:
    with TraceSink() as sink:
        with ServeProcess("--otel", "--no-langserve", OTEL_EXPORTER_OTLP_ENDPOINT=sink.url) as served:
            sent = body(messages=[{"role": "user", "content": "CANARY-question?"}])
            answer = httpx.post(f"{served.url}/chat/completions", json=sent, timeout=HANG_SECONDS)
            assert answer.status_code == 200
            assert served.end() == 0
        text = b"".join(sink.received)
    # The nodes of the graph are spans; what went through them is not told.
    assert b"ecoalign" in text
    assert b"scan" in text
    assert b"CANARY" not in text
    assert answer.json()["choices"][0]["message"]["content"].encode() not in text
