"""Runs that are kept by ``--state``: a file or a database, taken up by the same command, decided on by ``review``."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.cli.main import main
from ecoalign_agent.errors import UsageError
from ecoalign_agent.search.checkpointing import open_checkpointer, store_name
from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies, verdict_reply
from tests.scripted_server import ChatServer
from tests.search.stage import QUESTION, assess_by_words
from tests.test_served import served

DRAFTED = scan_reply(draft="Nine to five, I think.", actions=[])
POSTGRES = shutil.which("pg_ctl") is not None and shutil.which("initdb") is not None


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text("review_below = 0.5\nsatisfied_safety = 0.1\n", encoding="utf-8")
    return tmp_path / "runs.db"


def options(server: ChatServer, kept: Path) -> list[str]:
    return ["--model", "openai:m", "--base-url", server.url, "--policy", str(kept.parent / "policy.toml")]


def test_the_same_command_again_tells_the_answer_without_a_call(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with ChatServer(served(task_replies(scan=DRAFTED))) as server:
        command = ["ask", QUESTION, "--state", str(kept), "--json", "--model", "openai:m", "--base-url", server.url]
        assert main(command) == 0
        first = json.loads(capsys.readouterr().out)
        calls = len(server.bodies)
        assert main(command) == 0
        assert json.loads(capsys.readouterr().out) == first
        assert len(server.bodies) == calls == 2
        # Under an id of one's own it is another run; and that id is taken then.
        assert main([*command, "--run-id", "mine"]) == 0
        assert json.loads(capsys.readouterr().out)["run_id"] == "mine"
        assert len(server.bodies) == 4
        assert main([command[0], "Monday?", *command[2:], "--run-id", "mine"]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.splitlines()[-1].startswith("error: run mine is about another question or other pictures: it")
        assert len(server.bodies) == 4


def test_what_waits_is_shown_and_decided_by_the_command(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = served(task_replies(scan=DRAFTED, assess=assess_by_words({"I think": verdict_reply(0.2, 0.9)})))
    with ChatServer(script) as server:
        asked = ["ask", QUESTION, "--state", str(kept), "--run-id", "x", *options(server, kept)]
        assert main(asked) == 3
        told = capsys.readouterr()
        assert told.out == ""
        assert "I think" not in told.err
        assert told.err.splitlines()[-1] == f"answer t1 waits for a person: 'ecoalign review {kept} x' shows it"
        # Asked again it still waits, and nothing is paid.
        assert main([*asked, "--json"]) == 3
        waiting: dict[str, Any] = json.loads(capsys.readouterr().out)
        assert (waiting["status"], waiting["waiting"]["id"]) == ("waiting", "t1")
        assert main(["review", str(kept)]) == 0
        assert "Nine to five, I think." in capsys.readouterr().out
        assert main(["review", str(kept), "x", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["waiting"][0]["text"] == "Nine to five, I think."
        assert main(["review", str(kept), "x", "--safety", "1.5", *options(server, kept)]) == 2
        assert main(["review", str(kept), "x", "--accept", "--reject", *options(server, kept)]) == 2
        assert main(["review", str(kept), "x", "--accept", "--model", "openai:m", "--base-url", server.url]) == 2
        assert "run x was begun under another policy" in capsys.readouterr().err
        assert len(server.bodies) == 2
        assert main(["review", str(kept), "--accept", *options(server, kept)]) == 0
        assert capsys.readouterr().out == "Nine to five, I think.\n"
        assert len(server.bodies) == 2
        assert main(["review", str(kept), "--accept", *options(server, kept)]) == 2
        assert "no run waits for a person" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--run-id", "x"], "--run-id x names a kept run, and nothing is kept: add --state FILE"),
        (["--state", "/nowhere/runs.db"], "there is no folder '/nowhere'"),
        (["--state", "{folder}"], "can't be used"),
        (["--state", "{text}"], "can't be used: it is no SQLite database; name another file"),
        (["--state", "postgresql://me:s3cret@127.0.0.1:{closed}/db"], "check address, name and password"),
        (["--state", "postgresql://me:s3cret@[::bad/db"], "can't be used"),
        (["--state", "{folder}/x.db", "--run-id", "../x"], "run id '../x' can't be used"),
    ],
)
def test_a_place_that_can_not_be_used_is_one_line_and_nothing_is_asked(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_text("no database, and long enough to be seen as none" * 50, encoding="utf-8")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        places = {"folder": tmp_path, "text": tmp_path / "text", "closed": closed.getsockname()[1]}
        assert main(["ask", QUESTION, "-q", *(argument.format(**places) for argument in arguments)]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert says in told.err.splitlines()[-1]
    assert "s3cret" not in told.err


def test_a_password_is_never_shown() -> None:
    assert store_name("postgresql://me:s3cret@db.example.org:5433/runs?sslpassword=s3cret") == (
        "postgresql://db.example.org:5433/runs"
    )
    assert "s3cret" not in store_name("postgres://me:s3cret@[broken")
    assert store_name("runs.db") == "runs.db"


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    # A finder that knows no such package: as where it was never installed.
    code = (
        "import sys, importlib.abc\n"
        "class Without(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in ('aiosqlite', 'psycopg'): raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Without())\n"
        "from ecoalign_agent.cli.main import main\n"
        "print(main(['ask', 'When?', '-q', '--state', sys.argv[1]]))\n"
    )
    for place, extra in ((str(tmp_path / "x.db"), "sqlite"), ("postgresql://me:s3cret@h/db", "postgres")):
        done = subprocess.run([sys.executable, "-c", code, place], capture_output=True, text=True, check=False)
        assert done.stdout.strip() == "2", done.stderr
        assert done.stderr.splitlines()[-1].endswith(f"pip install 'ecoalign-agent[{extra}]'")
        assert "s3cret" not in done.stderr


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Postgres of one's own, where one is installed; it does not run as root."""
    if not POSTGRES:
        pytest.skip("no Postgres is installed here")
    folder = tmp_path_factory.mktemp("pg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    who: dict[str, Any] = {}
    if os.geteuid() == 0:
        # The server refuses to run as root.
        who = {"user": "nobody"}
        # Its folder must be within reach: up to the one that pytest makes for everything of one user.
        for above in (folder, *folder.parents):
            above.chmod(0o777)
            if above.name.startswith("pytest-of-"):
                break
    (folder / "password").write_text("s3cret", encoding="utf-8")
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, cwd=folder, **who)

    secured = ["-U", "me", "-A", "scram-sha-256", "--pwfile", str(folder / "password")]
    run("initdb", "-D", str(data), *secured)
    log, listening = folder / "log", f"-p {port} -k {folder} -c listen_addresses=127.0.0.1"
    run("pg_ctl", "-D", str(data), "-o", listening, "-l", str(log), "-w", "start")
    yield f"postgresql://me:s3cret@127.0.0.1:{port}/postgres"
    run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")


async def test_a_run_in_postgres_is_taken_up_by_another_process_of_it(database: str) -> None:
    model = ScriptedModel()
    thread: Any = {"configurable": {"thread_id": "x"}}
    async with open_checkpointer(database) as saver:
        given: Any = {"question": QUESTION, "images": [], "run_id": "x"}
        graph = EcoAlign(model, checkpointer=saver).graph
        await graph.ainvoke(given, thread, interrupt_after=["score"], durability="sync")
    async with open_checkpointer(database) as saver:
        result = await EcoAlign(model, checkpointer=saver).ask(QUESTION, run_id="x", resume=True)
        assert (result.status, model.tasks().count("scan")) == ("answered", 1)
    async with open_checkpointer(database) as saver:
        calls = len(model.calls)
        assert await EcoAlign(model, checkpointer=saver).ask(QUESTION, run_id="x", resume=True) == result
        assert len(model.calls) == calls


async def test_a_wrong_password_is_told_without_it(database: str, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(UsageError, match="check address, name and password") as error:
        async with open_checkpointer(database.replace("s3cret", "gue55ed")):
            pass
    assert "gue55ed" not in str(error.value) + caplog.text
