"""The examples run from a shell, without a key, and print what their first lines promise."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

reads_pictures = pytest.mark.skipif(find_spec("rapidocr") is None, reason="the offline model reads with rapidocr")


def printed(name: str) -> list[str]:
    # No key and no setting of whoever runs the tests may change what is shown.
    keyless = {
        key: value for key, value in os.environ.items() if not key.startswith(("OPENAI_", "ECOALIGN_", "LANGSMITH_"))
    }
    done = subprocess.run(
        [sys.executable, "-W", "error", f"examples/{name}.py"],
        cwd=ROOT,
        env=keyless | {"PYTHONUTF8": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout.splitlines()


@reads_pictures
def test_as_a_subgraph_its_steps_come_through_and_its_answer_joins_the_conversation() -> None:
    lines = printed("subgraph")
    steps = [line.strip() for line in lines if line.startswith("  ")]
    assert (steps[0], steps[-1]) == ("run_started", "answered")
    said = [line for line in lines if not line.startswith("  ")]
    assert said[0] == "human: When does the museum close on Friday?"
    assert said[1] == "ai: You asked 1 question. One moment, please."
    assert said[2].startswith("ai: 18:00.")
    assert said[3:] == ["ai: This was said by ecoalign."]


@reads_pictures
def test_as_a_tool_it_reads_the_picture_of_the_conversation_and_brings_its_receipt() -> None:
    lines = printed("tool_agent")
    assert [line.split(":")[0] for line in lines] == ["human", "ai", "tool", lines[3].split(":")[0], "ai"]
    assert "'name': 'ecoalign'" in lines[1]
    assert lines[2].startswith("tool: 18:00.")
    assert lines[3].startswith("  the search spent ")
    assert lines[3].endswith("in 2 calls")
    assert lines[4].startswith("ai: The notice says: 18:00.")


def test_a_guarded_agent_sends_the_one_mail_and_not_the_other() -> None:
    lines = printed("guarded_agent")
    assert lines[2] == "tool: sent to anna@example.org: The museum closes at 18:00."
    assert lines[3].startswith("tool: send_mail was not run: it was found unsafe")
    assert lines[4:] == ["ai: Anna has been told when the museum closes."]


def test_the_guard_is_no_more_than_ten_lines() -> None:
    """What a LangChain developer writes, without the scripted model that the example brings along."""
    source = (ROOT / "examples" / "guarded_agent.py").read_text(encoding="utf-8")
    parts = {
        "imports": [line for line in source.splitlines() if line.startswith(("import asyncio", "from ecoalign_agent"))],
        "agent": [line for line in source.splitlines() if "create_agent" in line],
        "guard": [line for line in source.splitlines() if "EcoAlignMiddleware(" in line],
        "tool": source[source.index("def send_mail") :].split("\n\n")[0].splitlines(),
        "call": [line for line in source.splitlines() if "ainvoke" in line],
    }
    assert all(parts.values())
    assert sum(map(len, parts.values())) <= 10


def test_a_kind_of_action_of_ones_own_is_proposed_carried_out_and_told() -> None:
    assert printed("action_kind") == [
        "reason: The total reads 52.47.",
        "check: Checked: 52.47 stands there.",
        "answer: The total is 52.47.",
        "answer: The total is 52.47, checked twice.",
    ]


def test_a_program_of_ones_own_is_tested_with_a_scripted_model() -> None:
    assert printed("test_with_scripted_model") == ["2 tests passed"]
