"""``ecoalign doctor`` as a person runs it: a table, one JSON object, what is kept, and every ending one line."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.cli.main import main
from ecoalign_agent.factory import build_endpoint
from ecoalign_agent.settings import Settings, read_settings
from ecoalign_agent.testing import ErrorReply, JsonObject, scan_reply, verdict_reply
from tests.scripted_server import Answer, ChatServer, Hang, Page, rejecting, structured
from tests.scripted_server.able import Able

KEY = "sk-canary-0123456789abcdef"
Captured = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def running_server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        yield server


@pytest.fixture
def server(running_server: ChatServer) -> ChatServer:
    return running_server.reset()


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    ours = [name for name in os.environ if name.startswith("ECOALIGN_")]
    for name in [*ours, "OPENAI_BASE_URL"]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("COLUMNS", "80")
    folder = tmp_path / "cache"
    monkeypatch.setenv("ECOALIGN_CACHE", str(folder))
    return folder


def doctor(server: ChatServer, *options: str) -> int:
    return main(["doctor", "--model", "openai:qwen2-vl", "--base-url", server.url, *options])


def report_of(capsys: Captured) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    report = json.loads(out)
    assert isinstance(report, dict)
    return report


def kept(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.exists() else []


def test_the_table_says_what_was_found_and_what_will_be_used(server: ChatServer, capsys: Captured) -> None:
    server.reset(Able())
    assert doctor(server) == 0
    said = capsys.readouterr()
    assert re.search(r"✔ +pictures +reads them \(read \d\d\) +sends them", said.out)
    # 18 × 18 cells of 28 pixels and two marks by the family's formula, 300 counted: 0.92 of it.
    assert "300 counted, × 0.92 of" in said.out
    assert re.search(r"✔ +JSON schema +works +first choice", said.out)
    assert re.search(r"✔ +cap on tokens +max_tokens, honoured", said.out)
    # How quick they are is the machine's affair.
    assert re.search(r"parallel calls +\S.* up to 32 at once", said.out)
    assert "asked now: 7 calls, " in said.out
    assert "cost units" in said.out
    assert len(server.requests) == 7
    # Progress goes to standard error, a line a call.
    assert said.err.count("\n") == 7
    # Nothing in the table is wider than the terminal.
    table = [line for line in said.out.splitlines() if not line.startswith("kept")]
    assert max(map(len, table)) <= 80


def test_what_is_refused_or_unknown_is_told_as_such(server: ChatServer, capsys: Captured) -> None:
    able = Able(sees="refuses", refuses=("response_format=json_schema",), usage="absent")
    able.instead = lambda number, body: ErrorReply(429, "slow down", retry_after="0") if "tools" in body else None
    server.reset(able)
    assert doctor(server) == 0
    out = capsys.readouterr().out
    assert re.search(r"✗ +pictures +refuses them: 400", out)
    assert re.search(r"\? +tokens a picture +unknown", out)
    assert re.search(r"✗ +JSON schema +refused: 400", out)
    assert re.search(r"\? +function calls +unknown: 429 slow down", out)
    assert re.search(r"✗ +usage +not reported +our estimates", out)
    assert "trouble: function call: 429 slow down" in out
    assert "8 calls, 7 of them estimated" not in out  # refused calls cost nothing, and are no estimates
    assert len(server.requests) == 8


@pytest.mark.parametrize(
    ("able", "advice"),
    [
        (Able(seconds=0.3, serial=True), "ECOALIGN_CONCURRENCY=1"),
        (
            Able(instead=lambda number, body: ErrorReply(429, "slow") if number > 5 else None),
            "ECOALIGN_REQUESTS_PER_MINUTE",
        ),
    ],
)
def test_what_can_be_done_about_it(server: ChatServer, capsys: Captured, able: Able, advice: str) -> None:
    server.reset(able)
    assert doctor(server) == 0
    assert f"; {advice}" in capsys.readouterr().out


def test_json_is_one_object(server: ChatServer, capsys: Captured) -> None:
    server.reset(Able())
    assert doctor(server, "--json") == 0
    report = report_of(capsys)
    assert report["asked_now"] == report["known"]["calls"] == 7
    assert report["use"]["proposals"] == ["json_schema", "function_calling", "json_mode", "plain"]
    # langchain-openai parses a call's arguments before we see them: no verdict is read from one.
    assert report["use"]["verdicts"] == ["json_schema", "json_mode", "plain"]
    # The search estimates no picture below the formula, even where the server counts less.
    assert report["known"]["image_counted"] == 300
    assert report["use"]["overview_tokens"] == report["known"]["image_estimated"] > 300
    assert report["known"]["image_scale"] == pytest.approx(300 / 326)
    assert report["known"]["images"]["state"] == "yes"


def test_what_was_found_is_kept_and_shown_again_without_a_call(
    server: ChatServer, capsys: Captured, cache: Path
) -> None:
    server.reset(Able())
    assert doctor(server, "--json") == 0
    first = report_of(capsys)
    assert [str(path) for path in kept(cache)] == [first["kept_in"]]
    assert doctor(server, "--json") == 0
    second = report_of(capsys)
    assert len(server.requests) == 7
    assert second == {**first, "asked_now": 0}
    assert doctor(server) == 0
    assert "asked today" in capsys.readouterr().out
    # Unless it is asked for.
    assert doctor(server, "--refresh") == 0
    assert len(server.requests) == 14
    assert KEY not in kept(cache)[0].read_text()


def test_another_process_reads_what_was_kept(server: ChatServer, capsys: Captured, cache: Path) -> None:
    server.reset(Able())
    assert doctor(server) == 0
    capsys.readouterr()
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", "doctor", "--json"]
    done = subprocess.run(
        [*command, "--model", "openai:qwen2-vl", "--base-url", server.url], capture_output=True, check=True, timeout=300
    )
    assert json.loads(done.stdout)["asked_now"] == 0
    assert done.stderr == b""
    assert len(server.requests) == 7


def searching(body: JsonObject) -> Answer:
    """A model that answers a search, and refuses all structured output but JSON mode."""
    system = body["messages"][0]["content"]
    if "Task: assess" in system:
        return structured(verdict_reply(1.0, 1.0))(body)
    if "Task: scan" in system:
        return structured(scan_reply())(body)
    return structured({"text": "It is open from nine to five."})(body)


async def test_a_search_starts_from_what_is_known(server: ChatServer, capsys: Captured) -> None:
    limited = ("tools", "response_format=json_schema")

    async def calls_of_a_search() -> list[str | None]:
        server.reset(rejecting(searching, *limited))
        async with EcoAlign("openai:qwen2-vl", base_url=server.url) as agent:
            result = await agent.ask("When is it open?")
        assert result.status == "answered"
        return [(body.get("response_format") or {}).get("type") for body in server.bodies]

    ignorant = await calls_of_a_search()
    server.reset(Able(refuses=limited))
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", "doctor", "--model", "openai:qwen2-vl"]
    examining = [*command, "--base-url", server.url]
    await asyncio.to_thread(subprocess.run, examining, capture_output=True, check=True, timeout=300)
    knowing = await calls_of_a_search()
    # The first question goes by JSON mode at once: the JSON schema and the function call that were refused are saved.
    assert ignorant[0] == "json_schema"
    assert set(knowing) == {"json_object"}
    assert len(knowing) == len(ignorant) - 2


def test_old_and_damaged_knowledge_is_told_and_not_used(
    server: ChatServer, capsys: Captured, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.reset(Able(refuses=("tools",)))
    assert doctor(server) == 0
    (path,) = kept(cache)
    told = json.loads(path.read_text())
    settings = read_settings().model_copy(update={"base_url": server.url})
    assert "function_calling" in build_endpoint("openai:qwen2-vl", settings).capabilities.refused
    for content, says in ((json.dumps(told | {"asked_at": "2020-01-01T00:00:00Z"}), "days old"), ("{", "damaged")):
        path.write_text(content)
        caplog.clear()
        assert not build_endpoint("openai:qwen2-vl", settings).capabilities.refused
        assert says in caplog.text
        capsys.readouterr()
        server.reset(Able(refuses=("tools",)))
        assert doctor(server) == 0
        # Said, asked anew, and kept again.
        assert says in " ".join(capsys.readouterr().out.split())
        assert len(server.requests) == 7
        assert "function_calling" in build_endpoint("openai:qwen2-vl", settings).capabilities.refused


def test_a_cache_that_cant_be_written_does_not_cost_the_findings(
    server: ChatServer, capsys: Captured, cache: Path
) -> None:
    cache.write_text("a file where the folder should be")
    server.reset(Able())
    assert doctor(server) == 0
    out = capsys.readouterr().out
    assert "JSON schema" in out
    assert [line for line in out.splitlines() if "can't be written" in line]
    assert "kept for 30 days" not in out


def test_off_reads_nothing_and_writes_nothing(
    server: ChatServer, capsys: Captured, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.reset(Able(refuses=("tools",)))
    assert doctor(server) == 0
    before = kept(cache)[0].read_bytes()
    monkeypatch.setenv("ECOALIGN_CACHE", "off")
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache / "xdg"))
    capsys.readouterr()
    assert doctor(server, "--json") == 0
    report = report_of(capsys)
    assert report["asked_now"] == 7
    assert report["kept_in"] is None
    # What was found is shown, and a search will not know of it.
    assert report["known"]["rungs"]["function_calling"]["state"] == "refused"
    assert "function_calling" in report["use"]["proposals"]
    assert [path.read_bytes() for path in kept(cache)] == [before]


def test_where_the_cache_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert Settings(cache="/x/y").cache_folder == Path("/x/y")
    assert Settings(cache="OFF").cache_folder is None
    monkeypatch.delenv("ECOALIGN_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert Settings().cache_folder == tmp_path / "ecoalign"
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    # What is no absolute path does not count, says the specification.
    for unset in ("", "relative"):
        monkeypatch.setenv("XDG_CACHE_HOME", unset)
        assert Settings().cache_folder == tmp_path / "home" / ".cache" / "ecoalign"


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (ErrorReply(401, "bad key"), "401 (bad key): the key is wrong or missing"),
        (ErrorReply(404, "no model qwen2-vl"), "check the model's name and the base URL"),
        (Page(), "it may lack /v1"),
        (ErrorReply(429, "no quota", retry_after="0"), "too many requests"),
    ],
)
def test_a_server_that_cant_be_asked_is_one_line(
    server: ChatServer, capsys: Captured, cache: Path, answer: Answer, says: str
) -> None:
    server.reset(answer)
    assert doctor(server) == 1
    failed_with(capsys, says)
    assert kept(cache) == []


def failed_with(capsys: Captured, says: str) -> None:
    said = capsys.readouterr()
    assert said.out == ""
    error = said.err.splitlines()[-1]
    assert error.startswith("error: ")
    assert says in error
    assert "Traceback" not in said.err
    assert KEY not in said.err


def test_a_server_that_hangs_ends_with_the_time_out(
    server: ChatServer, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECOALIGN_TIMEOUT", "0.2")
    server.reset(Hang())
    assert doctor(server) == 1
    failed_with(capsys, "no answer within 0.2 s")


def test_nothing_answers(capsys: Captured) -> None:
    assert main(["doctor", "--model", "openai:m", "--base-url", "http://127.0.0.1:9/v1"]) == 1
    failed_with(capsys, "nothing answers at 127.0.0.1:9")


def test_a_traceback_is_shown_when_it_is_asked_for(server: ChatServer, capsys: Captured) -> None:
    server.reset(ErrorReply(401, "bad key"))
    assert doctor(server, "--debug") == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--base-url", "http://127.0.0.1:9/v1"], "add --model NAME"),
        (["--model", "openai:m", "--base-url", "127.0.0.1:9"], "no http(s) address"),
        (["--model", "nobody:nothing"], "can't be built"),
        (["--model", "openai:"], "names no model"),
        (["--speed"], "No such option"),
    ],
)
def test_mistakes(capsys: Captured, options: list[str], says: str) -> None:
    assert main(["doctor", *options]) == 2
    failed_with(capsys, says)


def test_offline_says_what_it_is(capsys: Captured, cache: Path) -> None:
    assert main(["doctor"]) == 0
    said = capsys.readouterr()
    assert "no vision-language model" in said.out
    assert main(["doctor", "--json"]) == 0
    report = report_of(capsys)
    assert (report["known"], report["asked_now"], report["address"]) == (None, 0, "")
    assert kept(cache) == []


def test_what_a_server_says_is_no_markup_and_no_control_sequence(server: ChatServer, capsys: Captured) -> None:
    server.reset(rejecting(Able(), "tools", message="\x1b[2J[bold red]no tools[/] here"))
    assert doctor(server) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "[bold red]no" in " ".join(out.split())
