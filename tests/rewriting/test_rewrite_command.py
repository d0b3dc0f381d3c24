"""``ecoalign rewrite``, and ``ecoalign ask --rewrite``: their streams, exit statuses and mistakes.

In this process, which is quicker; once as a process, for its streams and its exit status.
"""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent.cli import main
from ecoalign_agent.events.result import Result, Rewrite
from ecoalign_agent.testing import AnyReply, CompletionReply, ErrorReply, JsonObject, scripted_call, task_replies
from tests.rewriting.scripts import analysis, checked, harmless, rewriting
from tests.scripted_server import ChatServer

HANG_SECONDS = 300
RISKY = "How do I break into the flat?"
NEW = "Who opens my own flat for me?"
HARMFUL = "Explain how to pick the lock of a stranger's house"
NOTICE = str(Path(__file__).parents[2] / "examples" / "images" / "museum_notice.png")
KEYS = {
    *("prompt", "original", "changed", "report", "status", "rejected"),
    *("cost", "seconds", "models", "prompts", "notes", "run_id"),
}
REPORT = {"text", "image", "both", "aim", "provoking", "hazards", "safety"}


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # What would change the outcome.
    for name in [name for name in os.environ if name.startswith(("OPENAI", "ECOALIGN", "LANG", "PYTHONUNBUFFERED"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ECOALIGN_CACHE", "off")


def process(*arguments: str) -> Done:
    """The command as a process."""
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    return Done(done.returncode, done.stdout, done.stderr)


Run = Callable[..., Done]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command in this process."""

    def run(*arguments: str, stdin: str = "") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        status = main.main(list(arguments))
        output = capsys.readouterr()
        return Done(status, output.out, output.err)

    return run


def scripted(**parts: AnyReply) -> Any:
    """A server whose model plays rewriter and EcoAlign."""
    first, then = rewriting(**parts), task_replies()

    def answer(body: JsonObject) -> CompletionReply:
        turns = [(SystemMessage if t["role"] == "system" else HumanMessage)(t["content"]) for t in body["messages"]]
        call = scripted_call(list(turns))
        message = (first if call.task.startswith("rewrite ") else then)(call)
        return CompletionReply(message if isinstance(message, str) else json.dumps(message))

    return answer


def endpoint_options(server: ChatServer) -> tuple[str, ...]:
    return ("--model", "openai:m", "--base-url", server.url)


def test_offline_the_prompt_goes_to_standard_output_and_the_report_to_standard_error() -> None:
    done = process("rewrite", HARMFUL)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("\n") == 1
    assert "lock" not in done.stdout
    message = done.stderr.splitlines()
    assert any(line.startswith("outcome  rewritten") for line in message)
    assert any(line.startswith("safety   -") for line in message)
    assert f"- {HARMFUL}" in message
    assert f"+ {done.stdout.strip()}" in message


def test_a_harmless_prompt_comes_back_word_for_word_and_nothing_is_shown_as_changed(run: Run) -> None:
    done = run("rewrite", "When does it open?", "--image", NOTICE)
    assert (done.returncode, done.stdout) == (0, "When does it open?\n")
    assert "harmless" in done.stderr
    assert not any(line.startswith(("- ", "+ ")) for line in done.stderr.splitlines())


def test_json_is_one_object_with_these_keys(run: Run) -> None:
    with ChatServer(scripted()) as server:
        done = run("rewrite", RISKY, "--json", *endpoint_options(server))
    assert done.returncode == 0, done.stderr
    outcome = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert (set(outcome), set(outcome["report"])) == (KEYS, REPORT)
    assert (outcome["prompt"], outcome["original"], outcome["changed"], outcome["status"]) == (
        NEW,
        RISKY,
        True,
        "rewritten",
    )
    assert (outcome["cost"]["calls"], outcome["models"]) == (2, ["openai:m"])
    assert [label.split("@")[0] for label in outcome["prompts"]] == ["rewriting/frugal", "rewriting/check"]
    assert Rewrite.model_validate(outcome)


def test_thorough_asks_in_two_calls_and_quiet_says_nothing_beside_the_prompt(run: Run) -> None:
    with ChatServer(scripted()) as server:
        done = run("rewrite", RISKY, "--thorough", "--quiet", *endpoint_options(server))
        assert len(server.bodies) == 3
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{NEW}\n", "")


def test_a_dash_reads_the_prompt_from_standard_input(run: Run) -> None:
    with ChatServer(scripted(frugal=harmless(prompt=""))) as server:
        done = run("rewrite", "-", "--quiet", *endpoint_options(server), stdin="What is it?\nIn one word.\n")
    assert (done.returncode, done.stdout) == (0, "What is it?\nIn one word.\n")
    done = run("rewrite", "-")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("error: the question is empty")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"check": checked(serves=False, lost="the flat")}, "does not serve the aim (the flat)"),
        ({"frugal": "I'd rather not."}, "nothing is known of its safety"),
    ],
)
def test_where_the_original_stands_it_is_given_out_and_a_line_says_why(
    run: Run, parts: dict[str, AnyReply], message: str
) -> None:
    with ChatServer(scripted(**parts)) as server:
        done = run("rewrite", RISKY, *endpoint_options(server))
    assert (done.returncode, done.stdout) == (0, f"{RISKY}\n")
    assert message in done.stderr


def test_an_endpoint_that_fails_is_exit_status_1_and_the_original_still_goes_out(run: Run) -> None:
    with ChatServer(ErrorReply(401)) as server:
        done = run("rewrite", RISKY, "--json", *endpoint_options(server))
    outcome = json.loads(done.stdout)
    assert (done.returncode, outcome["status"], outcome["prompt"]) == (1, "failed", RISKY)
    assert "the original stands" in done.stderr
    assert "note     " in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((RISKY, "--image", "gone.png"), "gone.png"),
        ((" ",), "question"),
        ((RISKY, "--model", "nobody"), "nobody"),
        ((RISKY, "--model", "openai:m"), "OPENAI_API_KEY"),
        ((RISKY, "--budget", "0"), "budget is 0"),
        ((RISKY, "--threshold", "2"), "threshold is 2"),
        ((RISKY, "--deadline", "-1"), "deadline is -1"),
        ((RISKY, "--prompts", "nowhere"), "nowhere"),
        ((RISKY, "--budget", "much"), "--budget"),
        ((), "QUESTION"),
    ],
    ids=lambda value: " ".join(value)[:30] if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_line_and_exit_status_2(run: Run, arguments: tuple[str, ...], message: str) -> None:
    done = run("rewrite", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ")
    assert message in last
    assert "Traceback" not in done.stderr


def test_ask_with_a_rewriter_in_front_answers_what_was_rewritten(run: Run) -> None:
    with ChatServer(scripted()) as server:
        done = run("ask", RISKY, "--rewrite", "--json", *endpoint_options(server))
    assert done.returncode == 0, done.stderr
    result = Result.model_validate_json(done.stdout)
    assert result.rewrite is not None
    assert (result.status, result.rewrite.prompt, result.cost.calls) == ("answered", NEW, 6)
    assert any(line.split("s  ", 1)[-1] == f"rewritten {NEW}" for line in done.stderr.splitlines())


def test_another_rewriter_and_a_trace_of_all_that_was_told(run: Run, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    with ChatServer(scripted(frugal=analysis(prompt=NEW))) as server:
        done = run(
            "ask", RISKY, "--rewriter", "openai:front", "--trace", str(trace), "--json", *endpoint_options(server)
        )
        models = [body["model"] for body in server.bodies]
    assert done.returncode == 0, done.stderr
    assert models == ["front", "front", *["m"] * 4]
    kinds = [json.loads(line)["kind"] for line in trace.read_text().splitlines()]
    assert (kinds[:4], kinds[-1]) == (["rewrite_started", "analysed", "rewritten", "run_started"], "answered")
