"""The program as an engineer uses it: a real server that speaks OpenAI's protocol, on loopback, and a real process."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.testing import (
    CompletionReply,
    ErrorReply,
    JsonObject,
    Script,
    scan_reply,
    scripted_call,
    task_replies,
    verdict_reply,
)
from tests.scripted_server import Answer, Answerer, ChatServer, Hang, empty_choices, rejecting

pytestmark = pytest.mark.slow

NOTICE = Path(__file__).parents[1] / "examples" / "images" / "museum_notice.png"
KEY = "sk-canary-7d1f0c55aa"


def served(script: Script) -> Answerer:
    """The scripted model's replies, as completions of a server."""

    def answer(body: JsonObject) -> Answer:
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        said = script(scripted_call([SystemMessage(system), HumanMessage(user)]))
        assert isinstance(said, dict)
        return CompletionReply(json.dumps(said))

    return answer


def ecoalign(*arguments: str, url: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "ECOALIGN", "LANG"))}
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", "ask", "When does it close?", "--image", str(NOTICE)]
    return subprocess.run(
        [*command, "--model", "openai:m", "--base-url", url, *arguments],
        env=clean | {"OPENAI_API_KEY": KEY} | env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_a_served_model_answers_and_stdout_is_one_json_object() -> None:
    with ChatServer(served(task_replies(scan=scan_reply(draft="At five.")))) as server:
        done = ecoalign("--json", url=server.url)
    result: dict[str, Any] = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["answer"]) == (0, "answered", "At five.")
    assert result["models"] == {"actor": "openai:m", "assessor": "openai:m", "independent": False}
    assert result["cost"]["calls"] == len(server.bodies) == 2
    # What the server counted is what was booked: prompt tokens without the picture's, plus the picture's, plus replies.
    tokens = result["cost"]["tokens"]
    assert result["cost"]["spent"] == pytest.approx(0.25 * (tokens["prompt"] + tokens["image"]) + tokens["completion"])
    assert result["cost"]["estimated"] == 0


def test_the_picture_goes_out_reduced_and_the_question_fenced() -> None:
    with ChatServer(served(task_replies(scan=scan_reply(draft="At five.")))) as server:
        ecoalign("--json", url=server.url)
    text, picture = server.bodies[0]["messages"][1]["content"]
    assert picture["image_url"]["detail"] == "low"
    assert text["text"].startswith("<question ")
    assert "When does it close?" not in server.bodies[0]["messages"][0]["content"]
    assert server.bodies[0]["response_format"]["type"] == "json_schema"


def test_a_server_without_structured_output_is_asked_otherwise_and_remembered() -> None:
    answerer = rejecting(served(task_replies()), "response_format", "tools")
    with ChatServer(answerer) as server:
        done = ecoalign("--json", url=server.url)
        result = json.loads(done.stdout)
    assert result["status"] == "answered"
    plain = [body for body in server.bodies if "response_format" not in body and "tools" not in body]
    # Each way that was refused was tried once; every question was then asked in plain text.
    assert len(plain) == result["rounds"] * 2 + 1
    assert len(server.bodies) - len(plain) <= 3


async def test_an_assessor_of_its_own_is_asked_on_its_own_server_model() -> None:
    def script(body: JsonObject) -> Answer:
        judging = "Task: assess" in body["messages"][0]["content"]
        assert judging == (body["model"] == "judge")
        return served(task_replies(assess=verdict_reply(0.7, 0.9)))(body)

    with ChatServer(script) as server:
        async with EcoAlign("openai:actor", assessor="openai:judge", base_url=server.url, api_key=KEY) as agent:
            result = await agent.ask("When does it close?", [NOTICE])
    assert (result.status, result.safety, result.models.independent) == ("answered", 0.7, True)


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ErrorReply(401, "no"), "key"),
        (ErrorReply(404, "no such model"), "404"),
        (ErrorReply(500, "broken"), "500"),
        (empty_choices(), "no choices"),
    ],
    ids=["401", "404", "500", "empty"],
)
def test_a_broken_endpoint_is_one_line_and_status_one(answer: Answer, says: str) -> None:
    with ChatServer(lambda _: answer) as server:
        done = ecoalign("--quiet", url=server.url)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert (done.returncode, done.stdout, len(errors)) == (1, "", 1)
    assert says in errors[0]
    assert "Traceback" not in done.stderr


def test_a_server_that_hangs_is_left_at_the_deadline() -> None:
    with ChatServer(lambda _: Hang()) as server:
        done = ecoalign("--json", "--deadline", "1", url=server.url)
    result = json.loads(done.stdout)
    assert result["status"] == "failed"
    assert result["stop_reason"] == "deadline"


def test_no_key_is_in_any_output(tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    for answer in (ErrorReply(401, f"bad key {KEY}"), ErrorReply(400, f"Bearer {KEY}"), None):
        script = served(task_replies()) if answer is None else (lambda _, a=answer: a)
        with ChatServer(script) as server:
            done = ecoalign("--json", "--debug", "--trace", str(trace), url=server.url)
        assert KEY not in done.stdout + done.stderr
    assert KEY not in trace.read_text(encoding="utf-8")


async def test_connections_are_reused_and_closed() -> None:
    with ChatServer(served(task_replies(scan=scan_reply(draft="At five.")))) as server:
        async with EcoAlign("openai:m", base_url=server.url, api_key=KEY, policy=Policy(deadline=30)) as agent:
            results = [await agent.ask("When does it close?") for _ in range(3)]
    assert [result.status for result in results] == ["answered"] * 3


def test_an_address_without_a_scheme_is_the_callers_mistake() -> None:
    done = ecoalign(url="localhost:9")
    assert (done.returncode, done.stdout) == (2, "")
    assert "http://localhost:9" in done.stderr.splitlines()[-1]


def test_a_model_that_only_writes_prose_is_told_apart_from_a_refusal() -> None:
    with ChatServer(lambda _: CompletionReply("A cappuccino costs 3.40.")) as server:
        done = ecoalign("--json", url=server.url)
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["stop_reason"]) == (1, "failed", "unreadable_scan")
    assert "JSON" in result["failure"]
    assert "openai:m" in result["failure"]
