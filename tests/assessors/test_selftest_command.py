"""``ecoalign assess selftest`` as a person runs it, on the embedded model and against a server on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ecoalign_agent.cli.main import main
from ecoalign_agent.testing import ErrorReply, verdict_reply
from tests.scripted_server import Answer, saying
from tests.scripted_server.moderations import ModerationServer, moderation


@pytest.fixture(scope="module")
def running_server() -> Iterator[ModerationServer]:
    with ModerationServer() as server:
        yield server


@pytest.fixture
def server(running_server: ModerationServer) -> ModerationServer:
    return running_server.reset()


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "ECOALIGN_MODEL", "ECOALIGN_ASSESSOR", "ECOALIGN_BASE_URL"):
        monkeypatch.delenv(name, raising=False)


def selftest(*options: str) -> int:
    return main(["assess", "selftest", *options])


def test_the_embedded_model_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest("--limit", "12") == 0
    said = capsys.readouterr()
    for word in ("flips", "misses", "false alarms", "unknown", "injection", "all", "95 % Wilson"):
        assert word in said.out
    # Nothing is wider than a common terminal.
    assert max(map(len, said.out.splitlines()[:-1])) <= 100
    assert said.err.startswith("asking offline")


def test_json_is_one_object_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert selftest("--limit", "12", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["total"]["trials"] <= 12
    assert {trial["outcome"] for trial in report["trials"]} <= {"held", "missed", "false alarm", "unknown"}
    assert report["total"]["unknowns"]["count"] == 0


def test_several_assessors_on_a_server_are_tested_as_one(
    server: ModerationServer, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer(body: dict[str, Any]) -> Answer:
        if "input" in body:
            return moderation("violence", violence=0.9)
        return saying(json.dumps(verdict_reply(1.0, 1.0)))(body)

    server.answering(answer)
    names = ["--assessor", "openai:m", "--assessor", "moderation:mod"]
    assert selftest(*names, "--base-url", server.url, "--limit", "9", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["assessor"] == "minimum of openai:m, moderation:mod"
    # The one finds everything safe and the other nothing: the lowest counts.
    assert report["total"]["misses"]["count"] == 0
    assert report["total"]["false_alarms"]["count"] == report["total"]["false_alarms"]["of"] > 0
    assert report["calls"] == len(server.bodies)


def test_a_guard_alone_may_be_tested(server: ModerationServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.answering(saying("unsafe\nS2"))
    assert selftest("--assessor", "guard:llama-guard-3", "--base-url", server.url, "--limit", "9", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["grades_utility"], report["total"]["misses"]["count"]) == (False, 0)


def test_a_server_without_the_endpoint_is_one_line(
    server: ModerationServer, capsys: pytest.CaptureFixture[str]
) -> None:
    server.answering(ErrorReply(404, "Not Found"))
    assert selftest("--assessor", "moderation:mod", "--base-url", server.url) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing was sent elsewhere" in said.err
    assert len(server.bodies) == 1


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--assessor", "moderation:mod"), "needs a key"),
        (("--assessor", "guard:"), "names no model"),
        (("--limit", "0"), "greater than or equal to 1"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    options: tuple[str, ...], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert selftest(*options) == 2
    assert told in capsys.readouterr().err


def test_help_names_the_ways_to_name_an_assessor(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["assess"]) == 2
    assert "selftest" in capsys.readouterr().err
    assert selftest("--help") == 0
    said = capsys.readouterr().out
    assert "moderation:NAME" in said
    assert "guard:MODEL" in said
