"""What goes wrong in a run: an endpoint or a judge that fails, somebody who stops it; nothing is lost or passed off."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from inspect_ai.log import list_eval_logs, read_eval_log

from ecoalign_agent.bench.analysis.outcomes import ResultRow, result_row
from ecoalign_agent.bench.methods.registry import configure_method
from ecoalign_agent.bench.runner.config import BenchConfig
from ecoalign_agent.bench.runner.logs import LOGS, read_runs
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import UsageError
from ecoalign_agent.testing import CompletionReply, ErrorReply, JsonObject
from tests.bench.datasets.making import drawn, put, siuo_row
from tests.bench.runner.counting import ECOALIGN, CountingServer, bench, notice_in
from tests.bench.runner.test_running import run_in_process
from tests.scripted_server.app import ChatServer
from tests.scripted_server.replies import Answer

pytestmark = pytest.mark.slow

KEY = "sk-canary-123"


def row(out: Path) -> ResultRow:
    (found,) = read_runs(out)
    return result_row(found)


def asked_in(server: ChatServer) -> list[str]:
    return [notice_in(json.dumps(body).encode()) for body in server.bodies]


def test_a_sample_that_failed_is_unknown_and_alone_is_tried_again(tmp_path: Path) -> None:
    """One of three samples gets a 401 for the whole of the first run, and an answer in the second."""

    def answering(body: JsonObject) -> Answer:
        if notice_in(json.dumps(body).encode()) == "N-00001":
            return ErrorReply(401, f"no such key {KEY}")
        return CompletionReply("The total is 7.")

    with ChatServer(answering) as server:
        config = BenchConfig(("simulated",), ("base",), "openai:m", tmp_path / "out", limit=3, base_url=server.url)
        summary = run_in_process(config)
        assert not summary["complete"]
        assert summary["failed"] == {"simulated, base": "1 failed"}
        first = row(config.out)
        assert (first.n, first.failed) == (3, 1)
        assert first.unknown == pytest.approx(1 / 3)
        assert first.cost is None, "what the failed call cost is not known"
        server.reset(lambda body: CompletionReply("The total is 7."))
        again = run_in_process(config)
        assert again["complete"]
        assert set(asked_in(server)) == {"N-00001"}
        assert again["steps"][-1] == [1, 3]
        assert row(config.out).failed == 0


def test_where_every_sample_failed_nothing_is_complete(tmp_path: Path) -> None:
    with ChatServer(ErrorReply(401, "no")) as server:
        ended = subprocess.run(
            bench(tmp_path / "out", "--methods", "base", "--limit", "2", url=server.url),
            capture_output=True,
            text=True,
            check=False,
        )
    assert ended.returncode == 1
    assert "simulated, base: 2 failed" in ended.stderr
    assert row(tmp_path / "out").unknown == 1.0


@pytest.mark.parametrize("message", [f"wrong key: {KEY}", {"error": {"message": f"wrong key: {KEY}"}}])
def test_a_key_that_a_server_repeats_is_in_no_log(message: Any, tmp_path: Path) -> None:
    with ChatServer(ErrorReply(401, message)) as server:
        command = [*ECOALIGN, "run", "simulated", "--model", "openai:m", "--base-url", server.url]
        ended = subprocess.run(
            [*command, "--methods", "base", "--limit", "1", "--out", str(tmp_path / "out")],
            capture_output=True,
            text=True,
            check=False,
            env={"OPENAI_API_KEY": KEY, "PATH": "/usr/bin:/bin", "ECOALIGN_CACHE": "off"},
        )
    assert ended.returncode == 1
    assert KEY not in ended.stdout + ended.stderr
    logs = [read_eval_log(info) for info in list_eval_logs(str(tmp_path / "out" / LOGS))]
    assert logs
    assert all(KEY not in log.model_dump_json() for log in logs)
    assert KEY not in (tmp_path / "out" / "run.json").read_text()


def test_answers_whose_judge_fails_are_kept_and_can_be_judged_later(tmp_path: Path) -> None:
    put(tmp_path / "data" / "siuo" / "siuo_gen.json", [siuo_row()])
    put(tmp_path / "data" / "siuo" / "images" / "S-01.png", drawn())

    def answering(body: JsonObject) -> Answer:
        if body["model"] == "m":
            return CompletionReply("An answer.")
        if body["model"] == "broken":
            return ErrorReply(401, "no")
        words = json.dumps(body["messages"])
        verdict: dict[str, Any] = {"safe": True} if "Task: judge safety" in words else {"effectiveness": "very"}
        return CompletionReply(json.dumps({"reason": "so", **verdict}))

    with ChatServer(answering) as server:
        config = BenchConfig(
            ("siuo",), ("base",), "openai:m", tmp_path / "out", judge="openai:broken", data=tmp_path / "data",
            base_url=server.url,
        )  # fmt: skip
        summary = run_in_process(config)
        assert not summary["complete"]
        assert "3 answered but not judged" in summary["failed"]["siuo, base"]
        assert row(config.out).unknown == 1.0
        run_in_process(config)
        assert sum(body["model"] == "m" for body in server.bodies) == 3, "no answer is paid for twice"
        to = tmp_path / "judged"
        command = [*ECOALIGN, "rejudge", str(config.out), "--judge", "openai:good", "--to", str(to), "--json"]
        ended = subprocess.run([*command, "--base-url", server.url], capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stderr
        (found,) = json.loads(ended.stdout)["rows"]
        assert (found["safety"], found["utility"], found["unknown"]) == (1.0, 1.0, 0.0)


def test_who_stops_it_stops_it(tmp_path: Path) -> None:
    """Interrupted in its first benchmark, it begins no second one, prints no table, and says so by its status."""
    with CountingServer(latency=0.3) as server:
        command = bench(tmp_path / "out", "--methods", "base,cot", "--limit", "40", "--json", url=server.url)
        command.insert(command.index("simulated") + 1, "simulated-mild")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            end = time.monotonic() + 300
            while server.calls < 3:
                assert time.monotonic() < end
                assert process.poll() is None
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            out, error = process.communicate(timeout=300)
    assert process.returncode == 130, error
    assert not out
    assert server.calls < 40


def test_settings_that_would_be_ignored_are_refused_or_hold() -> None:
    paper = configure_method("ecoalign:paper", budget=15_000).policy
    assert paper == Policy.paper().replace(budget=15_000)
    for name in ("base:self-assessed", "cot:budget=3"):
        with pytest.raises(UsageError, match="has no setting"):
            configure_method(name)
    with pytest.raises(UsageError, match="names assessors"):
        configure_method("ecoalign", policy=Policy(assessors=("openai:m",)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": "http://me:secret@127.0.0.1/v1"}, "write the bare address"),
        ({"assessor": "moderation:omni"}, "one chat model assesses"),
        ({"out": Path(__file__)}, "is a file"),
    ],
)
def test_what_would_leak_mix_or_break_is_refused(changes: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = {"benchmarks": ("simulated",), "methods": ("base",), "model": "openai:m", "out": Path("x")}
    with pytest.raises(UsageError, match=message) as refused:
        BenchConfig(**given | changes).check()
    assert "secret" not in str(refused.value)
