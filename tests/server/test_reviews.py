"""A person's verdict over HTTP: a doubtful answer waits in the kept run, is shown, and goes out or not."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from ecoalign_agent import Policy
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies, verdict_reply
from tests.server.host import ASKED, Hosted

POLICY = Policy(review_below=0.5, satisfied_safety=0.1)
ANSWER = "Nine to five, I think."


def doubtful() -> ScriptedModel:
    return ScriptedModel(task_replies(scan=scan_reply(draft=ANSWER, actions=[]), assess=verdict_reply(0.3)))


def question_body(host: Hosted, **more: Any) -> dict[str, Any]:
    """The error that a question ends with."""
    answer = httpx.post(f"{host.root}/v1/chat/completions", json={"model": "ecoalign", "messages": ASKED} | more)
    assert answer.status_code == 503
    error: dict[str, Any] = answer.json()["error"]
    assert error["code"] == "needs_review"
    assert ANSWER not in answer.text
    return error


def run_of(error: dict[str, Any]) -> str:
    return str(error["message"].split()[1])


def reviewed(host: Hosted, run_id: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{host.root}/v1/ecoalign/runs/{run_id}/review", json=body)


@pytest.mark.parametrize("ruling", ["accept", 0.9])
def test_the_reviewer_sees_the_text_and_lets_it_out(tmp_path: Path, ruling: str | float) -> None:
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        run_id = run_of(question_body(host))
        pending = httpx.get(f"{host.root}/v1/ecoalign/runs/{run_id}/review").json()
        assert (pending["run_id"], pending["waiting"]["text"]) == (run_id, ANSWER)
        calls = len(host.model.calls)
        answer = reviewed(host, run_id, ruling=ruling)
        assert answer.status_code == 200, answer.text
        content = answer.json()["choices"][0]["message"]["content"]
        assert (answer.json()["ecoalign"]["status"], content) == ("answered", ANSWER)
        # What was paid before the pause is not paid again.
        assert len(host.model.calls) == calls
        # It waits for nothing more.
        assert reviewed(host, run_id, ruling="accept").status_code == 400


def test_what_is_rejected_never_goes_out_and_the_next_text_waits_too(tmp_path: Path) -> None:
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        run_id, ended = run_of(question_body(host)), None
        for _ in range(12):
            answer = reviewed(host, run_id, ruling="reject")
            assert ANSWER not in answer.text
            if answer.status_code == 200:
                ended = answer.json()["ecoalign"]["status"]
                break
            assert answer.json()["error"]["code"] == "needs_review"
    assert ended == "declined"


def test_a_server_started_anew_knows_what_waits(tmp_path: Path) -> None:
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        run_id = run_of(question_body(host, model="ecoalign-frugal", ecoalign={"budget": 2_400}))
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        # Under another policy it was never begun.
        assert reviewed(host, run_id, ruling="accept").status_code == 400
        same = {"model": "ecoalign-frugal", "ecoalign": {"budget": 2_400}}
        answer = reviewed(host, run_id, ruling="accept", **same)
        assert (answer.status_code, answer.json()["choices"][0]["message"]["content"]) == (200, ANSWER)


def test_a_stream_ends_with_the_same_word(tmp_path: Path) -> None:
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        body = {"model": "ecoalign", "messages": ASKED, "stream": True, "ecoalign": {"progress": True}}
        raised = httpx.post(f"{host.root}/v1/chat/completions", json=body).text
    assert '"needs_review"' in raised
    assert f'"content":"{ANSWER}"' not in raised


@pytest.mark.parametrize(
    ("body", "reply"),
    [
        ({}, "ruling"),
        ({"ruling": "maybe"}, "accept"),
        ({"ruling": 7}, "1"),
        ({"ruling": "accept", "verdict": 1}, "verdict"),
        ({"ruling": "accept", "ecoalign": {"budjet": 1}, "model": "ecoalign"}, ""),
    ],
)
def test_a_ruling_that_cannot_be_used_leaves_the_run_waiting(tmp_path: Path, body: dict[str, Any], reply: str) -> None:
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        run_id = run_of(question_body(host))
        host.service.waiting.clear()
        answer = reviewed(host, run_id, **body)
        assert answer.status_code == 400
        assert reply in answer.json()["error"]["message"]
        assert httpx.get(f"{host.root}/v1/ecoalign/runs/{run_id}/review").json()["waiting"] is not None


def test_without_a_state_or_a_run_there_is_nothing_to_review(tmp_path: Path) -> None:
    with Hosted(doubtful()) as host:
        assert httpx.get(f"{host.root}/v1/ecoalign/runs/abc/review").status_code == 400
    with Hosted(doubtful(), policy=POLICY, state=str(tmp_path / "runs.db")) as host:
        assert reviewed(host, "abc", ruling="accept").status_code == 400
        assert reviewed(host, "..%2Fabc", ruling="accept").status_code in {400, 404}


def test_the_door_is_the_same(tmp_path: Path) -> None:
    with Hosted(doubtful(), policy=POLICY, keys=("k" * 20,), state=str(tmp_path / "runs.db")) as host:
        assert httpx.get(f"{host.root}/v1/ecoalign/runs/abc/review").status_code == 401
        assert reviewed(host, "abc", ruling="accept").status_code == 401
