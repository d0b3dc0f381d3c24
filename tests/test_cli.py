"""The command line as a person and a shell meet it."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ecoalign_agent.agent import EcoAlign
from ecoalign_agent.cli import demo, main
from ecoalign_agent.cli.demo import DEMO, Example
from ecoalign_agent.cli.render.format import clean
from ecoalign_agent.cli.render.output import Output
from ecoalign_agent.cli.render.plain import Screen
from ecoalign_agent.events.events import Answered, RunStarted, Scanned
from ecoalign_agent.events.log import read_events
from tests.cli.story import a_result, a_story, thought

ECOALIGN = [sys.executable, "-m", "ecoalign_agent.cli.main"]
Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    # What would change the outcome; unbuffered output fails elsewhere than output that waits in a buffer.
    ours = [name for name in os.environ if name.startswith("ECOALIGN_")]
    for name in [*ours, "OPENAI_API_KEY", "OPENAI_BASE_URL", "PYTHONUNBUFFERED"]:
        monkeypatch.delenv(name, raising=False)


def run(*arguments: str, stdin: bytes | None = None, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*ECOALIGN, *arguments],
        input=stdin,
        capture_output=True,
        timeout=300,
        check=False,
        env={**os.environ, **environment},
    )


def refused(capsys: Captured, *arguments: str, status: int = 2) -> str:
    """The one line that a command ends with."""
    assert main.main(list(arguments)) == status
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    return err


def test_help_says_what_is_free_what_needs_a_key_and_the_exit_status() -> None:
    help_text = CliRunner().invoke(main.app, ["--help"]).output
    assert all(word in help_text for word in ("Free", "OPENAI_API_KEY", "Exit status", "ask", "demo"))
    asking = CliRunner().invoke(main.app, ["ask", "--help"], env={"COLUMNS": "100"}).output
    options = ("--image", "--model", "--base-url", "--assessor", "--budget", "--deadline", "--policy", "--prompts")
    assert all(option in asking for option in (*options, "--json", "--trace", "--quiet", "--debug", "Examples:"))


def test_help_and_version_load_nothing_heavy() -> None:
    code = (
        "import sys; from ecoalign_agent.cli.main import main; status = main(['--help']); "
        "print([m for m in ('rich', 'pydantic', 'langgraph', 'langchain_core', 'openai', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version_is_the_packages_own() -> None:
    assert CliRunner().invoke(main.app, ["--version"]).output.startswith("ecoalign 0.")


def test_no_command_is_a_mistake_that_shows_the_help(capsys: Captured) -> None:
    assert main.main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Commands:" in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ask"], "Missing argument"),
        (["ask", "What", "is", "this?"], "put the question in quotes"),
        (["ask", "Hm?", "--colour"], "--colour"),
        (["ask", "Hm?", "--budget", "plenty"], "'--budget'"),
        (["answer", "Hm?"], "answer"),
        (["ask", ""], "empty"),
        (["ask", " \n "], "empty"),
        (["ask", "x" * 100_001], "100,000"),
        (["ask", "Hm?", "--image", "no such.png"], "no such.png"),
        (["ask", "Hm?", "--model", "nobody:nothing"], "nobody"),
        (["ask", "Hm?", "--model", "openai:gpt-4o-mini"], "OPENAI_API_KEY"),
        (["ask", "Hm?", "--base-url", "http://127.0.0.1:9/v1"], "--model"),
        (["ask", "Hm?", "--base-url", "http://127.0.0.1:9/v1", "--model", "offline"], "--model"),
        (["ask", "Hm?", "--budget", "1"], "least"),
        (["ask", "Hm?", "--budget", "nan"], "budget"),
        (["ask", "Hm?", "--deadline", "-1"], "deadline"),
        (["ask", "Hm?", "--policy", "none.toml"], "none.toml"),
        (["ask", "Hm?", "--prompts", "no/folder"], "no/folder"),
        (["ask", "Hm?", "--trace", "no/folder/run.jsonl"], "run.jsonl"),
    ],
)
def test_a_mistake_is_one_line_and_exit_2(capsys: Captured, arguments: list[str], words: str) -> None:
    assert words in refused(capsys, *arguments)


def test_a_policy_file_with_an_unknown_setting_names_it_and_the_nearest(capsys: Captured, tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    file.write_text("budgett = 100\n", encoding="utf-8")
    said = refused(capsys, "ask", "Hm?", "--policy", str(file))
    assert "budgett" in said
    assert "budget" in said.replace("budgett", "")


def test_a_question_that_is_no_text_is_a_mistake(capsys: Captured) -> None:
    assert "UTF-8" in refused(capsys, "ask", "caf\udce9?")


def test_debug_shows_the_traceback_before_the_line(capsys: Captured) -> None:
    assert main.main(["ask", "", "--debug"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("Traceback")
    assert err.splitlines()[-1].startswith("error: ")


def test_a_refused_request_leaves_no_trace_file(capsys: Captured, tmp_path: Path) -> None:
    refused(capsys, "ask", "", "--trace", str(tmp_path / "run.jsonl"))
    assert list(tmp_path.iterdir()) == []


def test_nobody_at_that_address_fails_with_exit_1_and_a_json_result(capsys: Captured) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        # Bound and not listening: whoever connects is refused.
        status = main.main(["ask", "Hm?", "--model", "some", "--base-url", url, "--json", "--quiet"])
    out, err = capsys.readouterr()
    assert status == 1
    assert json.loads(out)["status"] == "failed"
    assert err.startswith("error: ")
    assert err.count("\n") == 1


def test_an_answer_goes_to_standard_output_alone_and_the_trace_holds_every_event(
    capsys: Captured, tmp_path: Path
) -> None:
    trace = tmp_path / "run.jsonl"
    status = main.main(["ask", "What is written here?", "--trace", str(trace)])
    out, err = capsys.readouterr()
    events = list(read_events(trace))
    assert status == 0
    assert isinstance(events[0], RunStarted)
    assert [event.number for event in events] == list(range(len(events)))
    last = events[-1]
    assert isinstance(last, Answered)
    assert out == f"{last.result.answer}\n"
    assert "offline rules, not a vision-language model" in err
    assert "outcome" in err


def test_the_budget_and_deadline_given_are_the_ones_in_force(capsys: Captured, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('preset = "frugal"\nmax_rounds = 1\n', encoding="utf-8")
    assert main.main(["ask", "Hm?", "--policy", str(policy), "--budget", "3000", "--json", "--quiet"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["cost"]["budget"] == 3000
    assert result["rounds"] <= 1


def test_json_from_a_real_process_is_one_object_under_a_locale_without_utf8() -> None:
    done = run(
        "ask",
        "-",
        "--json",
        stdin="Où est la gare, s’il vous plaît?".encode(),
        LC_ALL="C",
        PYTHONCOERCECLOCALE="0",
        PYTHONUTF8="0",
    )
    assert done.returncode == 0
    assert done.stdout.count(b"\n") == 1
    assert json.loads(done.stdout)["status"] in {"answered", "declined"}
    # Lines of progress are in UTF-8 as well.
    assert "·" in done.stderr.decode()


@pytest.mark.parametrize(("stdin", "words"), [(b"caf\xe9?", "UTF-8"), (b"x" * 400_000, "100,000"), (b"", "empty")])
def test_a_bad_question_on_standard_input_is_a_mistake(stdin: bytes, words: str) -> None:
    done = run("ask", "-", stdin=stdin)
    assert done.returncode == 2
    assert done.stdout == b""
    assert words in done.stderr.decode()
    assert done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_who_leaves_early_is_no_error(closed: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    pipes: Mapping[str, int] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | {closed: writing}
    done = subprocess.run(
        [*ECOALIGN, "ask", "Hm?"],
        stdin=subprocess.DEVNULL,
        timeout=300,
        stdout=pipes["stdout"],
        stderr=pipes["stderr"],
        check=False,
    )
    os.close(writing)
    assert done.returncode == 0
    left = done.stderr if closed == "stdout" else done.stdout
    assert left
    assert b"Traceback" not in left
    assert b"Broken" not in left


def test_a_full_disk_is_one_line_and_exit_1() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no device that is always full")
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [*ECOALIGN, "ask", "Hm?", "-q"], stdout=full, stderr=subprocess.PIPE, timeout=300, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.count(b"\n") == 1


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_ends_at_once_with_one_line(silent_server: str, number: int, status: int) -> None:
    # What a shell starts in the background ignores Ctrl-C: the program is to find it as a terminal leaves it.
    heeding = "import os, signal as s, sys; s.signal(s.SIGINT, s.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", heeding, *ECOALIGN, "ask", "Hm?", "--model", "some", "--base-url", silent_server],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stderr is not None
        assert process.stdout is not None
        assert b"started" in process.stderr.readline()
        process.send_signal(number)
        assert process.wait(timeout=300) == status
        assert process.stderr.read() == b"error: interrupted\n"
        assert process.stdout.read() == b""


def test_on_a_terminal_the_tree_is_drawn_and_the_receipt_follows_the_answer() -> None:
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ECOALIGN, "ask", "What is written here?"],
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "LINES": "24", "NO_COLOR": "1"},
    )
    os.close(theirs)
    written = b"".join(iter(lambda: _read(ours), b"")).decode()
    seen = clean(written)
    os.close(ours)
    assert process.wait(timeout=300) == 0
    assert "horizon" in seen
    # The offline rules find nothing in no picture: that is an answer, and no useful one.
    assert seen.index("△ answered: no useful answer found") < seen.index("╭─ △ no useful") < seen.index("╭─ receipt")
    assert "\x1b[?25h" in written[written.rindex("\x1b[?25l") :]


def test_an_answer_below_the_utility_asked_for_is_no_success_where_use_is_required() -> None:
    asked = ["ask", "What is written here?", "--model", "offline", "--json"]
    done = run(*asked)
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["satisfied"]) == (0, "answered", False)
    assert run(*asked, "--require-useful").returncode == 4
    museum = str(Path(__file__).parents[1] / "examples/images/museum_notice.png")
    useful = run("ask", DEMO[0].question, "-i", museum, "--model", "offline", "--json", "--require-useful")
    assert (useful.returncode, json.loads(useful.stdout)["satisfied"]) == (0, True)


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # how a pseudo-terminal says that the other side is closed
        return b""


def test_every_demo_picture_is_in_the_package() -> None:
    assert len(DEMO) == 4
    assert all(example.image().startswith(b"\x89PNG") for example in DEMO)


def example_of(picture: str) -> Example:
    return next(example for example in DEMO if example.picture == picture)


def test_what_to_notice_is_told_only_of_a_run_that_shows_it() -> None:
    receipt, note = example_of("till_receipt.png"), example_of("hidden_request.png")
    looked = {"id": "t1", "kind": "look", "text": "13.90", "safety": 1, "utility": 1, "cost": 1}
    with_look = a_result(answer="It says 13.90.", path=[looked])
    assert receipt.notice(a_story(), with_look) == receipt.shows
    # The same answer without a look, and a look with another answer, do not show it.
    for other in (a_result(answer="It says 13.90."), a_result(path=[looked])):
        said = receipt.notice(a_story(), other)
        assert said.startswith("this run was to show something else")
        assert "answered after 9 calls" in said
    declined = a_result(status="declined", stop_reason="unsafe_request", rounds=0, path=[])
    scanned = a_story()[1]
    assert isinstance(scanned, Scanned)
    assert note.notice([scanned.model_copy(update={"seen_text": "pick the Lock"})], declined) == note.shows
    # Declined, but not by what stands in the picture.
    assert note.notice([scanned], declined) != note.shows
    museum = example_of("museum_notice.png")
    assert museum.notice([thought("t1", "look", "", "root")], a_result(answer="20:00")) != museum.shows


@pytest.mark.parametrize("example", DEMO, ids=lambda example: example.picture)
async def test_every_demo_run_shows_what_it_is_there_to_show(example: Example) -> None:
    output = Output()
    result = await output.follow(EcoAlign("offline").stream(example.question, [example.image()]), Screen())
    assert example.notice(output.events, result) == example.shows


def test_the_demo_shows_question_answer_receipt_and_notice_of_every_picture_and_sums_up(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The two quickest; every picture's run is tested above.
    monkeypatch.setattr(demo, "DEMO", DEMO[2:])
    assert main.main(["demo"]) == 0
    out, err = capsys.readouterr()
    for example in DEMO[2:]:
        assert f"asked    {example.question}\nanswer   " in out
        assert f"notice   {example.shows}\n" in out
    assert out.count("\nreceipt  ") == 2
    assert "\ntogether" in out
    assert "scanned" in err


def test_the_demo_as_json_is_one_object(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "DEMO", DEMO[3:])
    assert main.main(["demo", "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    (only,) = json.loads(out)["runs"]
    assert only["as_meant"] is True
    assert only["result"]["status"] == "declined"
    assert err == ""
